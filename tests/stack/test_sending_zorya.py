"""Commands to Zorya on the stack as it is deployed: in by each way, out as requests, callbacks and events; settled."""

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from hookline.commands import REQUESTED, command_token
from hookline.reports import MAX_INLINE_BYTES
from hookline.stops import Stops
from hookline_cli import commands, local, processes
from hookline_cli.stack import Stack
from simulators.common import serve
from simulators.zorya import Simulator
from tests.cases import Case, table
from tests.redaction import Kind, kinds_in, mark
from tests.samples import TEXT
from tests.stack.inbox import Inbox, OnTheBus, of_account
from tests.stack.stand_in import Row, Sender
from tests.stack.test_sending import number as south_african
from tests.stack.test_sending import of_command, outcome_of
from tests.stack.test_written_lines import log_lines
from tests.stack.zorya_stand_in import (
    CAMPAIGN,
    CAMPAIGN_AMOUNT,
    SENDER,
    ZoryaStandIn,
    find_zorya,
    new_client,
    today,
)

type Document = dict[str, Any]
type Give = Callable[[Stack, Document], Any]

QUEUE, SENDER_FUNCTION, SETTLE_FUNCTION = "ZoryaCommandsUrl", "SendZoryaFunction", "SettleFunction"
OUTCOME_SECONDS = 60.0
LATER_SECONDS = 65.0
"""So far ahead EventBridge Scheduler keeps a command, and not its queue."""

HELD_BACK_SECONDS = 150.0
"""A callback that no id leads to comes out after 75 s, on a busy machine later; it is looked at every 15 s."""

NUMBERS: set[str] = set()
"""Those that tests here made. The stand-in's control has them in its URLs: so they are looked for in lines alone."""

DIGITS = re.compile(r"[0-9]{12}")
TOKEN = re.compile(r"token-[0-9a-f]{24}|getAuthToken", re.IGNORECASE)
"""A token of the stand-in's, or the address that one is fetched at."""


# --- the ways in -----------------------------------------------------------------------------------------------------


def queue(stack: Stack, document: Document) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs[QUEUE], MessageBody=json.dumps(document))


def put_event(stack: Stack, document: Document) -> None:
    detail = json.dumps({**document, "provider": "zorya"})
    answer = stack.events.put_events(
        Entries=[
            {"EventBusName": stack.outputs["BusName"], "Source": "shop", "DetailType": REQUESTED, "Detail": detail}
        ]
    )
    assert answer["FailedEntryCount"] == 0


def invoke(stack: Stack, document: object, function: str = SENDER_FUNCTION) -> Document:
    answer: Any = stack.functions.invoke(FunctionName=stack.outputs[function], Payload=json.dumps(document).encode())
    assert "FunctionError" not in answer
    said: Document = json.loads(answer["Payload"].read())
    return said


def settle_account(stack: Stack, account: str) -> Document:
    return invoke(stack, {"account": account}, SETTLE_FUNCTION)


WAYS: Mapping[str, Give] = {"queue": queue, "bus": put_event, "direct invocation": invoke}


# --- what goes out, and what came of it ------------------------------------------------------------------------------


def number() -> str:
    """Return a number of Mexico that no other test has, and that the stand-in treats as any."""
    made = f"+5255{uuid.uuid4().int % 9 + 1}{uuid.uuid4().int % 10}{uuid.uuid4().int % 980_000:06}"
    NUMBERS.add(made.removeprefix("+"))
    return made


def of_type(wanted: str, command_id: str) -> Callable[[OnTheBus], bool]:
    """Want a command's events of one type."""
    return lambda event: of_command(command_id)(event) and event["detail-type"] == wanted


def statuses(events: Sequence[OnTheBus]) -> list[str]:
    return [event["detail"]["data"]["status"] for event in events]


