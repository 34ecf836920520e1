"""Publishing: a batch of the journal's stream in, events on the bus.

Order is kept within an entry's key: one call to the bus never holds two events of one key, and after an event that
the bus did not take, no later one of its key is handed over. What the bus did not take is reported to the stream,
which comes again from the first such entry on; so an event can be published more than once, with the same id, and
is never skipped. An entry that can't be made an event goes to the dead-letter queue alone, and the others go on.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hookline import command_events
from hookline.command_journal import COMMAND, NEWS, REJECTION
from hookline.errors import HooklineError, JournalUnavailableError, UnrecognisedError
from hookline.events import (
    SOURCE,
    CallbackNormaliser,
    CallbackUnrecognised,
    Correlation,
    Data,
    Event,
    Happening,
    Metadata,
    event_id,
)
from hookline.journal import CALLBACK
from hookline.stops import ACCOUNT
from hookline.telemetry import Telemetry

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

MAX_EVENTS_A_CALL = 10
MAX_CALL_BYTES = 256 * 1024
"""What one PutEvents call may hold, and so the most that one event may take: source, type and detail counted."""

MAX_TRIES = 3
"""How often an event is handed to the bus in one invocation before the stream is asked to come again."""

type Entry = Mapping[str, Any]


class Outgoing(NamedTuple):
    """An event on its way to the bus.

    Attributes:
        sequence: the stream's sequence number of its entry.
        key: what order is kept by.
        type: the event's type.
        detail: the event's JSON text.
    """

    sequence: str
    key: str
    type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes that count against the bus's limit."""
        return len(SOURCE) + len(self.type) + len(self.detail.encode())


class BusRefusedAllError(HooklineError):
    """A whole call to the bus failed."""


class Subject(NamedTuple):
    """What an event is made of, before it is known which command it belongs to.

    Attributes:
        entry: the journal's, as plain values.
        happening: what it says.
        provider_data: the provider's own fields.
    """

    entry: Entry
    happening: Happening
    provider_data: Mapping[str, Any]


LATER: Literal["later"] = "later"
"""Said of a subject whose command may only just be becoming known: look again in a while."""

type Correlate = Callable[[Sequence[Subject]], Sequence[Correlation | Literal["later"] | None]]


def _uncorrelated(subjects: Sequence[Subject]) -> Sequence[None]:
    return [None] * len(subjects)


