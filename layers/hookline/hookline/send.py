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
|                             | `on_unknown: resend`; a top-up is always `unknown` |

Nothing sleeps here: what must wait goes back to the queue with a delay.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx

from hookline.accounts import Accounts, is_account_name
from hookline.command_journal import FINAL, CommandJournal, Finish, Record, State
from hookline.commands import (
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
)
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, outcome_of_error
from hookline.pace import Pace
from hookline.sending import PlannedCall, SendingAccount, SendingProvider
from hookline.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TURN_ATTRIBUTE = "hookline-turn"
"""A message attribute: the moment (seconds since the epoch) that a put-back message has its turn reserved for."""

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


class Queue(Protocol):
    """What a sender does with messages besides being done with them."""

    def delay(self, message: "Message", seconds: float) -> None:
        """Let a message come again after so many seconds, counted as another receive."""

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None) -> None:
        """Put a command on the queue anew, to come after so many seconds."""

    def set_aside(self, message: "Message", reason: str) -> None:
        """Put a message on the dead-letter queue."""


class Message(NamedTuple):
    """A message from the command queue.

    Attributes:
        id: SQS's id of it.
        receipt: what it is answered with.
        body: its text.
        receives: how often it has been received, this time included.
        turn: the moment its turn was reserved for; 0 where none was.
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
    """

    after: float | None
    why: str


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
        again: dict[str, Left] = {}
        works: list[Work] = []
        for message in messages:
            try:
                works += self._read(message)
            except JournalUnavailableError as error:
                again[message.id] = Left(None, str(error))
        for work, result in self._do(works, until):
            if isinstance(result, Left) and work.message is not None:
                known = again.get(work.message.id)
                again[work.message.id] = result if known is None else _sooner(known, result)
        for message in messages:
            if message.id in again:
                self._delay(message, again[message.id])
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

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
            self._reject(rejection, document, json.dumps(document, default=str))
            return _said(rejection)
        works = [Work(each, None) for each in _split(command)]
        said = {work.command.id: _said(result) for work, result in self._do(works, self._clock() + seconds)}
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
                    self._queue.put_back(part, 0, None)
                return []
        return [Work(each, message) for each in _split(command)]

    def _reject(self, rejection: Rejection, document: object, body: str) -> None:
        named = document if isinstance(document, Mapping) else {}
        account = named.get("account")
        self._journal.reject(
            rejection,
            key=hashlib.sha256(f"{rejection.field}\0{rejection.problem}\0{body}".encode()).hexdigest()[:32],
            account=account if isinstance(account, str) and is_account_name(account) else "",
            command={
                name: value
                for name in ("id", "command", "reference")
                if isinstance(value := named.get(name), str) and len(value) <= 200  # noqa: PLR2004
            },
            now=self._clock(),
        )
        self._count("rejected", field=rejection.field)

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
        ready: list[Work] = []
        seen: dict[str, str] = {}
        for work in works:
            checked = self._check(work, account)
            if isinstance(checked, Rejection):
                yield work, self._known(work, account, checked) or self._refused(work, checked)
            elif checked.command.id not in seen:
                seen[checked.command.id] = checked.command.digest
                ready.append(checked)
            elif seen[checked.command.id] != checked.command.digest:
                yield work, self._refused(work, Rejection("id", USED))
            # else it is there twice, and once is enough
        for work, result in self._in_turn(ready, account, until):
            yield work, result

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

    def _known(self, work: Work, account: "SendingAccount[Any]", rejection: Rejection) -> Record | None:
        """A command that is too late by now may have been done in time: then this is a repeat of it."""
        if rejection.field != "send_at":
            return None
        try:
            in_time = self._provider.check(work.command, account, 0.0)
        except Rejection:
            return None
        found = self._journal.read(work.command.id)
        return found if found and found.state in FINAL and found.digest == in_time.digest else None

    def _refused(self, work: Work, rejection: Rejection) -> Rejection:
        body = work.command.model_dump_json()
        self._reject(rejection, json.loads(body), body)
        return rejection

    def _in_turn(
        self, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        now = self._clock()
        has_turn = [work.message is not None and 0 < work.message.turn <= now + 1 for work in works]
        reserved = [work for work, its_turn in zip(works, has_turn, strict=True) if its_turn]
        others = [work for work, its_turn in zip(works, has_turn, strict=True) if not its_turn]
        sizes = [self._provider.size(work.command) for work in others]
        turns = self._pace.turns(account.name, sizes, account.settings.max_per_second, now) if others else []
        go = list(reserved)
        for work, turn in zip(others, turns, strict=True):
            if turn is not None and turn <= now:
                go.append(work)
            elif work.message is None:
                yield work, Left((turn or now + MAX_DELAY) - now, "the account's pace")
            else:
                self._put_back(work, turn, now)
        for planned in self._plan(go, account):
            yield from self._call(planned, go, account, until)

    def _put_back(self, work: Work, turn: float | None, now: float) -> None:
        """A message that has to wait for its turn comes as a new one: waiting is no failure, and is not counted."""
        wait = turn - now if turn is not None else MAX_DELAY * (0.5 + self._chance() / 2)
        self._queue.put_back(work.command, wait, turn)

    def _plan(self, works: Sequence[Work], account: "SendingAccount[Any]") -> list[PlannedCall]:
        return self._provider.plan([work.command for work in works], account, "") if works else []

    def _call(
        self, planned: PlannedCall, works: Sequence[Work], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[Work, Result]]:
        of_id = {work.command.id: work for work in works}
        if until - self._clock() < TIME_FOR_A_CALL:
            yield from ((of_id[command.id], Left(0.0, NO_TIME)) for command in planned.commands)
            return
        claim, denied = self._journal.claim(planned.commands, self._clock())
        claimed = [(command, claim) for command in planned.commands if command.id not in denied]
        for command in planned.commands:
            if command.id in denied:
                result = self._denied(command, denied[command.id], account)
                if isinstance(result, str):
                    claimed.append((command, result))
                else:
                    yield of_id[command.id], result
        for command, result in self._send(claimed, account, until):
            yield of_id[command.id], result

    def _denied(self, command: BaseCommand, found: Record, account: "SendingAccount[Any]") -> "Result | str":
        """Decide on a command that the journal has already. Returns a claim where it is to be sent all the same."""
        if found.digest != command.digest:
            return self._refused(Work(command, None), Rejection("id", USED))
        if found.state in FINAL:
            return found
        now = self._clock()
        if found.lease_until > now:
            return Left(found.lease_until - now + 1, "another copy has it")
        claim = self._journal.take_over(command, found, now)
        if claim is None:
            return Left(1.0, "another copy has it")
        if command.repeatable or (isinstance(command, SendSms) and account.settings.on_unknown == "resend"):
            return claim
        unknown = Finish(command, claim, State.UNKNOWN, {"why": "interrupted"})
        self._journal.finish([unknown], now)
        self._count("unknown")
        return Record(State.UNKNOWN, command.digest, claim, 0, unknown.outcome)

    def _send(
        self, claimed: Sequence[tuple[BaseCommand, str]], account: "SendingAccount[Any]", until: float
    ) -> Iterable[tuple[BaseCommand, Result]]:
        if not claimed:
            return
        claims = {command.id: claim for command, claim in claimed}
        finished: list[Finish] = []
        left: list[tuple[BaseCommand, Left]] = []
        for command, outcome in self._outcomes([command for command, _ in claimed], account, until):
            finish = _finish(command, claims[command.id], outcome)
            if finish is None:
                left.append((command, _left(outcome)))
            else:
                finished.append(finish)
        now = self._clock()
        self._journal.finish(finished, now)
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

    def _delay(self, message: Message, left: Left) -> None:
        seconds = left.after
        if seconds is None:
            seconds = self._chance() * min(MAX_BACKOFF, 2.0**message.receives)
        self._queue.delay(message, seconds)
        self._telemetry.count(
            "messages_delayed", dimensions={"provider": self._provider.name}, why=left.why, receives=message.receives
        )

    def _count(self, result: str, *, field: str | None = None, why: str | None = None) -> None:
        self._telemetry.count("commands", dimensions=self._dimensions(result), field=field, why=why)

    def _dimensions(self, result: str) -> dict[str, str]:
        return {"provider": self._provider.name, "result": result}


def _finish(command: BaseCommand, claim: str, outcome: Outcome) -> Finish | None:
    """Say what is to be written of an outcome; None where the command waits again."""
    match outcome:
        case Done(facts, provider_data):
            message_id = str(facts.get("message_id") or facts.get("transaction_id") or "")
            said = {"facts": dict(facts), "provider_data": dict(provider_data)}
            return Finish(command, claim, State.SUCCEEDED, said, message_id)
        case Refused(code, text, provider_data):
            why = {"code": code, "text": text, "provider_data": dict(provider_data)}
            return Finish(command, claim, State.FAILED, why)
        case MayHaveBeenSent(cause) if not command.repeatable:
            return Finish(command, claim, State.UNKNOWN, {"why": cause})
        case _:
            return None


def _left(outcome: Outcome) -> Left:
    """Say when a command that waits again is worth another try."""
    delay = outcome.delay if isinstance(outcome, NotSent) else None
    return Left(delay, getattr(outcome, "why", ""))


def _split(command: BaseCommand) -> Sequence[BaseCommand]:
    return command.split() if isinstance(command, SendSmsBatch) else [command]


def _parts(batch: SendSmsBatch, most: int = 100) -> list[SendSmsBatch]:
    """Cut a batch into parts that fit a message and an invocation; each message keeps the id that it has."""
    parts: list[list[BatchMessage]] = [[]]
    size = 0
    for single in batch.split():
        text = single.text if single.text != batch.text else None
        message = BatchMessage(id=single.id, to=single.to, text=text, reference=single.reference)
        needed = len(message.model_dump_json())
        if parts[-1] and (len(parts[-1]) == most or size + needed > MAX_CHUNK_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(message)
        size += needed
    return [
        batch.model_copy(update={"id": f"{batch.id}/part-{number}", "messages": messages})
        for number, messages in enumerate(parts, start=1)
    ]


def _sooner(one: Left, other: Left) -> Left:
    return min(one, other, key=lambda left: float("inf") if left.after is None else left.after)


def _said(result: Result) -> dict[str, Any]:
    match result:
        case Rejection():
            return {"state": "rejected", "field": result.field or None, "problem": result.problem}
        case Record():
            return {"state": result.state.value, "outcome": dict(result.outcome)}
        case Left(after, why):
            return {"state": State.WAITING.value, "why": why, "retry_after": after}


def _message(record: Mapping[str, Any]) -> Message:
    turn = record.get("messageAttributes", {}).get(TURN_ATTRIBUTE, {}).get("stringValue", "0")
    return Message(
        id=record["messageId"],
        receipt=record["receiptHandle"],
        body=record["body"],
        receives=int(record["attributes"]["ApproximateReceiveCount"]),
        turn=float(turn) if turn.replace(".", "", 1).isdigit() else 0.0,
    )


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
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=min(43_000, max(0, round(seconds)))
        )

    def put_back(self, command: BaseCommand, seconds: float, turn: float | None) -> None:
        """Put a command on the queue anew, to come after so many seconds (15 minutes at the most)."""
        attributes: Any = (
            {TURN_ATTRIBUTE: {"DataType": "Number", "StringValue": f"{turn:.3f}"}} if turn is not None else {}
        )
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=command.model_dump_json(exclude_none=True),
            DelaySeconds=min(MAX_DELAY, max(0, round(seconds))),
            MessageAttributes=attributes,
        )

    def set_aside(self, message: Message, reason: str) -> None:
        """Put a message on the dead-letter queue, with the reason."""
        self._client.send_message(
            QueueUrl=self._dead_letters,
            MessageBody=message.body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:200]}},
        )
