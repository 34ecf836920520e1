"""Pace: no window has more than the rate and the burst, whoever asks in between; nobody is passed over."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.errors import JournalUnavailableError
from hookline.pace import BURST_SECONDS, HORIZON_SECONDS, MAX_TRIES, Pace
from tests.cases import Case, table
from tests.doubles import client_error
from tests.samples import ACCOUNT, NOW, OTHER_ACCOUNT
from tests.send.dynamo import Dynamo, as_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SLACK = 1e-5
"""Seconds: the schedule is kept in microseconds."""


def pace_on(client: "DynamoDBClient | Dynamo", name: str = "journal") -> Pace:
    return Pace(as_client(client), name)


class Ask(NamedTuple):
    """Somebody asks for turns, and in the midst of it others do.

    Attributes:
        after: seconds since the one before.
        sizes: segments of each message.
        meanwhile: what others ask between this one's reading and its writing.
    """

    after: float
    sizes: list[int]
    meanwhile: list[list[int]]


class Interleaved(Dynamo):
    """Runs others' calls just before a write."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], None]] = []

    def update_item(self, **write: Any) -> dict[str, Any]:
        if self.meanwhile:
            other, rest = self.meanwhile[0], self.meanwhile[1:]
            self.meanwhile = []  # others are not interrupted in turn
            other()
            self.meanwhile = rest
        return super().update_item(**write)


rates = st.sampled_from([0.1, 0.5, 1.0, 3.0, 10.0, 100.0])
sizes = st.lists(st.integers(1, 10), max_size=12)
asks = st.lists(
    st.builds(
        Ask,
        st.floats(0, 30) | st.sampled_from([0.0, 0.001, 1.0, 700.0]),
        sizes,
        st.lists(sizes, max_size=MAX_TRIES - 1),
    ),
    min_size=1,
    max_size=20,
)


def run(plan: Iterable[Ask], rate: float) -> list[tuple[float, float | None, int]]:
    """Return of each message, in the order that turns were given in, when it asked, its turn, and its size."""
    double = Interleaved()
    given_turns: list[tuple[float, float | None, int]] = []
    now = NOW

    def ask(wanted: list[int]) -> None:
        turns = pace_on(double).turns(ACCOUNT, wanted, rate, now)
        given_turns.extend(zip([now] * len(wanted), turns, wanted, strict=True))

    for each in plan:
        now += each.after
        double.meanwhile = [lambda wanted=wanted: ask(wanted) for wanted in each.meanwhile]  # type: ignore[misc]
        ask(each.sizes)
    return given_turns


@given(asks, rates)
@settings(max_examples=100, deadline=None)
def test_no_window_has_more_than_the_rate_and_the_burst(plan: list[Ask], rate: float) -> None:
    sent = sorted((max(now, turn), size) for now, turn, size in run(plan, rate) if turn is not None)
    largest = max((size for _, size in sent), default=0)
    for first, (start, _) in enumerate(sent):
        total = 0
        for end, size in sent[first:]:
            total += size
            allowed = rate * (end - start + SLACK * len(sent)) + rate * BURST_SECONDS + largest
            assert total <= allowed, f"{total} segments in {end - start} seconds"


@given(asks, rates)
@settings(max_examples=60, deadline=None)
def test_nobody_is_passed_over_and_no_capacity_is_lost(plan: list[Ask], rate: float) -> None:
    """Turns follow each other without a gap while somebody waits, and in the order that they were given in."""
    free = 0.0
    for now, turn, size in run(plan, rate):
        start = max(free, now - BURST_SECONDS)
        if turn is None:
            assert start > now + HORIZON_SECONDS - SLACK * 300
        else:
            assert turn == pytest.approx(start, abs=SLACK * 300)
            free = turn + size / rate


def test_what_lies_beyond_the_horizon_has_no_turn_and_takes_none() -> None:
    double = Dynamo()
    turns = pace_on(double).turns(ACCOUNT, [1] * 1000, 1.0, NOW)
    given_turns = [turn for turn in turns if turn is not None]
    assert turns == given_turns + [None] * (1000 - len(given_turns))
    assert NOW + HORIZON_SECONDS - 1 <= given_turns[-1] <= NOW + HORIZON_SECONDS
    before = dict(double.items)
    assert pace_on(double).turns(ACCOUNT, [1], 1.0, NOW) == [None]
    assert double.items == before
    (later,) = pace_on(double).turns(ACCOUNT, [1], 1.0, NOW + 100)
    assert later == given_turns[-1] + 1


