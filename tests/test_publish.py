"""Publishing: every entry at least once, in order within its key, whatever the bus and the dead-letter queue do."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.aws import client
from hookline.callbacks import Verified
from hookline.errors import UnrecognisedError
from hookline.events import CallbackNormaliser, Correlation, Happening, SmsReceived
from hookline.publish import (
    MAX_CALL_BYTES,
    MAX_EVENTS_A_CALL,
    MAX_TRIES,
    BusRefusedAllError,
    Outgoing,
    Publisher,
    SettingAsideError,
    Subject,
    dead_letter_queue,
    event_bus,
)
from tests.cases import Case, table
from tests.doubles import Noted, client_error
from tests.http_api import load
from tests.samples import NUMBER, SECRET, TEXT
from tests.streams import Batch, Record, batch, item, record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# --- a provider, a bus and a dead-letter queue in memory -------------------------------------------------------------

POISON, LARGE, UNSHAPED = "poison", "large", "unshaped"


def normalise(kind: str, fields: Mapping[str, Any], _settings: Mapping[str, str]) -> Happening:
    if kind == POISON:
        raise ZeroDivisionError(TEXT)
    if kind == UNSHAPED:
        raise UnrecognisedError("a callback without sense")
    return Happening(SmsReceived(from_=None, message_id=fields["id"], text="x" * fields["size"]))


TOY = CallbackNormaliser(name="toy", read_fields=json.loads, normalise=normalise)


def entry(name: str, *, key: str | None = None, kind: str = "reply", size: int = 1) -> dict[str, dict[str, str]]:
    """Make an entry whose event's `message_id` is its name. `key` is what order is kept by."""
    size = MAX_CALL_BYTES if kind == LARGE else size
    verified = Verified(kind, name, json.dumps({"id": name, "size": size}))
    return item(verified, provider="toy", settings={}, key=key or f"key-{name}", sort_key=name)


class Bus:
    """A bus that does as its plan says, one step a call, and is well once the plan is at its end.

    A step is an exception to raise, or the places of the call's events that are not taken.
    """

    def __init__(self, *plan: Exception | set[int]) -> None:
        self._plan = list(plan)
        self.calls: list[list[str]] = []
        self.taken: list[str] = []
        self.events: dict[str, set[str]] = defaultdict(set)

    def __call__(self, events: Sequence[Outgoing]) -> list[bool]:
        self.calls.append([name_of(event) for event in events])
        assert 0 < len(events) <= MAX_EVENTS_A_CALL
        assert len({event.key for event in events}) == len(events), "two events of one key in one call"
        assert sum(event.size for event in events) <= MAX_CALL_BYTES
        step = self._plan.pop(0) if self._plan else set()
        if isinstance(step, Exception):
            raise step
        taken = [place not in step for place in range(len(events))]
        for event, was_taken in zip(events, taken, strict=True):
            if was_taken:
                self.taken.append(name_of(event))
                self.events[name_of(event)].add(event.detail)
        return taken


def name_of(event: Outgoing) -> str:
    return str(json.loads(event.detail)["data"]["message_id"])


