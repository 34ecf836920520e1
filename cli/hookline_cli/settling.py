"""Settling by hand: asking now what became of commands of which nobody knows, or deciding it."""

from hookline.settle import DECISIONS
from hookline_cli import accounts, commands
from hookline_cli.commands import Document
from hookline_cli.errors import CommandError
from hookline_cli.sending import SENDERS
from hookline_cli.stack import Stack


def find_accounts(stack: Stack) -> list[str]:
    """Name the accounts whose providers can be asked what became of a command."""
    return [name for name in accounts.names(stack) if _can_be_asked(accounts.read(stack, name))]


def ask_all(stack: Stack, account: str) -> dict[str, int]:
    """Ask now about everything of an account of which nobody knows: `open` commands, and how many are `settled` now.

    Raises:
        CommandError: there is no such account, its provider can't be asked, or the function failed.
    """
    document = accounts.read(stack, account)
    if not _can_be_asked(document):
        raise CommandError(
            f"{account} is an account at {document.get('provider')}, which can't be asked: decide by --as"
        )
    said = _call(stack, {"account": account})
    return {name: int(said[name]) for name in ("open", "settled")}


def ask_one(stack: Stack, command_id: str) -> Document:
    """Ask now about one command, and say what is known of it then: `state` and `outcome`.

    Raises:
        CommandError: nothing is known of it, or the function failed.
    """
    return _call(stack, {"command_id": command_id})


def decide(stack: Stack, command_id: str, decision: str, who: str, why: str) -> Document:
    """Write down a person's decision on a command: `state` and `outcome` as they are then.

    Raises:
        CommandError: it is none that can be decided on, a text can't be kept, or the function failed.
    """
    if decision not in DECISIONS:
        raise CommandError(f"--as: must be one of {', '.join(DECISIONS)}")
    return _call(stack, {"command_id": command_id, "as": decision, "who": who, "why": why})


def _call(stack: Stack, payload: Document) -> Document:
    function = stack.outputs.get("SettleFunction")
    if function is None:
        raise CommandError(f"the stack {stack.name} settles nothing: deploy it anew")
    said = commands.call(stack, function, payload)
    if said.get("state") == "rejected":
        raise CommandError(commands.say(said))
    if said.get("state") == "waiting" and "why" in said:
        raise CommandError(f"the journal did not answer: {said['why']}; try again")
    return said


def _can_be_asked(document: Document) -> bool:
    provider = SENDERS.get(str(document.get("provider")))
    return provider is not None and provider.settling is not None
