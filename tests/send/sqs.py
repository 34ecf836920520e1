"""SQS in memory, on a clock that only moves when told to, and Lambda's way of reading from it."""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from tests.doubles import client_error

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

COMMANDS = "https://sqs.af-south-1.amazonaws.com/123456789012/commands"
DEAD_LETTERS = "https://sqs.af-south-1.amazonaws.com/123456789012/dead-letters"
VISIBILITY = 360.0
"""Seconds, as in the template."""
MAX_RECEIVES = 20
"""As in the template."""

_NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_MAX_BYTES = 262_144


@dataclass
class Stored:
    """A message in a queue."""

    id: str
    body: str
    attributes: dict[str, dict[str, str]]
    visible_at: float
    receives: int = 0
    receipt: str = ""


@dataclass
class Sqs:
    """A command queue with its dead-letter queue.

    Attributes:
        clock: seconds since the epoch.
        visibility: seconds for which a message that was received can't be received again.
        queues: the messages that are there, by the queue's URL.
        delays: what was asked for by `change_message_visibility`.
    """

    clock: Callable[[], float]
    visibility: float = VISIBILITY
    queues: dict[str, list[Stored]] = field(default_factory=lambda: {COMMANDS: [], DEAD_LETTERS: []})
    delays: list[float] = field(default_factory=list)
    _numbers: Iterable[int] = field(default_factory=itertools.count)
    _lock: RLock = field(default_factory=RLock)

    # --- what botocore's client has, of which Hookline uses these two ------------------------------------------------

    def send_message(self, **asked: Any) -> dict[str, Any]:
        body, delay = asked["MessageBody"], asked.get("DelaySeconds", 0)
        attributes: dict[str, dict[str, str]] = asked.get("MessageAttributes", {})
        texts = [body, *(value["StringValue"] for value in attributes.values())]
        size = sum(len(text.encode()) for text in texts) + sum(len(name) for name in attributes)
        if not all(texts) or any(_NOT_ALLOWED.search(text) for text in texts) or size > _MAX_BYTES:
            raise client_error("InvalidMessageContents", "SendMessage")
        numbers = [value["StringValue"] for value in attributes.values() if value["DataType"] == "Number"]
        if not isinstance(delay, int) or not 0 <= delay <= 900 or not all(map(_NUMBER.fullmatch, numbers)):
            raise client_error("InvalidParameterValue", "SendMessage")
        stored = Stored(f"message-{next(iter(self._numbers))}", body, attributes, self.clock() + delay)
        with self._lock:
            self.queues[asked["QueueUrl"]].append(stored)
        return {"MessageId": stored.id}

    def change_message_visibility(self, **asked: Any) -> dict[str, Any]:
        seconds = asked["VisibilityTimeout"]
        held = [stored for stored in self.queues[asked["QueueUrl"]] if stored.receipt == asked["ReceiptHandle"]]
        if not held or not isinstance(seconds, int) or not 0 <= seconds <= 43_200:
            raise client_error("InvalidParameterValue", "ChangeMessageVisibility")
        held[0].visible_at = self.clock() + seconds
        self.delays.append(seconds)
        return {}

    # --- what tests do -----------------------------------------------------------------------------------------------

    def put(self, body: str, url: str = COMMANDS) -> str:
        """Put a text on a queue, as another system does."""
        return str(self.send_message(QueueUrl=url, MessageBody=body)["MessageId"])

    def receive(self, most: int = 100) -> list[dict[str, Any]]:
        """Receive messages as Lambda hands them over."""
        with self._lock:
            return self._receive(most)

    def _receive(self, most: int) -> list[dict[str, Any]]:
        queue = self.queues[COMMANDS]
        records: list[dict[str, Any]] = []
        for stored in [it for it in queue if it.visible_at <= self.clock()]:
            if stored.receives >= MAX_RECEIVES:
                queue.remove(stored)
                self.queues[DEAD_LETTERS].append(stored)
                continue
            if len(records) == most:
                break
            stored.receives += 1
            stored.receipt = f"receipt-{next(iter(self._numbers))}"
            stored.visible_at = self.clock() + self.visibility
            records.append(_record(stored))
        return records

    def delete(self, message_id: str) -> None:
        """Take a message away, as Lambda does when a function is done with it."""
        with self._lock:
            self.queues[COMMANDS] = [stored for stored in self.queues[COMMANDS] if stored.id != message_id]

    def next_visible(self) -> float | None:
        """When the next message can be received; None where there is none."""
        return min((stored.visible_at for stored in self.queues[COMMANDS]), default=None)

    @property
    def waiting(self) -> list[Stored]:
        return self.queues[COMMANDS]

    @property
    def dead(self) -> list[Stored]:
        return self.queues[DEAD_LETTERS]


def as_client(double: object) -> "SQSClient":
    """Hand a double over as the client that it stands for."""
    return cast("SQSClient", double)


def _record(stored: Stored) -> dict[str, Any]:
    return {
        "messageId": stored.id,
        "receiptHandle": stored.receipt,
        "body": stored.body,
        "attributes": {"ApproximateReceiveCount": str(stored.receives)},
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in stored.attributes.items()
        },
        "eventSource": "aws:sqs",
    }
