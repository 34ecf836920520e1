"""Accounts of a stack: added, shown, rotated. A secret goes in and never comes out on a screen."""

import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from hookline.accounts import MAX_SECRETS, is_account_name, receiving_account
from hookline.errors import AccountNotFoundError, AccountSettingsError, JournalUnavailableError
from hookline.settle import MAX_WHO, MAX_WHY
from hookline.stops import Stop, Stops
from hookline_cli.callbacks import SPEAKERS
from hookline_cli.errors import CommandError
from hookline_cli.sending import SENDERS
from hookline_cli.stack import Stack

type Document = dict[str, Any]


def check(name: str, document: Mapping[str, Any]) -> None:
    """Check an account's document before it is stored.

    Raises:
        CommandError: names the field that can't be used, and why.
    """
    if not is_account_name(name):
        raise CommandError(f"{name!r} can't be an account's name: 1 to 63 of a-z, 0-9 and -, not at its ends")
    speaker = SPEAKERS.get(str(document.get("provider")))
    if speaker is None:
        raise CommandError(f"provider: must be one of {', '.join(sorted(SPEAKERS))}")
    receiving, sending = speaker.provider, SENDERS.get(speaker.provider.name)
    try:
        receiving_account(receiving, name, document)
        if sending is not None and document.get("credentials"):
            sending.read_account(name, document)
    except (AccountSettingsError, AccountNotFoundError) as error:
        raise CommandError(str(error)) from None
    names = receiving.setting_names | (sending.setting_names if sending else frozenset())
    unknown = set(document.get("settings", {})) - names
    if unknown:
        known = ", ".join(sorted(names))
        raise CommandError(f"settings.{min(unknown)}: there is no such setting; there are: {known}")


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
    document: Document = json.loads(answer["SecretString"])
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


def rotate(stack: Stack, name: str, secret: str) -> None:
    """Put a new signing secret in front; the one before stays live until it is retired.

    Raises:
        CommandError: the account is not there, or two secrets are live already.
    """
    document = read(stack, name)
    if secret in document["signing_secrets"]:
        raise CommandError(f"that is a live secret of {name} already")
    if len(document["signing_secrets"]) >= MAX_SECRETS:
        raise CommandError(f"two secrets of {name} are live: retire the older one first (accounts retire-secret)")
    store(stack, name, {**document, "signing_secrets": [secret, *document["signing_secrets"]]})


def retire(stack: Stack, name: str) -> None:
    """Take the older of two live signing secrets away.

    Raises:
        CommandError: the account is not there, or has only one.
    """
    document = read(stack, name)
    if len(document["signing_secrets"]) < MAX_SECRETS:
        raise CommandError(f"{name} has one live secret: rotate it before you retire it")
    store(stack, name, {**document, "signing_secrets": document["signing_secrets"][:1]})


def store(stack: Stack, name: str, document: Document) -> None:
    """Store an account that is there already.

    Raises:
        CommandError: it can't be used, or can't be stored.
    """
    check(name, document)
    try:
        stack.secrets.put_secret_value(SecretId=_prefix(stack) + name, SecretString=json.dumps(document))
    except ClientError as error:
        raise CommandError(_words(error, name)) from error


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
