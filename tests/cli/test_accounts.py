"""Accounts from the command line: what can't be used is refused by name, and a secret never comes out again."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hookline_cli import accounts
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.cli.conftest import Hookline
from tests.redaction import Kind, kinds_in
from tests.samples import NEWER_SECRET, OLDER_SECRET, OTHER_SECRET, SECRET

type Document = dict[str, Any]


def account(provider: str = "zoom_connect", secrets: Any = (SECRET,), **settings: Any) -> Document:
    return {"provider": provider, "signing_secrets": list(secrets), "settings": settings}


UNUSABLE = [
    Case("no provider", {"signing_secrets": [SECRET]}, "provider: must be one of "),
    Case("a provider that we don't know", account("carrier_pigeon"), "provider: must be one of "),
    Case("no secrets", {"provider": "zoom_connect"}, "signing_secrets: must be a list of one or two texts"),
    Case("secrets that are none", account(secrets=()), "signing_secrets: must be a list of one or two texts"),
    Case("three secrets", account(secrets=(SECRET, OLDER_SECRET, OTHER_SECRET)), "signing_secrets: must be a list"),
    Case("an empty secret", account(secrets=("",)), "signing_secrets: must hold texts that are not empty"),
    Case("a secret that is a number", account(secrets=(12345678,)), "signing_secrets: must hold texts"),
    Case("a setting that is not there", account(colour="blue"), "settings.colour: there is no such setting"),
    Case("settings in a list", {**account(), "settings": []}, "settings: must be an object"),
    Case("canonical_form", account(canonical_form="perl"), "settings.canonical_form: must be one of either, php, java"),
    Case("timezone", account(timezone="Africa/Atlantis"), "settings.timezone: must be a name of the IANA"),
    Case("timezone that is a path", account(timezone="../../etc/passwd"), "settings.timezone: must be a name"),
    Case("clock_skew below 0", account(clock_skew=-1), "settings.clock_skew: must be a whole number of seconds"),
    Case("clock_skew that is a text", account(clock_skew="30"), "settings.clock_skew: must be a whole number"),
    Case("clock_skew that is true", account(clock_skew=True), "settings.clock_skew: must be a whole number"),
    Case("nonce_window of years", account(nonce_window=10**9), "settings.nonce_window: must be a whole number"),
    Case("unsigned_parameters", account(unsigned_parameters="to"), "settings.unsigned_parameters: must be a list"),
    Case("an unsigned nonce", account(unsigned_parameters=["nonce"]), "settings.unsigned_parameters: nonce and"),
]


@table("case", UNUSABLE)
def test_an_account_that_cannot_be_used_is_refused_by_the_fields_name(case: Case[Document, str]) -> None:
    with pytest.raises(CommandError) as refused:
        accounts.check("acme-za", case.given)
    assert str(refused.value).startswith(case.expected)
    assert kinds_in(str(refused.value)) == set()


@pytest.mark.parametrize("name", ["", "Acme", "acme_za", "-acme", "acme-", "a" * 64, "acme/za", "acme za", "akmé"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="can't be an account's name"):
        accounts.check(name, account())


@pytest.mark.parametrize("name", ["a", "acme-za", "0", "a" * 63, "acme--za"])
def test_a_name_that_can_be_used_is_taken(name: str) -> None:
    accounts.check(name, account(secrets=(SECRET, OLDER_SECRET), clock_skew=0, timezone="UTC"))


def documents(stack: Stack) -> dict[str, Document]:
    return {name: accounts.read(stack, name) for name in accounts.names(stack)}


def test_an_account_goes_in_with_its_secret_from_standard_input(hookline: Hookline, accounts_only: Stack) -> None:
    said = hookline(
        *("accounts", "add", "acme-za", "--provider", "zoom-connect"),
        *("--set", "clock_skew=60", "--set", "timezone=Africa/Lagos", "--set", 'unsigned_parameters=["to"]'),
        stdin=f"{SECRET}\n",
    )
    assert said.code == 0
    assert "https://hooks.example.com/zoom-connect/acme-za/reply" in said.out.split()
    assert "https://hooks.example.com/zoom-connect/acme-za/delivery-report" in said.out.split()
    assert documents(accounts_only) == {
        "acme-za": account(clock_skew=60, timezone="Africa/Lagos", unsigned_parameters=["to"])
    }


@table(
    "case",
    [
        Case("no secret", (["--provider", "zoom-connect"], ""), "no signing secret came on standard input"),
        Case("a provider that we don't know", (["--provider", "pigeon"], SECRET), "provider: must be one of"),
        Case("a setting's name", (["--provider", "zoom-connect", "--set", "a=1"], SECRET), "settings.a: there is no"),
        Case(
            "a setting's value",
            (["--provider", "zoom-connect", "--set", "clock_skew=x"], SECRET),
            "settings.clock_skew: ",
        ),
        Case(
            "no equals sign", (["--provider", "zoom-connect", "--set", "x"], SECRET), "--set takes NAME=VALUE, not 'x'"
        ),
        Case("no such file", (["--provider", "x", "--document", "/nowhere.json"], ""), "/nowhere.json can't be read"),
        Case("no JSON in it", (["--provider", "x", "--document", "-"], SECRET), "- is not JSON"),
        Case(
            "no object in it",
            (["--provider", "x", "--document", "-"], f'["{SECRET}"]'),
            "- does not hold a JSON object",
        ),
    ],
)
def test_what_is_wrong_with_an_account_is_said_in_words(
    hookline: Hookline, accounts_only: Stack, case: Case[tuple[list[str], str], str]
) -> None:
    arguments, stdin = case.given
    said = hookline("accounts", "add", "acme-za", *arguments, stdin=stdin)
    assert said.code == 1
    assert said.words.startswith(f"hookline: {case.expected}")
    assert said.out == ""
    assert documents(accounts_only) == {}


def test_a_whole_document_can_go_in(hookline: Hookline, accounts_only: Stack, tmp_path: Path) -> None:
    path = tmp_path / "acme.json"
    path.write_text(json.dumps(account(secrets=(SECRET, OLDER_SECRET))))
    assert hookline("accounts", "add", "acme-za", "--provider", "zoom-connect", "--document", str(path)).code == 0
    assert documents(accounts_only)["acme-za"]["signing_secrets"] == [SECRET, OLDER_SECRET]


def test_a_name_is_taken_once(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", account())
    said = hookline("accounts", "add", "acme-za", "--provider", "zoom-connect", stdin=OTHER_SECRET)
    assert said.code == 1
    assert "there is an account acme-za already" in said.words
    assert documents(accounts_only)["acme-za"]["signing_secrets"] == [SECRET]


def test_accounts_are_listed_and_shown_without_their_secrets(hookline: Hookline, accounts_only: Stack) -> None:
    credentials = {"email": "someone@example.com", "token": OTHER_SECRET}
    document = {**account(secrets=(SECRET, OLDER_SECRET), clock_skew=7), "credentials": credentials}
    accounts.add(accounts_only, "acme-za", document)
    accounts.add(accounts_only, "acme-mx", account())

    assert hookline("accounts", "list").out.split() == ["acme-mx", "acme-za"]
    assert json.loads(hookline("accounts", "list", "--json").out) == ["acme-mx", "acme-za"]
    assert json.loads(hookline("accounts", "show", "acme-za", "--json").out) == {
        "provider": "zoom_connect",
        "signing_secrets": "2 live",
        "credentials": ["email", "token"],
        "settings": {"clock_skew": 7},
        "endpoints": [
            "https://hooks.example.com/zoom-connect/acme-za/reply",
            "https://hooks.example.com/zoom-connect/acme-za/delivery-report",
        ],
        "stopped": None,
    }
    shown = hookline("accounts", "show", "acme-za").out
    assert "2 live" in shown
    assert kinds_in(shown, [Kind.SECRET]) == set()


def test_no_accounts_are_said_to_be_none(hookline: Hookline, accounts_only: Stack) -> None:
    assert documents(accounts_only) == {}
    assert "there are none yet" in hookline("accounts", "list").out
    assert json.loads(hookline("accounts", "list", "--json").out) == []


def test_a_secret_is_rotated_and_the_older_one_retired(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", account(clock_skew=7))
    rotated = hookline("accounts", "rotate-secret", "acme-za", stdin=NEWER_SECRET)
    assert rotated.code == 0
    assert documents(accounts_only)["acme-za"] == account(secrets=(NEWER_SECRET, SECRET), clock_skew=7)
    retired = hookline("accounts", "retire-secret", "acme-za")
    assert retired.code == 0
    assert documents(accounts_only)["acme-za"] == account(secrets=(NEWER_SECRET,), clock_skew=7)
    assert kinds_in("".join((*rotated[1:], *retired[1:])), [Kind.SECRET]) == set()


@table(
    "case",
    [
        Case("the same secret", (["rotate-secret", "two-live"], SECRET), "that is a live secret of two-live already"),
        Case("a third secret", (["rotate-secret", "two-live"], NEWER_SECRET), "two secrets of two-live are live"),
        Case("an empty secret", (["rotate-secret", "one-live"], "\n"), "no signing secret came on standard input"),
        Case("the last secret", (["retire-secret", "one-live"], ""), "one-live has one live secret: rotate it"),
        Case("rotating nobody's", (["rotate-secret", "nobody"], SECRET), "there is no account nobody"),
        Case("retiring nobody's", (["retire-secret", "nobody"], ""), "there is no account nobody"),
        Case("showing nobody's", (["show", "nobody"], ""), "there is no account nobody"),
    ],
)
def test_what_cannot_be_done_with_an_account_is_said_in_words(
    hookline: Hookline, accounts_only: Stack, case: Case[tuple[list[str], str], str]
) -> None:
    accounts.add(accounts_only, "two-live", account(secrets=(SECRET, OLDER_SECRET)))
    accounts.add(accounts_only, "one-live", account())
    before = documents(accounts_only)
    (command, name), stdin = case.given
    said = hookline("accounts", command, name, stdin=stdin)
    assert said.code == 1
    assert said.words.startswith(f"hookline: {case.expected}")
    assert (said.out, documents(accounts_only)) == ("", before)


# --- stopped and going on --------------------------------------------------------------------------------------------


def stopped(hookline: Hookline) -> Any:
    return json.loads(hookline("accounts", "show", "acme-za", "--json").out)["stopped"]


def test_an_account_is_stopped_and_goes_on_and_says_why_since_when_and_by_whom(
    hookline: Hookline, accounts_only: Stack
) -> None:
    accounts.add(accounts_only, "acme-za", account())
    because = ("--why", "the invoice is in doubt", "--who", "sam")
    said = hookline("accounts", "stop", "acme-za", *because)
    assert (said.code, said.out.startswith("acme-za is stopped, since ")) == (0, True)
    first = stopped(hookline)
    assert (first["why"], first["by"]) == ("the invoice is in doubt", "sam")
    shown = " ".join(hookline("accounts", "show", "acme-za").out.replace("\u2502", " ").split())
    assert f"since {first['since']} by sam: the invoice is in doubt" in shown

    again = hookline("accounts", "stop", "acme-za", "--why", "another", "--who", "kim", "--json")
    assert json.loads(again.out) == {"account": "acme-za", "changed": False, "stopped": first}
    assert "stopped already" in hookline("accounts", "stop", "acme-za", *because).out

    going = hookline("accounts", "go-on", "acme-za", "--who", "kim")
    assert (going.code, going.out) == (0, "acme-za goes on\n")
    assert stopped(hookline) is None
    assert "acme-za is not stopped" in hookline("accounts", "go-on", "acme-za", "--who", "kim").out


def test_whoever_does_not_say_who_they_are_is_named_by_aws_or_else_by_their_machine(
    hookline: Hookline, accounts_only: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add(accounts_only, "acme-za", account())
    hookline("accounts", "stop", "acme-za", "--why", "w")
    assert stopped(hookline)["by"].startswith("arn:aws:")
    hookline("accounts", "go-on", "acme-za", "--who", "sam")

    def refuse() -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetCallerIdentity")

    monkeypatch.setattr(accounts_only.sts, "get_caller_identity", refuse)
    monkeypatch.setenv("LOGNAME", "kim")
    hookline("accounts", "stop", "acme-za", "--why", "w")
    assert stopped(hookline)["by"] == f"kim@{socket.gethostname()}"


@table(
    "case",
    [
        Case("no reason", ["stop", "acme-za", "--why", " ", "--who", "sam"], "--why: must be a text of up to 500"),
        Case("a long reason", ["go-on", "acme-za", "--why", "x" * 501, "--who", "sam"], "--why: must be a text"),
        Case("nobody", ["go-on", "acme-za", "--who", ""], "--who: must be a text of up to 200 characters"),
        Case("nobody's account", ["stop", "nobody", "--why", "w", "--who", "sam"], "there is no account nobody"),
    ],
)
def test_a_stop_that_cannot_be_kept_is_said_in_words(
    hookline: Hookline, accounts_only: Stack, case: Case[list[str], str]
) -> None:
    accounts.add(accounts_only, "acme-za", account())
    said = hookline("accounts", *case.given)
    assert (said.code, said.out) == (1, "")
    assert said.words.startswith(f"hookline: {case.expected}")
    assert stopped(hookline) is None


def test_a_journal_that_does_not_answer_is_said_in_words(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", account())
    accounts_only.__dict__["outputs"] |= {"JournalTable": "nowhere"}
    said = hookline("accounts", "show", "acme-za")
    assert (said.code, "whether acme-za is stopped can't be read in the journal" in said.words) == (1, True)
    said = hookline("accounts", "stop", "acme-za", "--why", "w", "--who", "sam")
    assert (said.code, "the journal did not answer" in said.words) == (1, True)