class Out(NamedTuple):
    """The way out: the account that sends, and the stand-in that it sends to."""

    sender: Sender
    stand_in: ZoryaStandIn

    def rows(self, to: str, kind: str = "top_up") -> list[Row]:
        """Return what the stand-in accepted for a number."""
        ledger = self.stand_in.ledger(self.sender.email)
        return [row for row in ledger if row["kind"] == kind and f"+{row['msisdn']}" == to]

    def sms(self, **fields: object) -> Document:
        return self.sender.command(**{"to": number(), "text": TEXT, **fields})  # type: ignore[arg-type]

    def top_up(self, modes: str = "", **fields: object) -> Document:
        """Make a top-up of a number that the stand-in treats so, once."""
        document = self.sender.command(**{"command": "top_up", "to": number(), "amount": "20.00", **fields})  # type: ignore[arg-type]
        if modes:
            self.stand_in.behave(document["to"], modes, times=1)
        return document


@pytest.fixture(scope="module")
def stand_in(stack: Stack) -> Iterator[ZoryaStandIn]:
    found = find_zorya(stack)
    yield found
    found.close()


@pytest.fixture(scope="module")
def out(stack: Stack, stand_in: ZoryaStandIn) -> Out:
    return Out(new_client(stack, stand_in), stand_in)


class Begun(NamedTuple):
    """What takes long, begun before all others and looked at after them.

    Attributes:
        out: its account: nothing else is done for it, so that nothing else settles it.
        lost: a top-up whose answer was lost, and that the provider's report does not have.
        later: a message that waits for its `send_at`.
        taken_back: another, which was cancelled.
        cancel: the command that did that, and what it was answered.
    """

    out: Out
    lost: Document
    later: Document
    taken_back: Document
    cancel: tuple[Document, Document]


@pytest.fixture(scope="module")
def begun(stack: Stack, stand_in: ZoryaStandIn) -> Begun:
    out = Out(new_client(stack, stand_in), stand_in)
    lost = out.top_up("close_after,unreported=600", reference="lost")
    assert invoke(stack, lost)["state"] == "unknown"
    send_at = (datetime.now(UTC) + timedelta(seconds=LATER_SECONDS)).isoformat()
    later, taken_back = (out.sms(send_at=send_at, reference=it) for it in ("later", "taken back"))
    queue(stack, later)
    assert invoke(stack, taken_back)["state"] == "scheduled"
    taking_back = cancel(out, taken_back)
    return Begun(out, lost, later, taken_back, (taking_back, invoke(stack, taking_back)))


def cancel(out: Out, document: Document) -> Document:
    return {**out.sender.command(command="cancel"), "command_id": document["id"]}


# --- every command, by every way -------------------------------------------------------------------------------------


class Kinds(NamedTuple):
    """What a command of a kind must come to: the event's type, its status or "", and what the ledger has of it."""

    event: str
    status: str
    ledger: str
    path: str = ""


KINDS: Sequence[Case[Document, Kinds]] = [
    Case("sms", {"text": TEXT}, Kinds("sms.status_updated", "accepted", "sms", "/v3/api/sendSms")),
    Case(
        "flash", {"text": TEXT, "flash": True}, Kinds("sms.status_updated", "accepted", "sms", "/v1/api/sendSmsFlash")
    ),
    Case("light", {"text": TEXT}, Kinds("sms.status_updated", "accepted", "sms", "/v1/api/sendSmsLight")),
    Case(
        "top-up",
        {"command": "top_up", "amount": "20.50"},
        Kinds("top_up.status_updated", "received", "top_up", "/api/executeTopUp"),
    ),
    Case(
        "top-up, product",
        {"command": "top_up", "amount": "50.00", "product": "TELTA"},
        Kinds("top_up.status_updated", "received", "top_up", "/api/executeDirectTopUp"),
    ),
    Case(
        "top-up, campaign",
        {"command": "top_up", "campaign": CAMPAIGN},
        Kinds("top_up.status_updated", "received", "top_up", "/api/executeTopUpCamp"),
    ),
    Case("look-up", {"command": "look_up_carrier"}, Kinds("carrier.looked_up", "", "lookup", "/v2/api/carrierLookUp")),
    Case("status", {"command": "get_message_status"}, Kinds("sms.status_updated", "", "")),
    Case("balance", {"command": "get_balance"}, Kinds("balance.reported", "", "")),
    Case("report", {"command": "get_top_up_report"}, Kinds("top_up_report.completed", "", "")),
]


