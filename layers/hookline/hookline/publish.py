"""Publishing: a batch of the journal's stream in, events on the bus.

Order is kept within an entry's key: one call to the bus never holds two events of one key, and after an event that
the bus did not take, no later one of its key is handed over. What the bus did not take is reported to the stream,
which comes again from the first such entry on; so an event can be published more than once, with the same id, and
is never skipped. An entry that can't be made an event goes to the dead-letter queue alone, and the others go on.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hookline.errors import HooklineError, UnrecognisedError
from hookline.events import (
    SOURCE,
    CallbackNormaliser,
    CallbackUnrecognised,
    Correlation,
    Event,
    Happening,
    Metadata,
    event_id,
)
from hookline.journal import CALLBACK
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


class Publisher:
    """Publishes the journal's new entries.

    Args:
        normalisers: how each provider's callbacks become events, by provider.
        bus: hands a list of at most ten events to the bus, and returns for each whether it was taken. Raises
            BusRefusedAllError where the call failed as a whole.
        set_aside: puts an entry that can't be an event on the dead-letter queue: the stream's record and the reason.
            What it raises stops the batch there.
        telemetry: says what happened.
        correlate: finds the command that a happening belongs to.
    """

    def __init__(
        self,
        normalisers: Mapping[str, CallbackNormaliser],
        bus: "Callable[[Sequence[Outgoing]], Sequence[bool]]",
        set_aside: Callable[[Mapping[str, Any], str], None],
        telemetry: Telemetry,
        correlate: Callable[[str, str, Happening], Correlation | None] = lambda _provider, _account, _happening: None,
    ) -> None:
        self._normalisers = normalisers
        self._bus = bus
        self._set_aside = set_aside
        self._telemetry = telemetry
        self._correlate = correlate

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Publish a stream's batch.

        Returns:
            `batchItemFailures` with the first record that must come again, or none.
        """
        records: Sequence[Mapping[str, Any]] = batch["Records"]
        outgoing, unreadable_at = self._read(records)
        failed = self._send(outgoing)
        order = [_sequence(record) for record in records]
        again = [sequence for sequence in order if sequence in failed or sequence == unreadable_at]
        self._telemetry.count("events", len(outgoing) - len(failed), again=len(failed) or None)
        return {"batchItemFailures": [{"itemIdentifier": again[0]}] if again else []}

    def event_of(self, entry: Entry) -> Event:
        """Make the event of an entry, as the journal holds it (plain values).

        Raises:
            Exception: of any kind: the entry can't be made an event.
        """
        normaliser = self._normalisers[entry["provider"]]
        fields = normaliser.read_fields(entry["payload"])
        try:
            happening = normaliser.normalise(entry["kind"], fields, json.loads(entry["settings"]))
        except UnrecognisedError as error:
            happening = Happening(CallbackUnrecognised(kind=entry["kind"], problem=str(error)))
        recorded_at = datetime.fromisoformat(entry["recorded_at"])
        metadata = Metadata(
            id=event_id(f"{entry['pk']}|{entry['sk']}"),
            type=happening.data.type,
            provider=entry["provider"],
            account=entry["account"],
            occurred_at=happening.occurred_at or recorded_at,
            recorded_at=recorded_at,
            correlation=self._correlate(entry["provider"], entry["account"], happening),
        )
        return Event(metadata=metadata, data=happening.data, provider_data=fields)

    def _read(self, records: Iterable[Mapping[str, Any]]) -> tuple[list[Outgoing], str | None]:
        """Make the events of a batch; stop where one can neither be made nor set aside."""
        outgoing = []
        for record in records:
            image = record["dynamodb"].get("NewImage")
            if record.get("eventName") != "INSERT" or image is None or image.get("entry", {}).get("S") != CALLBACK:
                continue
            try:
                outgoing.append(self._outgoing(record, _plain(image)))
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not hold up the others
                try:
                    self._put_aside(record, error)
                except HooklineError:
                    return outgoing, _sequence(record)
        return outgoing, None

    def _outgoing(self, record: Mapping[str, Any], entry: Entry) -> Outgoing:
        event = self.event_of(entry)
        outgoing = Outgoing(_sequence(record), entry["pk"], event.metadata.type, event.detail())
        if outgoing.size > MAX_CALL_BYTES:
            raise EventTooLargeError(f"the event takes {outgoing.size} bytes, the bus {MAX_CALL_BYTES}")
        return outgoing

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
    """The dead-letter queue did not take an entry."""


def dead_letter_queue(client: "SQSClient", url: str) -> Callable[[Mapping[str, Any], str], None]:
    """Make the function that puts the keys of a stream's record on a dead-letter queue.

    Only the keys and the reason travel: the entry stays in the journal, where it is protected.
    """

    def put(record: Mapping[str, Any], reason: str) -> None:
        body = json.dumps({"keys": record["dynamodb"]["Keys"], "reason": reason})
        try:
            client.send_message(QueueUrl=url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise SettingAsideError(type(error).__name__) from error

    return put
