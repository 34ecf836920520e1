"""`hookline event` prints samples; a callback among them is signed afresh, so that it verifies when it is used."""

import json
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from hookline.callbacks import ReceivingAccount, Request, Verified
from hookline.receive import read_request
from hookline_cli import accounts, project
from hookline_cli.callbacks import SPEAKERS
from hookline_cli.stack import Stack
from tests.cli.conftest import Hookline
from tests.samples import OTHER_SECRET, SECRET

EVENTS = project.ROOT / "events"
SAMPLES = sorted((path.parent.name, path.stem) for path in EVENTS.glob("*/*.json"))
CALLBACKS = [(folder, name) for folder, name in SAMPLES if folder.startswith("receive_")]

each_callback = pytest.mark.parametrize(("folder", "name"), CALLBACKS, ids=str)


def check_that_it_verifies(event: dict[str, Any], folder: str, account: str, secret: str) -> None:
    """Check an HTTP API event with the verifier of its provider, now; and that its parts agree with each other."""
    request = read_request(event)
    assert isinstance(request, Request)
    provider = SPEAKERS[folder.removeprefix("receive_")].provider
    receiving = ReceivingAccount(account, (secret.encode(),), provider.read_settings({}))
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