class DeadLetters:
    """A dead-letter queue that fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.names: list[str] = []
        self.reasons: list[str] = []

    def __call__(self, set_aside: Mapping[str, Any], reason: str) -> None:
        if self.failures:
            self.failures -= 1
            raise SettingAsideError("ThrottlingException")
        self.names.append(set_aside["dynamodb"]["NewImage"]["sk"]["S"])
        self.reasons.append(reason)


class Publishing(NamedTuple):
    publisher: Publisher
    bus: Bus
    dead_letters: DeadLetters
    telemetry: Noted

    def __call__(self, records: Batch) -> str | None:
        """Publish a batch; return the place from which it must come again, None for nowhere."""
        failures = self.publisher(records)["batchItemFailures"]
        assert len(failures) <= 1
        sequences = [it["dynamodb"]["SequenceNumber"] for it in records["Records"]]
        return (
            records["Records"][sequences.index(failures[0]["itemIdentifier"])]["dynamodb"]["Keys"]["sk"]["S"]
            if (failures)
            else None
        )


def publishing(*plan: Exception | set[int], dead_letter_failures: int = 0, **named: Any) -> Publishing:
    bus, dead_letters, telemetry = Bus(*plan), DeadLetters(dead_letter_failures), Noted()
    return Publishing(Publisher({"toy": TOY}, bus, dead_letters, telemetry, **named), bus, dead_letters, telemetry)


def letters(names: str, **keys: str) -> Batch:
    """A batch of one entry a letter; a key of its own each, but for those named."""
    return batch(entry(name, key=keys.get(name)) for name in names)


REFUSED = BusRefusedAllError("ThrottlingException")

# --- the bus is well -------------------------------------------------------------------------------------------------


def test_full_calls_are_handed_over() -> None:
    it = publishing()
    assert it(batch(entry(str(number)) for number in range(25))) is None
    assert [len(call) for call in it.bus.calls] == [10, 10, 5]
    assert it.bus.taken == [str(number) for number in range(25)]


def test_no_two_events_of_one_key_are_in_one_call() -> None:
    it = publishing()
    assert it(letters("abcdef", a="k", c="k", e="k")) is None
    assert it.bus.calls == [["a", "b", "d", "f"], ["c"], ["e"]]


def test_a_call_is_filled_up_past_the_keys_that_must_wait() -> None:
    it = publishing()
    assert it(batch(entry(str(number), key="k" if number < 5 else None) for number in range(20))) is None
    assert [len(call) for call in it.bus.calls] == [10, 7, 1, 1, 1]


def test_a_call_holds_no_more_bytes_than_the_bus_takes() -> None:
    it = publishing()
    assert it(batch(entry(name, size=100_000) for name in "abcde")) is None
    assert it.bus.calls == [["a", "b"], ["c", "d"], ["e"]]


def test_a_small_event_goes_along_where_a_large_one_has_no_room_but_never_before_its_own_key() -> None:
    it = publishing()
    sizes = {"a": 200_000, "b": 100_000, "c": 1, "d": 1}
    records = batch(entry(name, key="k" if name in "bd" else None, size=size) for name, size in sizes.items())
    assert it(records) is None
    assert it.bus.calls == [["a", "c"], ["b"], ["d"]]


def test_an_empty_batch_is_none() -> None:
    it = publishing()
    assert it({"Records": []}) is None
    assert it.bus.calls == []


OTHERS = (
    Case("a change", record(entry("a"), event_name="MODIFY"), None),
    Case("a removal", record(entry("a"), event_name="REMOVE"), None),
    Case("an entry of another sort", record({**entry("a"), "entry": {"S": "command"}}), None),
    Case("an entry of no sort", record({name: it for name, it in entry("a").items() if name != "entry"}), None),
)


@table("case", OTHERS)
def test_what_is_no_new_callback_is_passed_over(case: Case[Record, None]) -> None:
    it = publishing()
    assert it({"Records": [case.given, record(entry("b"), 1)]}) is None
    assert it.bus.taken == ["b"]
    assert it.dead_letters.names == []


def test_a_removal_without_an_image_is_passed_over() -> None:
    removal = record(entry("a"), event_name="REMOVE")
    del removal["dynamodb"]["NewImage"]
    it = publishing()
    assert it({"Records": [removal]}) is None


# --- the bus is not --------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    """What the bus does to the entries a, b, c, d, of which a and c have one key."""

    plan: tuple[Exception | set[int], ...]
    calls: list[list[str]]
    taken: str


# The first call is a, b, d; c waits for a.
FAILURES = (
    Case("all refused once", Bad((REFUSED,), [["a", "b", "d"], ["a", "b", "d"], ["c"]], "abdc"), None),
    Case("all refused always", Bad((REFUSED,) * 9, [["a", "b", "d"]] * 3, ""), "a"),
    Case("each refused once", Bad(({0, 1, 2},), [["a", "b", "d"], ["a", "b", "d"], ["c"]], "abdc"), None),
    Case("each refused always", Bad(({0, 1, 2},) * 9, [["a", "b", "d"]] * 3, ""), "a"),
    Case("the first refused once", Bad(({0},), [["a", "b", "d"], ["a"], ["c"]], "bdac"), None),
    Case("the first refused always", Bad(({0},) * 9, [["a", "b", "d"], ["a"], ["a"]], "bd"), "a"),
    Case("one in the middle refused once", Bad(({1},), [["a", "b", "d"], ["b", "c"]], "adbc"), None),
    Case("the last refused once", Bad(({2},), [["a", "b", "d"], ["c", "d"]], "abcd"), None),
    Case(
        "the last refused always",
        Bad(({2}, {1}, {0}, {0}), [["a", "b", "d"], ["c", "d"], ["d"]], "abc"),
        "d",
    ),
    Case(
        "all refused after a first call",
        Bad((set(), REFUSED, REFUSED, REFUSED), [["a", "b", "d"]] + [["c"]] * 3, "abd"),
        "c",
    ),
    Case("refused one by one, then all", Bad(({0}, REFUSED, REFUSED), [["a", "b", "d"], ["a"], ["a"]], "bd"), "a"),
)


@table("case", FAILURES)
def test_what_the_bus_does_not_take_is_tried_again_and_then_left_to_the_stream(case: Case[Bad, str | None]) -> None:
    it = publishing(*case.given.plan)
    assert it(letters("abcd", a="k", c="k")) == case.expected
    assert it.bus.calls == case.given.calls
    assert "".join(it.bus.taken) == case.given.taken
    left = 4 - len(case.given.taken)
    assert it.telemetry.lines[-1] == {"name": "events", "amount": 4 - left, "again": left or None}


def test_entries_that_can_not_go_do_not_hold_up_those_of_other_keys() -> None:
    """The bus never takes a: all but its key go, in full calls."""
    it = publishing(*[{0}] * MAX_TRIES)
    assert it(batch(entry(f"{number:02}", key="k" if number in {0, 1} else None) for number in range(30))) == "00"
    assert sorted(it.bus.taken) == [f"{number:02}" for number in range(2, 30)]


def test_the_stream_comes_again_from_the_first_that_was_not_taken() -> None:
    it = publishing({3, 7}, {0, 1}, {0, 1})
    assert it(letters("abcdefghij")) == "d"


def test_a_bus_that_fails_is_left_alone_after_three_tries() -> None:
    it = publishing(*[REFUSED] * 50)
    it(batch(entry(str(number)) for number in range(100)))
    assert len(it.bus.calls) == MAX_TRIES


def test_an_exception_of_another_kind_fails_the_whole_batch() -> None:
    it = publishing(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        it(letters("ab"))


# --- entries that can be no event ------------------------------------------------------------------------------------

POISONS = (
    Case("its normaliser fails", entry("b", kind=POISON), "ZeroDivisionError"),
    Case("no provider of its name", {**entry("b"), "provider": {"S": "gone"}}, "KeyError"),
    Case("no payload", {name: it for name, it in entry("b").items() if name != "payload"}, "KeyError"),
    Case("a payload that its provider can't read", {**entry("b"), "payload": {"S": TEXT}}, "JSONDecodeError"),
    Case("settings that are not JSON", {**entry("b"), "settings": {"S": TEXT}}, "JSONDecodeError"),
    Case("a time that is none", {**entry("b"), "recorded_at": {"S": TEXT}}, "ValueError"),
    Case("a time without a zone", {**entry("b"), "recorded_at": {"S": "2026-11-22T08:00:00"}}, "ValidationError"),
    Case("an attribute without a value", {**entry("b"), "kind": {}}, "StopIteration"),
    Case("larger than the bus takes", entry("b", kind=LARGE), "the event takes"),
)


@table("case", POISONS)
def test_an_entry_that_can_be_no_event_is_set_aside_alone_and_says_why_without_its_content(
    case: Case[dict[str, dict[str, str]], str],
) -> None:
    it = publishing()
    assert it(batch([entry("a"), case.given, entry("c")])) is None
    assert it.bus.taken == ["a", "c"]
    assert it.dead_letters.names == ["b"]
    (reason,) = it.dead_letters.reasons
    assert case.expected in reason
    assert TEXT not in reason
    assert it.telemetry.lines[0]["name"] == "entries_set_aside"


def test_an_event_exactly_as_large_as_the_bus_takes_goes_and_one_byte_more_is_set_aside() -> None:
    measured = publishing()
    measured(batch([entry("a", size=100_000)]))
    (detail,) = measured.bus.events["a"]
    room = MAX_CALL_BYTES - len("hookline" + "sms.received" + detail)
    it = publishing()
    assert it(batch([entry("a", size=100_000 + room), entry("b", size=100_001 + room)])) is None
    assert (it.bus.taken, it.dead_letters.names) == (["a"], ["b"])


def test_a_later_event_of_a_poisons_key_still_goes() -> None:
    it = publishing()
    assert it(batch([entry("a", key="k", kind=POISON), entry("b", key="k")])) is None
    assert it.bus.taken == ["b"]


def test_a_dead_letter_queue_that_fails_stops_the_batch_at_the_poison() -> None:
    it = publishing(dead_letter_failures=1)
    records = batch([entry("a"), entry("b", kind=POISON), entry("c")])
    assert it(records) == "b"
    assert (it.bus.taken, it.dead_letters.names) == (["a"], [])
    assert it({"Records": records["Records"][1:]}) is None
    assert (it.bus.taken, it.dead_letters.names) == (["a", "c"], ["b"])


def test_the_stream_comes_again_from_what_failed_first_the_bus_or_the_dead_letter_queue() -> None:
    it = publishing({0}, {0}, {0}, dead_letter_failures=1)
    assert it(batch([entry("a"), entry("b", kind=POISON)])) == "a"


def test_what_has_no_known_shape_is_published_as_unrecognised() -> None:
    handed: list[Outgoing] = []

    def bus(events: Sequence[Outgoing]) -> list[bool]:
        handed.extend(events)
        return [True] * len(events)

    Publisher({"toy": TOY}, bus, DeadLetters(), Noted())(batch([entry("a", kind=UNSHAPED)]))
    (event,) = handed
    assert event.type == "callback.unrecognised"
    detail = json.loads(event.detail)
    assert detail["data"] == {"kind": "unshaped", "problem": "a callback without sense"}
    assert detail["provider_data"] == {"id": "a", "size": 1}


# --- the event -------------------------------------------------------------------------------------------------------


def test_an_event_is_correlated_with_the_command_that_it_belongs_to() -> None:
    def correlate(subjects: Sequence[Subject]) -> list[Correlation | None]:
        names = [subject.provider_data["id"] for subject in subjects]
        return [Correlation(command_id="c-1", reference="r-1") if name == "b" else None for name in names]

    it = publishing(correlate=correlate)
    it(letters("abc"))
    correlations = {name: json.loads(*it.bus.events[name])["metadata"]["correlation"] for name in "abc"}
    assert correlations == {"a": None, "b": {"command_id": "c-1", "reference": "r-1"}, "c": None}


def test_an_entry_whose_command_can_not_be_looked_for_is_set_aside_alone() -> None:
    def correlate(subjects: Sequence[Subject]) -> list[Correlation | None]:
        if any(subject.provider_data["id"] == "b" for subject in subjects):
            raise ValueError(TEXT)
        return [None for _ in subjects]

    it = publishing(correlate=correlate)
    assert it(letters("abc")) is None
    assert it.bus.taken == ["a", "c"]
    assert (it.dead_letters.names, it.dead_letters.reasons) == (["b"], ["ValueError"])


def test_an_entry_always_makes_the_same_event() -> None:
    it = publishing()
    it(letters("a"))
    it(letters("a"))
    assert it.bus.taken == ["a", "a"]
    assert len(it.bus.events["a"]) == 1


def test_two_entries_make_events_of_two_ids() -> None:
    it = publishing()
    it(letters("ab", a="k", b="k"))
    ids = {json.loads(detail)["metadata"]["id"] for name in "ab" for detail in it.bus.events[name]}
    assert len(ids) == 2


# --- a whole stream, under failures of every kind --------------------------------------------------------------------

steps = st.one_of(
    st.just(REFUSED),
    st.just(RuntimeError("killed")),
    st.sets(st.integers(0, 9), max_size=10),
)


class Streamed(NamedTuple):
    """A stream's entries (name, key, kind), what goes wrong, and how many records a batch holds."""

    entries: list[tuple[str, str, str]]
    plan: list[Exception | set[int]]
    dead_letter_failures: int
    batch_size: int


