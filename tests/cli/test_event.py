"""`hookline event` prints samples; a callback among them is signed afresh, so that it verifies when it is used."""

import json
import re
import time
from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.providers.zorya import tokens
from hookline.receive import read_request
from hookline_cli import accounts, project, samples
from hookline_cli.callbacks import SPEAKERS
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack
from tests import http_api
from tests.cases import Case, table
from tests.cli.conftest import Hookline
from tests.providers.zoom_connect import callbacks as zoom_connect
from tests.providers.zorya import callbacks as zorya
from tests.samples import OTHER_SECRET, SECRET

EVENTS = project.ROOT / "events"
SAMPLES = sorted((path.parent.name, path.stem) for path in EVENTS.glob("*/*.json"))
CALLBACKS = [(folder, name) for folder, name in SAMPLES if folder.startswith("receive_")]

each_callback = pytest.mark.parametrize(("folder", "name"), CALLBACKS, ids=str)


def check_that_it_verifies(
    event: dict[str, Any], folder: str, account: str, secret: str, settings: dict[str, Any] | None = None
) -> None:
    """Check an HTTP API event with the verifier of its provider, now; and that its parts agree with each other."""
    request = read_request(event)
    assert isinstance(request, Request)
    provider = SPEAKERS[folder.removeprefix("receive_")].provider
    receiving = ReceivingAccount(account, (secret.encode(),), provider.read_settings(settings or {}))
    assert isinstance(provider.verify(request, receiving, time.time()), Verified)
    assert event["pathParameters"]["account"] == account
    assert event["rawPath"] == event["requestContext"]["http"]["path"]
    assert f"/{account}" in event["rawPath"]
    assert event.get("queryStringParameters", {}) == dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    assert event["headers"]["content-length"] == str(len(request.body))


@each_callback
@pytest.mark.shows_events("it prints samples of callbacks")
def test_a_callback_is_signed_with_a_secret_that_is_given_and_needs_no_stack(
    hookline: Hookline, folder: str, name: str
) -> None:
    said = hookline("event", folder, name, "--account", "acme-za", "--secret", SECRET)
    assert (said.code, said.err) == (0, "")
    check_that_it_verifies(json.loads(said.out), folder, "acme-za", SECRET)


@each_callback
@pytest.mark.shows_events("it prints samples of callbacks")
def test_a_callback_is_signed_with_its_accounts_secret(
    hookline: Hookline, accounts_only: Stack, folder: str, name: str
) -> None:
    document = {"provider": folder.removeprefix("receive_"), "signing_secrets": [OTHER_SECRET, SECRET], "settings": {}}
    accounts.add(accounts_only, "umbrella-za", document)
    said = hookline("event", folder, name, "--account", "umbrella-za")
    assert (said.code, said.err) == (0, "")
    check_that_it_verifies(json.loads(said.out), folder, "umbrella-za", OTHER_SECRET)


NEW = {"nonce", "nonce-date", "date", "checksum"}
OLD = 1_600_000_000
MEXICAN = {
    "message": "marked text: hola",
    "cost": 0.29,
    "iat": OLD,
    "nbf": OLD,
    "exp": OLD + 300,
    "about": {"exp": "x"},
}


def what_stays(event: dict[str, Any], folder: str) -> Any:
    """Return what of a sample has to be as it was: all but the account, and what is new with each signature."""
    request = read_request(event)
    assert isinstance(request, Request)
    query, body, headers = request.query.decode(), request.body.decode(), dict(request.headers)
    claims = ""
    if folder == "receive_zorya":
        found = tokens.find(request)
        assert isinstance(found, tokens.Found)
        token = found.tokens[0][1]
        claims = re.sub(r'("(?:iat|nbf|exp)": )[0-9]+', r"\1", zorya.claims_text(token))
        body, headers = body.replace(token, "…"), {name: value.replace(token, "…") for name, value in headers.items()}
    else:
        for name in NEW:
            query, body = (re.sub(rf"\b(?<!-){name}=[^&]*", f"{name}=", form) for form in (query, body))
            body = re.sub(rf'"{name}": "[^"]*"', f'"{name}": …', body)
    path = {name: value for name, value in event["pathParameters"].items() if name != "account"}
    headers.pop("content-length")
    return (
        query,
        body,
        headers,
        claims,
        path,
        event["routeKey"],
        event["isBase64Encoded"],
        event["rawPath"].split("/")[3:],
    )


