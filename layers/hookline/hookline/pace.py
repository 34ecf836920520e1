"""How fast an account may send, held across every running copy without anyone sleeping.

A schedule in DynamoDB: the moment up to which an account's capacity is given away. Whoever wants to send moves that
moment on by what it takes, in one conditional write, and so learns when its turn is. This is the generic cell rate
algorithm; see docs/adr for why not a counter.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hookline.errors import JournalUnavailableError
from hookline.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PACE = "pace"

BURST_SECONDS = 1.0
"""What an account may send at once, as seconds of its rate."""

HORIZON_SECONDS = 600.0
"""How far ahead turns are given: within what a queue can delay a message (15 minutes)."""

MAX_TRIES = 10
KEPT_SECONDS = 86_400


class Pace:
    """Gives turns.

    Args:
        client: a DynamoDB client.
        table: the journal's name.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def turns(
        self, account: str, sizes: Sequence[int], rate: float, now: float, horizon: float = HORIZON_SECONDS
    ) -> list[float | None]:
        """Reserve turns for messages.

        Args:
            account: whose.
            sizes: of each message, in segments (or calls).
            rate: segments a second.
            now: seconds since the epoch, UTC.
            horizon: how many seconds ahead a turn may lie; 0 for those who can't wait for one.

        Returns:
            For each message the moment of its turn, `now` or earlier where it may go at once; None where it lies
            beyond the horizon and nothing was reserved.

        Raises:
            JournalUnavailableError: nothing may be sent.
        """
        for _ in range(MAX_TRIES):
            before = self._read(account)
            start = max(before, now - BURST_SECONDS)
            given, moment = _give(sizes, rate, start, now + horizon)
            if moment == start or self._move(account, before, moment, now):
                return given
        raise JournalUnavailableError("many copies want turns at once")

    def _read(self, account: str) -> float:
        item = self._table.get(self._key(account))
        return float(item["until"]["N"]) if item else 0.0

    def _move(self, account: str, before: float, until: float, now: float) -> bool:
        return self._table.update(
            self._key(account),
            "SET #until = :until, entry = :entry, expires_at = :expiry",
            "attribute_not_exists(pk) OR #until = :before",
            {
                ":until": {"N": f"{until:.6f}"},
                ":before": {"N": f"{before:.6f}"},
                ":entry": {"S": PACE},
                ":expiry": {"N": str(int(now) + KEPT_SECONDS)},
            },
            until="until",
        )

    @staticmethod
    def _key(account: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": f"{PACE}#{account}"}, "sk": {"S": PACE}}


def _give(sizes: Sequence[int], rate: float, start: float, horizon: float) -> tuple[list[float | None], float]:
    given: list[float | None] = []
    moment = start
    for size in sizes:
        if moment > horizon:
            given.append(None)
            continue
        given.append(moment)
        moment += size / rate
    return given, moment
