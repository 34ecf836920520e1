"""Sending: commands in, one request each to the provider, what became of each in the journal.

A request leaves only after its command was claimed in the journal, and what became of it is written right after. So
a command is sent once, or its outcome is known to be unknown:

| found in the journal | what happens |
| --- | --- |
| nothing, or `waiting` | claimed, sent, outcome written |
| the same id with another content | refused |
| an outcome | it is the answer; nothing is sent |
| `sending`, its lease not over | left alone: later |
| `sending`, its lease over | a question is asked again; an SMS is `unknown`, or sent again where its account says |
|                             | `on_unknown: resend`, at most three times; a top-up is always `unknown` |

An answer that leaves it open is treated as the last row, at once.

Nothing sleeps here: what must wait goes back to the queue with a delay.
"""

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from hookline.accounts import Accounts, is_account_name
from hookline.command_journal import FINAL, CommandJournal, Finish, Record, State
from hookline.commands import (
    COMMAND_TYPES,
    BaseCommand,
    BatchMessage,
    Rejection,
    SendSms,
    SendSmsBatch,
    parse_command,
    read_command,
)
from hookline.errors import (
    AccountNotFoundError,
    AccountSettingsError,
    AccountsUnavailableError,
    JournalUnavailableError,
    QueueUnavailableError,
)
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, outcome_of_error
from hookline.pace import HORIZON_SECONDS, Pace
from hookline.sending import PlannedCall, SendingAccount, SendingProvider
from hookline.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TURN_ATTRIBUTE = "hookline-turn"
"""A message attribute: the moment (seconds since the epoch) that a put-back message has its turn reserved for."""

RECEIVES_ATTRIBUTE = "hookline-receives"
"""A message attribute: how often a put-back message was tried as the message that it was before."""

LATEST = 60.0
"""Seconds after which a reserved turn is gone: else what a standstill held up would all go out at once."""

MAX_RECEIVES = 12
"""A message received so often is set aside: the redrive limit of the command queues in the template."""

MAX_RESENDS = 3
"""How often an SMS is sent again at the most where its account says `on_unknown: resend`."""

MAX_BACKOFF = 900.0
"""Seconds: the longest a message waits before it is tried again, unless the provider asks for longer."""

MAX_DELAY = 900
"""Seconds: the longest that SQS delays a new message."""

MISCONFIGURED_DELAY = 300.0
TIME_FOR_A_CALL = 30.0
"""Seconds that must be left of the invocation for another call to be begun."""

USED = "was used before, for something else"
NO_TIME = "the invocation's time"

MAX_CHUNK_BYTES = 200_000
"""A batch is cut so that each part fits an SQS message."""

MAX_NAMED = 200
"""Characters of what is repeated of a command that could not be understood."""

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_NOT_IN_SQS = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIELDS = frozenset(name for command in COMMAND_TYPES for name in command.model_fields)


class Queue(Protocol):
    """What a sender does with messages besides being done with them. Each raises QueueUnavailableError."""

    def delay(self, message: "Message", seconds: float) -> None:
        """Let a message come again after so many seconds, counted as another receive."""

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None, receives: int) -> None:
        """Put a command on the queue anew, to come after so many seconds, with the receives counted until now."""

    def set_aside(self, message: "Message", reason: str) -> None:
        """Put a message on the dead-letter queue."""


class Message(NamedTuple):
    """A message from the command queue.

    Attributes:
        id: SQS's id of it.
        receipt: what it is answered with.
        body: its text.
        receives: how often it has been received, this time included, and as the messages that it was before.
        turn: the moment its turn was reserved for; 0 where none was, or where it was taken already.
    """

    id: str
    receipt: str
    body: str
    receives: int
    turn: float


class Work(NamedTuple):
    """A command under way, and the message that it came in."""

    command: BaseCommand
    message: Message | None


class Left(NamedTuple):
    """A command that is not done.

    Attributes:
        after: seconds after which it may be tried again; None for exponential backoff.
        why: the cause, for the telemetry.
        stop: whether the same is to be expected for the account's other commands now.
    """

    after: float | None
    why: str
    stop: bool = False


type Result = Record | Rejection | Left


