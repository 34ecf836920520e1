"""Sending: commands in, one request each to the provider, what became of each in the journal.

A request leaves only after its command was claimed in the journal, and what became of it is written right after. So
a command is sent once, or its outcome is known to be unknown:

| found in the journal | what happens |
| --- | --- |
| nothing, or `waiting` | claimed, sent, outcome written |
| the same id with another content | refused |
| an outcome | it is the answer; nothing is sent |
| `scheduled` | left alone until its `send_at`, then as `waiting` |
| `sending`, its lease not over | left alone: later |
| `sending`, its lease over | a question is asked again; an SMS is `unknown`, or sent again where its account says |
|                             | `on_unknown: resend`, at most three times; a top-up is always `unknown` |

An answer that leaves it open is treated as the last row, at once.

Nothing sleeps here: what must wait goes back to the queue with a delay, or to EventBridge Scheduler.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from hookline.accounts import Accounts, is_account_name
from hookline.calls import Caller, Session
from hookline.command_journal import FINAL, CommandJournal, Finish, Record, State
from hookline.command_queue import MAX_DELAY, MAX_RECEIVES, Message, Queue, read_message
from hookline.commands import (
    COMMAND_TYPES,
    BaseCommand,
    BatchMessage,
    Cancel,
    Rejection,
    SendSms,
    SendSmsBatch,
    command_token,
    parse_command,
    read_command,
)
from hookline.errors import (
    AccountNotFoundError,
    AccountSettingsError,
    AccountsUnavailableError,
    JournalUnavailableError,
    QueueUnavailableError,
    ReportsUnavailableError,
    SchedulerUnavailableError,
)
from hookline.outcomes import Done, MayHaveBeenSent, NotSent, Outcome, Refused
from hookline.pace import HORIZON_SECONDS, Pace
from hookline.reports import Reports
from hookline.schedules import Schedules
from hookline.sending import PlannedCall, SendingAccount, SendingProvider, Stake
from hookline.stops import Stops
from hookline.telemetry import Telemetry

LATEST = 5.0
"""Seconds after which a reserved turn is gone: else what a standstill held up would all go out at once."""

MAX_RESENDS = 3
"""How often an SMS is sent again at the most where its account says `on_unknown: resend`."""

MAX_BACKOFF = 900.0
"""Seconds: the longest a message waits before it is tried again, unless the provider asks for longer."""

MISCONFIGURED_DELAY = 300.0
STOPPED_DELAY = 300.0
"""Seconds after which commands of a stopped account look again whether it may go on, at the most."""

SOON = 60.0
"""Seconds: what is to be sent sooner waits in the queue, and for longer with the scheduler."""

MAX_LATE = 86_400.0
"""Seconds after its `send_at` for which a command that waited with us is still sent, where something held it up."""

TIME_FOR_A_CALL = 30.0
"""Seconds that must be left of the invocation for another call to be begun."""

USED = "was used before, for something else"
NO_TIME = "the invocation's time"

MAX_CHUNK_BYTES = 200_000
"""A batch is cut so that each part fits an SQS message."""

MAX_NAMED = 200
"""Characters of what is repeated of a command that could not be understood."""

_FIELDS = frozenset(name for command in COMMAND_TYPES for name in command.model_fields)


class Work(NamedTuple):
    """A command under way, and the message that it came in."""

    command: BaseCommand
    message: Message | None


class Claimed(NamedTuple):
    """A command that this attempt has: under which claim, and what it has at stake."""

    command: BaseCommand
    claim: str
    staked: tuple[str, Decimal] | None


class Left(NamedTuple):
    """A command that is not done.

    Attributes:
        after: seconds after which it may be tried again; None for exponential backoff.
        why: the cause, for the telemetry.
        stop: whether the same is to be expected for the account's other commands now.
        counted: whether that was a try: what only waits is tried as often as ever.
    """

    after: float | None
    why: str
    stop: bool = False
    counted: bool = True


type Result = Record | Rejection | Left


class Sender:
    """Does one provider's commands.

    Args:
        provider: its data and pure functions.
        accounts: its accounts, as `provider.read_account` builds them.
        journal: where commands are kept.
        pace: gives turns.
        caller: calls the provider.
        queue: the provider's command queue.
        stops: which accounts are stopped.
        telemetry: says what happened.
        schedules: keeps commands until their `send_at`, where the provider does not.
        reports: keeps what is too large for an event.
        clock: seconds since the epoch, UTC.
        chance: a number from 0 to 1, for jitter.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # everything that it touches is handed in
        self,
        provider: SendingProvider,
        accounts: "Accounts[SendingAccount[Any]]",
        journal: CommandJournal,
        pace: Pace,
        caller: Caller,
        queue: Queue,
        stops: Stops,
        telemetry: Telemetry,
        *,
        schedules: Schedules | None = None,
        reports: Reports | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._provider = provider
        self._accounts = accounts
        self._journal = journal
        self._pace = pace
        self._caller = caller
        self._queue = queue
        self._stops = stops
        self._telemetry = telemetry
        self._schedules = schedules
        self._reports = reports
        self._clock = clock
        self._chance = chance

    # --- the two ways in ---------------------------------------------------------------------------------------------

    def do_batch(self, records: Iterable[Mapping[str, Any]], seconds: float) -> dict[str, list[dict[str, str]]]:
        """Do the commands of a batch of SQS records.

        Args:
            records: as Lambda hands them over.
            seconds: how long the invocation may still run.

        Returns:
            `batchItemFailures` with the messages that must come again.
        """
        until = self._clock() + seconds
        messages = [read_message(record) for record in records]
        left: dict[str, dict[str, tuple[BaseCommand, Left]]] = {}
        works: dict[str, list[Work]] = {}
        failed: list[str] = []
        for message in messages:
            if seconds < TIME_FOR_A_CALL:
                failed += self._come_again(message, Left(None, NO_TIME))
                continue
            try:
                works[message.id] = self._read(message)
            except (JournalUnavailableError, QueueUnavailableError) as error:
                failed += self._come_again(message, Left(None, str(error)))
        for work, result in self._do([work for of_message in works.values() for work in of_message], until):
            if isinstance(result, Left) and work.message is not None:
                left.setdefault(work.message.id, {})[work.command.id] = (work.command, result)
        for message in messages:
            if message.id in left:
                failed += self._left_of(message, list(left[message.id].values()), len(works[message.id]))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def do_now(self, document: object, seconds: float) -> dict[str, Any]:
        """Do one command and say what became of it: a direct invocation.

        Args:
            document: the command, as JSON values.
            seconds: how long the invocation may still run.

        Returns:
            `state`: succeeded, failed, unknown, scheduled or cancelled, with `outcome`; rejected, with `field` and
            `problem`; or waiting, with `why` and `retry_after` (seconds). A batch answers with `messages`, the same
            for each by id.
        """
        try:
            command = read_command(document)
        except Rejection as rejection:
            try:
                self._reject(rejection, document, json.dumps(document, default=str))
            except JournalUnavailableError as error:
                return _said(Left(None, str(error)))
            return _said(rejection)
        works = [Work(each, None) for each in _split(command)]
        said: dict[str, dict[str, Any]] = {}
        for work, result in self._do(works, self._clock() + seconds):
            if work.command.id not in said or not isinstance(result, Left):
                said[work.command.id] = _said(result)
        return {"messages": said} if isinstance(command, SendSmsBatch) else said[command.id]

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read(self, message: Message) -> list[Work]:
        try:
            command = parse_command(message.body)
        except Rejection as rejection:
            self._reject(rejection, _loads(message.body), message.body)
            self._queue.set_aside(message, str(rejection))
            return []
        if isinstance(command, SendSmsBatch):
            parts = _parts(command)
            if len(parts) > 1:
                for part in parts:
                    self._queue.put_back(part, 0, None, message.receives - 1)
                return []
        return [Work(each, message) for each in _split(command)]

    def _reject(self, rejection: Rejection, document: object, body: str) -> None:
        named = document if isinstance(document, Mapping) else {}
        account = named.get("account")
        identity = f"{rejection.field}\0{rejection.problem}\0{body}".encode("utf-8", "replace")
        self._journal.reject(
            rejection,
            key=hashlib.sha256(identity).hexdigest()[:32],
            account=account if isinstance(account, str) and is_account_name(account) else "",
            command={
                name: value
                for name in ("id", "command", "reference")
                if isinstance(value := named.get(name), str) and len(value) <= MAX_NAMED and _is_text(value)
            },
            now=self._clock(),
        )
        field = rejection.field.partition(".")[0]
        self._count("rejected", field=field if field in _FIELDS else None)  # a name of the caller's can be anything

    # --- doing -------------------------------------------------------------------------------------------------------

    def _do(self, works: Sequence[Work], until: float) -> Iterable[tuple[Work, Result]]:
        by_account: dict[str, list[Work]] = {}
        for work in works:
            by_account.setdefault(work.command.account, []).append(work)
        for name, group in by_account.items():
            try:
                yield from self._do_account(name, group, until)
            except JournalUnavailableError as error:
                # What was done before is in the journal: coming again finds it.
                yield from ((work, Left(None, str(error))) for work in group)

    def _do_account(self, name: str, works: Sequence[Work], until: float) -> Iterable[tuple[Work, Result]]:
        account = self._account(name)
        if not isinstance(account, SendingAccount):
            for work in works:
                yield work, self._refused(work, account) if isinstance(account, Rejection) else account
            return
        yield from self._do_once([work for work in works if not isinstance(work.command, Cancel)], account, until)
        for work in works:  # after these: it may be about what came together with it
            if isinstance(work.command, Cancel):
                checked = self._ready(work, account)
                yield work, self._cancel(checked, work.command) if isinstance(checked, Work) else checked

    def _do_once(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        ready: dict[str, Work] = {}
        others: list[Work] = []
        for work in works:
            checked = self._ready(work, account)
            if not isinstance(checked, Work):
                yield work, checked
            elif checked.command.id not in ready:
                ready[checked.command.id] = checked
            elif ready[checked.command.id].command.digest != checked.command.digest:
                others.append(checked)
            # else it is there twice, and once is enough
        yield from self._at_its_time(list(ready.values()), account, until)
        for work in others:  # the same id with two contents: the journal knows which of them is its own
            found = self._journal.read(work.command.id)
            if found is not None and found.digest == work.command.digest:
                yield from self._at_its_time([work], account, until)
            else:
                yield work, self._refused(work, Rejection("id", USED))

    def _ready(self, work: Work, account: "SendingAccount[Any]") -> Work | Result:
        """Return a command as it will be sent, or what became of it already."""
        checked = self._check(work, account)
        if isinstance(checked, Rejection):
            return self._late(work, account, checked) or self._refused(work, checked)
        return checked

    def _account(self, name: str) -> "SendingAccount[Any] | Rejection | Left":
        try:
            return self._accounts.find(name)
        except AccountNotFoundError:
            account = self._accounts.find_again(name) if is_account_name(name) else None
            return account or Rejection("account", f"there is no account of this name at {self._provider.name}")
        except AccountSettingsError as error:
            return Left(MISCONFIGURED_DELAY, f"account_not_usable {error}")
        except AccountsUnavailableError as error:
            return Left(None, f"accounts_unavailable {error}")

    def _check(self, work: Work, account: "SendingAccount[Any]") -> "Work | Rejection":
        command = work.command
        if command.provider not in {None, self._provider.name}:
            return Rejection("provider", f"this is {self._provider.name}'s queue")
        if command.kind not in self._provider.kinds:
            return Rejection("command", f"{self._provider.name} has no {command.kind}")
        try:
            return work._replace(command=self._provider.check(command, account, self._clock()))
        except Rejection as rejection:
            return rejection

    # --- what waits for its time -------------------------------------------------------------------------------------

    def _at_its_time(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        due: list[Work] = []
        for work in works:
            if self._waits_for_its_time(work.command):
                yield from self._scheduled(work)
            else:
                due.append(work)
        yield from self._unless_stopped(due, account, until)

    def _waits_for_its_time(self, command: BaseCommand) -> bool:
        send_at = getattr(command, "send_at", None)
        return send_at is not None and not self._provider.native_schedule and send_at.timestamp() > self._clock()

    def _scheduled(self, work: Work) -> Iterable[tuple[Work, Result]]:
        """Have a command come again at its `send_at`. Its entry is there before: it can be cancelled, and is known."""
        command, now = work.command, self._clock()
        found = self._journal.schedule(command, now)
        if found is not None and found.digest != command.digest:
            yield work, self._refused(work, Rejection("id", USED))
            return
        if found is not None and found.state is not State.SCHEDULED:
            yield work, found if found.state in FINAL else Left(found.lease_until - now + 1, "another copy has it")
            return
        send_at = getattr(command, "send_at", None)
        assert send_at is not None  # noqa: S101  # it waits for that
        assert self._schedules is not None  # noqa: S101  # the provider keeps no message itself
        seconds = send_at.timestamp() - now
        try:
            if seconds <= SOON and work.message is not None:
                self._queue.put_back(command, seconds + 1, None, work.message.receives - 1)
            else:
                self._schedules.add(command, send_at)
        except (SchedulerUnavailableError, QueueUnavailableError) as error:
            yield work, Left(None, str(error))
            return
        if found is None:
            self._count("scheduled")
        yield work, Record(State.SCHEDULED, command.digest, "", 0, {})

    def _cancel(self, work: Work, command: Cancel) -> Result:
        """Take back a command that waits for its `send_at`. Doing it again says the same."""
        now = self._clock()
        found = self._journal.read(command.command_id)
        if found is None or found.account != command.account:
            return self._refused(work, Rejection("command_id", "nothing is known of it, or it is another account's"))
        taken_back = found.state is State.CANCELLED or self._journal.cancel(
            command.command_id, f"cancelled by {command.id}", now
        )
        if not taken_back:
            return self._refused(work, Rejection("command_id", "it does not wait any more"))
        if self._schedules is not None:
            with suppress(SchedulerUnavailableError):  # then it comes at its time, and finds that it is cancelled
                self._schedules.remove(command_token(command.command_id))
        self._count("cancelled")
        return Record(State.SUCCEEDED, command.digest, "", 0, {"facts": {"command_id": command.command_id}})

    def _late(self, work: Work, account: "SendingAccount[Any]", rejection: Rejection) -> Result | Work | None:
        """Look again at a command that is too late by now: it may have been given in time.

        Returns:
            What is known of it, where it was done, or begun; the command itself, where it has waited until now with us;
            what it comes to, where that was too long ago; None where it is nothing but late.
        """
        send_at = getattr(work.command, "send_at", None)
        if rejection.field != "send_at" or send_at is None:
            return None
        try:
            in_time = self._provider.check(work.command, account, send_at.timestamp() - 1)
        except Rejection as other:
            return self._refused(work, other)
        found = self._journal.read(work.command.id)
        if found is None or found.digest != in_time.digest:
            return None
        work = work._replace(command=in_time)
        if found.state in {State.SCHEDULED, State.WAITING}:
            return None if self._provider.native_schedule else self._held_up(work, found, send_at.timestamp())
        result = self._denied(work, found, may_repeat=False)
        return None if isinstance(result, str) else result

    def _held_up(self, work: Work, found: Record, send_at: float) -> Work | Record | None:
        """Let a command that has waited with us go all the same; or take it back, where its time is long over.

        One that was begun goes on: it is not for us to say that it was not sent.
        """
        now = self._clock()
        if found.state is State.WAITING or now - send_at <= MAX_LATE:
            return work
        self._journal.cancel(work.command.id, "too late", now)
        return self._journal.read(work.command.id)

    def _refused(self, work: Work, rejection: Rejection) -> Rejection:
        body = work.command.model_dump_json()
        self._reject(rejection, json.loads(body), body)
        return rejection

    # --- what may go now ---------------------------------------------------------------------------------------------

    def _unless_stopped(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        costs = [work for work in works if work.command.costs]
        if costs and self._stops.find(account.name) is not None:
            yield from ((work, self._known(work) or self._stopped()) for work in costs)
            works = [work for work in works if not work.command.costs]
        if works:
            yield from self._in_turn(works, account, until)

    def _known(self, work: Work) -> Record | None:
        """Return what became of a command before, for whoever asks directly: nothing new can be done just now."""
        found = self._journal.read(work.command.id) if work.message is None else None
        is_it = found is not None and found.state in FINAL and found.digest == work.command.digest
        return found if is_it else None

    def _stop(self, account: str, why: str) -> None:
        if self._stops.stop(account, why, "provider", self._clock()):
            self._telemetry.count("accounts_stopped", dimensions={"provider": self._provider.name}, why=why)

    def _stopped(self) -> Left:
        """What a stopped account's command comes to. Each is counted, so that an alarm lasts as long as they wait."""
        self._telemetry.count("commands_stopped", dimensions={"provider": self._provider.name})
        return Left(STOPPED_DELAY * (0.5 + self._chance() / 2), "the account is stopped", stop=True, counted=False)

    def _in_turn(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        session = self._caller.session(account)
        if isinstance(session, NotSent):
            if session.stop_account:
                self._stop(account.name, session.why)
            left = self._stopped if session.stop_account else partial(_left, session)
            yield from ((work, self._known(work) or left()) for work in works)
            return
        now = self._clock()
        has_turn = [work.message is not None and now - LATEST <= work.message.turn <= now + 1 for work in works]
        reserved = [work for work, its_turn in zip(works, has_turn, strict=True) if its_turn]
        others = [work for work, its_turn in zip(works, has_turn, strict=True) if not its_turn]
        rate = account.settings.max_per_second
        sizes = [self._provider.size(work.command) for work in others]
        # Who asks directly can't come back with a turn: one that was reserved for them would only be lost.
        horizon = HORIZON_SECONDS if all(work.message for work in others) else 0.0
        turns = self._pace.turns(account.name, sizes, rate, now, horizon) if others else []
        go = list(reserved)
        for work, size, turn in zip(others, sizes, turns, strict=True):
            if turn is not None and turn <= now:
                go.append(work)
            elif work.message is None:
                yield work, Left(max(1.0, size / rate), "the account's pace")
            else:
                wait = turn - now if turn is not None else MAX_DELAY * (0.5 + self._chance() / 2)
                yield from self._wait(work, work.message, wait, turn)
        stopped: Left | None = None
        for planned in self._plan(go, account):
            if stopped:
                yield from ((work, stopped) for work in _works_of(planned, go))
                continue
            for work, result in self._call(planned, go, account, session, until):
                stopped = result if isinstance(result, Left) and result.stop else stopped
                yield work, result

    def _wait(self, work: Work, message: Message, seconds: float, turn: float | None) -> Iterable[tuple[Work, Result]]:
        """A message that has to wait for its turn comes as a new one: waiting is no failure, and is not counted."""
        try:
            self._queue.put_back(work.command, seconds, turn, message.receives - 1)
        except QueueUnavailableError as error:
            yield work, Left(None, str(error))

    def _plan(self, works: Sequence[Work], account: "SendingAccount[Any]") -> list[PlannedCall]:
        return self._provider.plan([work.command for work in works], account, "") if works else []

    def _call(
        self,
        planned: PlannedCall,
        works: Sequence[Work],
        account: "SendingAccount[Any]",
        session: Session,
        until: float,
    ) -> Iterable[tuple[Work, Result]]:
        of_id = {work.command.id: work for work in works}
        now = self._clock()
        if until - now < TIME_FOR_A_CALL:
            yield from self._out_of_time(_works_of(planned, works))
            return
        stakes = self._stakes(planned.commands, account, now)
        claim, denied = self._journal.claim(planned.commands, now, stakes)
        claimed = [
            Claimed(command, claim, stakes[command.id].staked if command.id in stakes else None)
            for command in planned.commands
            if command.id not in denied
        ]
        for command in planned.commands:
            found = denied.get(command.id)
            if isinstance(found, Rejection):
                yield of_id[command.id], self._refused(of_id[command.id], found)
            elif found is not None:
                work = of_id[command.id]
                denial = self._denied(work, found, may_repeat=_may_repeat(work, account))
                if isinstance(denial, str):
                    claimed.append(Claimed(command, denial, found.staked))
                else:
                    yield work, denial
        again = {it.command.id for it in claimed if _may_repeat(of_id[it.command.id], account)}
        for command, result in self._send(claimed, again, account, session, until):
            yield of_id[command.id], result

    def _stakes(self, commands: Iterable[BaseCommand], account: "SendingAccount[Any]", now: float) -> dict[str, Stake]:
        stakes = {command.id: self._provider.stake(command, account, now) for command in commands}
        return {name: stake for name, stake in stakes.items() if stake is not None}

    def _out_of_time(self, works: Sequence[Work]) -> Iterable[tuple[Work, Result]]:
        """What this invocation has no time for is no failure of its own: it keeps its turn, and is not counted."""
        now = self._clock()
        for work in works:
            if work.message is None:
                yield work, Left(0.0, NO_TIME)
            else:
                yield from self._wait(work, work.message, 0.0, now)

    def _denied(self, work: Work, found: Record, *, may_repeat: bool) -> "Result | str":
        """Decide on a command that the journal has already. Returns a claim where it is to be sent all the same."""
        command = work.command
        if found.digest != command.digest:
            return self._refused(work, Rejection("id", USED))
        if found.state in FINAL:
            return found
        now = self._clock()
        if found.lease_until > now:
            return Left(found.lease_until - now + 1, "another copy has it")
        claim = self._journal.take_over(command, found, now)
        if claim is None:
            return Left(1.0, "another copy has it")
        if may_repeat:
            return claim
        unknown = Finish(command, claim, State.UNKNOWN, {"why": "interrupted"})
        self._journal.finish([unknown], now)
        self._count("unknown")
        return Record(State.UNKNOWN, command.digest, claim, 0, unknown.outcome)

    def _send(
        self,
        claimed: Sequence[Claimed],
        again: set[str],
        account: "SendingAccount[Any]",
        session: Session,
        until: float,
    ) -> Iterable[tuple[BaseCommand, Result]]:
        if not claimed:
            return
        of_id = {it.command.id: it for it in claimed}
        finished: list[Finish] = []
        left: list[tuple[Claimed, Left]] = []
        no_money: str | None = None
        for command, outcome in self._outcomes([it.command for it in claimed], session, until):
            it = of_id[command.id]
            finish = self._finish(it, outcome, may_repeat=command.id in again)
            if isinstance(finish, Finish):
                finished.append(finish)
            else:
                left.append((it, finish))
            if isinstance(outcome, NotSent) and outcome.stop_account:
                no_money = outcome.why
        try:
            self._journal.finish(finished, self._clock())
        finally:
            for claim in {it.claim for it, _ in left}:
                of_claim = [it for it, _ in left if it.claim == claim]
                staked = {it.command.id: it.staked for it in of_claim}
                self._journal.release([it.command for it in of_claim], claim, staked)
        for finish in finished:
            self._count(finish.state.value)
            yield finish.command, Record(finish.state, finish.command.digest, finish.claim, 0, finish.outcome)
        if no_money is not None:
            self._stop(account.name, no_money)
        for it, result in left:
            self._count("not_sent", why=result.why)
            yield it.command, result

    def _finish(self, claimed: Claimed, outcome: Outcome, *, may_repeat: bool) -> Finish | Left:
        """Say what is to be written of an outcome, or when a command that waits again is worth another try."""
        command, claim, staked = claimed
        match outcome:
            case Done(facts, provider_data):
                try:
                    kept = self._reports(command, facts) if self._reports is not None else facts
                except ReportsUnavailableError as error:  # only a question has that much to say: it is asked again
                    return Left(None, str(error))
                said = {"facts": dict(kept), "provider_data": dict(provider_data)}
                return Finish(command, claim, State.SUCCEEDED, said, _message_id(command, facts), staked)
            case Refused(code, text, provider_data):
                why = {"code": code, "text": text, "provider_data": dict(provider_data)}
                refused_id = "" if command.repeatable else self._provider.refused_id(provider_data) or ""
                return Finish(command, claim, State.FAILED, why, refused_id, staked)
            case MayHaveBeenSent(cause, facts) if not may_repeat:
                open_facts = {"facts": dict(facts)} if facts else {}
                why = {"why": cause, **open_facts}
                return Finish(command, claim, State.UNKNOWN, why, _message_id(command, facts), staked)
            case NotSent(stop_account=True):
                return self._stopped()
        return _left(outcome)

    def _outcomes(
        self, commands: Sequence[BaseCommand], session: Session, until: float
    ) -> Iterable[tuple[BaseCommand, Outcome]]:
        outcomes = list(session.outcomes(commands))
        for command, outcome in outcomes:
            if isinstance(outcome, NotSent) and outcome.split and len(outcomes) > 1:
                # The provider turned the whole call away, and took nothing of it: each gets a call of its own.
                yield command, self._alone(command, session, until)
            else:
                yield command, outcome

    def _alone(self, command: BaseCommand, session: Session, until: float) -> Outcome:
        if until - self._clock() < TIME_FOR_A_CALL:
            return NotSent(NO_TIME)
        ((_, outcome),) = session.outcomes([command])
        return outcome

    # --- saying ------------------------------------------------------------------------------------------------------

    def _left_of(self, message: Message, left: Sequence[tuple[BaseCommand, Left]], works: int) -> list[str]:
        """Have what is left of a message come again: of a batch's messages only those.

        Returns:
            The message's id where it is the message itself that comes again.
        """
        soonest = min((it for _, it in left), key=lambda it: float("inf") if it.after is None else it.after)
        if len(left) == works and any(it.counted for _, it in left):
            return self._come_again(message, soonest)
        try:
            for command, it in left:
                receives = message.receives if it.counted else message.receives - 1
                self._queue.put_back(command, self._seconds(message, it), None, receives)
                self._count_delay(message, it)
        except QueueUnavailableError:
            return self._come_again(message, soonest)
        return []

    def _come_again(self, message: Message, left: Left) -> list[str]:
        try:
            if message.receives >= MAX_RECEIVES:
                self._queue.set_aside(message, left.why)
                return []
            self._queue.delay(message, self._seconds(message, left))
        except QueueUnavailableError:
            pass  # then it comes again when its visibility timeout is over
        self._count_delay(message, left)
        return [message.id]

    def _seconds(self, message: Message, left: Left) -> float:
        if left.after is not None:
            return left.after
        return self._chance() * min(MAX_BACKOFF, 2.0 ** min(message.receives, MAX_RECEIVES))

    def _count_delay(self, message: Message, left: Left) -> None:
        self._telemetry.count(
            "messages_delayed", dimensions={"provider": self._provider.name}, why=left.why, receives=message.receives
        )

    def _count(self, result: str, *, field: str | None = None, why: str | None = None) -> None:
        self._telemetry.count("commands", dimensions=self._dimensions(result), field=field, why=why)

    def _dimensions(self, result: str) -> dict[str, str]:
        return {"provider": self._provider.name, "result": result}


def _may_repeat(work: Work, account: "SendingAccount[Any]") -> bool:
    """Say whether a command may be done again when nobody knows what became of it."""
    if not isinstance(work.command, SendSms):
        return work.command.repeatable
    return account.settings.on_unknown == "resend" and (work.message is None or work.message.receives <= MAX_RESENDS)


def _works_of(planned: PlannedCall, works: Iterable[Work]) -> list[Work]:
    of_id = {work.command.id: work for work in works}
    return [of_id[command.id] for command in planned.commands]


def _message_id(command: BaseCommand, facts: Mapping[str, Any]) -> str:
    """The provider's id of what was sent. A question names the id of something that another command sent."""
    return "" if command.repeatable else str(facts.get("message_id") or facts.get("transaction_id") or "")


def _left(outcome: Outcome) -> Left:
    """Say when a command that waits again is worth another try."""
    if isinstance(outcome, NotSent):
        return Left(outcome.delay, outcome.why, stop=outcome.delay is not None, counted=not outcome.waits)
    return Left(None, getattr(outcome, "why", ""))


def _split(command: BaseCommand) -> Sequence[BaseCommand]:
    return command.split() if isinstance(command, SendSmsBatch) else [command]


def _parts(batch: SendSmsBatch, most: int = 100) -> list[SendSmsBatch]:
    """Cut a batch into parts that fit a message and an invocation; each message keeps the id that it has."""
    parts: list[list[BatchMessage]] = [[]]
    size = 0
    for single in batch.split():
        text = single.text if single.text != batch.text else None
        message = BatchMessage(id=single.id, to=single.to, text=text, reference=single.reference)
        needed = len(message.model_dump_json().encode())
        if parts[-1] and (len(parts[-1]) == most or size + needed > MAX_CHUNK_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(message)
        size += needed
    return [batch.model_copy(update={"messages": messages}) for messages in parts]


def _said(result: Result) -> dict[str, Any]:
    match result:
        case Rejection():
            return {"state": "rejected", "field": result.field or None, "problem": result.problem}
        case Record():
            return {"state": result.state.value, "outcome": dict(result.outcome)}
        case Left(after, why):
            return {"state": State.WAITING.value, "why": why, "retry_after": after}


def _is_text(value: str) -> bool:
    """Say whether a text is without half characters, which JSON lets in and nothing lets out."""
    return value == value.encode("utf-8", "replace").decode()


def _loads(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
