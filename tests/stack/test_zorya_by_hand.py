"""Commands to Zorya given from a terminal, against a stack that runs and the stand-in that runs with it."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest

from hookline_cli import accounts, commands, demo, local
from hookline_cli.stack import Stack
from tests.cli.commands import Said, Terminal, call
from tests.redaction import Kind, kinds_in, mark
from tests.samples import SECRET, TEXT
from tests.stack.inbox import Inbox, OnTheBus

type Hookline = Callable[..., Said]
type Row = Mapping[str, Any]

SENDER = "99999"
ANSWERLESS = "close_after,no_callback"
"""Accepted, and no word of it ever comes: neither an answer nor a callback."""
TODAY_SECONDS = 60.0


class Zorya(NamedTuple):
    """An account of its own that speaks to the stand-in.

    Attributes:
        account: its name.
        client: what the stand-in knows it by.
        control: the stand-in's own calls.
    """

    account: str
    client: str
    control: httpx.Client

    def ledger(self, number: str = "") -> list[Row]:
        """Return what the stand-in took money for, of this account and, if you like, of one number."""
        rows = self.control.get("/ledger").raise_for_status().json()["rows"]
        return [row for row in rows if row["clientID"] == self.client and row["msisdn"].endswith(number[1:])]

    def behave(self, number: str, modes: str) -> None:
        """Have it treat a number's next request so."""
        self.control.put(f"/numbers/{number[1:]}", json={"modes": modes, "times": 1}).raise_for_status()