class Sender:
    """Does one provider's commands.

    Args:
        provider: its data and pure functions.
        accounts: its accounts, as `provider.read_account` builds them.
        journal: where commands are kept.
        pace: gives turns.
        http: sends requests; its timeouts are explicit.
        queue: the provider's command queue.
        telemetry: says what happened.
        token: the access token of an account, or an outcome that says why there is none; renewed when asked to.
        clock: seconds since the epoch, UTC.
        chance: a number from 0 to 1, for jitter.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # everything that it touches is handed in
        self,
        provider: SendingProvider,
        accounts: "Accounts[SendingAccount[Any]]",
        journal: CommandJournal,
        pace: Pace,
        http: httpx.Client,
        queue: Queue,
        telemetry: Telemetry,
        *,
        token: "Callable[[SendingAccount[Any], bool], str | Outcome]" = lambda _account, _renew: "",
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._provider = provider
        self._accounts = accounts
        self._journal = journal
        self._pace = pace
        self._http = http
        self._queue = queue
        self._telemetry = telemetry
        self._token = token
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
        messages = [_message(record) for record in records]
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
            `state`: succeeded, failed, unknown, rejected or waiting, with `outcome`, or `field` and `problem`, or `why`
            and `retry_after` (seconds). A batch answers with `messages`, the same for each by id.
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
        ready: dict[str, Work] = {}
        others: list[Work] = []
        for work in works:
            checked = self._check(work, account)
            if isinstance(checked, Rejection):
                yield work, self._late(work, account, checked) or self._refused(work, checked)
            elif checked.command.id not in ready:
                ready[checked.command.id] = checked
            elif ready[checked.command.id].command.digest != checked.command.digest:
                others.append(checked)
            # else it is there twice, and once is enough
        yield from self._in_turn(list(ready.values()), account, until)
        for work in others:  # the same id with two contents: the journal knows which of them is its own
            found = self._journal.read(work.command.id)
            if found is not None and found.digest == work.command.digest:
                yield from self._in_turn([work], account, until)
            else:
                yield work, self._refused(work, Rejection("id", USED))

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

    def _late(self, work: Work, account: "SendingAccount[Any]", rejection: Rejection) -> Result | None:
        """A command that is too late by now may have been done, or begun, in time: then this is a repeat of it."""
        send_at = getattr(work.command, "send_at", None)
        if rejection.field != "send_at" or send_at is None:
            return None
        try:
            in_time = self._provider.check(work.command, account, send_at.timestamp() - 1)
        except Rejection:
            return None
        found = self._journal.read(work.command.id)
        if found is None or found.state is State.WAITING or found.digest != in_time.digest:
            return None
        result = self._denied(work._replace(command=in_time), found, may_repeat=False)
        return None if isinstance(result, str) else result

    def _refused(self, work: Work, rejection: Rejection) -> Rejection:
        body = work.command.model_dump_json()
        self._reject(rejection, json.loads(body), body)
        return rejection

    def _in_turn(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
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
            for work, result in self._call(planned, go, account, until):
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
        self, planned: PlannedCall, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        of_id = {work.command.id: work for work in works}
        if until - self._clock() < TIME_FOR_A_CALL:
            yield from self._out_of_time(_works_of(planned, works))
            return
        claim, denied = self._journal.claim(planned.commands, self._clock())
        claimed = [(command, claim) for command in planned.commands if command.id not in denied]
        for command in planned.commands:
            if command.id in denied:
                work = of_id[command.id]
                denial = self._denied(work, denied[command.id], may_repeat=_may_repeat(work, account))
                if isinstance(denial, str):
                    claimed.append((command, denial))
                else:
                    yield work, denial
        again = {command.id for command, _ in claimed if _may_repeat(of_id[command.id], account)}
        for command, result in self._send(claimed, again, account, until):
            yield of_id[command.id], result

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
        self, claimed: Sequence[tuple[BaseCommand, str]], again: set[str], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[BaseCommand, Result]]:
        if not claimed:
            return
        claims = {command.id: claim for command, claim in claimed}
        finished: list[Finish] = []
        left: list[tuple[BaseCommand, Left]] = []
        for command, outcome in self._outcomes([command for command, _ in claimed], account, until):
            finish = _finish(command, claims[command.id], outcome, may_repeat=command.id in again)
            if finish is None:
                left.append((command, _left(outcome)))
            else:
                finished.append(finish)
        try:
            self._journal.finish(finished, self._clock())
        finally:
            for claim in {claims[command.id] for command, _ in left}:
                self._journal.release([command for command, _ in left if claims[command.id] == claim], claim)
        for finish in finished:
            self._count(finish.state.value)
            yield finish.command, Record(finish.state, finish.command.digest, finish.claim, 0, finish.outcome)
        for command, result in left:
            self._count("not_sent", why=result.why)
            yield command, result

    def _outcomes(
        self, commands: Sequence[BaseCommand], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[BaseCommand, Outcome]]:
        token = self._token(account, False)
        if not isinstance(token, str):
            yield from ((command, token) for command in commands)
            return
        for planned in self._provider.plan(commands, account, token):
            outcomes = self._request(planned, account)
            if any(isinstance(outcome, NotSent) and outcome.renew_token for outcome in outcomes):
                token = self._token(account, True)
                if isinstance(token, str):
                    again = self._provider.plan(planned.commands, account, token)
                    outcomes = [outcome for each in again for outcome in self._request(each, account)]
            for command, outcome in zip(planned.commands, outcomes, strict=True):
                if isinstance(outcome, NotSent) and outcome.split and len(planned.commands) > 1:
                    # The provider turned the whole call away, and took nothing of it: each gets a call of its own.
                    yield command, self._alone(command, account, token if isinstance(token, str) else "", until)
                else:
                    yield command, outcome

    def _alone(self, command: BaseCommand, account: "SendingAccount[Any]", token: str, until: float) -> Outcome:
        if until - self._clock() < TIME_FOR_A_CALL:
            return NotSent(NO_TIME)
        return self._request(self._provider.plan([command], account, token)[0], account)[0]

    def _request(self, planned: PlannedCall, account: "SendingAccount[Any]") -> list[Outcome]:
        call = planned.call
        try:
            response = self._http.request(call.method, call.url, headers=dict(call.headers), content=call.content)
            answer = Answer(response.status_code, response.headers, response.content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            outcome = outcome_of_error(error)
            self._telemetry.count("provider_calls", dimensions=self._dimensions(type(error).__name__))
            return [outcome] * len(planned.commands)
        self._telemetry.count("provider_calls", dimensions=self._dimensions(f"{answer.status // 100}xx"))
        return self._provider.read(planned.commands, account, answer)

    # --- saying ------------------------------------------------------------------------------------------------------

    def _left_of(self, message: Message, left: Sequence[tuple[BaseCommand, Left]], works: int) -> list[str]:
        """Have what is left of a message come again: of a batch's messages only those.

        Returns:
            The message's id where it is the message itself that comes again.
        """
        soonest = min((it for _, it in left), key=lambda it: float("inf") if it.after is None else it.after)
        if len(left) == works:
            return self._come_again(message, soonest)
        try:
            for command, it in left:
                self._queue.put_back(command, self._seconds(message, it), None, message.receives)
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


def _finish(command: BaseCommand, claim: str, outcome: Outcome, *, may_repeat: bool) -> Finish | None:
    """Say what is to be written of an outcome; None where the command waits again."""
    match outcome:
        case Done(facts, provider_data):
            said = {"facts": dict(facts), "provider_data": dict(provider_data)}
            return Finish(command, claim, State.SUCCEEDED, said, _message_id(command, facts))
        case Refused(code, text, provider_data):
            why = {"code": code, "text": text, "provider_data": dict(provider_data)}
            return Finish(command, claim, State.FAILED, why)
        case MayHaveBeenSent(cause, facts) if not may_repeat:
            open_facts = {"facts": dict(facts)} if facts else {}
            return Finish(command, claim, State.UNKNOWN, {"why": cause, **open_facts}, _message_id(command, facts))
        case _:
            return None


def _message_id(command: BaseCommand, facts: Mapping[str, Any]) -> str:
    """The provider's id of what was sent. A question names the id of something that another command sent."""
    return "" if command.repeatable else str(facts.get("message_id") or facts.get("transaction_id") or "")


