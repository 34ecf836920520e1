"""Top-ups by hand: what is said before money is spent, and after."""

import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import typer
from botocore.exceptions import ClientError

from hookline.command_journal import FINAL, State, stakes_key
from hookline_cli import commands
from hookline_cli.commands import Document, Outlet
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack


def do(stack: Stack, document: Document, seconds: float, *, yes: bool) -> Document:
    """Give a top-up, wait for what becomes of it, and say what is known of it.

    Nothing is asked of a person, and nothing given, where the same command was given before.

    Args:
        stack: that does it.
        document: the command.
        seconds: how long to wait at the most.
        yes: do not ask before money is spent.

    Raises:
        CommandError: it would be refused, a person does not want it, or nothing is known of it in time.
    """
    outlet, entry = commands.check(stack, document)
    begun = entry is not None and State(entry["state"]) in FINAL | {State.SENDING}
    if not begun:
        _check_room(stack, outlet, document)
        if not yes:
            _ask(describe(document, outlet))
        commands.put(stack, outlet, document)
    return commands.follow(stack, outlet, document["id"], seconds)


def describe(document: Mapping[str, Any], outlet: Outlet) -> str:
    """Say what a top-up is: how much, for whom, and who pays."""
    amount = f"{document['amount']} {outlet.account.settings.currency}" if "amount" in document else None
    product = f"product {document['product']}" if "product" in document else None
    campaign = f"campaign {document['campaign']}" if "campaign" in document else None
    what = ", ".join(part for part in (amount, product, campaign) if part)
    return f"{what} for {document['to']}, paid by the account {outlet.account.name} at {outlet.provider.name}"


def explain(shown: Mapping[str, Any]) -> str:
    """Say in words what it means that a top-up has not succeeded."""
    command_id = shown["id"]
    match shown["state"]:
        case State.UNKNOWN:
            return (
                f"{commands.say(shown)}. The money may be spent or not. It is not sent again, whatever happens. "
                f"Hookline goes on finding out, and says so by an event; ask now: `hookline settle {command_id}`"
            )
        case State.FAILED | State.CANCELLED:
            return commands.say(shown)
        case _:
            return f"it is still on its way; look again: `hookline commands show {command_id}`"


def _check_room(stack: Stack, outlet: Outlet, document: Document) -> None:
    """Refuse what would go over the day's ceiling as the journal has it now. Its sender decides, when it comes to it.

    Raises:
        CommandError: it would.
    """
    now = time.time()
    command = outlet.check(document, now)
    stake = outlet.provider.stake(command, outlet.account, now)
    if stake is None:
        return
    day, amount = stake.staked
    key = stakes_key(outlet.provider.name, outlet.account.name, day)
    try:
        item = stack.dynamodb.get_item(TableName=stack.outputs["JournalTable"], Key=key).get("Item", {})
    except ClientError as error:
        raise CommandError(f"the journal can't be read: {error.response['Error']['Code']}") from error
    if Decimal(item.get("total", {}).get("N", "0")) + amount > stake.ceiling:
        raise CommandError(str(stake.rejection))


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"this spends money, and there is no terminal to ask on: say --yes. It would be {what}")
    if not typer.confirm(f"Top up {what}?", err=True):
        raise CommandError("nothing is done, and nothing spent")