@pytest.fixture
def hookline(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Hookline:
    """Run a command for the stack that runs here; whatever it says holds no secret."""
    assert stack.local is not None
    instance = stack.local.instance

    def run(*arguments: str, stdin: str | Terminal = "") -> Said:
        said = call(capsys, *arguments, "--stack", instance, stdin=stdin)
        assert kinds_in(said.out + said.err, [Kind.SECRET]) == set()
        return said

    return run


@pytest.fixture(scope="module")
def control(stack: Stack) -> Iterator[httpx.Client]:
    settings = accounts.read(stack, demo.account_of("zorya"))["settings"]
    with httpx.Client(base_url=f"{settings['gateway_url']}/_simulator", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def zorya(stack: Stack, control: httpx.Client) -> Zorya:
    return new_account(stack, control)


def new_account(stack: Stack, control: httpx.Client, **settings: object) -> Zorya:
    """Add an account that speaks to the stand-in and gets its callbacks."""
    account = f"zorya-{uuid.uuid4().hex[:12]}"
    client, password = uuid.uuid4().hex[:14], f"marked-password-{uuid.uuid4().hex}"
    mark(Kind.SECRET, password)
    addresses = {
        name: value
        for name, value in accounts.read(stack, demo.account_of("zorya"))["settings"].items()
        if name.endswith("_url")
    }
    document: dict[str, Any] = {
        "provider": "zorya",
        "signing_secrets": [SECRET],
        "credentials": {"client_id": client, "secure_password": password},
        "settings": {**addresses, "sender": SENDER, "max_per_second": 1000, **settings},
    }
    accounts.add(stack, account, document)
    base = f"{stack.api_url}/zorya/{account}"
    urls = {"mo_url": f"{base}/mo", "mt_url": f"{base}/mt", "push_url": base}
    control.put("/callbacks", json={"clientID": client, "secret": SECRET, **urls}).raise_for_status()
    return Zorya(account, client, control)


def json_of(said: Said) -> Any:
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def new_id() -> str:
    return f"test/{uuid.uuid4().hex}"


def number() -> str:
    """Return a number that no other test has, and that the stand-in treats as any."""
    return f"+52554{uuid.uuid4().int % 9}{uuid.uuid4().int % 980_000:06}"


def of_command(command_id: str) -> Callable[[OnTheBus], bool]:
    """Want the events that name a command."""
    return lambda event: (event["detail"]["metadata"]["correlation"] or {}).get("command_id") == command_id


def statuses(events: list[OnTheBus]) -> list[str]:
    return [event["detail"]["data"]["status"] for event in events]


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_message_is_sent_once_and_its_status_asked_for(hookline: Hookline, zorya: Zorya) -> None:
    to, command_id = number(), new_id()
    words = ("send", to, TEXT, "--account", zorya.account, "--id", command_id, "--sender", "12345", "--json")
    said = json_of(hookline(*words))
    assert said["state"] == "succeeded"
    assert json_of(hookline(*words)) == said
    [row] = zorya.ledger(to)
    assert (row["sender"], row["path"]) == ("12345", "/v3/api/sendSms")
    message_id = said["outcome"]["facts"]["message_id"]
    assert message_id == row["txID"]
    status = json_of(hookline("status", message_id, "--account", zorya.account, "--json"))
    assert (status["state"], status["outcome"]["facts"]["message_id"]) == ("succeeded", message_id)
    assert "status" in hookline("status", message_id, "--account", zorya.account).out
    said = hookline("status", "no-such-message", "--account", zorya.account)
    assert (said.code, said.words) == (1, "hookline: it failed: -202 Operation not found")


def test_a_message_can_flash(hookline: Hookline, zorya: Zorya) -> None:
    to = number()
    assert json_of(hookline("send", to, TEXT, "--account", zorya.account, "--flash", "--json"))["state"] == "succeeded"
    assert [(row["path"], row["sender"]) for row in zorya.ledger(to)] == [("/v1/api/sendSmsFlash", SENDER)]


def test_a_message_for_later_is_taken_back(hookline: Hookline, inbox: Inbox, zorya: Zorya) -> None:
    to, command_id = number(), new_id()
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    words = ("send", to, TEXT, "--account", zorya.account, "--id", command_id, "--send-at", at, "--json")
    assert json_of(hookline(*words))["state"] == "scheduled"
    said = hookline("cancel", command_id)
    assert (said.code, said.out) == (0, f"{command_id} is taken back: it will not be done\n")
    assert json_of(hookline("commands", "show", command_id, "--json"))["state"] == "cancelled"
    assert json_of(hookline("cancel", command_id, "--json"))["state"] == "succeeded", "again says the same"
    assert statuses(inbox.wait(of_command(command_id), 2)) == ["scheduled", "cancelled"]
    assert zorya.ledger(to) == []


def test_what_is_done_is_not_taken_back(hookline: Hookline, zorya: Zorya) -> None:
    command_id = new_id()
    hookline("send", number(), TEXT, "--account", zorya.account, "--id", command_id)
    said = hookline("cancel", command_id)
    assert (said.code, said.words) == (1, "hookline: command_id: it does not wait any more")


# --- top-ups ---------------------------------------------------------------------------------------------------------


def test_a_top_up_is_done_once_by_a_person_who_was_asked(hookline: Hookline, inbox: Inbox, zorya: Zorya) -> None:
    to, command_id = number(), new_id()
    words = ("top-up", to, "20", "--account", zorya.account, "--id", command_id, "--reference", "by hand")
    refused = hookline(*words)
    assert (refused.code, "say --yes" in refused.words) == (1, True)
    assert hookline(*words, stdin=Terminal("n\n")).code == 1
    assert zorya.ledger(to) == []
    said = hookline(*words, stdin=Terminal("y\n"))
    assert (said.code, "succeeded" in said.out) == (0, True)
    assert json_of(hookline(*words, "--json"))["state"] == "succeeded", "nobody is asked for what was done"
    [row] = zorya.ledger(to)
    assert (row["amount"], row["path"]) == ("20.00", "/api/executeTopUp")
    [event, *_] = inbox.wait(of_command(command_id))
    assert (event["detail-type"], event["detail"]["data"]["status"]) == ("top_up.status_updated", "received")


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("20", "--product", "TELTA"), "/api/executeDirectTopUp"),
        (("--campaign", "campaignTest1"), "/api/executeTopUpCamp"),
    ],
)
def test_a_product_or_a_campaign_is_topped_up(
    hookline: Hookline, zorya: Zorya, words: tuple[str, ...], path: str
) -> None:
    to = number()
    said = json_of(hookline("top-up", to, *words, "--account", zorya.account, "--yes", "--json"))
    assert said["state"] == "succeeded"
    assert [(row["path"], row["amount"]) for row in zorya.ledger(to)] == [(path, "20.00")]


def test_a_top_up_that_the_provider_refuses_is_said_so(hookline: Hookline, zorya: Zorya) -> None:
    to = number()
    zorya.behave(to, "code=-206")
    said = hookline("top-up", to, "20", "--account", zorya.account, "--yes")
    assert (said.code, said.words.startswith("hookline: it failed: -206")) == (1, True)
    assert zorya.ledger(to) == []


def test_the_ceiling_of_a_day_is_said_before_money_is_spent(
    hookline: Hookline, stack: Stack, control: httpx.Client
) -> None:
    poor = new_account(stack, control, max_top_up_a_day="30")
    words = ("--account", poor.account, "--yes")
    assert hookline("top-up", number(), "20", *words).code == 0
    said = hookline("top-up", number(), "20", *words)
    assert said.code == 1
    assert said.words == "hookline: amount: would take the day's top-ups over the account's max_top_up_a_day, 30"
    assert len(poor.ledger()) == 1


