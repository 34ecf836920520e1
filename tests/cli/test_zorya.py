"""Commands to Zorya from a terminal: what is said before money is spent, and what an answer means in words."""

import json
import time
import uuid
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from hookline.command_journal import CommandJournal, Finish, State, stakes_key
from hookline.commands import read_command
from hookline.providers.zorya.rest import SENDING
from hookline_cli import accounts, commands, main
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.cli.commands import Said, Terminal
from tests.cli.conftest import Hookline
from tests.redaction import Kind, kinds_in, mark
from tests.samples import ACCOUNT, SECRET

DAY = 86_400
NOW = 1_795_334_400.0
MX, OTHER_MX = "acme-mx", "umbrella-mx"
TO = "+525545891076"
ADDRESSES = dict.fromkeys(("auth_url", "gateway_url", "topup_url"), "https://zorya.example.com")
PASSWORD = "marked-password-of-the-command-line"
mark(Kind.SECRET, PASSWORD)

type Document = dict[str, Any]


class Functions:
    """Functions that answer what they are told to, and remember what they were asked.

    Attributes:
        answers: by function's name, what it answers.
        asked: each function's name with what it was asked.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Document]] = []
        self.fails = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Document:  # noqa: N803  # AWS's own
        self.asked.append((FunctionName, json.loads(Payload)))
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorType": "Sandbox.Timedout"}')}
        return {"Payload": BytesIO(json.dumps(self.answers[FunctionName]).encode())}


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def stack(aws: None, journal_table: str, functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Stack:  # noqa: ARG001
    """A stack with accounts at both providers. Nobody reads its queues; its functions answer as they are told."""
    made = Stack("hookline-moto", boto3.Session())
    name = uuid.uuid4().hex

    def queue(what: str) -> str:
        return str(made.sqs.create_queue(QueueName=f"{name}-{what}")["QueueUrl"])

    made.__dict__["outputs"] = {
        "AccountsPrefix": f"/hookline/{name}/accounts/",
        "ApiUrl": "https://hooks.example.com",
        "JournalTable": journal_table,
        "ZoryaCommandsUrl": queue("commands"),
        "ZoryaCommandDeadLettersUrl": queue("command-dead-letters"),
        "SendZoryaFunction": "send",
        "SettleFunction": "settle",
        "SettleCallbacksUrl": queue("settle"),
        "SettleDeadLettersUrl": queue("settle-dead-letters"),
        "PublishDeadLettersUrl": queue("publish-dead-letters"),
        "LaterQueueUrl": queue("later"),
        "SubscriptionDeadLettersUrl": queue("events-dead-letters"),
        "SubscriptionQueueUrl": queue("events"),
    }
    made.__dict__["functions"] = functions
    for account in (MX, OTHER_MX):
        document: Document = {"provider": "zorya", "signing_secrets": [SECRET]}
        document["credentials"] = {"client_id": "1234-ABCD", "secure_password": PASSWORD}
        document["settings"] = {**ADDRESSES, "max_top_up": "100", "max_top_up_a_day": "250"}
        accounts.add(made, account, document)
    accounts.add(made, ACCOUNT, {"provider": "zoom_connect", "signing_secrets": [SECRET], "settings": {}})
    monkeypatch.setattr(main, "find", lambda _name: made)
    return made


def given(stack: Stack) -> list[Document]:
    """Take what was put on the command queue."""
    url = stack.outputs["ZoryaCommandsUrl"]
    messages = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def journal_of(stack: Stack) -> CommandJournal:
    return CommandJournal(stack.dynamodb, stack.outputs["JournalTable"], "zorya", 30 * DAY, 120)


def do(stack: Stack, document: Document, state: State, outcome: Mapping[str, Any]) -> None:
    """Write down what became of a command, as its sender does."""
    command = SENDING.check(read_command(document), commands.find_outlet(stack, MX).account, NOW)
    journal = journal_of(stack)
    claim, denied = journal.claim([command], NOW)
    assert denied == {}
    if state is not State.SENDING:
        journal.finish([Finish(command, claim, state, outcome)], NOW)


def flat(text: str) -> str:
    """Return what stands in a table on one line, however it was broken."""
    return " ".join(text.replace("│", " ").split())


# --- a message -------------------------------------------------------------------------------------------------------


def test_a_message_can_say_who_it_is_from_and_flash(hookline: Hookline, stack: Stack) -> None:
    words = ("send", TO, "hola", "--account", MX, "--id", "one", "--seconds", "0")
    hookline(*words, "--sender", "99999", "--flash")
    common = {"command": "send_sms", "id": "one", "account": MX, "to": TO, "text": "hola"}
    assert given(stack) == [{**common, "sender": "99999", "flash": True}]
    said = hookline(*words)
    assert (said.code, said.words) == (1, "hookline: sender: is needed, here or as the account's setting")
    assert given(stack) == []


LATER = "2027-06-01T10:00:00+00:00"


def schedule(stack: Stack, document: Document) -> None:
    """Write down that a command waits for its time, as its sender does."""
    command = SENDING.check(read_command(document), commands.find_outlet(stack, MX).account, NOW)
    assert journal_of(stack).schedule(command, NOW) is None


@pytest.mark.timeout(30)
def test_messages_for_later_are_not_waited_for(hookline: Hookline, stack: Stack, tmp_path: Path) -> None:
    document = {"command": "send_sms", "id": "one", "account": MX, "to": TO, "text": "hola", "send_at": LATER}
    schedule(stack, {**document, "sender": "99999"})
    options = ("--account", MX, "--send-at", LATER, "--seconds", "600", "--json")
    said = hookline("send", TO, "hola", "--id", "one", "--sender", "99999", *options)
    assert (said.code, json.loads(said.out)["state"]) == (0, "scheduled")

    settings = accounts.read(stack, MX)
    accounts.store(stack, MX, {**settings, "settings": {**settings["settings"], "sender": "99999"}})
    schedule(stack, {**document, "id": "two"})
    file = tmp_path / "later.csv"
    file.write_text(f"id,to,text\ntwo,{TO},hola\n")
    said = hookline("batch", str(file), *options)
    assert (said.code, json.loads(said.out)) == (0, {"messages": 1, "begun_before": 1, "scheduled": 1})


# --- a top-up --------------------------------------------------------------------------------------------------------

TOP_UP = ("top-up", TO, "20", "--account", MX, "--id", "one", "--seconds", "0")
ASKED: Document = {"command": "top_up", "id": "one", "account": MX, "to": TO, "amount": "20"}


def test_money_is_not_spent_where_nobody_can_be_asked(hookline: Hookline, stack: Stack) -> None:
    said = hookline(*TOP_UP, "--product", "TELTA")
    assert (said.code, said.out, given(stack)) == (1, "", [])
    assert "there is no terminal to ask on: say --yes" in said.words
    assert f"20 MXN, product TELTA for {TO}, paid by the account {MX} at zorya" in said.words


@table("case", [Case("no", "n\n", []), Case("nothing", "\n", []), Case("yes", "y\n", [ASKED])])
def test_a_person_is_asked_before_money_is_spent(
    hookline: Hookline, stack: Stack, case: Case[str, list[Document]]
) -> None:
    said = hookline(*TOP_UP, stdin=Terminal(case.given))
    assert said.code == 1, "nobody works on it"
    assert f"Top up 20 MXN for {TO}, paid by the account {MX} at zorya?" in said.words
    assert ("nothing is done, and nothing spent" in said.words) == (case.expected == [])
    assert given(stack) == case.expected


def test_a_script_says_yes(hookline: Hookline, stack: Stack) -> None:
    common = ("--account", MX, "--id", "one", "--seconds", "0", "--yes")
    said = hookline("top-up", TO, *common, "--campaign", "campaignTest1", "--reference", "order 1")
    assert "nothing is known of a command one: it still waits in its queue" in said.words
    campaign = {"command": "top_up", "id": "one", "account": MX, "to": TO, "campaign": "campaignTest1"}
    assert given(stack) == [{**campaign, "reference": "order 1"}]


@table(
    "case",
    [
        Case("no number", ("top-up", "+2712", "20"), "to: is no valid number of Mexico"),
        Case("no amount", ("top-up", TO), "amount: is needed, but with a campaign"),
        Case("an amount that is none", ("top-up", TO, "20.005"), "amount: money is a decimal text"),
        Case("less than nothing", ("top-up", TO, "0"), "amount: Input should be greater than 0"),
        Case("too much", ("top-up", TO, "101"), "amount: is worth more than the account's max_top_up, 100"),
        Case("no such product", ("top-up", TO, "20", "--product", "X"), "product: is no ZCode of Table 3"),
        Case("both", ("top-up", TO, "20", "--campaign", "c"), "amount: is the campaign's affair"),
        Case("another provider's", ("top-up", TO, "20", "--account", ACCOUNT), f"{ACCOUNT} is an account at zoom"),
    ],
)
def test_what_would_be_refused_is_said_before_anybody_is_asked(
    hookline: Hookline, stack: Stack, case: Case[tuple[str, ...], str]
) -> None:
    account = () if "--account" in case.given else ("--account", MX)
    said = hookline(*case.given, *account, stdin=Terminal("y\n"))
    assert (said.code, given(stack)) == (1, [])
    assert said.words.startswith(f"hookline: {case.expected}")


def test_what_would_go_over_the_days_ceiling_is_said_before_anybody_is_asked(hookline: Hookline, stack: Stack) -> None:
    outlet = commands.find_outlet(stack, MX)
    stake = SENDING.stake(read_command(ASKED), outlet.account, time.time())
    assert stake is not None
    item = {**stakes_key("zorya", MX, stake.staked[0]), "total": {"N": "230.50"}}
    stack.dynamodb.put_item(TableName=stack.outputs["JournalTable"], Item=item)
    said = hookline(*TOP_UP, "--yes")
    assert (said.code, given(stack)) == (1, [])
    assert said.words == "hookline: amount: would take the day's top-ups over the account's max_top_up_a_day, 250"
    item["total"]["N"] = "230"
    stack.dynamodb.put_item(TableName=stack.outputs["JournalTable"], Item=item)
    hookline(*TOP_UP, "--yes")
    assert len(given(stack)) == 1


NOBODY_KNOWS = (
    "hookline: nobody knows what became of it: ReadTimeout. The money may be spent or not. It is not sent again, "
    "whatever happens. Hookline goes on finding out, and says so by an event; ask now: `hookline settle one`"
)
FACTS = {"status": "received", "final": False, "transaction_id": "t-1"}


@table(
    "case",
    [
        Case("taken on", (State.SUCCEEDED, {"facts": FACTS}), (0, "", "Whether the carrier did it comes as an event")),
        Case("done", (State.SUCCEEDED, {"facts": {**FACTS, "final": True}}), (0, "", "succeeded")),
        Case(
            "refused",
            (State.FAILED, {"code": "-206", "text": "Invalid amount"}),
            (1, "hookline: it failed: -206 Invalid amount", "failed"),
        ),
        Case(
            "nobody knows",
            (State.UNKNOWN, {"why": "ReadTimeout"}),
            (
                1,
                NOBODY_KNOWS,
                "unknown",
            ),
        ),
        Case(
            "on its way",
            (State.SENDING, {}),
            (1, "hookline: it is still on its way; look again: `hookline commands show one`", "sending"),
        ),
    ],
)
def test_what_became_of_a_top_up_is_said_and_the_same_again_neither_asks_nor_spends(
    hookline: Hookline, stack: Stack, case: Case[tuple[State, Mapping[str, Any]], tuple[int, str, str]]
) -> None:
    do(stack, ASKED, *case.given)
    code, words, shown = case.expected
    said = hookline(*TOP_UP)
    assert (said.code, said.words) == (code, words)
    assert shown in flat(said.out)
    as_json = hookline(*TOP_UP, "--json")
    assert (as_json.code, json.loads(as_json.out)["state"]) == (code, case.given[0])
    assert given(stack) == []


def test_an_id_that_was_used_for_something_else_is_refused(hookline: Hookline, stack: Stack) -> None:
    do(stack, ASKED, State.SUCCEEDED, {"facts": FACTS})
    said = hookline("top-up", TO, "30", "--account", MX, "--id", "one", "--yes")
    assert (said.code, said.words) == (1, "hookline: id: was used before, for something else")
    assert hookline("top-up", TO, "20.00", "--account", MX, "--id", "one").code == 0, "20 and 20.00 are the same"
    assert given(stack) == []


def test_a_command_that_waits_because_its_account_is_stopped_is_said_to_do_so(hookline: Hookline, stack: Stack) -> None:
    accounts.stop(stack, MX, "no_funds", "provider")
    said = hookline(*TOP_UP, "--yes")
    assert said.code == 1
    assert said.words.startswith(f"hookline: one waits in its queue: the account {MX} is stopped since ")
    assert said.words.endswith(
        f"by provider: no_funds. It is done once the account goes on: `hookline accounts go-on {MX}`"
    )
    assert len(given(stack)) == 1


# --- questions -------------------------------------------------------------------------------------------------------

LOOKED_UP = {"number": TO, "carrier": "Telcel", "ported": True, "cost": {"amount": "0.1160", "currency": "MXN"}}
SENT = {"status": "sent", "final": False, "message_id": "m-1"}
BALANCE = {"balance": {"amount": "999.50", "currency": "MXN"}, "unit": "money"}
ROW = {"transaction_id": "t-1", "to": TO, "amount": {"amount": "20.00", "currency": "MXN"}, "status": "succeeded"}
REPORT = {"count": 1, "complete": True, "rows": [ROW]}
DAYS = {"first_day": "2026-11-01", "last_day": "2026-11-30"}

type Question = Case[tuple[tuple[str, ...], Mapping[str, Any]], tuple[Document, list[str]]]

QUESTIONS: list[Question] = [
    Case(
        "lookup",
        (("lookup", TO), LOOKED_UP),
        ({"command": "look_up_carrier", "number": TO}, ["carrier Telcel", "ported yes", "cost 0.1160 MXN"]),
    ),
    Case(
        "status",
        (("status", "m-1"), SENT),
        ({"command": "get_message_status", "message_id": "m-1"}, ["status sent", "final no"]),
    ),
    Case("balance", (("balance",), BALANCE), ({"command": "get_balance"}, ["999.50 MXN"])),
    Case(
        "report",
        (("report", *DAYS.values()), REPORT),
        ({"command": "get_top_up_report", **DAYS}, ["20.00 MXN", "succeeded", "t-1", "1 top-up"]),
    ),
    Case(
        "report of nothing",
        (("report", *DAYS.values()), {"count": 0, "complete": False, "rows": []}),
        ({"command": "get_top_up_report", **DAYS}, ["0 top-ups; there are more, which could not be read"]),
    ),
]


def succeeded(facts: Mapping[str, Any]) -> Document:
    return {"state": "succeeded", "outcome": {"facts": facts, "provider_data": {}}}


@table("case", QUESTIONS)
def test_a_question_is_asked_and_its_answer_said(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
    case: Question,
) -> None:
    (words, facts), (asked, shown) = case.given, case.expected
    functions.answers["send"] = succeeded(facts)
    said = hookline(*words, "--account", MX)
    assert (said.code, said.err) == (0, "")
    for text in shown:
        assert text in flat(said.out)
    [(function, payload)] = functions.asked
    assert (function, payload.pop("id").startswith("cli/")) == ("send", True)
    assert payload == {"account": MX, **asked}
    as_json = hookline(*words, "--account", MX, "--json")
    assert (as_json.code, json.loads(as_json.out)) == (0, succeeded(facts))


@table(
    "case",
    [
        Case(
            "refused by the provider",
            {"state": "failed", "outcome": {"code": "-208", "text": "Destination number invalid"}},
            "it failed: -208 Destination number invalid",
        ),
        Case("refused without a word", {"state": "failed", "outcome": {}}, "it failed: the provider did not say why"),
        Case("refused by the sender", {"state": "rejected", "field": "account", "problem": "is no"}, "account: is no"),
        Case("refused whole", {"state": "rejected", "field": None, "problem": "is none"}, "is none"),
        Case(
            "not its turn",
            {"state": "waiting", "why": "the account is stopped", "retry_after": 212.4},
            "nothing was asked of the provider: the account is stopped; try again in 212 s",
        ),
        Case(
            "not reached",
            {"state": "waiting", "why": "ConnectError", "retry_after": None},
            "nothing was asked of the provider: ConnectError; try again",
        ),
    ],
)
def test_a_question_without_an_answer_is_said_in_words(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
    case: Case[Document, str],
) -> None:
    functions.answers["send"] = case.given
    for question in QUESTIONS:
        said = hookline(*question.given[0], "--account", MX)
        assert (said.code, said.out, said.words) == (1, "", f"hookline: {case.expected}")
        as_json = hookline(*question.given[0], "--account", MX, "--json")
        assert (as_json.code, json.loads(as_json.out)) == (1, case.given)


def test_a_function_that_failed_is_said_so(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
) -> None:
    functions.fails = True
    for words in (("lookup", TO, "--account", MX), ("settle", "one")):
        assert hookline(*words).words == "hookline: the function failed: Sandbox.Timedout"


def test_a_question_that_would_be_refused_is_not_asked(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
) -> None:
    for words, problem in (
        (("lookup", "+2712"), "number: is no valid number of Mexico"),
        (("status", "two words"), "message_id: is no txID"),
        (("report", "2026-11-02", "2026-11-01"), "last_day: is before first_day"),
        (("report", "2026-11-31", "2026-11-31"), "first_day: there is no such day"),
        (("report", "yesterday", "today"), "first_day: String should match pattern"),
    ):
        said = hookline(*words, "--account", MX)
        assert said.code == 1
        assert said.words.startswith(f"hookline: {problem}")
    assert functions.asked == []


def test_the_rows_of_a_report_are_saved_from_wherever_they_are(
    hookline: Hookline, stack: Stack, functions: Functions, tmp_path: Path
) -> None:
    words, out = ("report", *DAYS.values(), "--account", MX), tmp_path / "rows.jsonl"
    functions.answers["send"] = succeeded(REPORT)
    assert hookline(*words, "--out", str(out)).code == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == [ROW]

    bucket = f"reports-{uuid.uuid4().hex}"
    stack.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    rows = b"".join(json.dumps({**ROW, "transaction_id": str(at)}).encode() + b"\n" for at in range(1000))
    stack.s3.put_object(Bucket=bucket, Key=f"{MX}/token.jsonl", Body=rows)
    url = f"s3://{bucket}/{MX}/token.jsonl"
    functions.answers["send"] = succeeded({"count": 1000, "complete": True, "rows": None, "rows_url": url})
    said = hookline(*words)
    assert (said.code, flat(said.out)) == (
        0,
        f"1000 top-ups; the rows are in {url}, as JSON lines (--out FILE saves them)",
    )
    said = hookline(*words, "--out", str(out))
    assert (said.code, flat(said.out)) == (0, f"1000 top-ups; the rows are in {url}, as JSON lines")
    assert out.read_bytes() == rows

    functions.answers["send"]["outcome"]["facts"]["rows_url"] = f"s3://{bucket}/gone.jsonl"
    said = hookline(*words, "--out", str(out))
    assert (said.code, said.words) == (1, f"hookline: s3://{bucket}/gone.jsonl can't be fetched: 404")
    assert out.read_bytes() == rows


@pytest.mark.parametrize("facts", [REPORT, {"count": 1, "rows": None, "rows_url": "s3://bucket/key"}])
def test_a_file_that_cannot_be_written_is_said_so(
    hookline: Hookline,
    stack: Stack,
    functions: Functions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    facts: Mapping[str, Any],
) -> None:
    functions.answers["send"] = succeeded(facts)

    def download_file(_bucket: str, _key: str, path: str) -> None:
        Path(path).write_text("")

    monkeypatch.setitem(stack.__dict__, "s3", SimpleNamespace(download_file=download_file))
    said = hookline("report", *DAYS.values(), "--account", MX, "--out", str(tmp_path / "none" / "rows.jsonl"))
    assert said.code == 1
    assert "rows.jsonl can't be written: No such file or directory" in said.words


# --- taking back -----------------------------------------------------------------------------------------------------


def test_a_command_is_taken_back_by_the_account_that_the_journal_names(
    hookline: Hookline, stack: Stack, functions: Functions
) -> None:
    do(stack, ASKED, State.SUCCEEDED, {"facts": FACTS})
    functions.answers["send"] = succeeded({"command_id": "one"})
    said = hookline("cancel", "one")
    assert (said.code, said.out) == (0, "one is taken back: it will not be done\n")
    assert json.loads(hookline("cancel", "unheard-of", "--account", OTHER_MX, "--json").out)["state"] == "succeeded"
    asked = [(payload["account"], payload["command"], payload["command_id"]) for _, payload in functions.asked]
    assert asked == [(MX, "cancel", "one"), (OTHER_MX, "cancel", "unheard-of")]


def test_what_cannot_be_taken_back_is_said_in_words(hookline: Hookline, stack: Stack, functions: Functions) -> None:
    said = hookline("cancel", "one")
    assert (said.code, said.words.startswith("hookline: nothing is known of a command one")) == (1, True)
    assert functions.asked == []
    do(stack, ASKED, State.SUCCEEDED, {"facts": FACTS})
    functions.answers["send"] = {"state": "rejected", "field": "command_id", "problem": "it does not wait any more"}
    said = hookline("cancel", "one")
    assert (said.code, said.out, said.words) == (1, "", "hookline: command_id: it does not wait any more")


# --- settling --------------------------------------------------------------------------------------------------------


def test_every_account_whose_provider_can_be_asked_is_settled(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
) -> None:
    functions.answers["settle"] = {"open": 3, "settled": 2}
    said = hookline("settle")
    assert (said.code, functions.asked) == (0, [("settle", {"account": MX}), ("settle", {"account": OTHER_MX})])
    assert f"{MX} 3 2" in flat(said.out)
    said = hookline("settle", "--account", OTHER_MX, "--json")
    assert json.loads(said.out) == {OTHER_MX: {"open": 3, "settled": 2}}
    assert functions.asked[2:] == [("settle", {"account": OTHER_MX})]


SETTLED = {"state": "succeeded", "outcome": {"facts": FACTS, "settled": {"by": "report"}}}
OPEN = {"state": "unknown", "outcome": {"why": "ReadTimeout"}}


@table(
    "case",
    [
        Case("settled", SETTLED, (0, "")),
        Case("failed", {"state": "failed", "outcome": {"code": "-105", "text": "Invalid"}}, (0, "")),
        Case("open", OPEN, (1, "hookline: nobody knows what became of it: ReadTimeout. It is not settled yet")),
        Case("on its way", {"state": "sending", "outcome": {}}, (1, "hookline: it is sending. It is not settled yet")),
        Case(
            "nobody's",
            {"state": "rejected", "field": "command_id", "problem": "nothing is known of it"},
            (1, "hookline: command_id: nothing is known of it"),
        ),
        Case(
            "the journal is down",
            {"state": "waiting", "why": "ProvisionedThroughputExceededException"},
            (1, "hookline: the journal did not answer: ProvisionedThroughputExceededException; try again"),
        ),
    ],
)
def test_one_command_is_asked_about(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
    case: Case[Document, tuple[int, str]],
) -> None:
    functions.answers["settle"] = case.given
    said = hookline("settle", "one", "--json")
    assert (said.code, said.words) == case.expected
    assert functions.asked == [("settle", {"command_id": "one"})]
    if "outcome" in case.given:
        assert json.loads(said.out) == {"id": "one", **case.given}


def test_a_person_decides_and_is_named(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
) -> None:
    functions.answers["settle"] = SETTLED
    decided = ("settle", "one", "--as", "succeeded", "--why", "it is on their invoice")
    assert hookline(*decided, "--who", "sam").code == 0
    assert hookline(*decided).code == 0
    [(_, named), (_, by_aws)] = functions.asked
    assert named == {"command_id": "one", "as": "succeeded", "why": "it is on their invoice", "who": "sam"}
    assert by_aws["who"].startswith("arn:aws:")


def test_nothing_else_is_decided(
    hookline: Hookline,
    stack: Stack,  # noqa: ARG001
    functions: Functions,
) -> None:
    for words, problem in (
        (("--as", "failed"), "--as, --why and --who decide on one command: name its id"),
        (("--why", "w"), "--as, --why and --who decide on one command"),
        (("one", "--as", "failed"), "--why: a decision needs its reason"),
        (("one", "--as", "lost", "--why", "w", "--who", "sam"), "--as: must be one of succeeded, failed"),
        (("one", "--why", "w"), "--why and --who go with a decision: --as succeeded or --as failed"),
        (("one", "--who", "sam"), "--why and --who go with a decision"),
        (("one", "--account", MX), "--account is for all of an account's commands"),
        (("--account", ACCOUNT), f"{ACCOUNT} is an account at zoom_connect, which can't be asked: decide by --as"),
        (("--account", "nobody"), "there is no account nobody"),
    ):
        said = hookline("settle", *words)
        assert (said.code, said.out) == (1, "")
        assert said.words.startswith(f"hookline: {problem}")
    assert functions.asked == []


def test_a_stack_of_an_older_version_settles_nothing(hookline: Hookline, stack: Stack) -> None:
    del stack.__dict__["outputs"]["SettleFunction"]
    assert hookline("settle", "one").words == "hookline: the stack hookline-moto settles nothing: deploy it anew"


def test_callbacks_that_settling_gave_up_are_put_back_to_work(hookline: Hookline, stack: Stack) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs["SettleDeadLettersUrl"], MessageBody="x")
    counts = json.loads(hookline("dead-letters", "list", "--json").out)
    assert counts == {"publish": 0, "events": 0, "zorya-commands": 0, "settle": 1}
    assert hookline("dead-letters", "redrive", "settle").out == "1 put back to work\n"
    assert commands.count(stack, stack.outputs["SettleCallbacksUrl"]) == 1


def test_nothing_that_is_said_holds_a_secret(hookline: Hookline, stack: Stack, functions: Functions) -> None:
    functions.answers = {"send": succeeded(LOOKED_UP), "settle": SETTLED}
    do(stack, ASKED, State.SUCCEEDED, {"facts": FACTS})
    said: list[Said] = [
        hookline(*words)
        for words in (("accounts", "show", MX), TOP_UP, ("lookup", TO, "--account", MX), ("settle", "one"))
    ]
    assert [each.code for each in said] == [0, 0, 0, 0]
    assert kinds_in("".join(each.out + each.err for each in said), [Kind.SECRET]) == set()
