"""Accounts of a stack: added, shown, changed. A secret goes in and never comes out on a screen."""

import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from hookline.accounts import MAX_SECRETS, is_account_name, receiving_account
from hookline.callbacks import CallbackProvider
from hookline.errors import AccountNotFoundError, AccountSettingsError, JournalUnavailableError
from hookline.settle import MAX_WHO, MAX_WHY
from hookline.stops import Stop, Stops
from hookline_cli.callbacks import SPEAKERS
from hookline_cli.errors import CommandError
from hookline_cli.sending import NEEDS, SENDERS, check_sending
from hookline_cli.stack import Stack

FIELDS = ("provider", "signing_secrets", "credentials", "settings")
"""What an account's document may hold."""

type Document = dict[str, Any]


def check(name: str, document: Mapping[str, Any]) -> None:
    """Check an account's document before it is stored.

    Raises:
        CommandError: names the field that can't be used, and why.
    """
    if not is_account_name(name):
        raise CommandError(f"{name!r} can't be an account's name: 1 to 63 of a-z, 0-9 and -, not at its ends")
    extra = set(document) - set(FIELDS)
    if extra:
        raise CommandError(f"{min(extra)}: an account has no such field; it has: {', '.join(FIELDS)}")
    receiving = _check_receiving(name, document)
    try:
        check_sending(name, document)
    except (AccountSettingsError, AccountNotFoundError) as error:
        raise CommandError(str(error)) from None
    sending = SENDERS.get(receiving.name)
    names = receiving.setting_names | (sending.setting_names if sending else frozenset())
    unknown = set(document.get("settings", {})) - names
    if unknown:
        known = ", ".join(sorted(names))
        raise CommandError(f"settings.{min(unknown)}: there is no such setting; there are: {known}")


def _check_receiving(name: str, document: Mapping[str, Any]) -> CallbackProvider:
    """Check what an account's document says of receiving, and return the provider.

    Raises:
        CommandError: names the field that can't be used, and why.
    """
    speaker = SPEAKERS.get(str(document.get("provider")))
    if speaker is None:
        raise CommandError(f"provider: must be one of {', '.join(sorted(SPEAKERS))}")
    if not isinstance(document.get("credentials", {}), dict):
        raise CommandError("credentials: must be an object")
    try:
        receiving_account(speaker.provider, name, document)
    except (AccountSettingsError, AccountNotFoundError) as error:
        raise CommandError(str(error)) from None
    return speaker.provider


