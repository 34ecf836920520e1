"""Gives a plan's commands to a stack, each its own way, and gathers what there is afterwards."""

import json
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import batched
from threading import Event as Flag
from threading import Thread
from typing import Any, NamedTuple, Self

from boto3.dynamodb.types import TypeDeserializer

from hookline.command_journal import COMMAND, FINAL, LINK, OPEN, REJECTION, STAKES
from hookline.commands import REQUESTED
from hookline.events import event_id
from hookline.journal import CALLBACK
from hookline.publish import _identity
from hookline_cli import local
from hookline_cli.stack import Stack
from tests.load.plan import Document, Giving, Plan, Way
from tests.load.reconcile import Found
from tests.stack.stand_in import Sender, StandIn

type Say = Callable[[str], None]
type Answers = list[tuple[str, Mapping[str, Any]]]

GIVERS = 4
MAX_ENTRIES = 10
MAX_CALL_BYTES = 200_000
LOOK_SECONDS = 2.0
QUIET_SECONDS = 6.0
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
IN_THE_END_EMPTY = ("LaterQueueUrl", "PublishDeadLettersUrl", "SubscriptionDeadLettersUrl", "SubscriptionQueueUrl")


class Target(NamedTuple):
    """Where commands go, by the stack's outputs.

    Attributes:
        queue: the command queue.
        dead_letters: its dead-letter queue.
        function: the sender.
        others: further queues: those that are worked on, and those that nothing may end on.
    """

    queue: str
    dead_letters: str
    function: str
    others: tuple[str, ...] = ()


ZOOM_CONNECT = Target("ZoomConnectCommandsUrl", "ZoomConnectCommandDeadLettersUrl", "SendZoomConnectFunction")


class Subscriber:
    """Reads the subscription queue from a thread of its own, as another system would, and keeps one of each event."""

    def __init__(self, stack: Stack, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        self.events: dict[str, Mapping[str, Any]] = {}
        self.copies = 0
        self.last_at = time.monotonic()
        self._stack = stack
        self._wanted = wanted
        self._stop = Flag()
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        url = self._stack.outputs["SubscriptionQueueUrl"]
        while not self._stop.is_set():
            answer = self._stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = answer.get("Messages", [])
            for message in messages:
                detail = json.loads(message["Body"])["detail"]
                if self._wanted(detail):
                    self.copies += 1
                    self.events[detail["metadata"]["id"]] = detail
                    self.last_at = time.monotonic()
            if messages:
                entries: Any = [
                    {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(messages)
                ]
                self._stack.sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def run(
    stack: Stack,
    stand_in: StandIn,
    sender: Sender,
    plan: Plan,
    *,
    seconds: float,
    say: Say,
    target: Target = ZOOM_CONNECT,
    afterwards: Callable[[], None] = lambda: None,
) -> Found:
    """Give everything, wait until nothing moves any more, and gather.

    Args:
        stack: a local one.
        stand_in: its provider.
        sender: the account.
        plan: what is given.
        seconds: how long it may take at the most.
        say: is told how it goes.
        target: where it is given to.
        afterwards: called once nothing moves any more; what it moves is waited for too.
    """
    began = datetime.now(UTC).isoformat(timespec="milliseconds")

    def is_ours(account: str, recorded_at: str) -> bool:
        return account in {plan.account, plan.nobody} or (not account and recorded_at >= began)

    def wanted(detail: Mapping[str, Any]) -> bool:
        return is_ours(detail["metadata"]["account"], detail["metadata"]["recorded_at"].replace("Z", "+00:00"))

    deadline = time.monotonic() + seconds
    given_up_before = stand_in.callbacks()["gave_up"]
    with Subscriber(stack, wanted) as subscriber:

        def wait() -> None:
            while not _is_at_rest(stack, stand_in, subscriber, target, say) and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)

        answers = give(stack, plan.givings, target)
        if plan.later:
            local.wait_for(lambda: count(stack, stack.outputs[target.queue]) == 0, seconds)
            answers += give(stack, plan.later, target)
        say(f"all is given: {len(plan.givings) + len(plan.later)} givings")
        wait()
        afterwards()
        wait()
        everything = list(scan(stack))
        items = [item for item in everything if is_ours(str(item.get("account")), str(item.get("recorded_at")))]
        forgotten = publish_again(stack, items, subscriber.events)
        if forgotten:
            say(f"{forgotten} events did not come: they are published by their keys")
            wait()
    dead_letters = take_all(stack, stack.outputs[target.dead_letters])
    callbacks = stand_in.callbacks()
    return Found(
        ledger=stand_in.ledger(sender.email),
        entries=[item for item in items if item.get("entry") == COMMAND],
        rejections=[item for item in items if item.get("entry") == REJECTION],
        events=subscriber.events,
        copies=subscriber.copies,
        answers=answers,
        dead_letters=dead_letters,
        waiting={name: count(stack, stack.outputs[name]) for name in (target.queue, *IN_THE_END_EMPTY, *target.others)},
        gave_up=callbacks["gave_up"] - given_up_before + callbacks["pending"],
        published_by_keys=forgotten,
        reported_by_publish=events_to_come_again(stack, began),
        kept=[
            item
            for item in everything
            if item.get("entry") in {OPEN, LINK, STAKES} and plan.account in f"{item['pk']}#{item['sk']}".split("#")
        ],
    )


def give(stack: Stack, givings: Sequence[Giving], target: Target = ZOOM_CONNECT) -> Answers:
    """Give commands, by several threads at once. Returns what direct invocations were answered."""
    answers: Answers = []
    with ThreadPoolExecutor(GIVERS) as threads:
        parts = [givings[at::GIVERS] for at in range(GIVERS)]
        for part in threads.map(lambda part: _give(stack, part, target), parts):
            answers += part
    return answers


def _give(stack: Stack, givings: Iterable[Giving], target: Target) -> Answers:
    answers: Answers = []
    for some in batched(givings, 5 * MAX_ENTRIES, strict=False):
        bodies = [_body(giving) for giving in some if giving.way in {Way.QUEUE, Way.BATCH}]
        for part in _parts(bodies):
            _queue(stack, part, target)
        for documents in batched([it.document for it in some if it.way is Way.BUS], MAX_ENTRIES, strict=False):
            _put_events(stack, documents)
        for giving in some:
            if giving.way is Way.INVOKE and isinstance(giving.document, dict):
                answers.append((giving.document["id"], _invoke(stack, giving.document, target)))
    return answers


def _body(giving: Giving) -> str:
    return giving.document if isinstance(giving.document, str) else json.dumps(giving.document)


def _parts(bodies: Iterable[str]) -> Iterable[list[str]]:
    part: list[str] = []
    for body in bodies:
        if part and (len(part) == MAX_ENTRIES or sum(map(len, part)) + len(body) > MAX_CALL_BYTES):
            yield part
            part = []
        part.append(body)
    if part:
        yield part


def _queue(stack: Stack, bodies: Sequence[str], target: Target) -> None:
    entries: Any = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies)]
    answer = stack.sqs.send_message_batch(QueueUrl=stack.outputs[target.queue], Entries=entries)
    assert not answer.get("Failed")


