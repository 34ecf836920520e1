"""Commands on the stack as it is deployed: in on the queue, on the bus and directly; out as SMS and as events."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from hookline.commands import REQUESTED, command_token
from hookline_cli import commands, local
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.samples import NUMBER, OTHER_TEXT, TEXT
from tests.stack.inbox import Inbox, OnTheBus, of_account
from tests.stack.stand_in import Row, Sender, StandIn, find_stand_in, new_sender

type Document = dict[str, Any]
type Give = Callable[[Stack, Document], Any]
type Settle = Callable[[], None]

QUEUE, DEAD_LETTERS = "ZoomConnectCommandsUrl", "ZoomConnectCommandDeadLettersUrl"
OUTCOME_SECONDS = 60.0
READ_TIMEOUT_SECONDS = 15.0
ACCEPTED_LATE_SECONDS = 2.0
DELIVERED = ["accepted", "sent", "delivered"]
LONG = "x" * (10 * 153 + 1)
"""11 segments; an account allows 10."""


# --- the ways in -----------------------------------------------------------------------------------------------------


def queue(stack: Stack, document: Document | str) -> None:
    body = document if isinstance(document, str) else json.dumps(document)
    stack.sqs.send_message(QueueUrl=stack.outputs[QUEUE], MessageBody=body)


def put_event(stack: Stack, document: Document) -> None:
    """Put a command on the bus, as a caller that names itself as the source."""
    detail = json.dumps(document)
    answer = stack.events.put_events(
        Entries=[
            {"EventBusName": stack.outputs["BusName"], "Source": "shop", "DetailType": REQUESTED, "Detail": detail}
        ]
    )
    assert answer["FailedEntryCount"] == 0


def put_event_that_names_the_provider(stack: Stack, document: Document) -> None:
    put_event(stack, {**document, "provider": "zoom_connect"})


def invoke(stack: Stack, document: object) -> dict[str, Any]:
    function = stack.outputs["SendZoomConnectFunction"]
    answer: Any = stack.functions.invoke(FunctionName=function, Payload=json.dumps(document).encode())
    assert "FunctionError" not in answer
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return said


WAYS: Mapping[str, Give] = {
    "queue": queue,
    "bus": put_event,
    "bus, naming the provider": put_event_that_names_the_provider,
    "direct invocation": invoke,
}


# --- what came of it -------------------------------------------------------------------------------------------------


def number() -> str:
    """Return a number that no other test has, and that the stand-in treats as any."""
    return f"+2772{uuid.uuid4().int % 9}{uuid.uuid4().int % 980_000:06}"


def of_command(command_id: str) -> Callable[[OnTheBus], bool]:
    """Want the events that name a command."""
    return lambda event: (event["detail"]["metadata"]["correlation"] or {}).get("command_id") == command_id


def statuses(events: Sequence[OnTheBus]) -> list[str]:
    return [event["detail"]["data"]["status"] for event in events if event["detail-type"] == "sms.status_updated"]


def outcome_of(inbox: Inbox, document: Document, seconds: float = OUTCOME_SECONDS) -> OnTheBus:
    """Wait for the first event of a command."""
    found = inbox.wait(of_command(document["id"]), 1, seconds)
    assert found, f"nothing came of {document['id']}"
    return found[0]


class Out(NamedTuple):
    """The way out: the account that sends, and the stand-in that it sends to."""

    sender: Sender
    stand_in: StandIn

    def accepted(self, *documents: Document) -> list[Row]:
        """Return what the stand-in accepted of some commands."""
        tokens = {command_token(document["id"]) for document in documents}
        return [row for row in self.stand_in.ledger(self.sender.email) if row["dataField"] in tokens]

    def sms(self, **fields: object) -> Document:
        return self.sender.command(**{"to": number(), "text": TEXT, **fields})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stand_in(stack: Stack) -> Iterator[StandIn]:
    found = find_stand_in(stack)
    yield found
    found.close()


@pytest.fixture(scope="module")
def out(stack: Stack, stand_in: StandIn) -> Out:
    return Out(new_sender(stack, stand_in), stand_in)


class Lost(NamedTuple):
    """A command whose answer never comes, and what its direct invocation returns in the end."""

    out: Out
    document: Document
    said: Future[dict[str, Any]]


@pytest.fixture(scope="module")
def lost(stack: Stack, stand_in: StandIn) -> Iterator[Lost]:
    """The provider takes the message, and is silent until the sender gives up: begun before all others."""
    out = Out(new_sender(stack, stand_in), stand_in)
    document = out.sms(to="+27820990603")
    with ThreadPoolExecutor(1) as thread:
        yield Lost(out, document, thread.submit(invoke, stack, document))


@pytest.fixture(scope="module")
def each_way(stack: Stack, out: Out, lost: Lost) -> dict[str, tuple[Document, Any]]:  # noqa: ARG001  # it begins first
    """One command given in each way, and what giving it returned."""
    given = {}
    for way, give in WAYS.items():
        text = f"{TEXT} Reply please." if way == "queue" else TEXT
        document = out.sms(to=f"+{NUMBER}", text=text, reference=f"reference {way}", campaign="spring")
        given[way] = (document, give(stack, document))
    return given


@pytest.mark.parametrize("way", WAYS)
def test_a_command_given_in_any_way_is_sent_and_every_event_of_it_names_it(
    each_way: Mapping[str, tuple[Document, Any]], out: Out, inbox: Inbox, way: str
) -> None:
    document, _ = each_way[way]
    events = inbox.wait(of_command(document["id"]), 4 if way == "queue" else 3)
    assert sorted(statuses(events)) == sorted(DELIVERED)
    [row] = out.accepted(document)
    assert (f"+{row['recipient']}", row["message"], row["campaign"]) == (document["to"], document["text"], "spring")
    for event in events:
        metadata, data = event["detail"]["metadata"], event["detail"]["data"]
        assert metadata["correlation"] == {"command_id": document["id"], "reference": document["reference"]}
        assert (metadata["account"], metadata["provider"]) == (out.sender.account, "zoom_connect")
        assert (data["reference"], data["campaign"]) == (document["reference"], "spring")
    accepted = next(event["detail"]["data"] for event in events if "accepted" in statuses([event]))
    assert (accepted["message_id"], accepted["to"], accepted["final"]) == (row["id"], document["to"], False)
    assert (accepted["encoding"], accepted["segments"]) == ("ucs-2", 1)


def test_a_reply_to_a_message_names_its_command(
    each_way: Mapping[str, tuple[Document, Any]], out: Out, inbox: Inbox
) -> None:
    document, _ = each_way["queue"]
    events = inbox.wait(of_command(document["id"]), 4)
    [reply] = [event["detail"] for event in events if event["detail-type"] == "sms.received"]
    [row] = out.accepted(document)
    assert (reply["data"]["from"], reply["data"]["in_reply_to"]) == (document["to"], row["id"])


def test_a_direct_invocation_is_answered_with_the_outcome(
    each_way: Mapping[str, tuple[Document, Any]], out: Out
) -> None:
    document, said = each_way["direct invocation"]
    [row] = out.accepted(document)
    assert said["state"] == "succeeded"
    assert said["outcome"]["facts"] == {"message_id": row["id"], "encoding": "ucs-2", "segments": 1}


def test_a_balance_is_what_the_provider_says(stack: Stack, out: Out, inbox: Inbox) -> None:
    document = out.sender.command(command="get_balance")
    said = invoke(stack, document)
    assert said["state"] == "succeeded"
    balance = said["outcome"]["facts"]["balance"]
    event = outcome_of(inbox, document)
    assert (event["detail-type"], event["detail"]["data"]["balance"]) == ("balance.reported", balance)
    assert event["detail"]["data"]["unit"] == "credits"
    assert 0 < float(balance["amount"]) < 100_000


def test_a_time_to_send_at_is_handed_to_the_provider(stack: Stack, stand_in: StandIn) -> None:
    """No callbacks for this account: the stand-in would keep them until then."""
    sender = new_sender(stack, stand_in)
    stand_in.call_back(sender.email, reply_url=None, delivery_report_url=None)
    later = datetime.now(UTC) + timedelta(days=1)
    out = Out(sender, stand_in)
    document = out.sms(send_at=later.isoformat())
    assert invoke(stack, document)["state"] == "succeeded"
    [row] = out.accepted(document)
    johannesburg = (later + timedelta(seconds=59, microseconds=999_999, hours=2)).strftime("%Y%m%d%H%M")
    assert row["dateToSend"] == johannesburg


# --- once ------------------------------------------------------------------------------------------------------------


def test_the_same_id_from_every_way_is_sent_once_with_one_outcome(
    stack: Stack, out: Out, inbox: Inbox, settle: Settle
) -> None:
    document = out.sms()
    first = invoke(stack, document)
    for give in WAYS.values():
        give(stack, document)
    assert invoke(stack, document) == first
    settle_commands(stack)
    settle()
    assert len(out.accepted(document)) == 1
    assert sorted(statuses(inbox.wait(of_command(document["id"]), 3))) == sorted(DELIVERED)
    assert commands.show(stack, document["id"])["outcome"] == first["outcome"]


def test_the_same_id_from_two_sides_at_once_is_sent_once(stack: Stack, out: Out) -> None:
    documents = [out.sms() for _ in range(4)]
    with ThreadPoolExecutor(2) as threads:
        for document in documents:
            answers = list(threads.map(lambda document: invoke(stack, document), [document, document]))
            assert {answer["state"] for answer in answers} <= {"succeeded", "waiting"}
            assert "succeeded" in {answer["state"] for answer in answers}
    assert Counter(row["dataField"] for row in out.accepted(*documents)) == {
        command_token(document["id"]): 1 for document in documents
    }


@pytest.mark.parametrize("way", WAYS)
def test_the_same_id_with_another_content_is_refused(
    stack: Stack, each_way: Mapping[str, tuple[Document, Any]], out: Out, inbox: Inbox, way: str
) -> None:
    document, _ = each_way[way]
    inbox.wait(of_command(document["id"]), 3)
    WAYS[way](stack, document | {"text": OTHER_TEXT})

    def refused(event: OnTheBus) -> bool:
        return of_command(document["id"])(event) and event["detail-type"] == "command.rejected"

    [event] = inbox.wait(refused)
    assert event["detail"]["data"]["field"] == "id"
    assert event["detail"]["data"]["problem"] == "was used before, for something else"
    assert [row["message"] for row in out.accepted(document)] == [document["text"]]


# --- what is refused -------------------------------------------------------------------------------------------------

HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
REFUSED = [
    Case("an account that there is not", {"account": "nobody-za"}, ("account", "there is no account of this name")),
    Case("a moment that is over", {"send_at": HOUR_AGO}, ("send_at", "is not in the future")),
    Case("an empty text", {"text": ""}, ("text", "is empty")),
    Case("11 segments", {"text": LONG}, ("text", "takes 11 segments (gsm-7); the account allows 10")),
    Case("no number", {"to": "+2772"}, ("to", "is no valid phone number with its country code")),
    Case("a number without its country", {"to": "072 555 1234"}, ("to", "is no valid phone number")),
    Case("what Zoom Connect has not", {"sender": "Acme"}, ("sender", "Zoom Connect sends from numbers of its own")),
]
OTHERS = [
    Case("another provider's command", "look_up_carrier", ("command", "zoom_connect has no look_up_carrier")),
    Case("another provider's account", "provider", ("provider", "this is zoom_connect's queue")),
]
MALFORMED = [
    Case("no JSON", '{{"command": "send_sms", "id": "{id}"', ("", "this is not JSON")),
    Case("no object", '["send_sms", "{id}"]', ("", "a command is a JSON object")),
    Case("no such command", '{{"command": "send_fax", "id": "{id}"}}', ("command", "there is no such command")),
    Case(
        "a field that there is not",
        '{{"command": "get_balance", "id": "{id}", "account": "acme-za", "colour": "blue"}}',
        ("colour", "Extra inputs are not permitted"),
    ),
    Case(
        "a field missing",
        '{{"command": "send_sms", "id": "{id}", "account": "acme-za", "to": "+2"}}',
        ("text", "Field"),
    ),
]


@pytest.fixture(scope="module")
def refused(stack: Stack, out: Out) -> dict[str, Document]:
    """Commands that are refused, given all at once; by their case."""
    given = {case.id: out.sms(**case.given) for case in REFUSED}
    given["another provider's command"] = out.sender.command(command="look_up_carrier", number=number())
    given["another provider's account"] = out.sms(provider="zorya")
    for document in given.values():
        queue(stack, document)
    return given


@table("case", [*REFUSED, *OTHERS])
def test_what_cannot_be_sent_is_refused_by_its_field_with_the_reason(
    refused: Mapping[str, Document], out: Out, inbox: Inbox, case: Case[Any, tuple[str, str]]
) -> None:
    document = refused[case.id]
    event = outcome_of(inbox, document)
    assert event["detail-type"] == "command.rejected"
    assert event["detail"]["metadata"]["account"] == document["account"]
    data = event["detail"]["data"]
    assert (data["command_id"], data["command"]) == (document["id"], document["command"])
    field, problem = case.expected
    assert data["field"] == field
    assert problem in data["problem"]
    assert out.accepted(document) == []


@pytest.fixture(scope="module")
def malformed(stack: Stack) -> dict[str, str]:
    """Bodies that are no command, given all at once; by their case."""
    given = {case.id: case.given.format(id=f"test/{uuid.uuid4().hex}") for case in MALFORMED}
    for body in given.values():
        queue(stack, body)
    return given


@pytest.fixture(scope="module")
def letters(
    stack: Stack, refused: Mapping[str, Document], malformed: Mapping[str, str], inbox: Inbox
) -> dict[str, Document]:
    """What is on the dead-letter queue once all of them have been looked at; by body, with the message's attributes."""
    for document in refused.values():
        outcome_of(inbox, document)
    found: dict[str, Document] = {}

    def all_came() -> bool:
        answer = stack.sqs.receive_message(
            QueueUrl=stack.outputs[DEAD_LETTERS], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            stack.sqs.delete_message(QueueUrl=stack.outputs[DEAD_LETTERS], ReceiptHandle=message["ReceiptHandle"])
            found[message["Body"]] = dict(message["MessageAttributes"])
        return set(malformed.values()) <= found.keys()

    assert local.wait_for(all_came, OUTCOME_SECONDS)
    return found


@table("case", MALFORMED)
def test_what_is_no_command_is_a_dead_letter_and_an_event(
    malformed: Mapping[str, str],
    letters: Mapping[str, Document],
    inbox: Inbox,
    case: Case[str, tuple[str, str]],
) -> None:
    body = malformed[case.id]
    field, problem = case.expected
    assert problem in letters[body]["reason"]["StringValue"]

    def is_it(event: OnTheBus) -> bool:
        data = event["detail"]["data"]
        return (
            event["detail-type"] == "command.rejected"
            and (data["field"] or "") == field
            and problem in data["problem"]
            and (data["command_id"] is None or data["command_id"] in body)
        )

    assert len(inbox.wait(is_it)) >= 1


def test_nothing_but_what_is_no_command_is_a_dead_letter(
    letters: Mapping[str, Document], malformed: Mapping[str, str]
) -> None:
    assert letters.keys() == set(malformed.values())


def test_who_asks_directly_is_told_of_a_refusal_at_once(stack: Stack, out: Out) -> None:
    assert invoke(stack, out.sms(to="+2772")) == {
        "state": "rejected",
        "field": "to",
        "problem": "is no valid phone number with its country code",
    }
    assert invoke(stack, ["no command"])["problem"] == "a command is a JSON object"


# --- many ------------------------------------------------------------------------------------------------------------


def test_a_batch_of_250_goes_out_in_a_handful_of_calls(stack: Stack, out: Out, inbox: Inbox) -> None:
    batch = f"test/{uuid.uuid4().hex}"
    messages = [{"to": number(), "reference": f"customer {at}"} for at in range(250)]
    messages[7]["id"] = f"{batch}-its-own"
    queue(stack, out.sender.command(batch, command="send_sms_batch", text=TEXT, messages=messages))
    ids = [message.get("id", f"{batch}/{at}") for at, message in enumerate(messages, start=1)]
    states = commands.wait(stack, ids, OUTCOME_SECONDS)
    assert Counter(states.values()) == {"succeeded": 250}
    rows = out.accepted(*({"id": name} for name in ids))
    assert Counter(row["dataField"] for row in rows) == {command_token(name): 1 for name in ids}
    assert len({row["request_id"] for row in rows}) <= 5
    [of_its_own] = inbox.wait(lambda event: of_command(ids[7])(event) and "accepted" in statuses([event]))
    assert of_its_own["detail"]["metadata"]["correlation"]["reference"] == "customer 7"


# --- a provider that misbehaves --------------------------------------------------------------------------------------


def test_429_is_not_sent_and_goes_out_when_the_provider_says_so(stack: Stack, out: Out, inbox: Inbox) -> None:
    document = out.sms()
    out.stand_in.behave(document["to"], "429=1", times=1)
    before = out.stand_in.calls().get(("send.json", "429"), 0)
    queue(stack, document)
    assert statuses([outcome_of(inbox, document)]) == ["accepted"]
    assert len(out.accepted(document)) == 1
    assert out.stand_in.calls()["send.json", "429"] == before + 1


@table(
    "case",
    [
        Case("500, nothing accepted", "500", 0),
        Case("500, though it was accepted", "500_after", 1),
        Case("reset after accepting", "reset_after", 1),
        Case("closed after a second, after accepting", "timeout_after=1", 1),
        Case("an answer that says nothing", "garbage", 1),
    ],
)
def test_where_nobody_knows_it_is_unknown_and_held(stack: Stack, out: Out, inbox: Inbox, case: Case[str, int]) -> None:
    document = out.sms(reference="held")
    out.stand_in.behave(document["to"], case.given, times=1)
    said = invoke(stack, document)
    assert said["state"] == "unknown"
    assert invoke(stack, document) == said
    assert len(out.accepted(document)) == case.expected
    # Where the provider has it after all, its delivery reports say what became of it, and for whom.
    events = inbox.wait(of_command(document["id"]), 1 + 2 * case.expected)
    assert sorted(statuses(events)) == sorted(["unknown", *["sent", "delivered"] * case.expected])
    [unknown] = [event["detail"]["data"] for event in events if statuses([event]) == ["unknown"]]
    assert (unknown["final"], unknown["reference"]) == (False, "held")
    assert unknown["provider_text"] == said["outcome"]["why"]


def test_an_account_can_have_what_is_unknown_sent_again(stack: Stack, stand_in: StandIn, inbox: Inbox) -> None:
    out = Out(new_sender(stack, stand_in, on_unknown="resend"), stand_in)
    document = out.sms()
    stand_in.behave(document["to"], "500_after", times=1)
    queue(stack, document)
    assert statuses([outcome_of(inbox, document)])[0] in {"accepted", "sent", "delivered"}
    assert commands.wait(stack, [document["id"]], OUTCOME_SECONDS) == {document["id"]: "succeeded"}
    assert len(out.accepted(document)) == 2, "sent twice, as this account wants it"


def test_a_provider_that_cannot_be_reached_is_tried_again(stack: Stack, stand_in: StandIn) -> None:
    sender = new_sender(stack, stand_in, base_url="http://127.0.0.1:9/app/api/rest/v1")
    said = invoke(stack, Out(sender, stand_in).sms())
    assert (said["state"], said["why"]) == ("waiting", "ConnectError")


def test_an_invalid_number_in_a_bulk_call_harms_no_other(stack: Stack, out: Out) -> None:
    batch = f"test/{uuid.uuid4().hex}"
    numbers = [number(), "+27820990400", number()]
    messages = [{"to": to, "id": f"{batch}/{at}"} for at, to in enumerate(numbers)]
    said = invoke(stack, out.sender.command(batch, command="send_sms_batch", text=TEXT, messages=messages))
    assert [said["messages"][f"{batch}/{at}"]["state"] for at in range(3)] == ["succeeded", "failed", "succeeded"]
    assert len(out.accepted(*({"id": message["id"]} for message in messages))) == 2


def test_a_report_that_overtakes_the_answer_names_its_command(stack: Stack, out: Out, inbox: Inbox) -> None:
    document = out.sms(to="+27820990704", reference="early")
    assert invoke(stack, document)["state"] == "succeeded"
    events = inbox.wait(of_command(document["id"]), 3)
    assert sorted(statuses(events)) == sorted(DELIVERED)
    assert {event["detail"]["data"]["reference"] for event in events} == {"early"}


def test_a_provider_that_never_answers_is_given_up_and_asked_nothing_twice(
    stack: Stack, inbox: Inbox, lost: Lost
) -> None:
    said = lost.said.result(OUTCOME_SECONDS)
    assert (said["state"], said["outcome"]["why"]) == ("unknown", "ReadTimeout")
    events = inbox.wait(of_command(lost.document["id"]), 3)
    assert sorted(statuses(events)) == ["delivered", "sent", "unknown"]
    [unknown] = [event["detail"]["metadata"] for event in events if statuses([event]) == ["unknown"]]
    assert invoke(stack, lost.document) == said
    [row] = lost.out.accepted(lost.document)
    # The sender waits from when its request has left, which a busy stand-in accepts a moment later.
    waited = datetime.fromisoformat(unknown["recorded_at"]).timestamp() - row["accepted_at"]
    assert waited >= READ_TIMEOUT_SECONDS - ACCEPTED_LATE_SECONDS


# --- nothing is left -------------------------------------------------------------------------------------------------


def settle_commands(stack: Stack) -> None:
    """Wait until the command queue holds nothing that is not being waited for."""
    visible = "ApproximateNumberOfMessages"

    def is_empty() -> bool:
        answer = stack.sqs.get_queue_attributes(QueueUrl=stack.outputs[QUEUE], AttributeNames=["All"])
        return int(answer["Attributes"][visible]) == 0  # type: ignore[index]

    assert local.wait_for(is_empty, OUTCOME_SECONDS)
    time.sleep(0.5)


def test_every_event_of_these_accounts_belongs_to_a_command(inbox: Inbox, out: Out, settle: Settle) -> None:
    settle()
    events = inbox.now(of_account(out.sender.account))
    assert len(events) > 250
    assert [event["detail-type"] for event in events if event["detail"]["metadata"]["correlation"] is None] == []
