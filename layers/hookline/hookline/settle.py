"""Settling: finding out what became of commands of which nobody knew, by asking the provider, never by doing it again.

- A tick of the schedule: every provider that can be asked is asked about its unknown commands, as often as their age
  asks for.
- A callback, as an event: it settles the one open command that it can be about; where it could be several, the
  provider is asked.
- A person: the same for one account or command, at once; or a decision, which is written down with who and why.

A top-up that the provider's report does not have stays unknown: the report may be late. Only a report, a status, a
callback or a person ends it.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from hookline.accounts import Accounts
from hookline.calls import Caller
from hookline.command_journal import State
from hookline.errors import AccountError, JournalUnavailableError
from hookline.open_commands import Entry, OpenCommands
from hookline.outcomes import MayHaveBeenSent, NotSent
from hookline.sending import Asked, Finding, SendingAccount, SendingProvider, Settling, Word
from hookline.telemetry import Telemetry

MIN_WAIT, MAX_WAIT = 60.0, 6 * 3600.0
"""Seconds between two questions about a command: a quarter of its age, within these."""

DEAD_AFTER = 900.0
"""Seconds after its lease for which an attempt that died may still come again by its queue."""

TIME_FOR_A_CALL = 30.0
"""Seconds that must be left of the invocation for another call to be begun."""

MAX_WORD_RECEIVES = 10
"""How often a callback comes again while what it may be about is on its way: less than the queue's redrive limit."""

SAID_FOR = 7 * 86_400
"""Seconds for which what a callback says of an id of nobody's is kept."""

MAX_WHO, MAX_WHY = 200, 500

DECISIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "succeeded": {
        "top_up": {"status": "succeeded", "final": True},
        "send_sms": {"status": "sent", "final": True},
    },
    "failed": {
        "top_up": {"status": "failed", "final": True},
        "send_sms": {"status": "failed", "final": True},
    },
}
"""What a person can decide, and what that says of a command, by its name."""


class Side(NamedTuple):
    """What settling needs of one provider.

    Attributes:
        provider: its data and pure functions; it has `settling`.
        accounts: its accounts.
        caller: calls it.
    """

    provider: SendingProvider
    accounts: "Accounts[SendingAccount[Any]]"
    caller: Caller

    @property
    def settling(self) -> Settling:
        """The provider's half."""
        assert self.provider.settling is not None  # noqa: S101  # else it is no side
        return self.provider.settling


