"""A provider's command queue on SQS: its messages, and what a sender does with them besides being done."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from hookline.commands import BaseCommand
from hookline.errors import QueueUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TURN_ATTRIBUTE = "hookline-turn"
"""A message attribute: the moment (seconds since the epoch) that a put-back message has its turn reserved for."""

RECEIVES_ATTRIBUTE = "hookline-receives"
"""A message attribute: how often a put-back message was tried as the message that it was before."""

MAX_RECEIVES = 20
"""A message received so often is set aside: the redrive limit of the command queues in the template."""

MAX_DELAY = 900
"""Seconds: the longest that SQS delays a new message."""

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_NOT_IN_SQS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Queue(Protocol):
    """What a sender does with messages besides being done with them. Each raises QueueUnavailableError."""

    def delay(self, message: "Message", seconds: float) -> None:
        """Let a message come again after so many seconds, counted as another receive."""

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None, receives: int) -> None:
        """Put a command on the queue anew, to come after so many seconds, with the receives counted until now."""

    def set_aside(self, message: "Message", reason: str) -> None:
        """Put a message on the dead-letter queue."""


class Message(NamedTuple):
    """A message from the command queue.

    Attributes:
        id: SQS's id of it.
        receipt: what it is answered with.
        body: its text.
        receives: how often it has been received, this time included, and as the messages that it was before.
        turn: the moment its turn was reserved for; 0 where none was, or where it was taken already.
    """

    id: str
    receipt: str
    body: str
    receives: int
    turn: float


def body_of(command: BaseCommand) -> str:
    """Write a command as a message's body: JSON, with what SQS does not take written as escapes."""
    body = command.model_dump_json(exclude_none=True)
    return _NOT_IN_SQS.sub(lambda found: f"\\u{ord(found[0]):04x}", body)


def read_message(record: Mapping[str, Any]) -> Message:
    """Read an SQS record as Lambda hands it over."""
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    attributes = record.get("messageAttributes", {})
    return Message(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receives=receives + int(_number(attributes, RECEIVES_ATTRIBUTE)),
        turn=_number(attributes, TURN_ATTRIBUTE) if receives == 1 else 0.0,
    )


def _number(attributes: Mapping[str, Any], name: str) -> float:
    text = str(attributes.get(name, {}).get("stringValue", ""))
    return float(text) if _NUMBER.fullmatch(text) else 0.0


class CommandQueue:
    """A provider's command queue on SQS.

    Args:
        client: an SQS client.
        url: the queue's.
        dead_letters: the URL of its dead-letter queue.
    """

    def __init__(self, client: "SQSClient", url: str, dead_letters: str) -> None:
        self._client = client
        self._url = url
        self._dead_letters = dead_letters

    def delay(self, message: Message, seconds: float) -> None:
        """Let a message come again after so many seconds, counted as another receive."""
        with _unavailable():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=min(43_000, max(0, round(seconds)))
            )

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None, receives: int) -> None:
        """Put a command on the queue anew, to come after so many seconds (15 minutes at the most)."""
        numbers = {
            **({TURN_ATTRIBUTE: f"{turn:.3f}"} if turn is not None else {}),
            **({RECEIVES_ATTRIBUTE: str(receives)} if receives else {}),
        }
        with _unavailable():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=body_of(command),
                DelaySeconds=min(MAX_DELAY, max(0, round(seconds))),
                MessageAttributes={
                    name: {"DataType": "Number", "StringValue": number} for name, number in numbers.items()
                },
            )

    def set_aside(self, message: Message, reason: str) -> None:
        """Put a message on the dead-letter queue, with the reason."""
        text = _NOT_IN_SQS.sub("?", reason[:200]) or "unknown"
        with _unavailable():
            self._client.send_message(
                QueueUrl=self._dead_letters,
                MessageBody=message.body,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": text}},
            )


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(type(error).__name__) from error