@pytest.fixture(scope="module")
def given(stack: Stack, out: Out, stand_in: ZoryaStandIn, begun: Begun) -> dict[tuple[str, str], tuple[Document, Any]]:  # noqa: ARG001  # it begins first
    """A command of each kind given in each way, and what giving it returned; by both."""
    light = Out(new_client(stack, stand_in, send_method="light"), stand_in)
    asked_about = out.sms()
    message_id = invoke(stack, asked_about)["outcome"]["facts"]["message_id"]
    assert invoke(stack, light.sender.command(command="get_balance"))["state"] == "succeeded"  # logged in
    of_question: Mapping[str, Document] = {
        "get_message_status": {"message_id": message_id},
        "get_balance": {},
        "get_top_up_report": {"first_day": today(), "last_day": today()},
    }
    given = {}
    for case in KINDS:
        for way, give in WAYS.items():
            kind = case.given.get("command", "send_sms")
            fields = of_question.get(kind) or {"number" if kind == "look_up_carrier" else "to": number()}
            if kind == "get_balance":
                fields = {}
            sender = light.sender if case.id == "light" else out.sender
            document = sender.command(**{**fields, **case.given, "reference": f"{case.id} by {way}"})
            given[case.id, way] = (document, give(stack, document))
    return given


@pytest.mark.parametrize("way", WAYS)
@table("case", KINDS)
def test_every_command_given_in_any_way_is_done_and_its_event_names_it(
    given: Mapping[tuple[str, str], tuple[Document, Any]],
    stand_in: ZoryaStandIn,
    inbox: Inbox,
    case: Case[Document, Kinds],
    way: str,
) -> None:
    document, said = given[case.id, way]
    wanted = case.expected

    def is_outcome(event: OnTheBus) -> bool:
        return of_type(wanted.event, document["id"])(event) and "claims" not in event["detail"]["provider_data"]

    [event] = inbox.wait(is_outcome)
    metadata, data = event["detail"]["metadata"], event["detail"]["data"]
    assert metadata["correlation"] == {"command_id": document["id"], "reference": document["reference"]}
    assert (metadata["account"], metadata["provider"]) == (document["account"], "zorya")
    if said is not None:
        assert said["state"] == "succeeded"
    if wanted.status:
        assert data["status"] == wanted.status
    if wanted.ledger:
        to = document.get("to") or document["number"]
        ledger = stand_in.ledger(f"client-{document['account']}")
        [row] = [row for row in ledger if f"+{row['msisdn']}" == to]
        assert (row["kind"], row["path"]) == (wanted.ledger, wanted.path)
        if wanted.ledger == "sms":
            assert (row["message"], row["sender"], data["message_id"]) == (TEXT, SENDER, row["txID"])
        if wanted.ledger == "top_up":
            asked = (document.get("amount", CAMPAIGN_AMOUNT), document.get("product", ""), document.get("campaign", ""))
            assert (row["amount"], row["ZCode"], row["campaign"]) == asked
            assert data["transaction_id"] == row["txID"]
            assert float(data["amount"]["amount"]) == float(row["amount"])


def test_the_answers_to_questions_are_the_provider_s(
    given: Mapping[tuple[str, str], tuple[Document, Any]], out: Out
) -> None:
    facts = {case: given[case, "direct invocation"][1]["outcome"]["facts"] for case in ("look-up", "balance", "report")}
    assert (facts["look-up"]["carrier"], facts["look-up"]["ported"]) == ("Telcel", True)
    assert facts["balance"]["balance"]["currency"] == "MXN"
    top_ups = [row["txID"] for row in out.stand_in.ledger(out.sender.email) if row["kind"] == "top_up"]
    reported = {row["transaction_id"] for row in facts["report"]["rows"]}
    assert reported
    assert reported <= set(top_ups)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["sms", "flash", "light", "top-up", "top-up, product", "top-up, campaign"])