class Settler:
    """Settles commands.

    Args:
        sides: the providers that can be asked, by name.
        open_commands: the list of open commands.
        telemetry: says what happened.
        overdue_after: seconds after which an unknown command is overdue: that wakes somebody.
        clock: seconds since the epoch, UTC.
    """

    def __init__(
        self,
        sides: Mapping[str, Side],
        open_commands: OpenCommands,
        telemetry: Telemetry,
        overdue_after: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sides = sides
        self._open = open_commands
        self._telemetry = telemetry
        self._overdue_after = overdue_after
        self._clock = clock

    # --- asking ------------------------------------------------------------------------------------------------------

    def run(self, seconds: float, account: str | None = None, *, at_once: bool = False) -> dict[str, int]:
        """Ask every provider about its unknown commands.

        Args:
            seconds: how long the invocation may still run.
            account: only this one's.
            at_once: also about those that it is not time for yet.

        Returns:
            `open` and `settled`: how many commands there were, and how many of them are settled now.
        """
        until = self._clock() + seconds
        counts = {"open": 0, "settled": 0}
        for name, side in self._sides.items():
            try:
                entries = self._open.read(name, account)
            except JournalUnavailableError as error:
                self._count_failure(name, str(error))
                continue
            settled: set[str] = set()
            groups = [(key, list(group)) for key, group in groupby(entries, key=lambda entry: entry.command.account)]
            random.shuffle(groups)  # where there is no time for all of them, it is not always the same that are left
            for of_account, group in groups:
                settled |= self._settle_account(side, of_account, group, until, at_once=at_once)
            still = [it for it in entries if it.record.state is not State.SUCCEEDED and it.command.id not in settled]
            counts["open"] += len(still) + len(settled)
            counts["settled"] += len(settled)
            self._say_overdue(name, still)
        return counts

    def _settle_account(
        self, side: Side, name: str, entries: Sequence[Entry], until: float, *, at_once: bool
    ) -> set[str]:
        """Settle an account's commands; what goes wrong with one account holds up no other."""
        provider = side.provider.name
        try:
            return self._settle(side, name, entries, until, at_once=at_once)
        except (JournalUnavailableError, AccountError) as error:
            self._count_failure(provider, str(error), name)
            return set()

    def _settle(self, side: Side, name: str, entries: Sequence[Entry], until: float, *, at_once: bool) -> set[str]:
        now = self._clock()
        unknown = [entry for entry in map(self._woken, entries) if entry.record.state is State.UNKNOWN]
        due = [entry for entry in unknown if at_once or entry.look_at <= now]
        if not due or until - now < TIME_FOR_A_CALL:
            return set()
        random.shuffle(due)
        account = side.accounts.find(name)
        asked, all_answered = self._ask(side, account, due, until)
        # Read again, after the answers: what they speak of was begun before, and is in the list or linked.
        entries = self._open.read(side.provider.name, name)
        taken = self._open.taken(side.provider.name, name, side.settling.ids(asked))
        found = side.settling.match([entry.open_command for entry in entries], asked, taken, account)
        of_id = {entry.command.id: entry for entry in entries}
        settled = {command_id for command_id, it in found.items() if self._end(of_id[command_id], it)}
        later = [entry for entry in due if entry.command.id not in settled and all_answered]
        self._open.look_later(later, {entry.command.id: now + _wait(now - entry.claimed_at) for entry in later})
        return settled

    def _woken(self, entry: Entry) -> Entry:
        """Take a command for unknown whose attempt died, and that nobody has tried again since."""
        now = self._clock()
        if entry.record.state is State.SENDING and now > entry.record.lease_until + DEAD_AFTER:
            if self._open.interrupt(entry, now):
                self._count("interrupted", entry)
            return self._open.find(entry.command.id) or entry
        return entry

    def _ask(
        self, side: Side, account: "SendingAccount[Any]", due: Iterable[Entry], until: float
    ) -> tuple[list[Asked], bool]:
        """Ask about commands. Returns questions with their outcomes, and whether each was asked and answered."""
        session = side.caller.session(account)
        if isinstance(session, NotSent):
            self._count_failure(side.provider.name, session.why)
            return [], False
        asked: list[Asked] = []
        questions = side.settling.questions([entry.open_command for entry in due], account)
        for question in questions:
            if until - self._clock() < TIME_FOR_A_CALL:
                break
            asked += session.outcomes([question])
        unanswered = [it for _, it in asked if isinstance(it, NotSent | MayHaveBeenSent)]
        for outcome in unanswered:
            self._count_failure(side.provider.name, outcome.why)
        return asked, not unanswered and len(asked) == len(questions)

    def _count_failure(self, provider: str, why: str, account: str | None = None) -> None:
        self._telemetry.count("settling_failed", dimensions={"provider": provider}, why=why, account=account)

    def _end(self, entry: Entry, finding: Finding) -> bool:
        settled = self._open.settle(entry, finding, self._clock())
        if settled:
            self._count("succeeded" if finding.done else "failed", entry, by=finding.by)
        return settled

    def _say_overdue(self, provider: str, entries: Iterable[Entry]) -> None:
        now = self._clock()
        overdue = sum(now - entry.claimed_at > self._overdue_after for entry in entries)
        self._telemetry.count("commands_overdue", overdue, dimensions={"provider": provider})

    # --- callbacks ---------------------------------------------------------------------------------------------------

    def take_words(self, records: Iterable[Mapping[str, Any]], seconds: float) -> dict[str, list[dict[str, str]]]:
        """Settle by callbacks: SQS records whose bodies are events as the bus delivers them.

        Args:
            records: as Lambda hands them over.
            seconds: how long the invocation may still run.

        Returns:
            `batchItemFailures` with the messages that must come again.
        """
        until = self._clock() + seconds
        again: list[str] = []
        for record in records:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            detail = json.loads(record["body"])["detail"]
            try:
                is_done = self._take_word(detail, until) or receives >= MAX_WORD_RECEIVES
            except (JournalUnavailableError, AccountError) as error:
                self._count_failure(detail["metadata"]["provider"], str(error))
                is_done = False
            if not is_done:
                again.append(record["messageId"])
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _take_word(self, detail: Mapping[str, Any], until: float) -> bool:
        """Settle by one callback. Returns False where it may be about a command that is still on its way."""
        provider, name = detail["metadata"]["provider"], detail["metadata"]["account"]
        side = self._sides.get(provider)
        word = side.settling.read_word(detail) if side is not None else None
        if side is None or word is None:
            return True
        whose = self._open.taken(provider, name, [word.finding.transaction_id]).get(word.finding.transaction_id)
        if isinstance(whose, str):
            entry = self._open.find_token(whose)
            if entry is not None and entry.record.state is State.UNKNOWN:
                self._end(entry, word.finding)
            return True
        return self._settle_by_word(side, name, word, until)

    def _settle_by_word(self, side: Side, name: str, word: Word, until: float) -> bool:
        provider = side.provider.name
        entries = self._open.read(provider, name)
        account = side.accounts.find(name)
        could_be = side.settling.match_word([entry.open_command for entry in entries], word, account)
        if not could_be:
            return True
        self._open.say(provider, name, word.finding, int(self._clock()) + SAID_FOR)
        if any(it.on_its_way for it in could_be):
            return False
        if len(could_be) == 1:
            entry = next(entry for entry in entries if entry.command.id == could_be[0].command.id)
            if could_be[0].is_known:
                return self._open.link(entry, word.finding.transaction_id)
            return self._end(entry, word.finding)
        self._settle_account(side, name, entries, until, at_once=True)
        return True

    # --- people ------------------------------------------------------------------------------------------------------

    def settle_one(self, command_id: str, seconds: float) -> dict[str, Any]:
        """Ask about one command now, and say what is known of it then: `state` and `outcome`, or `rejected`."""
        entry = self._open.find(command_id)
        if entry is None:
            return _rejected("command_id", "nothing is known of it")
        if entry.record.state is State.UNKNOWN and entry.provider in self._sides:
            self.run(seconds, entry.command.account, at_once=True)
            entry = self._open.find(command_id) or entry
        return _said(entry)

    def decide(self, command_id: str, decision: str, who: str, why: str) -> dict[str, Any]:
        """Write down a person's decision on a command of which nobody knows what became of it.

        Args:
            command_id: the command.
            decision: `succeeded` or `failed`.
            who: who decides.
            why: their reason. It is kept with the command.

        Returns:
            `state` and `outcome` of the command as it is then; or `state` `rejected`, `field` and `problem`.
        """
        if decision not in DECISIONS:
            return _rejected("as", f"must be one of {', '.join(DECISIONS)}")
        for field, text, most in (("who", who, MAX_WHO), ("why", why, MAX_WHY)):
            if not 0 < len(text.strip()) <= most:
                return _rejected(field, f"is needed, as a text of up to {most} characters")
        entry = self._open.find(command_id)
        if entry is None:
            return _rejected("command_id", "nothing is known of it")
        if entry.record.state is not State.UNKNOWN:
            return _rejected("command_id", f"it is {entry.record.state.value}: only what is unknown is decided")
        said = DECISIONS[decision][entry.command.kind]
        transaction_id = entry.open_command.transaction_id
        facts = {**entry.record.outcome.get("facts", {}), **said}
        finding = Finding(transaction_id, decision == "succeeded", facts, "person")
        if not self._open.settle(entry, finding, self._clock(), who=who.strip(), why=why.strip()):
            return _rejected("command_id", "something else was found out about it just now: look again")
        self._count(decision, entry, by="person")
        return _said(self._open.find(command_id) or entry)

    def _count(self, result: str, entry: Entry, by: str | None = None) -> None:
        self._telemetry.count("settled", dimensions={"provider": entry.provider, "result": result}, by=by)


def _wait(age: float) -> float:
    return min(MAX_WAIT, max(MIN_WAIT, age / 4))


def _rejected(field: str, problem: str) -> dict[str, Any]:
    return {"state": "rejected", "field": field, "problem": problem}


def _said(entry: Entry) -> dict[str, Any]:
    return {"state": entry.record.state.value, "outcome": dict(entry.record.outcome)}
