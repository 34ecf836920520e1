"""Accounts are added, changed and rotated while the stack runs: nothing is deployed for it."""

import json
import time

from hookline_cli import accounts
from hookline_cli.stack import Stack
from tests.providers.zoom_connect.callbacks import local_time
from tests.samples import NEWER_SECRET, OLDER_SECRET, SECRET, WRONG_SECRET
from tests.stack.inbox import Inbox, of_message
from tests.stack.provider import Provider, message_id, new_account

PROMISED_SECONDS = 60


def answered_within_the_promised_minute(provider: Provider, secret: str, status: int) -> bool:
    """Send callbacks signed with a secret until one is answered so; says whether that came in time."""
    deadline = time.monotonic() + PROMISED_SECONDS
    while time.monotonic() < deadline:
        if provider.post(provider.callback("reply", secret=secret)).status == status:
            return True
        time.sleep(1)
    return False


def versions(stack: Stack) -> dict[str, str]:
    """Return the version of each function that is live: another one would be a deployment."""
    functions = (of for name, of in stack.outputs.items() if name.endswith("Function"))
    return {name: stack.functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in functions}


def test_an_account_is_added_and_used_with_no_deployment(stack: Stack, inbox: Inbox) -> None:
    before = versions(stack)
    provider = new_account(stack)
    reply = provider.callback("reply")
    assert provider.insist(reply)[-1] == 200
    assert len(inbox.wait(of_message(message_id(reply)))) == 1
    assert versions(stack) == before


def test_an_accounts_settings_are_heeded(stack: Stack, inbox: Inbox) -> None:
    provider = new_account(stack, timezone="America/Mexico_City", canonical_form="java")
    in_mexico = local_time(time.time() - 8 * 3600)
    reply = provider.callback("reply", nonce_date=local_time(time.time() - 8 * 3600 + 300), date=in_mexico[:12])
    assert provider.insist(reply)[-1] == 200
    [event] = inbox.wait(of_message(message_id(reply)))
    assert event["detail"]["metadata"]["occurred_at"].endswith("-06:00")
    assert provider.post(provider.callback("reply")).status == 401, "that is hours ahead there"


def test_a_new_secret_is_picked_up_the_older_one_stays_and_a_retired_one_is_refused(stack: Stack) -> None:
    provider = new_account(stack, OLDER_SECRET)
    assert provider.insist(provider.callback("reply"))[-1] == 200
    assert provider.post(provider.callback("reply", secret=NEWER_SECRET)).status == 401

    accounts.rotate(stack, provider.account, NEWER_SECRET)
    # The first that fails to verify makes the function look, unless it was made to look too often just now.
    assert answered_within_the_promised_minute(provider, NEWER_SECRET, 200)
    assert provider.post(provider.callback("reply", secret=OLDER_SECRET)).status == 200

    accounts.retire(stack, provider.account)
    # Likewise: by itself it would be forgotten within the minute.
    assert provider.post(provider.callback("reply", secret=WRONG_SECRET)).status == 401
    assert answered_within_the_promised_minute(provider, OLDER_SECRET, 401)
    assert provider.post(provider.callback("reply", secret=NEWER_SECRET)).status == 200


def test_an_account_of_another_provider_is_unknown_here(stack: Stack) -> None:
    name = new_account(stack).account
    document = accounts.read(stack, name)
    stack.secrets.put_secret_value(
        SecretId=stack.outputs["AccountsPrefix"] + name, SecretString=json.dumps({**document, "provider": "zorya"})
    )
    provider = Provider(stack, name, SECRET)
    assert provider.post(provider.callback("reply")).status == 401


def test_an_account_that_cannot_be_used_is_answered_503(stack: Stack) -> None:
    """Whoever wrote the secret by hand sees it in the log; the provider sends its callbacks again later."""
    provider = new_account(stack)
    stack.secrets.put_secret_value(
        SecretId=stack.outputs["AccountsPrefix"] + provider.account,
        SecretString='{"provider": "zoom_connect", "signing_secrets": [], "settings": {}}',
    )
    answer = provider.post(provider.callback("reply"))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json() == {"error": "not stored; please send it again"}