def _put_events(stack: Stack, documents: Iterable[object]) -> None:
    bus = stack.outputs["BusName"]
    entries: Any = [
        {"EventBusName": bus, "Source": "load", "DetailType": REQUESTED, "Detail": json.dumps(document)}
        for document in documents
    ]
    assert stack.events.put_events(Entries=entries)["FailedEntryCount"] == 0


def _invoke(stack: Stack, document: Document, target: Target) -> Mapping[str, Any]:
    """Ask directly; what is still open is put on the queue, as a caller would who can't wait."""
    answer = stack.functions.invoke(FunctionName=stack.outputs[target.function], Payload=json.dumps(document).encode())
    said: Mapping[str, Any] = json.loads(answer["Payload"].read())
    if said.get("state") not in {"succeeded", "failed", "unknown", "rejected"}:
        _queue(stack, [json.dumps(document)], target)
    return said


def _is_at_rest(stack: Stack, stand_in: StandIn, subscriber: Subscriber, target: Target, say: Say) -> bool:
    queued = {name: count(stack, stack.outputs[name]) for name in (target.queue, "LaterQueueUrl", *target.others)}
    pending = stand_in.callbacks()["pending"]
    listed = ", ".join(f"{messages} on {name.removesuffix('Url')}" for name, messages in queued.items())
    say(f"messages: {listed}; {pending} with callbacks to come, {len(subscriber.events)} events")
    return not (any(queued.values()) or pending) and time.monotonic() - subscriber.last_at > QUIET_SECONDS


def count(stack: Stack, url: str) -> int:
    """Count a queue's messages, also those that are being worked on and those that are delayed."""
    attributes: Any = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(attributes[name]) for name in COUNTS)


def publish_again(stack: Stack, items: Iterable[Mapping[str, Any]], came: Container[str]) -> int:
    """Have the entries published whose event did not come, as an operator would; return how many there are.

    The emulator does not bring a stream's batch again of which `publish` reported a part as failed; AWS does.
    """
    told = [item for item in items if item["entry"] in {CALLBACK, REJECTION} or item.get("state") in FINAL]
    forgotten = [item for item in told if event_id(_identity(item)) not in came]
    for item in forgotten:
        keys = {"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}}
        stack.sqs.send_message(QueueUrl=stack.outputs["LaterQueueUrl"], MessageBody=json.dumps({"keys": keys}))
    return len(forgotten)


def events_to_come_again(stack: Stack, since: str) -> int:
    """Count the events that `publish` said it could not hand to the bus."""
    logs: Any = stack._client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="/hookline/local/publish", startTime=round(datetime.fromisoformat(since).timestamp() * 1000)
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    return sum(json.loads(line).get("again") or 0 for line in lines if line.startswith("{"))


def take_all(stack: Stack, url: str) -> list[str]:
    """Take every message off a queue; return the bodies."""
    bodies = []
    while messages := stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            bodies.append(message["Body"])
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def scan(stack: Stack) -> Iterable[dict[str, Any]]:
    """Give every item of the journal, as plain values."""
    read = TypeDeserializer().deserialize
    for page in stack.dynamodb.get_paginator("scan").paginate(TableName=stack.outputs["JournalTable"]):
        for item in page["Items"]:
            yield {name: read(value) for name, value in item.items()}
