"""A subscriber of the whole session: takes what the subscription queue holds, and finds each test its own."""

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from hookline.events import event_models
from hookline_cli.stack import Stack

EVENT_SECONDS = 60.0

type OnTheBus = dict[str, Any]
"""An event as EventBridge hands it to a subscriber; Hookline's own part is its `detail`."""

_MODELS = event_models()


class Inbox:
    """What came out, in the order it came. One for all tests: nobody's events are lost to another's reading.

    Args:
        stack: whose subscription queue.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._url = stack.outputs["SubscriptionQueueUrl"]
        self._came: list[OnTheBus] = []
        self._lock = Lock()

    def wait(
        self, wanted: Callable[[OnTheBus], bool], count: int = 1, seconds: float = EVENT_SECONDS
    ) -> list[OnTheBus]:
        """Return the events that are wanted, once so many of them came or the time is over."""
        deadline = time.monotonic() + seconds
        while len(found := self.now(wanted)) < count and time.monotonic() < deadline:
            self._take(wait_seconds=1)
        return found

    def now(self, wanted: Callable[[OnTheBus], bool]) -> list[OnTheBus]:
        """Return the events that are wanted, of those that came."""
        with self._lock:
            return [event for event in self._came if wanted(event)]

    def empty_queue(self) -> None:
        """Take all that waits in the queue by now."""
        while self._take(wait_seconds=0):
            pass

    def _take(self, *, wait_seconds: int) -> int:
        answer = self._stack.sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            event = json.loads(message["Body"])
            # Whatever test it is of: nothing leaves the stack that does not fit its model.
            _MODELS[event["detail-type"]].model_validate_json(json.dumps(event["detail"]))
            with self._lock:
                self._came.append(event)
            self._stack.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)


def of_account(account: str) -> Callable[[OnTheBus], bool]:
    """Want an account's events."""
    return lambda event: bool(event["detail"]["metadata"]["account"] == account)


def of_message(message_id: str) -> Callable[[OnTheBus], bool]:
    """Want the events of the callback that carries this message id, whatever their type."""
    return lambda event: bool(event["detail"]["provider_data"].get("messageId") == message_id)
