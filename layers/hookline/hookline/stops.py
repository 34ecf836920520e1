"""Accounts that are stopped: nothing that costs money is asked of their provider until somebody lets them go on.

An account is stopped by its sender, when the provider says that there is no money left, or by a person. What would
cost waits in its queue meanwhile. Each change is an entry of the journal, and so an event.
"""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hookline.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACCOUNT = "account"
STOPPED, GOING = "stopped", "going"


class Stop(NamedTuple):
    """Why an account is stopped, who did that (`provider`, or a person), and when (ISO 8601)."""

    why: str
    who: str
    at: str


class Stops:
    """Stops accounts of one provider, and lets them go on.

    Args:
        client: a DynamoDB client.
        table: the journal's name.
        provider: the provider's name.
    """

    def __init__(self, client: "DynamoDBClient", table: str, provider: str) -> None:
        self._table = Table(client, table)
        self._provider = provider

    def find(self, account: str) -> Stop | None:
        """Say whether and why an account is stopped.

        Raises:
            JournalUnavailableError: nobody knows.
        """
        item = self._table.get(self._key(account))
        if item is None or item["state"]["S"] != STOPPED:
            return None
        return Stop(item["why"]["S"], item["who"]["S"], item["recorded_at"]["S"])

    def stop(self, account: str, why: str, who: str, now: float) -> bool:
        """Stop an account. Returns False where it is stopped already.

        Args:
            account: our name of it.
            why: the reason, without personal data: it is told in an event.
            who: who stops it.
            now: seconds since the epoch, UTC.

        Raises:
            JournalUnavailableError: it may or may not be stopped; the same call can be made again.
        """
        return self._change(account, STOPPED, "attribute_not_exists(pk) OR #state = :other", GOING, why, who, now)

    def go_on(self, account: str, why: str, who: str, now: float) -> bool:
        """Let an account go on. Returns False where it is not stopped. As `stop` else."""
        return self._change(account, GOING, "#state = :other", STOPPED, why, who, now)

    def _change(  # noqa: PLR0913, PLR0917  # what an entry holds
        self, account: str, state: str, condition: str, other: str, why: str, who: str, now: float
    ) -> bool:
        values = {
            ":state": {"S": state},
            ":other": {"S": other},
            ":entry": {"S": ACCOUNT},
            ":provider": {"S": self._provider},
            ":account": {"S": account},
            ":why": {"S": why},
            ":who": {"S": who},
            ":claim": {"S": uuid.uuid4().hex},
            ":now": {"S": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")},
        }
        return self._table.update(
            self._key(account),
            "SET #state = :state, entry = :entry, provider = :provider, account = :account, "
            "why = :why, who = :who, claim = :claim, recorded_at = :now",
            condition,
            values,
            state="state",
        )

    def _key(self, account: str) -> dict[str, Any]:
        return {"pk": {"S": f"{ACCOUNT}#{self._provider}#{account}"}, "sk": {"S": ACCOUNT}}
