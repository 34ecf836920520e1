"""The doubles of this folder do as the real thing: DynamoDB in memory against moto, SQS in memory by itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookline.command_journal import CommandJournal, Finish, State
from hookline.commands import Rejection, SendSms
from hookline.pace import Pace
from tests.doubles import Clock
from tests.samples import ACCOUNT, NOW
from tests.send import dynamo as dynamodb
from tests.send.dynamo import Dynamo, _copy
from tests.send.sqs import COMMANDS, DEAD_LETTERS, MAX_RECEIVES, VISIBILITY, Sqs
from tests.send.world import send_sms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IDS = ("a", "b", "c")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.sets(st.sampled_from(IDS), min_size=1), st.sampled_from(["x", "y"])),
        st.tuples(st.just("finish"), st.sets(st.sampled_from(IDS), min_size=1), st.sampled_from(list(State)[2:])),
        st.tuples(st.just("release"), st.sets(st.sampled_from(IDS), min_size=1), st.none()),
        st.tuples(st.just("take_over"), st.sampled_from(IDS), st.none()),
        st.tuples(st.just("turns"), st.lists(st.integers(1, 9), max_size=3), st.none()),
        st.tuples(st.just("reject"), st.sampled_from(IDS), st.none()),
    ),
    max_size=7,
)


def command(name: str, text: str = "x") -> SendSms:
    return SendSms.model_validate(send_sms(name, text=text))


class Run:
    """What the journal and the pace said, step by step, with claims by the order that they came up in."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._journal = CommandJournal(client, table, "toy", 3600, 10)
        self._pace = Pace(client, table)
        self._claims: dict[str, str] = {}
        self._names: dict[str, int] = {}
        self.said: list[Any] = []

    def __call__(self, plan: list[Any]) -> list[Any]:
        for number, (verb, first, second) in enumerate(plan):
            self.said.append(getattr(self, f"_{verb}")(first, second, NOW + number))
        return self.said

    def _claim(self, names: set[str], text: str, now: float) -> Any:
        claim, denied = self._journal.claim([command(name, text) for name in sorted(names)], now)
        self._claims |= {name: claim for name in names if name not in denied}
        return {
            name: it if isinstance(it, Rejection) else (it.state, it.digest, it.lease_until, self._name(it.claim))
            for name, it in denied.items()
        }

    def _finish(self, names: set[str], state: State, now: float) -> None:
        finishes = [
            Finish(command(name), self._claims.get(name, "none"), state, {"facts": {"at": now}}, f"id-{name}")
            for name in sorted(names)
        ]
        self._journal.finish(finishes, now)

    def _release(self, names: set[str], _: None, _now: float) -> None:
        for name in sorted(names):
            self._journal.release([command(name)], self._claims.get(name, "none"))

    def _take_over(self, name: str, _: None, now: float) -> Any:
        found = self._journal.read(name)
        if found is None:
            return None
        claim = self._journal.take_over(command(name), found, now)
        self._claims |= {name: claim} if claim else {}
        return (claim is not None, found.state, self._name(found.claim))

    def _turns(self, sizes: list[int], _: None, now: float) -> Any:
        return self._pace.turns(ACCOUNT, sizes, 2.0, now)

    def _reject(self, name: str, _: None, now: float) -> None:
        self._journal.reject(Rejection("text", "is empty"), key=name, account="", command={"id": name}, now=now)

    def _name(self, claim: str) -> int:
        return self._names.setdefault(claim, len(self._names))

    def plain(self, items: list[Any]) -> list[dict[str, Any]]:
        """Return items with claims by number and numbers as DynamoDB writes them, in a fixed order."""
        return [
            dict(_copy(item)) | ({"claim": self._name(item["claim"]["S"])} if "claim" in item else {})
            for item in sorted(items, key=lambda it: str(it["pk"]))
        ]


@given(steps)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dynamodb_in_memory_answers_as_moto_does(dynamodb: "DynamoDBClient", plan: list[Any]) -> None:
    name = f"differential-{id(plan)}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": it, "AttributeType": "S"} for it in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        double = Dynamo()
        in_moto, in_memory = Run(dynamodb, name), Run(as_client(double), name)
        assert in_memory(plan) == in_moto(plan)
        assert in_memory.plain(list(double.items.values())) == in_moto.plain(dynamodb.scan(TableName=name)["Items"])
    finally:
        dynamodb.delete_table(TableName=name)


as_client = dynamodb.as_client