kinds = st.sampled_from(["reply", "reply", "reply", "reply", UNSHAPED, POISON, LARGE])
streams = st.builds(
    lambda rows, *rest: Streamed([(f"{place:03}", key, kind) for place, (key, kind) in enumerate(rows)], *rest),
    st.lists(st.tuples(st.sampled_from("klmno"), kinds), min_size=1, max_size=60)
    | st.lists(st.tuples(st.uuids().map(str), kinds), max_size=40),
    st.lists(steps, max_size=25),
    st.integers(0, 3),
    st.integers(1, 40),
)


def run(stream: Streamed) -> tuple[dict[str, list[str]], list[str]]:
    """Deliver a stream as Lambda does: a batch again from the reported record, or whole where the function died.

    Returns:
        The names of the events that were taken, by key, in that order; and those set aside.
    """
    taken: dict[str, list[str]] = defaultdict(list)
    details: dict[str, set[str]] = defaultdict(set)
    plan, dead_letters = list(stream.plan), DeadLetters(stream.dead_letter_failures)

    def bus(events: Sequence[Outgoing]) -> list[bool]:
        assert 0 < len(events) <= MAX_EVENTS_A_CALL
        assert len({event.key for event in events}) == len(events)
        step = plan.pop(0) if plan else set()
        if isinstance(step, Exception):
            raise step
        result = [place not in step for place in range(len(events))]
        for event, was_taken in zip(events, result, strict=True):
            if was_taken:
                name = json.loads(event.detail)["provider_data"]["id"]
                taken[event.key].append(name)
                details[name].add(event.detail)
        return result

    publisher = Publisher({"toy": TOY}, bus, dead_letters, Noted())
    records = batch(entry(name, key=key, kind=kind) for name, key, kind in stream.entries)["Records"]
    sequences = [it["dynamodb"]["SequenceNumber"] for it in records]
    place, deliveries = 0, 0
    while place < len(records):
        deliveries += 1
        assert deliveries < 500, "the stream never ends"
        part = records[place : place + stream.batch_size]
        try:
            failures = publisher({"Records": part})["batchItemFailures"]
        except RuntimeError:
            continue
        place = sequences.index(failures[0]["itemIdentifier"]) if failures else place + len(part)
    assert all(len(copies) == 1 for copies in details.values()), "copies of an event differ"
    return taken, dead_letters.names


