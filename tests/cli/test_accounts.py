"""Accounts from the command line: what can't be used is refused by name, and a secret never comes out again."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError

from hookline.errors import AccountSettingsError
from hookline_cli import accounts, processes
from hookline_cli.errors import CommandError
from hookline_cli.sending import NEEDS, SENDERS
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.cli.commands import Terminal
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
    Case("a field that is not there", {**account(), "setings": {}}, "setings: an account has no such field; it has: "),
    Case("max_batch", account(max_batch=0), "settings.max_batch: Input should be greater than or equal to 1"),
    Case("max_per_second", account(max_per_second=0), "settings.max_per_second: Input should be greater than 0"),
    Case("max_segments", account(max_segments="3"), "settings.max_segments: Input should be a valid integer"),
    Case("on_unknown", account(on_unknown="maybe"), "settings.on_unknown: Input should be 'hold' or 'resend'"),
    Case("encoding", account(encoding="yaml"), "settings.encoding: Input should be 'json', 'xml' or 'url-parameters'"),
    Case("base_url", account(base_url="http://evil.example.com"), "settings.base_url: must be https"),
    Case("auth_url", account("zorya", auth_url="http://evil.example.com"), "settings.auth_url: must be https"),
    Case("max_top_up", account("zorya", max_top_up=20.5), "settings.max_top_up: must be an amount of money"),
    Case("credentials in a list", {**account(), "credentials": ["email"]}, "credentials: must be an object"),
    Case("no credentials at all", {**account(), "credentials": None}, "credentials: must be an object"),
    Case(
        "half of the credentials",
        {**account(), "credentials": {"email": "someone@example.com"}},
        "credentials.token: is needed for sending",
    ),
    Case(
        "a credential that is not there",
        {**account(), "credentials": {"email": "someone@example.com", "tokn": OTHER_SECRET}},
        "credentials.tokn: there is no such credential; there are: email, token",
    ),
    Case(
        "credentials without an address",
        {**account("zorya"), "credentials": {"client_id": "1234", "secure_password": OTHER_SECRET}},
        "settings.auth_url: is needed for sending",
    ),
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


@pytest.mark.parametrize("provider", SENDERS)
def test_an_account_need_not_send(provider: str) -> None:
    accounts.check("acme", account(provider))
    accounts.check("acme", {**account(provider), "credentials": {}})


@pytest.mark.parametrize("provider", SENDERS)
def test_what_an_account_needs_is_what_its_sender_asks_for(provider: str) -> None:
    asked: dict[str, str] = {}
    document = {"provider": provider, "credentials": asked, "settings": {"auth_url": "https://example.com"}}
    for _ in range(10):
        try:
            SENDERS[provider].read_account("acme", document)
            break
        except AccountSettingsError as error:
            asked[error.field.removeprefix("credentials.")] = "x"
    assert tuple(asked) == NEEDS[provider].credentials
    assert NEEDS[provider].settings.model_fields.keys() == SENDERS[provider].setting_names


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
        Case(
            "another provider in it",
            (["--provider", "zorya", "--document", "-"], json.dumps(account())),
            "provider: the document says 'zoom_connect', and --provider 'zorya'",
        ),
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


# --- credentials and settings ----------------------------------------------------------------------------------------

EMAIL = "someone@example.com"
ZORYA_SETTINGS = {"auth_url": "https://zorya.example.com"}
GIVEN = [
    Case("lines", ("zoom_connect", f"email={EMAIL}\ntoken={OTHER_SECRET}\n"), {"email": EMAIL, "token": OTHER_SECRET}),
    Case(
        "lines as another system writes them",
        ("zoom_connect", f"\n email ={EMAIL}\r\n\r\ntoken={OTHER_SECRET}"),
        {"email": EMAIL, "token": OTHER_SECRET},
    ),
    Case("an equals sign in it", ("zorya", "client_id=a\nsecure_password=b=c="), {"secure_password": "b=c="}),
    Case(
        "JSON",
        ("zorya", json.dumps({"client_id": "1234", "secure_password": OTHER_SECRET}, indent=2)),
        {"client_id": "1234", "secure_password": OTHER_SECRET},
    ),
]


@table("case", GIVEN)
def test_an_account_is_given_its_credentials(
    hookline: Hookline, accounts_only: Stack, case: Case[tuple[str, str], Document]
) -> None:
    provider, stdin = case.given
    settings = ZORYA_SETTINGS if provider == "zorya" else {}
    accounts.add(accounts_only, "acme", account(provider, **settings))
    said = hookline("accounts", "set-credentials", "acme", stdin=stdin)
    assert (said.code, said.out.strip(), said.err) == (0, "acme has its credentials, and can send", "")
    stored = documents(accounts_only)["acme"]
    assert stored["credentials"].items() >= case.expected.items()
    assert stored.keys() - {"credentials"} == account().keys()
    assert SENDERS[provider].read_account("acme", stored)


def test_credentials_that_are_not_given_stay(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", {**account(), "credentials": {"email": EMAIL, "token": OTHER_SECRET}})
    said = hookline("accounts", "set-credentials", "acme-za", "--json", stdin=f"token={NEWER_SECRET}")
    assert json.loads(said.out)["credentials"] == ["email", "token"]
    assert documents(accounts_only)["acme-za"]["credentials"] == {"email": EMAIL, "token": NEWER_SECRET}


def test_credentials_are_asked_for_on_a_terminal_and_not_shown(
    hookline: Hookline, accounts_only: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def prompt(text: str, *, hide_input: bool) -> str:
        asked.append((text, hide_input))
        return {"email": EMAIL, "token": OTHER_SECRET}[text]

    monkeypatch.setattr(typer, "prompt", prompt)
    accounts.add(accounts_only, "acme-za", account())
    assert hookline("accounts", "set-credentials", "acme-za", stdin=Terminal()).code == 0
    assert asked == [("email", True), ("token", True)]
    assert documents(accounts_only)["acme-za"]["credentials"] == {"email": EMAIL, "token": OTHER_SECRET}


@table(
    "case",
    [
        Case("nothing", ("acme-za", "\n"), "no credentials came on standard input: email and token are needed"),
        Case("no lines", ("acme-za", OTHER_SECRET), "what came on standard input is neither lines of NAME=VALUE"),
        Case(
            "no JSON", ("acme-za", f'{{"{OTHER_SECRET}'), "what came on standard input is neither lines of NAME=VALUE"
        ),
        Case("half of them", ("acme-za", f"token={OTHER_SECRET}"), "credentials.email: is needed for sending"),
        Case("an empty one", ("acme-za", "email=\ntoken=x"), "credentials.email: is needed for sending"),
        Case(
            "a number", ("acme-za", '{"email": "x", "token": 5}'), "credentials.token: is needed for sending, as a text"
        ),
        Case("another's", ("acme-za", "client_id=1\nsecure_password=x"), "credentials.client_id: there is no such"),
        Case("no address", ("acme-mx", "client_id=1\nsecure_password=x"), "settings.auth_url: is needed for sending"),
        Case("nobody's", ("nobody", "email=x\ntoken=x"), "there is no account nobody"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused_in_words(
    hookline: Hookline, accounts_only: Stack, case: Case[tuple[str, str], str]
) -> None:
    accounts.add(accounts_only, "acme-za", account())
    accounts.add(accounts_only, "acme-mx", account("zorya"))
    before = documents(accounts_only)
    name, stdin = case.given
    said = hookline("accounts", "set-credentials", name, stdin=stdin)
    assert said.code == 1
    assert said.words.startswith(f"hookline: {case.expected}")
    assert (said.out, documents(accounts_only)) == ("", before)
    assert kinds_in(said.err, [Kind.SECRET]) == set()


def test_settings_are_changed_one_by_one(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", account(clock_skew=7, max_batch=5))
    said = hookline(
        *("accounts", "set", "acme-za", "--set", "max_batch=50", "--set", "on_unknown=resend", "--unset", "clock_skew")
    )
    assert (said.code, said.out.strip()) == (0, "acme-za is changed; running copies see it within a minute")
    assert documents(accounts_only)["acme-za"] == account(max_batch=50, on_unknown="resend")
    said = hookline("accounts", "set", "acme-za", "--set", "max_batch=60", "--json")
    assert json.loads(said.out)["settings"] == {"max_batch": 60, "on_unknown": "resend"}


@table(
    "case",
    [
        Case("nothing", (), "there is nothing to change: say --set NAME=VALUE or --unset NAME"),
        Case("a value", ("--set", "max_batch=0"), "settings.max_batch: Input should be"),
        Case("a name", ("--set", "colour=blue"), "settings.colour: there is no such setting"),
        Case("what is not set", ("--unset", "timezone"), "settings.timezone: is not set"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_words(
    hookline: Hookline, accounts_only: Stack, case: Case[tuple[str, ...], str]
) -> None:
    accounts.add(accounts_only, "acme-za", account(clock_skew=7))
    said = hookline("accounts", "set", "acme-za", *case.given)
    assert said.code == 1
    assert said.words.startswith(f"hookline: {case.expected}")
    assert documents(accounts_only) == {"acme-za": account(clock_skew=7)}


def test_what_is_said_of_an_account_can_be_json(hookline: Hookline, accounts_only: Stack) -> None:
    added = hookline("accounts", "add", "acme-za", "--provider", "zoom-connect", "--json", stdin=SECRET)
    shown = json.loads(added.out)
    assert shown.items() <= json.loads(hookline("accounts", "show", "acme-za", "--json").out).items()
    rotated = hookline("accounts", "rotate-secret", "acme-za", "--json", stdin=NEWER_SECRET)
    assert json.loads(rotated.out) == {**shown, "signing_secrets": "2 live"}
    retired = hookline("accounts", "retire-secret", "acme-za", "--json")
    assert json.loads(retired.out) == shown
    assert documents(accounts_only) == {"acme-za": account(secrets=(NEWER_SECRET,))}


# --- secrets that somebody edited by another way ---------------------------------------------------------------------

BROKEN: list[Case[Any, str]] = [
    Case("no JSON", SECRET, "its secret is not JSON"),
    Case("no end of JSON", "[" * 60_000, "its secret is not JSON"),
    Case("bytes", json.dumps(account()).encode(), "its secret is not JSON"),
    Case("a list", f'["{SECRET}"]', "its secret is not a JSON object"),
    Case("a text", f'"{SECRET}"', "its secret is not a JSON object"),
    *(
        Case(name, json.dumps(document), problem)
        for name, document, problem in (
            ("another provider", account("carrier_pigeon"), "provider: must be one of"),
            ("no provider", {"signing_secrets": [SECRET]}, "provider: must be one of"),
            ("no secrets", {"provider": "zoom_connect"}, "signing_secrets: must be a list"),
            ("secrets in a text", {**account(), "signing_secrets": SECRET}, "signing_secrets: must be a list"),
            ("a setting", account(clock_skew="x"), "settings.clock_skew: must be"),
            ("settings in a list", {**account(), "settings": [1]}, "settings: must be an object"),
            ("credentials in a list", {**account(), "credentials": [SECRET]}, "credentials: must be an object"),
        )
    ),
]
USES = [
    ("accounts", "show", "acme-za"),
    ("accounts", "rotate-secret", "acme-za"),
    ("accounts", "retire-secret", "acme-za"),
    ("simulate", "zoom-connect", "reply", "--account", "acme-za"),
    ("event", "receive_zoom_connect", "reply", "--account", "acme-za"),
]


def edit(stack: Stack, name: str, value: str | bytes) -> None:
    """Store a secret as somebody may by another way than ours."""
    kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
    asked: dict[str, Any] = {"Name": stack.outputs["AccountsPrefix"] + name, kind: value}
    stack.secrets.create_secret(**asked)


@table("case", BROKEN)
@pytest.mark.parametrize("use", USES, ids=" ".join)
def test_an_account_that_cannot_be_used_is_said_to_be_so(
    hookline: Hookline, accounts_only: Stack, use: tuple[str, ...], case: Case[str | bytes, str]
) -> None:
    edit(accounts_only, "acme-za", case.given)
    said = hookline(*use, stdin=NEWER_SECRET)
    assert said.code == 1
    assert said.words.startswith(f"hookline: acme-za can't be used: {case.expected}")
    assert said.out == ""
    assert kinds_in(said.err, [Kind.SECRET]) == set()


def test_what_is_wrong_with_an_account_can_be_mended(hookline: Hookline, accounts_only: Stack) -> None:
    edit(accounts_only, "acme-za", json.dumps(account(clock_skew="x", max_batch=0)))
    assert hookline("accounts", "set", "acme-za", "--set", "clock_skew=7", "--unset", "max_batch").code == 0
    assert documents(accounts_only) == {"acme-za": account(clock_skew=7)}


@pytest.mark.parametrize("option", [("--message", "a\udcffb"), ("--set", "campaign=a\udcffb")])
def test_a_field_that_is_no_text_is_said_to_be_none(
    hookline: Hookline, accounts_only: Stack, option: tuple[str, str]
) -> None:
    accounts.add(accounts_only, "acme-za", account())
    said = hookline("simulate", "zoom-connect", "reply", "--account", "acme-za", *option)
    assert (said.code, said.words) == (1, "hookline: a field is no text in Unicode: the provider could not send it")


def test_an_api_that_does_not_answer_is_said_so(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", account())
    accounts_only.__dict__["outputs"]["ApiUrl"] = f"http://{processes.HOST}:{processes.free_port(0)}"
    said = hookline("simulate", "zoom-connect", "reply", "--account", "acme-za")
    assert (said.code, said.words) == (1, "hookline: the API did not answer: ConnectError")


# --- all of them -----------------------------------------------------------------------------------------------------


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
