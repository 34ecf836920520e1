"""Commands of which nobody knows what became of them: the list of them, and writing down what turned out.

The list has an item for each command that was claimed and has no known outcome yet (`command_journal`). It is read
consistently: whatever a provider had taken on before the list was read is in it, or has its provider's id linked to
it. So an id that a provider names belongs to a command of the list, to the command it is linked to, or to nobody here;
and as a link is only written where there is none, it never comes to belong to two.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.command_journal import (
    COMMAND,
    LINK,
    OPEN,
    Record,
    State,
    link_key,
    linking,
    open_key,
    read_record,
    unstaking,
)
from hookline.commands import BaseCommand, command_token, read_command
from hookline.sending import Finding, OpenCommand
from hookline.table import Item, Table
from hookline.transactions import Transactions, Write, update

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Entry(NamedTuple):
    """A command's entry, with what the list of open commands says of it.

    Attributes:
        provider: whose command it is.
        command: the command.
        record: where it is.
        claimed_at: when its attempt began, at the latest: seconds since the epoch, UTC.
        look_at: when it is worth asking about it again: seconds since the epoch, UTC.
        expires_at: until when it is kept, as DynamoDB has it.
    """

    provider: str
    command: BaseCommand
    record: Record
    claimed_at: float
    look_at: float
    expires_at: str

    @property
    def open_command(self) -> OpenCommand:
        """The command as its provider's functions see it."""
        facts = self.record.outcome.get("facts", {})
        return OpenCommand(
            self.command,
            self.claimed_at,
            on_its_way=self.record.state is State.SENDING,
            is_known=self.record.state is State.SUCCEEDED,
            transaction_id=str(facts.get("transaction_id") or facts.get("message_id") or ""),
        )