def test_callbacks_come_out_as_events_of_the_same_command(
    given: Mapping[tuple[str, str], tuple[Document, Any]], inbox: Inbox, kind: str, way: str
) -> None:
    document, _ = given[kind, way]
    wanted = ["succeeded"] if kind.startswith("top-up") else ["delivered", "sent"]

    def is_callback(event: OnTheBus) -> bool:
        return of_command(document["id"])(event) and "claims" in event["detail"]["provider_data"]

    events = inbox.wait(is_callback, len(wanted))
    assert sorted(statuses(events)) == wanted
    assert {event["detail"]["metadata"]["correlation"]["reference"] for event in events} == {document["reference"]}
    assert {event["detail"]["provider_data"]["signed"] for event in events} == {True}


@pytest.mark.parametrize("kind", ["sms", "top-up"])
def test_the_same_id_by_every_way_is_done_once(
    stack: Stack, given: Mapping[tuple[str, str], tuple[Document, Any]], out: Out, kind: str
) -> None:
    document, _ = given[kind, "queue"]
    assert commands.wait(stack, [document["id"]], OUTCOME_SECONDS) == {document["id"]: "succeeded"}
    first = invoke(stack, document)
    for give in WAYS.values():
        give(stack, document)
    assert invoke(stack, document) == first
    wait_for_queue(stack)
    assert len(out.rows(document["to"], "top_up" if kind == "top-up" else "sms")) == 1
    assert commands.show(stack, document["id"])["outcome"] == first["outcome"]


def wait_for_queue(stack: Stack) -> None:
    """Wait until the command queue holds nothing that is not being waited for."""

    def is_empty() -> bool:
        answer: Any = stack.sqs.get_queue_attributes(QueueUrl=stack.outputs[QUEUE], AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(answer["Attributes"][name]) for name in names) == 0

    local.wait_for(is_empty, OUTCOME_SECONDS)


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    Case("a number of another country", {"to": south_african()}, "to"),
    Case("more than the account's ceiling", {"amount": "500.01"}, "amount"),
    Case("an amount that the product has not", {"amount": "21.00", "product": "TELTA"}, "amount"),
    Case("no such product", {"product": "NOSUCH"}, "product"),
    Case("another provider's account", {"provider": "zoom_connect"}, "provider"),
]