def unknown_top_up(hookline: Hookline, zorya: Zorya, modes: str = ANSWERLESS) -> tuple[str, str]:
    """Do a top-up of which nobody knows what became of it; return its number and its id."""
    to, command_id = number(), new_id()
    zorya.behave(to, modes)
    said = hookline("top-up", to, "20", "--account", zorya.account, "--id", command_id, "--yes")
    assert said.code == 1
    assert said.words.startswith("hookline: nobody knows what became of it: ")
    assert (
        f"It is not sent again, whatever happens. Hookline goes on finding out, and says so by an event; ask now: \
`hookline settle {command_id}`"
        in said.words
    )
    return to, command_id


def test_a_top_up_without_an_answer_is_settled_and_charged_once(hookline: Hookline, inbox: Inbox, zorya: Zorya) -> None:
    to, command_id = unknown_top_up(hookline, zorya)
    assert hookline("top-up", to, "20", "--account", zorya.account, "--id", command_id, "--yes").code == 1
    said = json_of(hookline("settle", command_id, "--json"))
    assert (said["id"], said["state"], said["outcome"]["settled"]["by"]) == (command_id, "succeeded", "report")
    assert hookline("top-up", to, "20", "--account", zorya.account, "--id", command_id).code == 0
    assert len(zorya.ledger(to)) == 1
    assert statuses(inbox.wait(of_command(command_id), 2)) == ["unknown", "succeeded"]


def test_all_of_an_accounts_unknown_top_ups_are_settled_at_once(
    hookline: Hookline, stack: Stack, control: httpx.Client
) -> None:
    zorya = new_account(stack, control)
    ids = [unknown_top_up(hookline, zorya)[1] for _ in range(2)]
    assert json_of(hookline("settle", "--account", zorya.account, "--json")) == {
        zorya.account: {"open": 2, "settled": 2}
    }
    assert {json_of(hookline("commands", "show", name, "--json"))["state"] for name in ids} == {"succeeded"}
    everybody = json_of(hookline("settle", "--json"))
    assert everybody[zorya.account] == {"open": 0, "settled": 0}
    assert zorya.account in hookline("settle").out


def test_a_person_decides_on_what_the_report_does_not_have(hookline: Hookline, inbox: Inbox, zorya: Zorya) -> None:
    to, command_id = unknown_top_up(hookline, zorya, "garbage_before")
    said = hookline("settle", command_id)
    assert (said.code, said.words.endswith("It is not settled yet")) == (1, True)
    decided = ("settle", command_id, "--as", "failed", "--why", "their hotline has no trace of it", "--json")
    outcome = json_of(hookline(*decided))["outcome"]
    assert (outcome["settled"]["by"], outcome["settled"]["why"]) == ("person", "their hotline has no trace of it")
    assert outcome["settled"]["who"].startswith("arn:aws:")
    assert zorya.ledger(to) == []
    assert statuses(inbox.wait(of_command(command_id), 2)) == ["unknown", "failed"]
    said = hookline(*decided)
    assert (said.code, said.words) == (1, "hookline: command_id: it is failed: only what is unknown is decided")
    said = hookline("settle", "test/unheard-of")
    assert (said.code, said.words) == (1, "hookline: command_id: nothing is known of it")


# --- questions -------------------------------------------------------------------------------------------------------


def test_a_balance_is_said(hookline: Hookline, zorya: Zorya) -> None:
    said = hookline("balance", "--account", zorya.account)
    amount, currency = said.out.split()
    assert (said.code, float(amount) > 0, currency) == (0, True, "MXN")


def test_a_carrier_is_looked_up_and_paid_for_once(hookline: Hookline, zorya: Zorya) -> None:
    to, command_id = number(), new_id()
    words = ("lookup", to, "--account", zorya.account, "--id", command_id)
    said = hookline(*words)
    assert (said.code, "Telcel" in said.out, "0.1160 MXN" in said.out) == (0, True, True)
    assert json_of(hookline(*words, "--json"))["outcome"]["facts"]["carrier"] == "Telcel"
    assert [row["kind"] for row in zorya.ledger(to)] == ["lookup"]


def today() -> tuple[str, str]:
    """Return yesterday and tomorrow in the account's zone: whatever the hour, they have today between them."""
    now = datetime.now(ZoneInfo("America/Mexico_City"))
    return tuple((now + timedelta(days=by)).date().isoformat() for by in (-1, 1))  # type: ignore[return-value]