class OpenCommands:
    """Reads the list, and takes commands off it.

    Args:
        client: a DynamoDB client.
        table: the journal's name.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)
        self._transactions = Transactions(client, table)

    def read(self, provider: str, account: str | None = None) -> list[Entry]:
        """Read the open commands of a provider, or of one account of it, in the order of their accounts.

        Messages that were taken on without an id are among them: what a callback says may be about one of them.

        Raises:
            JournalUnavailableError: nobody knows which there are.
        """
        items = {item["sk"]["S"].rpartition("#")[2]: item for item in self._query(provider, account)}
        entries = self._get(_key_of(token) for token in items)
        found = []
        for token, item in items.items():
            entry = entries.get(f"{COMMAND}#{token}")
            if entry is not None and entry["state"]["S"] in {State.SENDING, State.UNKNOWN, State.SUCCEEDED}:
                found.append(_entry(entry, item))
        return found

    def find(self, command_id: str) -> Entry | None:
        """Read a command, whatever its state; None where nothing is known of it.

        Raises:
            JournalUnavailableError: nobody knows.
        """
        return self.find_token(command_token(command_id))

    def find_token(self, token: str) -> Entry | None:
        """Read a command by its token, as `find` does."""
        entry = self._get([_key_of(token)]).get(f"{COMMAND}#{token}")
        if entry is None:
            return None
        key = open_key(entry["provider"]["S"], entry["account"]["S"], token)
        return _entry(entry, self._get([key]).get(key["pk"]["S"], {}))

    def taken(self, provider: str, account: str, ids: Iterable[str]) -> dict[str, str | Finding]:
        """Say of provider's ids whose they are: a command's token, or what a callback said of one that is nobody's.

        Raises:
            JournalUnavailableError: nobody knows.
        """
        keys = {link_key(provider, account, name)["pk"]["S"]: name for name in ids}
        found = self._get(link_key(provider, account, name) for name in keys.values())
        return {keys[pk]: it for pk, item in found.items() if (it := _taken(item)) is not None}

    def say(self, provider: str, account: str, finding: Finding, expires_at: int) -> None:
        """Keep what a callback says of an id that is nobody's yet.

        Where it has become somebody's, or where how it ended is kept already, nothing is.

        Raises:
            JournalUnavailableError: it may or may not be kept; the same call can be made again.
        """
        ended = ", ended = :entry" if finding.facts.get("final") else ""  # nothing that comes late goes before it
        write: Write = {
            "Update": {
                "Key": link_key(provider, account, finding.transaction_id),
                "UpdateExpression": f"SET entry = :entry, said = :said, expires_at = :expiry{ended}",
                "ConditionExpression": "attribute_not_exists(#token) AND attribute_not_exists(ended)",
                "ExpressionAttributeNames": {"#token": "token"},
                "ExpressionAttributeValues": {
                    ":entry": {"S": LINK},
                    ":said": {"S": json.dumps(finding._asdict())},
                    ":expiry": {"N": str(expires_at)},
                },
            }
        }
        self._transactions.write([write])

    def settle(self, entry: Entry, finding: Finding, now: float, *, who: str = "", why: str = "") -> bool:
        """Write down what became of a command of which nobody knew.

        Args:
            entry: as it was read: unknown.
            finding: what became of it.
            now: seconds since the epoch, UTC.
            who: the person who decided, where one did.
            why: their reason.

        Returns:
            False where it is no longer as it was read, or the provider's id is another command's: nothing is written.

        Raises:
            JournalUnavailableError: it may or may not be written; the same call can be made again.
        """
        person = {"who": who, "why": why} if who else {}
        settled = {"by": finding.by, "at": _moment(now), "unknown_because": entry.record.outcome.get("why"), **person}
        outcome: dict[str, Any] = {"facts": dict(finding.facts), "settled": settled}
        if not finding.done:
            outcome["code"] = finding.facts.get("provider_code")
            outcome["text"] = finding.facts.get("provider_text")
        values = {
            ":claim": {"S": entry.record.claim},
            ":unknown": {"S": State.UNKNOWN},
            ":state": {"S": State.SUCCEEDED if finding.done else State.FAILED},
            ":outcome": {"S": json.dumps(outcome, ensure_ascii=False)},
            ":now": {"S": _moment(now)},
        }
        command = entry.command
        writes: list[Write] = [
            update(
                _key_of(command.token),
                "SET #state = :state, outcome = :outcome, recorded_at = :now",
                "claim = :claim AND #state = :unknown",
                values,
            ),
            {"Delete": {"Key": open_key(entry.provider, command.account, command.token)}},
        ]
        if finding.transaction_id:
            writes.append(linking(entry.provider, command, finding.transaction_id, entry.expires_at))
        if not finding.done and entry.record.staked:
            writes.append(unstaking(entry.provider, command.account, *entry.record.staked))
        return not self._transactions.write(writes)

    def link(self, entry: Entry, transaction_id: str) -> bool:
        """Let a provider's id lead to a command that was taken on without one. Returns False where it is another's.

        Raises:
            JournalUnavailableError: it may or may not be written; the same call can be made again.
        """
        key = open_key(entry.provider, entry.command.account, entry.command.token)
        link = linking(entry.provider, entry.command, transaction_id, entry.expires_at)
        return not self._transactions.write([link, {"Delete": {"Key": key}}])

    def interrupt(self, entry: Entry, now: float) -> bool:
        """Write down that nobody knows what became of a command whose attempt died and that nobody tries again.

        Raises:
            JournalUnavailableError: it may or may not be written; the same call can be made again.
        """
        values = {
            ":claim": {"S": entry.record.claim},
            ":sending": {"S": State.SENDING},
            ":unknown": {"S": State.UNKNOWN},
            ":outcome": {"S": json.dumps({"why": "interrupted"})},
            ":now": {"S": _moment(now)},
        }
        write = update(
            _key_of(entry.command.token),
            "SET #state = :unknown, outcome = :outcome, recorded_at = :now",
            "claim = :claim AND #state = :sending",
            values,
        )
        return not self._transactions.write([write])

    def look_later(self, entries: Iterable[Entry], moments: Mapping[str, float]) -> None:
        """Write down when commands are worth asking about again, by their ids: seconds since the epoch, UTC.

        Raises:
            JournalUnavailableError: some may be written and some not: they are asked about sooner.
        """
        groups: list[list[Write]] = [
            [
                {
                    "Update": {
                        "Key": open_key(entry.provider, entry.command.account, entry.command.token),
                        "UpdateExpression": "SET look_at = :look",
                        "ConditionExpression": "entry = :open",
                        "ExpressionAttributeValues": {
                            ":look": {"N": str(moments[entry.command.id])},
                            ":open": {"S": OPEN},
                        },
                    }
                }
            ]
            for entry in entries
        ]
        self._transactions.write_what_can_be(groups)

    def _query(self, provider: str, account: str | None) -> list[Item]:
        partition = {":pk": {"S": f"{OPEN}#{provider}"}}
        if account is None:
            return self._table.query("pk = :pk", partition)
        return self._table.query("pk = :pk AND begins_with(sk, :start)", {**partition, ":start": {"S": f"{account}#"}})

    def _get(self, keys: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
        """Read items by their partition keys; those that are there."""
        return {item["pk"]["S"]: item for item in self._table.get_many(keys)}


def _entry(item: Item, of_list: Item) -> Entry:
    recorded_at = datetime.fromisoformat(item["recorded_at"]["S"]).timestamp()
    return Entry(
        provider=item["provider"]["S"],
        command=read_command(json.loads(item["command"]["S"])),
        record=read_record(item),
        claimed_at=float(of_list.get("claimed_at", {}).get("N", recorded_at)),
        look_at=float(of_list.get("look_at", {}).get("N", "0")),
        expires_at=item["expires_at"]["N"],
    )


def _taken(link: Item) -> str | Finding | None:
    if "token" in link:
        return str(link["token"]["S"])
    return Finding(**json.loads(link["said"]["S"])) if "said" in link else None


def _key_of(token: str) -> dict[str, Any]:
    return {"pk": {"S": f"{COMMAND}#{token}"}, "sk": {"S": COMMAND}}


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