def add(stack: Stack, name: str, document: Document) -> None:
    """Add an account.

    Raises:
        CommandError: it can't be used, or there is one of this name already.
    """
    check(name, document)
    try:
        stack.secrets.create_secret(
            Name=_prefix(stack) + name,
            Description=f"Hookline's account {name}",
            SecretString=json.dumps(document),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceExistsException":
            raise CommandError(
                f"there is an account {name} already: rotate its secret, or choose another name"
            ) from None
        raise CommandError(_words(error, name)) from error


def read(stack: Stack, name: str) -> Document:
    """Read an account's document, secrets included.

    Raises:
        CommandError: there is none, or it can't be read.
    """
    try:
        answer = stack.secrets.get_secret_value(SecretId=_prefix(stack) + name)
    except ClientError as error:
        raise CommandError(_words(error, name)) from error
    try:
        document = json.loads(answer.get("SecretString", ""))
    except (ValueError, RecursionError):  # no `from`: the error's text would quote the secret
        raise CommandError(f"{name} can't be used: its secret is not JSON") from None
    if not isinstance(document, dict):
        raise CommandError(f"{name} can't be used: its secret is not a JSON object")
    return document


def usable(stack: Stack, name: str) -> Document:
    """Read an account's document, secrets included, and see that callbacks can be received with it.

    Raises:
        CommandError: there is none, it can't be read, or it can't be used: names the field.
    """
    document = read(stack, name)
    try:
        _check_receiving(name, document)
    except CommandError as error:
        raise CommandError(f"{name} can't be used: {error}") from None
    return document


def names(stack: Stack) -> list[str]:
    """List the accounts' names."""
    prefix = _prefix(stack)
    pages = stack.secrets.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
    try:
        return sorted(secret["Name"].removeprefix(prefix) for page in pages for secret in page["SecretList"])
    except ClientError as error:
        raise CommandError(_words(error, "")) from error


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of an account's document may be shown: everything but secrets and credentials."""
    return {
        "provider": document.get("provider"),
        "signing_secrets": f"{len(document.get('signing_secrets', []))} live",
        "credentials": sorted(document.get("credentials", {})),
        "settings": document.get("settings", {}),
    }


def rotate(stack: Stack, name: str, secret: str) -> Document:
    """Put a new signing secret in front; the one before stays live until it is retired.

    Raises:
        CommandError: the account is not there, or two secrets are live already.
    """
    document = usable(stack, name)
    if secret in document["signing_secrets"]:
        raise CommandError(f"that is a live secret of {name} already")
    if len(document["signing_secrets"]) >= MAX_SECRETS:
        raise CommandError(f"two secrets of {name} are live: retire the older one first (accounts retire-secret)")
    return store(stack, name, {**document, "signing_secrets": [secret, *document["signing_secrets"]]})


def retire(stack: Stack, name: str) -> Document:
    """Take the older of two live signing secrets away.

    Raises:
        CommandError: the account is not there, or has only one.
    """
    document = usable(stack, name)
    if len(document["signing_secrets"]) < MAX_SECRETS:
        raise CommandError(f"{name} has one live secret: rotate it before you retire it")
    return store(stack, name, {**document, "signing_secrets": document["signing_secrets"][:1]})


def credentials_of(stack: Stack, name: str) -> tuple[str, ...]:
    """Name the credentials that an account needs for sending.

    Raises:
        CommandError: the account is not there, or its provider takes no commands.
    """
    provider = read(stack, name).get("provider")
    if str(provider) not in NEEDS:
        raise CommandError(f"{name} is an account at {provider}, which takes no commands")
    return NEEDS[str(provider)].credentials


def set_credentials(stack: Stack, name: str, credentials: Mapping[str, Any]) -> Document:
    """Give an account credentials; those that are not given stay as they are.

    Raises:
        CommandError: the account is not there, or could not send with these: names what is wrong or missing.
    """
    document = read(stack, name)
    known = document.get("credentials")
    both = {**(known if isinstance(known, dict) else {}), **credentials}
    return store(stack, name, {**document, "credentials": both})


def change(stack: Stack, name: str, settings: Mapping[str, Any], unset: Collection[str]) -> Document:
    """Change an account's settings; those that are not named stay as they are.

    Args:
        stack: whose account.
        name: the account's name.
        settings: new values, by name.
        unset: the names of those that get their default back.

    Raises:
        CommandError: the account is not there, or a setting can't be used: names it.
    """
    document = read(stack, name)
    known = document.get("settings")
    before = known if isinstance(known, dict) else {}
    missing = set(unset) - set(before)
    if missing:
        raise CommandError(f"settings.{min(missing)}: is not set")
    kept = {key: value for key, value in before.items() if key not in unset}
    return store(stack, name, {**document, "settings": {**kept, **settings}})


def store(stack: Stack, name: str, document: Document) -> Document:
    """Store an account that is there already, and return it.

    Raises:
        CommandError: it can't be used, or can't be stored.
    """
    check(name, document)
    try:
        stack.secrets.put_secret_value(SecretId=_prefix(stack) + name, SecretString=json.dumps(document))
    except ClientError as error:
        raise CommandError(_words(error, name)) from error
    return document


def find_stop(stack: Stack, name: str, provider: str) -> Stop | None:
    """Say whether and why an account of a provider is stopped.

    Raises:
        CommandError: the journal can't be read.
    """
    try:
        return _stops(stack, provider).find(name)
    except JournalUnavailableError as error:
        raise CommandError(f"whether {name} is stopped can't be read in the journal: {error}") from error


def stop(stack: Stack, name: str, why: str, who: str) -> bool:
    """Stop an account: what costs money waits in its queue from now on. Returns False where it is stopped already.

    Raises:
        CommandError: there is no such account, a text can't be kept, or the journal did not answer.
    """
    return _change(stack, name, why, who, going=False)


def go_on(stack: Stack, name: str, why: str, who: str) -> bool:
    """Let an account go on. Returns False where it is not stopped. As `stop` else."""
    return _change(stack, name, why, who, going=True)


def _change(stack: Stack, name: str, why: str, who: str, *, going: bool) -> bool:
    for option, text, most in (("--why", why, MAX_WHY), ("--who", who, MAX_WHO)):
        if not 0 < len(text.strip()) <= most:
            raise CommandError(f"{option}: must be a text of up to {most} characters")
    stops = _stops(stack, str(read(stack, name).get("provider")))
    try:
        return (stops.go_on if going else stops.stop)(name, why.strip(), who.strip(), time.time())
    except JournalUnavailableError as error:
        raise CommandError(f"the journal did not answer: {error}. Look with `hookline accounts show {name}`") from error


def _stops(stack: Stack, provider: str) -> Stops:
    return Stops(stack.dynamodb, stack.outputs["JournalTable"], provider)


def _prefix(stack: Stack) -> str:
    return stack.outputs["AccountsPrefix"]


def _words(error: ClientError, name: str) -> str:
    code = error.response["Error"]["Code"]
    if code == "ResourceNotFoundException":
        return f"there is no account {name}: `hookline accounts list` names those there are"
    return f"Secrets Manager refused: {code}"
