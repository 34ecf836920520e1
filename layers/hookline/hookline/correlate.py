"""Which command a callback belongs to: by our token, which travels with it, or by the provider's message id.

The token leads to the command's entry, which is there before the request leaves. A message id leads there by a link
that is written with the provider's answer; a delivery report can overtake that. Where an account has sent within the
last minutes and the id of a callback that has only just come has no link, the answer is therefore: later.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from hookline import command_events
from hookline.command_journal import COMMAND, LINK
from hookline.commands import TOKEN_LENGTH
from hookline.events import Correlation
from hookline.journal import CALLBACK
from hookline.pace import PACE
from hookline.publish import LATER, Subject
from hookline.table import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RECENTLY = 300.0
"""Seconds after an account's last turn for which its answers may still be on their way."""

OVERTAKEN_FOR = 75.0
"""Seconds after which a callback has not overtaken an answer: a sender runs for a minute at the most."""

MAX_MESSAGE_ID = 128
"""Characters of the longest provider's id that there can be a link of."""

type Key = tuple[str, str]
type Items = dict[Key, Mapping[str, Any]]


class Correlator:
    """Finds the commands that subjects belong to.

    Args:
        client: a DynamoDB client.
        table: the journal's name.
        clock: seconds since the epoch, UTC.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Callable[[], float] = time.time) -> None:
        self._table = Table(client, table)
        self._clock = clock

    def __call__(self, subjects: Sequence[Subject]) -> list[Correlation | Literal["later"] | None]:
        """Find the command of each subject; `later` where it may only just be becoming known.

        Raises:
            JournalUnavailableError: the journal did not answer.
        """
        wanted = {key for subject in subjects for key in _first_keys(subject)}
        found = self._read(wanted)
        linked = {(f"{COMMAND}#{item['token']['S']}", COMMAND) for (_, kind), item in found.items() if kind == LINK}
        found |= self._read(linked - found.keys())
        return [self._correlation(subject, found) for subject in subjects]

    def read_entry(self, keys: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Read an entry by its keys, as the stream's image would show it; None where it is gone.

        Raises:
            JournalUnavailableError: the journal did not answer.
        """
        return self._table.get(keys)

    def _correlation(self, subject: Subject, found: Items) -> Correlation | Literal["later"] | None:
        entry = subject.entry
        if entry["entry"] != CALLBACK:
            return command_events.correlation_of(entry)
        unlinked = False
        for key in _link_keys(subject):
            item = found.get(key)
            if item is not None and key[1] == LINK:
                item = found.get((f"{COMMAND}#{item['token']['S']}", COMMAND))
            elif key[1] == LINK:
                unlinked = True
            if item is not None and item["account"]["S"] == entry["account"]:
                command = json.loads(item["command"]["S"])
                return Correlation(command_id=item["command_id"]["S"], reference=command.get("reference"))
        now = self._clock()
        pace = found.get(_pace_key(subject))
        has_just_sent = pace is not None and now - float(pace["until"]["N"]) < RECENTLY
        is_new = now - datetime.fromisoformat(entry["recorded_at"]).timestamp() < OVERTAKEN_FOR
        return LATER if unlinked and has_just_sent and is_new else None

    def _read(self, keys: set[Key]) -> Items:
        found = self._table.get_many({"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in sorted(keys))
        # A link may hold what was said of an id of nobody's: then it leads nowhere.
        leading = [item for item in found if item["sk"]["S"] != LINK or "token" in item]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in leading}


def _first_keys(subject: Subject) -> list[Key]:
    if subject.entry["entry"] != CALLBACK:
        return []
    links = _link_keys(subject)
    return [*links, _pace_key(subject)] if links else []


def _link_keys(subject: Subject) -> list[Key]:
    entry = subject.entry
    keys: list[Key] = []
    for kind, value in subject.happening.links:
        if kind == "message_id" and len(value) <= MAX_MESSAGE_ID:
            keys.append((f"{LINK}#{entry['provider']}#{entry['account']}#{value}", LINK))
        elif kind == "token" and len(value) == TOKEN_LENGTH:
            keys.append((f"{COMMAND}#{value}", COMMAND))
    return keys


def _pace_key(subject: Subject) -> Key:
    return (f"{PACE}#{subject.entry['account']}", PACE)
