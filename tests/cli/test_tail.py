"""`hookline events tail`: what it shows is taken, what it leaves out comes back, and with --keep nothing is touched."""

import errno
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from hookline_cli import main, output, subscriber
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.cli.conftest import Hookline

RECEIVED, UPDATED = "sms.received", "sms.status_updated"
MAX_RECEIVES = 5
"""As in the template."""


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:  # noqa: ARG001
    """A stack of which there are the bus and the default queue with its dead letters."""
    made = Stack("hookline-moto", boto3.Session())
    name = f"hookline-{uuid.uuid4().hex[:8]}"
    dead = made.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = made.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
    queue = made.sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "60"})
    made.events.create_event_bus(Name=name)
    made.__dict__["outputs"] = {
        "SubscriptionQueueUrl": queue["QueueUrl"],
        "SubscriptionDeadLettersUrl": dead,
        "BusName": name,
    }
    monkeypatch.setattr(main, "find", lambda _name: made)
    monkeypatch.setattr(subscriber, "WAIT_SECONDS", 0)
    yield made
    made.events.delete_event_bus(Name=name)


def event(number: int, of_type: str = RECEIVED, account: str = "acme-za") -> dict[str, Any]:
    metadata = {"id": f"id-{number}", "type": of_type, "account": account, "recorded_at": "2026-11-22T08:00:00.000Z"}
    return {"metadata": metadata, "data": {"message_id": f"m-{number}"}, "provider_data": {}}


EVENTS = [event(1), event(2, UPDATED), event(3, account="umbrella-za"), event(4, UPDATED, "umbrella-za")]


def put(stack: Stack, *events: dict[str, Any]) -> None:
    for one in events:
        put_text(stack, json.dumps({"detail": one}))


def put_text(stack: Stack, text: str) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs["SubscriptionQueueUrl"], MessageBody=text)


def waiting(stack: Stack, queue: str = "SubscriptionQueueUrl") -> set[str]:
    """Return the ids of the events that another reader of a queue gets now; they stay for the next."""
    url = stack.outputs[queue]
    bodies = []
    while messages := stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=5).get(
        "Messages"
    ):
        bodies += [json.loads(message["Body"]) for message in messages]
    return {body["detail"]["metadata"]["id"] for body in bodies}


def shown(out: str) -> set[str]:
    return {json.loads(line)["metadata"]["id"] for line in out.splitlines()}


@table(
    "case",
    [
        Case("all", (), {"id-1", "id-2", "id-3", "id-4"}),
        Case("a type", ("--type", RECEIVED), {"id-1", "id-3"}),
        Case("an account", ("--account", "umbrella-za"), {"id-3", "id-4"}),
        Case("both", ("--type", UPDATED, "--account", "acme-za"), {"id-2"}),
        Case("none of them", ("--type", "account.stopped"), set()),
    ],
)
def test_what_is_shown_is_taken_and_the_rest_given_back_at_once(
    hookline: Hookline, stack: Stack, case: Case[tuple[str, ...], set[str]]
) -> None:
    put(stack, *EVENTS)
    said = hookline("events", "tail", *case.given, "--seconds", "0.3", "--json")
    assert (said.code, said.err) == (0, "")
    assert shown(said.out) == case.expected
    assert len(said.out.splitlines()) == len(case.expected)
    assert waiting(stack) == {"id-1", "id-2", "id-3", "id-4"} - case.expected


def test_what_is_left_out_is_received_once_by_a_tail_and_comes_back_after_many(
    hookline: Hookline, stack: Stack
) -> None:
    put(stack, *EVENTS[:2])
    for _ in range(3 * MAX_RECEIVES):
        assert hookline("events", "tail", "--type", "account.stopped", "--seconds", "0.05").code == 0
    assert waiting(stack, "SubscriptionDeadLettersUrl") == set()
    assert waiting(stack) == {"id-1", "id-2"}


def test_what_is_left_out_stays_hidden_as_long_as_the_tail_runs(
    hookline: Hookline, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "HELD_SECONDS", 2)
    monkeypatch.setattr(subscriber, "RENEW_SECONDS", 0.5)
    put(stack, *EVENTS)
    received: list[str] = []
    receive = stack.sqs.receive_message

    def counted(**asked: Any) -> Any:
        answer = receive(**asked)
        received.extend(message["MessageId"] for message in answer.get("Messages", []))
        return answer

    monkeypatch.setattr(stack.sqs, "receive_message", counted)
    hookline("events", "tail", "--type", RECEIVED, "--seconds", "3")
    assert len(received) == len(EVENTS)


