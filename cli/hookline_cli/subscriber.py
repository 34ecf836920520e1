"""Reading a subscription queue, as another team's system would; and looking on, without taking anything from it."""

import json
import signal
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import batched
from typing import Any, NamedTuple

from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack

HELD_SECONDS = 300
"""How long a message is hidden from others, once it is received; longer only while the tail runs and says so again."""

RENEW_SECONDS = 100

MAX_RECEIVES = 3
"""Given back after so many receives, a message is put there anew: the queue counts them, and at five sets it aside."""

WAIT_SECONDS = 1
BATCH = 10
KEPT_SECONDS = "3600"
"""How long a queue of our own keeps what nobody fetches; we do, at once."""

type Event = dict[str, Any]


def receive(stack: Stack, *, wait_seconds: int = WAIT_SECONDS) -> list[Event]:
    """Take the events that wait in the default subscription queue off it, ten at the most.

    Args:
        stack: whose queue.
        wait_seconds: how long to wait for the first, 0 to 20.

    Returns:
        The events as they stand in `detail`.
    """
    url = stack.outputs["SubscriptionQueueUrl"]
    answer = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=wait_seconds)
    messages = answer.get("Messages", [])
    if messages:
        stack.sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)],
        )
    return [json.loads(message["Body"])["detail"] for message in messages]


def collect(stack: Stack, enough: Callable[[list[Event]], bool], seconds: float) -> list[Event]:
    """Take events until there are enough, or for so many seconds."""
    events: list[Event] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not enough(events):
        events += receive(stack)
    return events


class _Held(NamedTuple):
    """A message that was received, and is hidden from others until it is deleted or given back."""

    receipt: str
    body: str
    receives: int


def tail(
    stack: Stack, url: str, wanted: Callable[[Event], bool], show: Callable[[Event], None], seconds: float | None
) -> None:
    """Show the events of a queue as they come. What was shown is taken off it, and nothing else.

    What is not wanted is held until the end, so that it does not come to us again and again, and is then given back.
    However it ends: what was not shown by then is given back too.

    Args:
        stack: whose queue.
        url: the queue's URL.
        wanted: whether an event is to be shown.
        show: shows it.
        seconds: for how long; None for without end.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    held: dict[str, _Held] = {}
    renewed_at = time.monotonic()
    try:
        while deadline is None or time.monotonic() < deadline:
            for key in _hold(stack, url, held):
                event = _read(held[key].body)
                if event is not None and wanted(event):
                    show(event)
                    stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=held.pop(key).receipt)
            if time.monotonic() - renewed_at > RENEW_SECONDS:
                _hide(stack, url, held.values(), HELD_SECONDS)
                renewed_at = time.monotonic()
    finally:
        _give_back(stack, url, held.values())


@contextmanager
def own_queue(stack: Stack, of_type: str | None, account: str | None) -> Iterator[str]:
    """Make a queue of one's own, with a rule of its own on the bus; both are gone afterwards, however it ends.

    Args:
        stack: whose bus.
        of_type: only this type of event; None for all.
        account: only this account's; None for all.

    Yields:
        The queue's URL. Events come to it from now on.
    """
    bus = stack.outputs["BusName"]
    name = f"{bus}-tail-{uuid.uuid4().hex[:12]}"
    pattern: dict[str, Any] = {"source": ["hookline"]}
    if of_type:
        pattern["detail-type"] = [of_type]
    if account:
        pattern["detail"] = {"metadata": {"account": [account]}}
    with ExitStack() as last:
        rule = stack.events.put_rule(
            Name=name,
            EventBusName=bus,
            EventPattern=json.dumps(pattern),
            Description="For a `hookline events tail --keep`, which takes it away when it ends.",
        )["RuleArn"]
        last.callback(stack.events.delete_rule, Name=name, EventBusName=bus)
        url = stack.sqs.create_queue(
            QueueName=name, Attributes={"MessageRetentionPeriod": KEPT_SECONDS, "SqsManagedSseEnabled": "true"}
        )["QueueUrl"]
        last.callback(stack.sqs.delete_queue, QueueUrl=url)
        arn = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"Version": "2012-10-17", "Statement": [_delivers(rule, arn)]}
        stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        refused = stack.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "tail", "Arn": arn}])
        if refused["FailedEntryCount"]:
            raise CommandError("the bus refused the queue as a target of the rule")
        last.callback(stack.events.remove_targets, Rule=name, EventBusName=bus, Ids=["tail"])
        yield url


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let what has to be done at the end be done, also where the process is told to end (SIGTERM, SIGHUP)."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _delivers(rule: str, queue: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }


def _hold(stack: Stack, url: str, held: dict[str, _Held]) -> list[str]:
    """Receive what waits, and return the ids of what is held since then."""
    answer = stack.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=BATCH,
        WaitTimeSeconds=WAIT_SECONDS,
        VisibilityTimeout=HELD_SECONDS,
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )
    messages = answer.get("Messages", [])
    for message in messages:
        receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
        held[message["MessageId"]] = _Held(message["ReceiptHandle"], message["Body"], receives)
    return [message["MessageId"] for message in messages]


def _hide(stack: Stack, url: str, messages: Iterable[_Held], seconds: int) -> None:
    for part in batched(messages, BATCH, strict=False):
        stack.sqs.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": message.receipt, "VisibilityTimeout": seconds}
                for n, message in enumerate(part)
            ],
        )


def _give_back(stack: Stack, url: str, messages: Collection[_Held]) -> None:
    _hide(stack, url, (message for message in messages if message.receives < MAX_RECEIVES), 0)
    for message in [
        message for message in messages if message.receives >= MAX_RECEIVES
    ]:  # first there, then gone: in between it may be there twice, and never not at all
        stack.sqs.send_message(QueueUrl=url, MessageBody=message.body)
        stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message.receipt)


def _read(body: str) -> Event | None:
    """Read an event; None for what is none, which anybody may have put there."""
    try:
        event = json.loads(body)["detail"]
        return event if {"type", "account", "recorded_at"} <= event["metadata"].keys() and "data" in event else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