def test_a_report_is_shown_and_saved(hookline: Hookline, stack: Stack, control: httpx.Client, tmp_path: Path) -> None:
    zorya = new_account(stack, control)
    words, out = ("report", *today(), "--account", zorya.account), tmp_path / "rows.jsonl"
    assert hookline(*words).out == "0 top-ups\n"
    assert hookline("top-up", number(), "20", "--account", zorya.account, "--yes").code == 0
    said = hookline(*words, "--out", str(out))
    assert (said.code, said.out.endswith("1 top-up\n")) == (0, True)
    [row] = [json.loads(line) for line in out.read_text().splitlines()]
    assert row["transaction_id"] == zorya.ledger()[0]["txID"]
    assert json_of(hookline(*words, "--json"))["outcome"]["facts"]["rows"] == [row]


@pytest.mark.shows_events("it says where a report is")
def test_a_report_that_is_too_large_for_an_answer_is_fetched_from_s3(
    hookline: Hookline, stack: Stack, control: httpx.Client, tmp_path: Path
) -> None:
    zorya, out, count = new_account(stack, control), tmp_path / "rows.jsonl", 400
    top_up_by_hand(stack, zorya, count)
    words = ("report", *today(), "--account", zorya.account)
    said = hookline(*words)
    assert (said.code, said.err, said.out.split()[:1]) == (0, "", [str(count)])
    assert f"s3://{stack.outputs['ReportsBucket']}/{zorya.account}/" in said.out.replace("\n", "")
    assert hookline(*words, "--out", str(out)).code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["transaction_id"] for row in rows} == {row["txID"] for row in zorya.ledger()}
    assert len(rows) == count


def top_up_by_hand(stack: Stack, zorya: Zorya, count: int) -> None:
    """Have the stand-in take top-ups, past Hookline: what is wanted is only that its report is long."""
    settings = accounts.read(stack, zorya.account)["settings"]
    with httpx.Client(trust_env=False, timeout=30) as client:
        said = client.get(f"{settings['auth_url']}/auth/api/getAuthToken/{zorya.client}/any-password").json()
        headers = {"zrtauth": said["response"]["zrtauth"], "x-simulate": "no_callback"}
        for _ in range(count):
            body = {"clientID": zorya.client, "MSISDN": number()[1:], "amount": 20}
            answer = client.post(f"{settings['topup_url']}/api/executeTopUp/", json=body, headers=headers)
            assert answer.json()["code"] in {200, "200"}


# --- stopped accounts ------------------------------------------------------------------------------------------------


def test_a_stopped_account_spends_nothing_until_it_goes_on(
    hookline: Hookline, stack: Stack, inbox: Inbox, control: httpx.Client
) -> None:
    zorya = new_account(stack, control)
    assert hookline("accounts", "stop", zorya.account, "--why", "in doubt", "--who", "sam").code == 0
    shown = json_of(hookline("accounts", "show", zorya.account, "--json"))["stopped"]
    assert (shown["why"], shown["by"]) == ("in doubt", "sam")
    said = hookline("lookup", number(), "--account", zorya.account)
    assert (said.code, "nothing was asked of the provider: the account is stopped" in said.words) == (1, True)
    said = hookline("top-up", number(), "20", "--account", zorya.account, "--yes", "--seconds", "3")
    assert (said.code, f"the account {zorya.account} is stopped since" in said.words) == (1, True)
    assert hookline("balance", "--account", zorya.account).code == 0, "a question that costs nothing"
    assert zorya.ledger() == []

    assert hookline("accounts", "go-on", zorya.account, "--why", "found").code == 0
    assert json_of(hookline("accounts", "show", zorya.account, "--json"))["stopped"] is None
    assert hookline("lookup", number(), "--account", zorya.account).code == 0
    types = ["account.stopped", "account.resumed"]
    events = inbox.wait(lambda event: is_about(event, zorya.account, types), 2)
    assert [event["detail-type"] for event in events] == types
    assert [event["detail"]["data"]["why"] for event in events] == ["in doubt", "found"]


def is_about(event: OnTheBus, account: str, types: list[str]) -> bool:
    return event["detail"]["metadata"]["account"] == account and event["detail-type"] in types


# --- dead letters ----------------------------------------------------------------------------------------------------


def test_callbacks_that_settling_gave_up_are_counted_and_put_back(hookline: Hookline, stack: Stack) -> None:
    dead, queue = stack.outputs["SettleDeadLettersUrl"], stack.outputs["SettleCallbacksUrl"]
    metadata = {"type": "sms.received", "provider": "zoom_connect", "account": "nobody"}
    stack.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"detail": {"metadata": metadata}}))
    assert json_of(hookline("dead-letters", "list", "--json"))["settle"] == 1
    assert hookline("dead-letters", "redrive", "settle").out == "1 put back to work\n"
    assert commands.count(stack, dead) == 0
    assert local.wait_for(lambda: commands.count(stack, queue) == 0, TODAY_SECONDS), "it is nobody's, and taken off"
