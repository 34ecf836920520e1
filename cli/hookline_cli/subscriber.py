"""Reading a subscription queue, as another team's system would."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from hookline_cli.stack import Stack

type Event = dict[str, Any]


def receive(stack: Stack, *, wait_seconds: int = 1, remove: bool = True) -> list[Event]:
    """Take the events that wait in the default subscription queue, ten at the most.

    Args:
        stack: whose queue.
        wait_seconds: how long to wait for the first, 0 to 20.
        remove: take them off the queue.

    Returns:
        The events as they stand in `detail`.
    """
    url = stack.outputs["SubscriptionQueueUrl"]
    answer = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    messages = answer.get("Messages", [])
    if messages and remove:
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


def follow(stack: Stack) -> Iterator[Event]:
    """Give events as they come, without end."""
    while True:
        yield from receive(stack, wait_seconds=10)