def test_who_can_not_wait_takes_only_what_is_free_now() -> None:
    double = Dynamo()
    turns = pace_on(double).turns(ACCOUNT, [1] * 50, 10.0, NOW, 0.0)
    assert turns[:11] == pytest.approx([NOW - 1 + number / 10 for number in range(11)])
    assert turns[11:] == [None] * 39
    (after,) = pace_on(double).turns(ACCOUNT, [1], 10.0, NOW)
    assert after == pytest.approx(NOW + 0.1)


def test_an_account_does_not_wait_for_another() -> None:
    double = Dynamo()
    pace_on(double).turns(ACCOUNT, [10] * 1000, 1.0, NOW)
    (turn,) = pace_on(double).turns(OTHER_ACCOUNT, [1], 1.0, NOW)
    assert turn == NOW - BURST_SECONDS


def test_a_message_larger_than_the_burst_goes_and_is_waited_for() -> None:
    double = Dynamo()
    first, second = pace_on(double).turns(ACCOUNT, [10, 1], 1.0, NOW)
    assert (first, second) == (NOW - 1, NOW + 9)


def test_turns_are_kept_by_dynamodb(dynamodb: "DynamoDBClient", journal_table: str) -> None:
    pace = pace_on(dynamodb, journal_table)
    assert pace.turns(ACCOUNT, [1, 1], 1.0, NOW) == [NOW - 1, NOW]
    assert pace.turns(ACCOUNT, [3], 1.0, NOW) == [NOW + 1]
    assert pace.turns(ACCOUNT, [1], 1.0, NOW + 0.5) == [NOW + 4]
    assert pace.turns(ACCOUNT, [], 1.0, NOW) == []
    (item,) = dynamodb.scan(TableName=journal_table)["Items"]
    assert item["pk"] == {"S": f"pace#{ACCOUNT}"}
    assert float(item["until"]["N"]) == NOW + 5
    assert int(item["expires_at"]["N"]) > NOW + HORIZON_SECONDS


def test_a_write_in_between_is_noticed_by_dynamodb(dynamodb: "DynamoDBClient", journal_table: str) -> None:
    class ReadsTooEarly:
        """Lets somebody else have a turn after its first reading."""

        def __init__(self) -> None:
            self.readings = 0

        def get_item(self, **asked: Any) -> Any:
            answer = dynamodb.get_item(**asked)
            self.readings += 1
            if self.readings == 1:
                pace_on(dynamodb, journal_table).turns(ACCOUNT, [5], 1.0, NOW)
            return answer

        def update_item(self, **write: Any) -> Any:
            return dynamodb.update_item(**write)

    reader = ReadsTooEarly()
    assert Pace(as_client(reader), journal_table).turns(ACCOUNT, [1], 1.0, NOW) == [NOW + 4]
    assert reader.readings == 2


def test_many_copies_at_once_share_one_rate() -> None:
    double = Dynamo()

    def ask(_: int) -> list[float | None]:
        for _attempt in range(100):
            try:
                return pace_on(double).turns(ACCOUNT, [1] * 5, 10.0, NOW)
            except JournalUnavailableError:
                continue
        raise AssertionError("never had its turn")

    with ThreadPoolExecutor(8) as pool:
        turns = sorted(turn for given_turns in pool.map(ask, range(40)) for turn in given_turns if turn is not None)
    assert turns == pytest.approx([NOW - 1 + number / 10 for number in range(200)], abs=SLACK * 200)


def test_those_who_lose_every_race_say_so_and_take_nothing() -> None:
    double = Interleaved()

    def other() -> None:
        pace_on(double).turns(ACCOUNT, [1], 1.0, NOW)

    double.meanwhile = [other] * MAX_TRIES
    with pytest.raises(JournalUnavailableError, match="at once"):
        pace_on(double).turns(ACCOUNT, [100], 1.0, NOW)
    assert double.items["pace#" + ACCOUNT, "pace"]["until"] == {"N": str(int(NOW) - 1 + MAX_TRIES)}


ERRORS = (
    Case("throttled", client_error("ThrottlingException"), "ThrottlingException"),
    Case("denied", client_error("AccessDeniedException"), "AccessDeniedException"),
    Case("out of reach", EndpointConnectionError(endpoint_url="https://dynamodb"), "EndpointConnectionError"),
)


@pytest.mark.parametrize("operation", ["get_item", "update_item"])
@table("case", ERRORS)
def test_a_journal_that_fails_gives_no_turns(case: Case[Exception, str], operation: str) -> None:
    class Failing(Dynamo):
        def __getattribute__(self, name: str) -> Any:
            if name == operation:
                raise case.given
            return super().__getattribute__(name)

    with pytest.raises(JournalUnavailableError) as caught:
        pace_on(Failing()).turns(ACCOUNT, [1], 1.0, NOW)
    assert caught.value.__cause__ is case.given
    assert str(caught.value) in {case.expected, type(case.given).__name__}