class Publisher:
    """Publishes the journal's new entries.

    Args:
        normalisers: how each provider's callbacks become events, by provider.
        bus: hands a list of at most ten events to the bus, and returns for each whether it was taken. Raises
            BusRefusedAllError where the call failed as a whole.
        set_aside: puts an entry that can't be an event on the dead-letter queue: the stream's record and the reason.
            What it raises stops the batch there.
        telemetry: says what happened.
        correlate: finds the commands that subjects belong to. Raises JournalUnavailableError.
        later: has an entry looked at again in a while, by its keys. Raises SettingAsideError.
        read: reads entries again by their keys; None for one that is gone. Raises JournalUnavailableError.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # everything that it touches is handed in
        self,
        normalisers: Mapping[str, CallbackNormaliser],
        bus: "Callable[[Sequence[Outgoing]], Sequence[bool]]",
        set_aside: Callable[[Mapping[str, Any], str], None],
        telemetry: Telemetry,
        correlate: Correlate = _uncorrelated,
        later: Callable[[Mapping[str, Any]], None] | None = None,
        read: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self._normalisers = normalisers
        self._bus = bus
        self._set_aside = set_aside
        self._telemetry = telemetry
        self._correlate = correlate
        self._later = later
        self._read_entry = read

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Publish a batch: of the journal's stream, or of a queue whose messages name entries by their keys.

        Returns:
            `batchItemFailures`: of a stream the first record that must come again, of a queue each message.
        """
        records: Sequence[Mapping[str, Any]] = batch["Records"]
        if records and records[0].get("eventSource") == "aws:sqs":
            return {"batchItemFailures": [{"itemIdentifier": again} for again in self._publish_named(records)]}
        publishable = [(_sequence(record), record) for record in records if _is_news(record)]
        failed = self._publish(publishable)
        again = [sequence for sequence, _ in publishable if sequence in failed]
        return {"batchItemFailures": [{"itemIdentifier": again[0]}] if again else []}

    def event_of(self, entry: Entry) -> Event:
        """Make the event of an entry, as the journal holds it (plain values), without correlation for callbacks.

        Raises:
            Exception: of any kind: the entry can't be made an event.
        """
        subject = self._subject(entry)
        return _event(subject, command_events.correlation_of(entry) if entry["entry"] != CALLBACK else None)

    def _publish_named(self, messages: Sequence[Mapping[str, Any]]) -> list[str]:
        """Publish entries that a queue's messages name, for the second time or after a wait."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        unread: list[str] = []
        for message in messages:
            try:
                keys = json.loads(message["body"])["keys"]
                image = self._read_entry(keys) if self._read_entry else None
            except (JournalUnavailableError, ValueError, KeyError, TypeError):  # or no message of ours
                unread.append(message["messageId"])
                continue
            if image is not None:
                found.append((message["messageId"], {"dynamodb": {"Keys": keys, "NewImage": image}}))
        return unread + sorted(self._publish(found))

    def _publish(self, records: Sequence[tuple[str, Mapping[str, Any]]]) -> set[str]:
        """Publish entries.

        Args:
            records: each with the name that a failure is reported by.

        Returns:
            The names of those that must come again.
        """
        subjects: list[tuple[str, Mapping[str, Any], Subject]] = []
        failed: set[str] = set()
        for position, (name, record) in enumerate(records):
            subject = self._subject_or_aside(record)
            if subject is None:  # neither it nor what comes after it can be dealt with now
                failed |= {later for later, _ in records[position:]}
                break
            if isinstance(subject, Subject):
                subjects.append((name, record, subject))
        try:
            correlations = self._correlations([subject for _, _, subject in subjects])
        except JournalUnavailableError as error:
            self._telemetry.count("events", 0, again=len(subjects), reason=str(error))
            return {name for name, _ in records}
        outgoing: list[Outgoing] = []
        for position, ((name, record, subject), correlation) in enumerate(zip(subjects, correlations, strict=True)):
            try:
                if correlation == LATER and self._later is not None:
                    self._later(record["dynamodb"]["Keys"])
                    continue
                made = self._outgoing_or_aside(name, record, subject, correlation)
            except SettingAsideError:
                failed |= {later for later, _, _ in subjects[position:]}
                break
            if made is not None:
                outgoing.append(made)
        failed |= self._send(outgoing)
        published = [event for event in outgoing if event.sequence not in failed]
        self._telemetry.count("events", len(published), again=len(failed) or None)
        return failed

    def _correlations(self, subjects: Sequence[Subject]) -> Sequence[Correlation | str | Exception | None]:
        """Find the subjects' commands; where one can't be looked at, what it raised stands in its place.

        Raises:
            JournalUnavailableError: the journal did not answer.
        """
        try:
            return self._correlate(subjects) if subjects else []
        except JournalUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not hold up the others: each alone
            if len(subjects) == 1:
                return [error]
            return [correlation for subject in subjects for correlation in self._correlations([subject])]

    def _subject_or_aside(self, record: Mapping[str, Any]) -> Subject | str | None:
        """Read an entry. A text where it was set aside instead, None where not even that could be done."""
        try:
            return self._subject(_plain(record["dynamodb"]["NewImage"]))
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not hold up the others
            try:
                self._put_aside(record, error)
            except SettingAsideError:
                return None
            return "set aside"

    def _subject(self, entry: Entry) -> Subject:
        if entry["entry"] == COMMAND:
            happening = Happening(command_events.data_of_command(entry))
            return Subject(entry, happening, command_events.provider_data_of(entry))
        if entry["entry"] == ACCOUNT:
            return Subject(entry, Happening(command_events.data_of_account(entry)), {})
        if entry["entry"] == REJECTION:
            return Subject(entry, Happening(command_events.data_of_rejection(entry)), {})
        normaliser = self._normalisers[entry["provider"]]
        fields = normaliser.read_fields(entry["payload"])
        try:
            happening = normaliser.normalise(entry["kind"], fields, json.loads(entry["settings"]))
        except UnrecognisedError as error:
            happening = Happening(CallbackUnrecognised(kind=entry["kind"], problem=str(error)))
        return Subject(entry, happening, fields)

    def _outgoing_or_aside(
        self,
        name: str,
        record: Mapping[str, Any],
        subject: Subject,
        correlation: Correlation | str | Exception | None,
    ) -> Outgoing | None:
        try:
            return _outgoing(name, subject, correlation)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not hold up the others
            self._put_aside(record, error)
            return None

    def _put_aside(self, record: Mapping[str, Any], error: Exception) -> None:
        # An exception's text can quote what it was raised over; its type can't.
        reason = str(error) if isinstance(error, HooklineError) else type(error).__name__
        self._set_aside(record, reason)
        self._telemetry.count("entries_set_aside", reason=reason)

    def _send(self, outgoing: Sequence[Outgoing]) -> set[str]:
        """Hand events to the bus, in as few calls as order allows.

        Returns:
            The sequence numbers of those that were not taken.
        """
        waiting = list(outgoing)
        tries = 0
        failed: set[str] = set()
        while waiting:
            call = _next_call(waiting)
            try:
                taken = self._bus(call)
            except BusRefusedAllError:
                tries += 1
                if tries >= MAX_TRIES:
                    return failed | {event.sequence for event in waiting}
                continue
            refused = [event for event, was_taken in zip(call, taken, strict=True) if not was_taken]
            done = {event.sequence for event in call} - {event.sequence for event in refused}
            waiting = [event for event in waiting if event.sequence not in done]
            if refused:
                tries += 1
            if tries >= MAX_TRIES:
                # These have had their tries: their keys wait for the stream, the others still go.
                stuck = {event.key for event in refused}
                failed |= {event.sequence for event in waiting if event.key in stuck}
                waiting = [event for event in waiting if event.key not in stuck]
        return failed


class EventTooLargeError(HooklineError):
    """An event is larger than the bus takes."""


def _next_call(waiting: Sequence[Outgoing]) -> list[Outgoing]:
    """Take the first events that fit one call, no two of one key."""
    call: list[Outgoing] = []
    keys: set[str] = set()
    size = 0
    for event in waiting:
        if event.key in keys:
            continue
        keys.add(event.key)  # also where it does not fit: nothing later of its key may overtake it
        if size + event.size > MAX_CALL_BYTES:
            continue
        size += event.size
        call.append(event)
        if len(call) == MAX_EVENTS_A_CALL:
            break
    return call


def _outgoing(name: str, subject: Subject, correlation: Correlation | str | Exception | None) -> Outgoing:
    if isinstance(correlation, Exception):
        raise correlation
    event = _event(subject, correlation if isinstance(correlation, Correlation) else None)
    outgoing = Outgoing(name, subject.entry["pk"], event.metadata.type, event.detail())
    if outgoing.size > MAX_CALL_BYTES:
        raise EventTooLargeError(f"the event takes {outgoing.size} bytes, the bus {MAX_CALL_BYTES}")
    return outgoing


def _event(subject: Subject, correlation: Correlation | None) -> Event:
    entry, happening = subject.entry, subject.happening
    recorded_at = datetime.fromisoformat(entry["recorded_at"])
    metadata = Metadata(
        id=event_id(_identity(entry)),
        type=happening.data.type,
        provider=entry["provider"],
        account=entry["account"],
        occurred_at=happening.occurred_at or recorded_at,
        recorded_at=recorded_at,
        correlation=correlation,
    )
    return Event(
        metadata=metadata, data=_own_reference(happening, correlation), provider_data=dict(subject.provider_data)
    )


def _own_reference(happening: Happening, correlation: Correlation | None) -> Data:
    """Our token is of no use to a subscriber: what the caller sent along stands there instead."""
    data = happening.data
    reference = getattr(data, "reference", None)
    if correlation is None or ("token", reference) not in happening.links:
        return data
    return data.model_copy(update={"reference": correlation.reference})


def _identity(entry: Entry) -> str:
    """What an event's id is derived from: the entry's key, and for a command or an account the step that it took."""
    key = f"{entry['pk']}|{entry['sk']}"
    return f"{key}|{entry['state']}|{entry.get('claim', '')}" if entry["entry"] in {COMMAND, ACCOUNT} else key


def _is_news(record: Mapping[str, Any]) -> bool:
    """Say whether a stream's record is an entry that an event is made of."""
    image = record["dynamodb"].get("NewImage") or {}
    entry = image.get("entry", {}).get("S")
    if entry == COMMAND:
        return image.get("state", {}).get("S") in NEWS
    if entry == ACCOUNT:
        return True
    return entry in {CALLBACK, REJECTION} and record.get("eventName") == "INSERT"