def test_the_stream_has_a_record_of_every_change_and_of_nothing_else() -> None:
    double = Dynamo()
    journal = CommandJournal(as_client(double), "journal", "toy", 3600, 10)
    claim, _ = journal.claim([command("a")], NOW)
    journal.claim([command("a")], NOW)
    journal.release([command("a")], "another's")
    journal.finish([Finish(command("a"), claim, State.SUCCEEDED, {}, "1")], NOW)
    shown = [(it["eventName"], it["dynamodb"]["NewImage"]["entry"]["S"]) for it in double.stream]
    assert shown == [("INSERT", "command"), ("INSERT", "link"), ("MODIFY", "command")]


REFUSED_BY_DYNAMODB: dict[str, Callable[[Dynamo], Any]] = {
    "101 writes": lambda it: it.transact_write_items(
        TransactItems=[{"Put": {"Item": {"pk": {"S": str(n)}, "sk": {"S": "s"}}}} for n in range(101)]
    ),
    "no writes": lambda it: it.transact_write_items(TransactItems=[]),
    "two of one item": lambda it: it.transact_write_items(
        TransactItems=[{"Put": {"Item": {"pk": {"S": "1"}, "sk": {"S": "s"}}}}] * 2
    ),
    "a long key": lambda it: it.get_item(Key={"pk": {"S": "é" * 1025}, "sk": {"S": "s"}}),
    "101 keys": lambda it: it.batch_get_item(
        RequestItems={"t": {"Keys": [{"pk": {"S": str(n)}, "sk": {"S": "s"}} for n in range(101)]}}
    ),
    "one key twice": lambda it: it.batch_get_item(
        RequestItems={"t": {"Keys": [{"pk": {"S": "1"}, "sk": {"S": "s"}}] * 2}}
    ),
}


@pytest.mark.parametrize("name", REFUSED_BY_DYNAMODB)
def test_what_dynamodb_refuses_is_refused(name: str) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        REFUSED_BY_DYNAMODB[name](Dynamo())


def test_a_message_comes_once_until_its_visibility_timeout_is_over() -> None:
    clock = Clock()
    queue = Sqs(clock)
    queue.put("one")
    (first,) = queue.receive()
    assert first["attributes"] == {"ApproximateReceiveCount": "1"}
    assert queue.receive() == []
    clock.advance(VISIBILITY)
    (second,) = queue.receive()
    assert second["attributes"] == {"ApproximateReceiveCount": "2"}
    with pytest.raises(ClientError):  # of the receipt before
        queue.change_message_visibility(QueueUrl=COMMANDS, ReceiptHandle=first["receiptHandle"], VisibilityTimeout=1)
    queue.change_message_visibility(QueueUrl=COMMANDS, ReceiptHandle=second["receiptHandle"], VisibilityTimeout=5)
    assert queue.next_visible() == clock.now + 5


def test_a_message_received_often_enough_is_dead() -> None:
    clock = Clock()
    queue = Sqs(clock)
    queue.put("one")
    for _ in range(MAX_RECEIVES):
        assert len(queue.receive()) == 1
        clock.advance(VISIBILITY)
    assert queue.receive() == []
    assert [stored.body for stored in queue.dead] == ["one"]
    assert queue.waiting == []


def test_a_message_is_delayed() -> None:
    clock = Clock()
    queue = Sqs(clock)
    queue.send_message(QueueUrl=COMMANDS, MessageBody="one", DelaySeconds=900)
    clock.advance(899)
    assert queue.receive() == []
    clock.advance(1)
    assert [record["body"] for record in queue.receive()] == ["one"]


REFUSED_BY_SQS: dict[str, dict[str, Any]] = {
    "an empty body": {"MessageBody": ""},
    "a character that XML has no place for": {"MessageBody": "\uffff"},
    "a body too long": {"MessageBody": "x" * 262_145},
    "a delay too long": {"DelaySeconds": 901},
    "an empty attribute": {"MessageAttributes": {"reason": {"DataType": "String", "StringValue": ""}}},
    "an attribute of such characters": {"MessageAttributes": {"reason": {"DataType": "String", "StringValue": "\0"}}},
    "a number that is none": {"MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1e"}}},
}


@pytest.mark.parametrize("name", REFUSED_BY_SQS)
def test_what_sqs_refuses_is_refused(name: str) -> None:
    with pytest.raises(ClientError):
        Sqs(Clock()).send_message(**{"QueueUrl": DEAD_LETTERS, "MessageBody": "x"} | REFUSED_BY_SQS[name])