@table("case", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_field_before_anything_is_asked(
    stack: Stack, out: Out, inbox: Inbox, case: Case[Document, str]
) -> None:
    document = out.top_up(**case.given)
    assert (said := invoke(stack, document))["state"] == "rejected", said
    assert said["field"] == case.expected
    event = outcome_of(inbox, document)
    assert event["detail-type"] == "command.rejected"
    assert event["detail"]["data"]["field"] == case.expected
    assert out.rows(document["to"]) == []


def test_all_of_a_days_top_ups_stay_below_the_ceiling(stack: Stack, stand_in: ZoryaStandIn, inbox: Inbox) -> None:
    out = Out(new_client(stack, stand_in, max_top_up="20", max_top_up_a_day="30"), stand_in)
    refused_by_provider = out.top_up("code=-206")
    assert invoke(stack, refused_by_provider)["state"] == "failed"  # it does not count
    within = [out.top_up(), out.top_up(amount="10.00")]
    beyond = out.top_up(amount="0.01")
    assert [invoke(stack, it)["state"] for it in within] == ["succeeded", "succeeded"]
    said = invoke(stack, beyond)
    assert (said["state"], said["field"]) == ("rejected", "amount")
    assert "max_top_up_a_day" in said["problem"]
    assert outcome_of(inbox, beyond)["detail"]["data"]["field"] == "amount"
    assert [len(out.rows(it["to"])) for it in (*within, beyond)] == [1, 1, 0]


# --- a provider that misbehaves --------------------------------------------------------------------------------------


@table(
    "case",
    [
        Case("closed without an answer", "close_after", "RemoteProtocolError"),
        Case("closed after a second", "timeout_after=1", "RemoteProtocolError"),
        Case("no txID", "no_txid", "no_transaction_id"),
    ],
)
def test_a_top_up_with_a_lost_answer_is_settled_by_the_report_and_charged_once(
    stack: Stack, stand_in: ZoryaStandIn, inbox: Inbox, case: Case[str, str]
) -> None:
    out = Out(new_client(stack, stand_in), stand_in)
    stand_in.call_back(out.sender.email, delay_s=0)  # at its end as soon as it is taken
    document = out.top_up(f"{case.given},no_callback", reference="lost")
    said = invoke(stack, document)
    assert (said["state"], said["outcome"]["why"]) == ("unknown", case.expected)
    assert invoke(stack, document) == said, "held, and not asked again"
    assert settle_account(stack, out.sender.account) == {"open": 1, "settled": 1}
    [row] = out.rows(document["to"])
    settled = invoke(stack, document)
    assert settled["state"] == "succeeded"
    assert settled["outcome"]["facts"]["transaction_id"] == row["txID"]
    events = inbox.wait(of_command(document["id"]), 2)
    assert Counter(statuses(events)) == {"unknown": 1, "succeeded": 1}
    [ended] = [event["detail"] for event in events if statuses([event]) == ["succeeded"]]
    assert (ended["data"]["settled_by"], ended["data"]["final"]) == ("report", True)
    assert ended["data"]["transaction_id"] == row["txID"]
    assert ended["metadata"]["correlation"] == {"command_id": document["id"], "reference": "lost"}
    assert settle_account(stack, out.sender.account) == {"open": 0, "settled": 0}
    assert len(out.rows(document["to"])) == 1, "charged once"


def test_a_top_up_that_the_provider_never_took_stays_unknown(stack: Stack, stand_in: ZoryaStandIn) -> None:
    out = Out(new_client(stack, stand_in), stand_in)
    to = number()
    taken, not_taken = out.top_up(to=to), out.top_up("500", to=to)
    assert invoke(stack, not_taken)["state"] == "unknown"
    assert invoke(stack, taken)["state"] == "succeeded"
    assert settle_account(stack, out.sender.account) == {"open": 1, "settled": 0}
    assert invoke(stack, not_taken)["state"] == "unknown", "the other one's row is not its"
    assert len(out.rows(to)) == 1


def test_two_equal_top_ups_with_lost_answers_get_a_row_each(stack: Stack, stand_in: ZoryaStandIn) -> None:
    out = Out(new_client(stack, stand_in), stand_in)
    to = number()
    out.stand_in.behave(to, "close_after,no_callback", times=2)
    equal = [out.top_up(to=to) for _ in range(3)]
    assert [invoke(stack, it)["state"] for it in equal] == ["unknown", "unknown", "succeeded"]
    assert settle_account(stack, out.sender.account) == {"open": 2, "settled": 2}
    found = [invoke(stack, it)["outcome"]["facts"]["transaction_id"] for it in equal]
    assert sorted(found) == sorted(row["txID"] for row in out.rows(to))


def test_without_funds_the_account_stops_until_somebody_lets_it_go_on(
    stack: Stack, stand_in: ZoryaStandIn, inbox: Inbox
) -> None:
    out = Out(new_client(stack, stand_in), stand_in)
    stops = Stops(stack.dynamodb, stack.outputs["JournalTable"], "zorya")
    first, others = out.top_up("code=-210"), [out.top_up(), out.sms()]
    said = invoke(stack, first)
    assert (said["state"], said["why"]) == ("waiting", "the account is stopped")
    [stopped] = inbox.wait(of_account(out.sender.account))
    assert stopped["detail-type"] == "account.stopped"
    assert stopped["detail"]["data"] == {"why": "no_funds", "who": "provider"}
    before = stand_in.calls()
    for document in others:
        queue(stack, document)
    wait_for_queue(stack)
    assert [invoke(stack, it)["why"] for it in others] == ["the account is stopped"] * 2
    assert stand_in.calls() == before, "nothing is asked of the provider"
    assert invoke(stack, out.sender.command(command="get_balance"))["state"] == "succeeded", "a question costs nothing"
    assert stops.go_on(out.sender.account, "money was paid in", "test", time.time())
    assert inbox.wait(of_account(out.sender.account), 3)[-1]["detail"]["data"]["why"]
    [resumed] = [event for event in inbox.now(of_account(out.sender.account)) if "resumed" in event["detail-type"]]
    assert resumed["detail"]["data"] == {"why": "money was paid in", "who": "test"}
    assert [invoke(stack, it)["state"] for it in (first, *others)] == ["succeeded"] * 3
    assert len(out.rows(first["to"])) == len(out.rows(others[0]["to"])) == len(out.rows(others[1]["to"], "sms")) == 1


# --- reports ---------------------------------------------------------------------------------------------------------


class Own(NamedTuple):
    """A stand-in that nobody else uses: what it is, its calls, and the one password that it lets in."""

    simulator: Simulator
    stand_in: ZoryaStandIn
    password: str


@pytest.fixture(scope="module")
def own() -> Iterator[Own]:
    password = f"marked-password-{uuid.uuid4().hex}/+%"
    mark(Kind.SECRET, password)
    simulator = Simulator(
        credentials={f"client-{name}": password for name in ("own-report", "own-tokens", "own-wrong")}
    )
    with serve(simulator) as url:
        stand_in = ZoryaStandIn(url)
        yield Own(simulator, stand_in, password)
        stand_in.close()


def test_a_report_larger_than_an_event_is_an_object_of_lines(stack: Stack, own: Own, inbox: Inbox) -> None:
    sender = new_client(stack, own.stand_in, "own-report", password=own.password)
    for _ in range(MAX_INLINE_BYTES // 250):  # as by somebody who uses the account without Hookline
        msisdn = number().removeprefix("+")
        made = own.simulator.transaction(
            kind="top_up", client=sender.email, msisdn=msisdn, cost=Decimal("10.01"), amount=Decimal(10), modes={}
        )
        own.simulator.accept(made, {})
    document = sender.command(command="get_top_up_report", first_day=today(), last_day=today())
    facts = invoke(stack, document)["outcome"]["facts"]
    assert (facts["rows"], facts["complete"]) == (None, True)
    bucket, _, key = facts["rows_url"].removeprefix("s3://").partition("/")
    assert (bucket, key.partition("/")[0]) == (stack.outputs["ReportsBucket"], sender.account)
    body = stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert len(body) > MAX_INLINE_BYTES
    lines = [json.loads(line) for line in body.decode().splitlines()]
    assert {line["transaction_id"] for line in lines} == {row["txID"] for row in own.stand_in.ledger(sender.email)}
    data = outcome_of(inbox, document)["detail"]["data"]
    assert (data["rows"], data["rows_url"], data["count"]) == (None, facts["rows_url"], len(lines))


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_all_copies_share_one_log_in_and_renew_it_once(stack: Stack, own: Own, inbox: Inbox) -> None:
    out = Out(new_client(stack, own.stand_in, "own-tokens", password=own.password), own.stand_in)
    before, _ = own.stand_in.log_ins()
    for log_ins in (1, 2):
        documents = [out.sms() for _ in range(24)]
        with ThreadPoolExecutor(4) as threads:
            said = list(threads.map(lambda document: invoke(stack, document), documents[:8]))
        assert {it["state"] for it in said} <= {"succeeded", "waiting"}
        for document in documents:
            queue(stack, document)
        states = commands.wait(stack, [document["id"] for document in documents], 3 * OUTCOME_SECONDS)
        assert Counter(states.values()) == {"succeeded": len(documents)}
        assert own.stand_in.log_ins() == (before + log_ins, 0)
        own.stand_in.revoke_tokens()
    assert inbox.wait(of_command(documents[-1]["id"]))


def test_a_wrong_password_is_no_storm_of_log_ins(stack: Stack, own: Own) -> None:
    sender = new_client(stack, own.stand_in, "own-wrong")
    before = own.stand_in.log_ins()[1]
    said = [invoke(stack, sender.command(command="get_balance")) for _ in range(3)]
    assert {(it["state"], it["why"]) for it in said} == {("waiting", "credentials_refused")}
    assert own.stand_in.log_ins()[1] == before + 1


# --- what was begun before all others --------------------------------------------------------------------------------


def test_what_waits_for_its_time_is_scheduled_and_can_be_taken_back(stack: Stack, begun: Begun, inbox: Inbox) -> None:
    scheduler: Any = stack._client("scheduler")
    [first, second] = [inbox.wait(of_command(it["id"]))[0] for it in (begun.later, begun.taken_back)]
    assert statuses([first, second]) == ["scheduled", "scheduled"]
    document, said = begun.cancel
    assert said == {"state": "succeeded", "outcome": {"facts": {"command_id": begun.taken_back["id"]}}}
    [cancelled] = [it for it in inbox.wait(of_command(begun.taken_back["id"]), 2) if statuses([it]) == ["cancelled"]]
    assert cancelled["detail"]["data"]["final"] is True
    assert cancelled["detail"]["metadata"]["correlation"]["reference"] == "taken back"
    assert invoke(stack, document) == said, "taking it back again says the same"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        scheduler.get_schedule(Name=f"hookline-local-{command_token(begun.taken_back['id'])}")


def test_the_scheduler_brings_it_when_its_time_has_come(begun: Begun, stack: Stack, inbox: Inbox) -> None:
    events = inbox.wait(of_command(begun.later["id"]), 4, LATER_SECONDS + OUTCOME_SECONDS)
    assert sorted(statuses(events)) == ["accepted", "delivered", "scheduled", "sent"]
    [row] = begun.out.rows(begun.later["to"], "sms")
    assert row["accepted_at"] >= datetime.fromisoformat(begun.later["send_at"]).timestamp()
    assert begun.out.rows(begun.taken_back["to"], "sms") == []
    assert invoke(stack, begun.taken_back)["state"] == "cancelled"
    late = cancel(begun.out, begun.later)
    assert (said := invoke(stack, late))["state"] == "rejected"
    assert said["field"] == "command_id"


def test_a_callback_alone_settles_what_the_report_does_not_have(stack: Stack, begun: Begun, inbox: Inbox) -> None:
    account = begun.out.sender.account

    def is_known() -> bool:
        return bool(commands.show(stack, begun.lost["id"])["state"] == "succeeded")

    assert local.wait_for(is_known, HELD_BACK_SECONDS)
    [row] = begun.out.rows(begun.lost["to"])
    events = inbox.wait(of_command(begun.lost["id"]), 2)
    [ended] = [event["detail"]["data"] for event in events if event["detail"]["data"].get("settled_by")]
    assert (ended["settled_by"], ended["status"], ended["transaction_id"]) == ("callback", "succeeded", row["txID"])
    assert settle_account(stack, account) == {"open": 0, "settled": 0}
    assert invoke(stack, begun.lost)["state"] == "succeeded"
    assert len(begun.out.rows(begun.lost["to"])) == 1, "charged once"


# --- what is written -------------------------------------------------------------------------------------------------


def test_no_line_holds_a_password_a_token_or_the_address_that_has_both(
    stack: Stack,
    begun: Begun,  # noqa: ARG001  # what it made is in the lines
    own: Own,  # noqa: ARG001  # as above
) -> None:
    time.sleep(0.5)  # the emulator writes a call's lines after it has answered
    lines = list(log_lines(stack))
    groups = {group.rpartition("/")[2] for group, _ in lines}
    assert groups >= {"send-zorya", "settle", "receive-zorya", "publish"}
    assert [(group, kind) for group, line in lines for kind in kinds_in(line)] == []
    assert [group for group, line in lines if TOKEN.search(line) or NUMBERS.intersection(DIGITS.findall(line))] == []
    assert stack.local is not None
    printed = (processes.folder(stack.local.instance) / "emulator.log").read_text(errors="replace")
    assert kinds_in(printed, [Kind.SECRET]) == set()
    assert not TOKEN.search(printed)