@each_callback
@pytest.mark.shows_events("it prints samples of callbacks")
def test_a_sample_that_is_signed_says_what_it_said_where_it_said_it(hookline: Hookline, folder: str, name: str) -> None:
    signed = json.loads(hookline("event", folder, name, "--account", "other", "--secret", SECRET).out)
    assert what_stays(signed, folder) == what_stays(http_api.load(folder, name), folder)


MADE: list[Case[Any, Any]] = [
    *(
        Case(f"Zoom Connect, {place}", ("receive_zoom_connect", zoom_connect.signed(kind, fields, place=place)), {})
        for kind in ("reply", "delivery_report")
        for fields in [zoom_connect.good_fields(kind, at=OLD, messageId="m*~ é", dataField='"nonce": "1"')]
        for place in get_args(zoom_connect.Place.__value__)
    ),
    Case(
        "Zoom Connect, as Java writes it",
        ("receive_zoom_connect", zoom_connect.signed("reply", zoom_connect.good_fields("reply", to="*"), java=True)),
        {"canonical_form": "java"},
    ),
    Case(
        "Zoom Connect, not all of it signed",
        ("receive_zoom_connect", zoom_connect.signed("reply", zoom_connect.good_fields("reply"))),
        {"unsigned_parameters": ["messageId"], "timezone": "Europe/Berlin"},
    ),
    *(
        Case(f"Zorya, {place}", ("receive_zorya", zorya.signed("mo", MEXICAN, place=place)), {})
        for place in get_args(zorya.Place.__value__)
    ),
    Case(
        "Zorya, another algorithm",
        ("receive_zorya", zorya.placed("mt", zorya.token(MEXICAN, algorithm="HS512"), place="field", field="data")),
        {"algorithms": ["HS512"]},
    ),
]


@table("case", MADE)
def test_any_callback_can_be_signed_again(case: Case[tuple[str, dict[str, Any]], dict[str, Any]]) -> None:
    folder, event = case.given
    document = {"signing_secrets": [OTHER_SECRET], "settings": case.expected}
    provider = folder.removeprefix("receive_")
    signed = samples.signed_sample(event, "other", {"provider": provider, **document}, now=time.time())
    check_that_it_verifies(signed, folder, "other", OTHER_SECRET, case.expected)
    assert what_stays(signed, folder) == what_stays(event, folder)


def test_the_samples_of_every_provider_can_be_signed() -> None:
    assert samples.SIGN_AGAIN.keys() == SPEAKERS.keys()


@table(
    "case",
    [
        Case("no token", {"provider": "zorya"}, "the sample can't be signed: there is no token in it"),
        Case("no JSON", {"provider": "zoom_connect"}, "the sample can't be signed: the body is not JSON"),
    ],
)
def test_a_sample_that_cannot_be_signed_is_said_so(case: Case[dict[str, Any], str]) -> None:
    event = http_api.with_body(http_api.load("receive_zorya", "mo"), b'{"a"', http_api.JSON)
    if case.given["provider"] == "zorya":
        event = http_api.with_body(event, b"{}", http_api.JSON)
    with pytest.raises(CommandError, match=case.expected):
        samples.signed_sample(event, "other", {**case.given, "signing_secrets": [SECRET]}, now=0.0)


def test_an_account_of_another_provider_is_refused_in_words(hookline: Hookline, accounts_only: Stack) -> None:
    accounts.add(accounts_only, "acme-za", {"provider": "zoom_connect", "signing_secrets": [SECRET]})
    said = hookline("event", "receive_zorya", "mo", "--account", "acme-za")
    assert said.code == 1
    assert "acme-za is an account at zoom_connect" in said.words


@pytest.mark.parametrize(("folder", "name"), [it for it in SAMPLES if it not in CALLBACKS], ids=str)
@pytest.mark.shows_events("it prints samples of events")
def test_any_other_sample_is_printed_as_it_is(hookline: Hookline, folder: str, name: str) -> None:
    said = hookline("event", folder, name)
    assert said.code == 0
    assert json.loads(said.out) == json.loads((EVENTS / folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["nothing", "[/red]", "[bold]", ".", ""])
def test_a_sample_that_is_not_there_is_said_so_with_those_that_are(hookline: Hookline, name: str) -> None:
    said = hookline("event", "receive_zoom_connect", name, "--secret", SECRET)
    assert said.code == 1
    assert said.words.startswith(f"hookline: there is no sample receive_zoom_connect {name}".strip())
    assert "receive_zoom_connect/delivery-report" in said.words
    assert said.out == ""