def _sequence(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _plain(image: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Read a stream's image, whose attributes are texts and numbers, into plain values."""
    return {name: next(iter(value.values())) for name, value in image.items()}


def event_bus(client: "EventBridgeClient", name: str) -> Callable[[Sequence[Outgoing]], list[bool]]:
    """Make the function that hands events to an EventBridge bus."""

    def put(events: Sequence[Outgoing]) -> list[bool]:
        try:
            answer = client.put_events(
                Entries=[
                    {"EventBusName": name, "Source": SOURCE, "DetailType": event.type, "Detail": event.detail}
                    for event in events
                ]
            )
        except (ClientError, BotoCoreError) as error:
            raise BusRefusedAllError(type(error).__name__) from error
        return ["ErrorCode" not in entry for entry in answer["Entries"]]

    return put


class SettingAsideError(HooklineError):
    """A queue did not take an entry's keys."""


def dead_letter_queue(client: "SQSClient", url: str) -> Callable[[Mapping[str, Any], str], None]:
    """Make the function that puts the keys of a stream's record on a dead-letter queue.

    Only the keys and the reason travel: the entry stays in the journal, where it is protected.
    """

    def put(record: Mapping[str, Any], reason: str) -> None:
        _put_keys(client, url, {"keys": record["dynamodb"]["Keys"], "reason": reason}, 0)

    return put


def later_queue(client: "SQSClient", url: str, seconds: int) -> Callable[[Mapping[str, Any]], None]:
    """Make the function that has an entry looked at again after so many seconds, by its keys."""

    def put(keys: Mapping[str, Any]) -> None:
        _put_keys(client, url, {"keys": keys}, seconds)

    return put


def _put_keys(client: "SQSClient", url: str, body: Mapping[str, Any], seconds: int) -> None:
    try:
        client.send_message(QueueUrl=url, MessageBody=json.dumps(body), DelaySeconds=seconds)
    except (ClientError, BotoCoreError) as error:
        raise SettingAsideError(type(error).__name__) from error