@given(streams)
@settings(max_examples=300)
def test_every_entry_is_published_at_least_once_and_first_in_order_within_its_key(stream: Streamed) -> None:
    taken, set_aside = run(stream)
    good: dict[str, list[str]] = defaultdict(list)
    for name, key, kind in stream.entries:
        if kind not in {POISON, LARGE}:
            good[key].append(name)
    assert {key: list(dict.fromkeys(names)) for key, names in taken.items()} == good
    assert set(set_aside) == {name for name, _, kind in stream.entries if kind in {POISON, LARGE}}


@given(streams)
@settings(max_examples=150)
def test_nothing_is_published_twice_where_nothing_fails(stream: Streamed) -> None:
    taken, set_aside = run(stream._replace(plan=[], dead_letter_failures=0))
    names = [name for published in taken.values() for name in published]
    assert len(names) == len(set(names))
    assert len(set_aside) == len(set(set_aside))


# --- EventBridge and SQS ---------------------------------------------------------------------------------------------

EVENTS = [Outgoing("1", "k", "sms.received", '{"a": 1}'), Outgoing("2", "l", "sms.status_updated", "{}")]
ENTRIES = [
    {"EventBusName": "hookline-test", "Source": "hookline", "DetailType": "sms.received", "Detail": '{"a": 1}'},
    {"EventBusName": "hookline-test", "Source": "hookline", "DetailType": "sms.status_updated", "Detail": "{}"},
]
TAKEN = {"EventId": "e"}
NOT_TAKEN = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
BUS_ANSWERS = (
    Case("all taken", [TAKEN, TAKEN], [True, True]),
    Case("the first not", [NOT_TAKEN, TAKEN], [False, True]),
    Case("the last not", [TAKEN, NOT_TAKEN], [True, False]),
    Case("none", [NOT_TAKEN, NOT_TAKEN], [False, False]),
)