def _left(outcome: Outcome) -> Left:
    """Say when a command that waits again is worth another try."""
    if isinstance(outcome, NotSent):
        return Left(outcome.delay, outcome.why, stop=outcome.stop_account or outcome.delay is not None)
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


def _message(record: Mapping[str, Any]) -> Message:
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    attributes = record.get("messageAttributes", {})
    return Message(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receives=receives + int(_number(attributes, RECEIVES_ATTRIBUTE)),
        turn=_number(attributes, TURN_ATTRIBUTE) if receives == 1 else 0.0,
    )


def _number(attributes: Mapping[str, Any], name: str) -> float:
    text = str(attributes.get(name, {}).get("stringValue", ""))
    return float(text) if _NUMBER.fullmatch(text) else 0.0


def _is_text(value: str) -> bool:
    """Say whether a text is without half characters, which JSON lets in and nothing lets out."""
    return value == value.encode("utf-8", "replace").decode()


def _loads(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class CommandQueue:
    """A provider's command queue on SQS.

    Args:
        client: an SQS client.
        url: the queue's.
        dead_letters: the URL of its dead-letter queue.
    """

    def __init__(self, client: "SQSClient", url: str, dead_letters: str) -> None:
        self._client = client
        self._url = url
        self._dead_letters = dead_letters

    def delay(self, message: Message, seconds: float) -> None:
        """Let a message come again after so many seconds, counted as another receive."""
        with _unavailable():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=min(43_000, max(0, round(seconds)))
            )

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None, receives: int) -> None:
        """Put a command on the queue anew, to come after so many seconds (15 minutes at the most)."""
        numbers = {
            **({TURN_ATTRIBUTE: f"{turn:.3f}"} if turn is not None else {}),
            **({RECEIVES_ATTRIBUTE: str(receives)} if receives else {}),
        }
        body = command.model_dump_json(exclude_none=True)
        with _unavailable():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=_NOT_IN_SQS.sub(lambda found: f"\\u{ord(found[0]):04x}", body),
                DelaySeconds=min(MAX_DELAY, max(0, round(seconds))),
                MessageAttributes={
                    name: {"DataType": "Number", "StringValue": number} for name, number in numbers.items()
                },
            )

    def set_aside(self, message: Message, reason: str) -> None:
        """Put a message on the dead-letter queue, with the reason."""
        text = _NOT_IN_SQS.sub("?", reason[:200]) or "unknown"
        with _unavailable():
            self._client.send_message(
                QueueUrl=self._dead_letters,
                MessageBody=message.body,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": text}},
            )


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(type(error).__name__) from error