@table("case", [Case("no JSON", "hello", None), Case("no event", '{"detail": []}', None), Case("a list", "[]", None)])
def test_what_is_no_event_is_left_to_others(hookline: Hookline, stack: Stack, case: Case[str, None]) -> None:
    put_text(stack, case.given)
    put(stack, EVENTS[0])
    said = hookline("events", "tail", "--seconds", "0.2", "--json")
    assert (said.code, shown(said.out)) == (0, {"id-1"})
    url = stack.outputs["SubscriptionQueueUrl"]
    assert [message["Body"] for message in stack.sqs.receive_message(QueueUrl=url)["Messages"]] == [case.given]


def ends(_item: Any) -> str:
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def is_interrupted(_item: Any) -> str:
    raise KeyboardInterrupt


def is_told_to_end(_item: Any) -> str:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    return "never printed"


@pytest.mark.parametrize("how", [ends, is_interrupted, is_told_to_end])
@pytest.mark.parametrize("options", [(), ("--type", RECEIVED), ("--keep",)], ids=" ".join)
def test_however_it_ends_what_was_not_shown_is_there_and_nothing_is_left_behind(
    hookline: Hookline,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[Any], str],
    options: tuple[str, ...],
) -> None:
    put(stack, *EVENTS)
    if options == ("--keep",):
        monkeypatch.setattr(output, "progress", lambda _words: publish(stack, *EVENTS))
    monkeypatch.setattr(output, "compact", how)
    before = signal.getsignal(signal.SIGTERM)
    assert hookline("events", "tail", *options, "--seconds", "20").code != 0
    assert waiting(stack) == {"id-1", "id-2", "id-3", "id-4"}
    assert signal.getsignal(signal.SIGTERM) is before
    assert left_behind(stack) == []


def publish(stack: Stack, *events: dict[str, Any], source: str = "hookline") -> None:
    stack.events.put_events(
        Entries=[
            {
                "Source": source,
                "DetailType": one["metadata"]["type"],
                "Detail": json.dumps(one),
                "EventBusName": stack.outputs["BusName"],
            }
            for one in events
        ]
    )


def left_behind(stack: Stack) -> list[str]:
    bus = stack.outputs["BusName"]
    queues = stack.sqs.list_queues(QueueNamePrefix=f"{bus}-tail").get("QueueUrls", [])
    return [rule["Name"] for rule in stack.events.list_rules(EventBusName=bus)["Rules"]] + queues


@table(
    "case",
    [
        Case("all", (), {"id-1", "id-2", "id-3", "id-4"}),
        Case("a type", ("--type", RECEIVED), {"id-1", "id-3"}),
        Case("an account", ("--account", "umbrella-za"), {"id-3", "id-4"}),
        Case("both", ("--type", UPDATED, "--account", "acme-za"), {"id-2"}),
    ],
)
def test_with_keep_events_are_seen_from_now_on_and_the_default_queue_is_not_touched(
    hookline: Hookline, stack: Stack, monkeypatch: pytest.MonkeyPatch, case: Case[tuple[str, ...], set[str]]
) -> None:
    before = event(9)
    put(stack, before)

    def now(words: str) -> None:
        assert words.startswith("events from now on")
        publish(stack, *EVENTS)
        publish(stack, event(8), source="shop")

    monkeypatch.setattr(output, "progress", now)
    said = hookline("events", "tail", "--keep", *case.given, "--seconds", "0.3", "--json")
    assert (said.code, said.err) == (0, "")
    assert shown(said.out) == case.expected
    assert len(said.out.splitlines()) == len(case.expected)
    url = stack.outputs["SubscriptionQueueUrl"]
    answer = stack.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert answer["Messages"][0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert left_behind(stack) == []


def test_with_keep_only_the_rule_may_put_anything_on_the_queue(stack: Stack) -> None:
    with subscriber.own_queue(stack, None, None) as url:
        bus = stack.outputs["BusName"]
        [rule] = stack.events.list_rules(EventBusName=bus)["Rules"]
        attributes = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        [statement] = json.loads(attributes["Policy"])["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Resource"] == attributes["QueueArn"]
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule["Arn"]}}
        assert rule["EventPattern"] == '{"source": ["hookline"]}'
    assert left_behind(stack) == []