@table("case", BUS_ANSWERS)
def test_the_bus_says_of_each_event_whether_it_was_taken(case: Case[list[dict[str, str]], list[bool]]) -> None:
    bus = client("events")
    with Stubber(bus) as stubber:
        failed = case.expected.count(False)
        stubber.add_response("put_events", {"FailedEntryCount": failed, "Entries": case.given}, {"Entries": ENTRIES})
        assert event_bus(bus, "hookline-test")(EVENTS) == case.expected
        stubber.assert_no_pending_responses()


BUS_ERRORS: tuple[Case[Callable[..., Any], str], ...] = (
    Case("throttled", lambda: client_error("ThrottlingException", "PutEvents"), "ThrottlingException"),
    Case("denied", lambda: client_error("AccessDeniedException", "PutEvents"), "AccessDeniedException"),
    Case("out of reach", lambda: EndpointConnectionError(endpoint_url="https://events"), "EndpointConnectionError"),
    Case("slow", lambda: ReadTimeoutError(endpoint_url="https://events"), "ReadTimeoutError"),
)


@table("case", BUS_ERRORS)
def test_a_bus_that_fails_as_a_whole_says_so(case: Case[Callable[[], Exception], str]) -> None:
    error = case.given()

    def fail(**_context: Any) -> None:
        raise error

    bus = client("events")
    bus.meta.events.register("before-parameter-build.events.PutEvents", fail)
    with pytest.raises(BusRefusedAllError) as caught:
        event_bus(bus, "hookline-test")(EVENTS)
    assert str(caught.value) in {case.expected, type(error).__name__}
    assert isinstance(caught.value.__cause__, type(error))


@pytest.fixture
def queue(aws: None) -> tuple["SQSClient", str]:  # noqa: ARG001  # it only has to be there
    sqs = client("sqs")
    return sqs, sqs.create_queue(QueueName="publish-dead-letters")["QueueUrl"]


def test_a_dead_letter_holds_the_keys_and_the_reason_and_nothing_of_the_entry(queue: tuple["SQSClient", str]) -> None:
    sqs, url = queue
    (unreadable,) = load("publish", "unreadable")["Records"]
    dead_letter_queue(sqs, url)(unreadable, "KeyError")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"keys": unreadable["dynamodb"]["Keys"], "reason": "KeyError"}
    assert not any(marked in message["Body"] for marked in (TEXT, NUMBER, SECRET))


@pytest.mark.parametrize("url", ["https://sqs.af-south-1.amazonaws.com/123456789012/gone"])
def test_a_dead_letter_queue_that_fails_says_so(queue: tuple["SQSClient", str], url: str) -> None:
    sqs, _ = queue
    with pytest.raises(SettingAsideError) as caught:
        dead_letter_queue(sqs, url)(record(entry("a")), "KeyError")
    assert isinstance(caught.value.__cause__, ClientError)
