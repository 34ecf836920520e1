"""The report of top-ups: its rows, and which row is whose."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.outcomes import Done
from hookline.providers.zorya.reports import (
    EARLY,
    LATE,
    OpenTopUp,
    ReportRow,
    as_fact,
    match,
    match_all,
    read_row,
    report_days,
    report_rows,
)
from hookline.providers.zorya.rest import SENDING
from hookline.providers.zorya.tables import TOP_UP_STATUSES
from tests.cases import Case, table
from tests.providers.zorya import examples
from tests.providers.zorya.rest_samples import NUMBER, OTHER_NUMBER, account_of, answer, get_report

MEXICO = ZoneInfo("America/Mexico_City")
AT = datetime(2026, 11, 22, 10, 0, tzinfo=MEXICO)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def row(transaction_id: str = "tx", after: timedelta | None = 3 * SECOND, **fields: Any) -> ReportRow:
    """A row of a top-up that was sent at `AT`, so long after it."""
    known = {"to": NUMBER, "status": "succeeded", "final": True, **fields}
    amount = Decimal(known.pop("amount", "20.00"))
    return ReportRow(transaction_id, amount, "MXN", occurred_at=None if after is None else AT + after, **known)


def sent(command_id: str = "one", at: timedelta = timedelta(), **fields: Any) -> OpenTopUp:
    known = {"to": NUMBER, "amount": Decimal(20), **fields}
    return OpenTopUp(command_id, sent_at=AT + at, **known)


# --- rows ------------------------------------------------------------------------------------------------------------

ROW = {
    "txID": "tx1",
    "carrierId": 79,
    "msisdn": "5215545891076",
    "amount": "1,030.50",
    "amountCurrency": "MXN",
    "cost": "20.01",
    "status": "Successful",
    "detail": "Done ",
    "ZCode": "TELTA",
    "dateTimeTransaction": "11-22-2026T10:00:03",
    "dateTimeStatus": "2026-11-22 10:05:00",
}


def test_a_whole_row() -> None:
    assert read_row(ROW, account_of().settings) == ReportRow(
        transaction_id="tx1",
        amount=Decimal("1030.50"),
        currency="MXN",
        to=NUMBER,
        status="succeeded",
        final=True,
        provider_code="103",
        provider_text="Done",
        cost=Decimal("20.01"),
        carrier_id="79",
        product="TELTA",
        occurred_at=datetime(2026, 11, 22, 10, 0, 3, tzinfo=MEXICO),
        updated_at=datetime(2026, 11, 22, 10, 5, tzinfo=MEXICO),
    )


def test_the_least_of_a_row() -> None:
    assert read_row({"txID": 7, "amount": 20}, account_of(currency="USD").settings) == ReportRow(
        "7", Decimal(20), "USD"
    )


@pytest.mark.parametrize("fields", [None, [], "tx", {}, {"txID": "a"}, {"amount": 1}, {"txID": " ", "amount": 1}])
def test_what_is_no_row(fields: object) -> None:
    assert read_row(fields, account_of().settings) is None


@pytest.mark.parametrize("code", [*TOP_UP_STATUSES, "0", "7", None])
def test_a_row_s_status(code: str | None) -> None:
    read = read_row({**ROW, "status": code}, account_of().settings)
    assert read is not None
    expected = TOP_UP_STATUSES.get(code or "")
    assert (read.status, read.final) == ((expected.status, expected.final) if expected else ("unknown", False))


def test_an_account_can_say_what_a_status_means_that_table_2_lacks() -> None:
    said = account_of(report_statuses={"0": "succeeded", "9": "pending", "8": "failed"}).settings
    rows = [read_row({**ROW, "status": code}, said) for code in (0, "9", 8, 7)]
    assert [(read.status, read.final) for read in rows if read] == [
        ("succeeded", True),
        ("pending", False),
        ("failed", True),
        ("unknown", False),
    ]


def test_a_date_is_of_the_account_s_zone() -> None:
    read = read_row(ROW, account_of(timezone="America/Tijuana").settings)
    assert read is not None
    assert read.occurred_at == datetime(2026, 11, 22, 18, 0, 3, tzinfo=UTC)


def test_rows_come_out_of_facts_as_they_went_in() -> None:
    (done,) = SENDING.read([get_report()], account_of(), answer(examples.REPORT_SUCCESS))
    assert isinstance(done, Done)
    rows = report_rows(done.facts)
    assert [as_fact(each) for each in rows] == done.facts["rows"]
    assert rows[0].occurred_at == datetime(2022, 8, 11, 8, 22, 35, tzinfo=UTC)


@pytest.mark.parametrize("fields", [ROW, {"txID": 7, "amount": 20}, {**ROW, "cost": None, "dateTimeStatus": "soon"}])
def test_a_row_s_fact_is_the_row(fields: dict[str, Any]) -> None:
    read = read_row(fields, account_of().settings)
    assert read is not None
    (back,) = report_rows({"rows": [as_fact(read)]})
    assert back == read


def test_the_days_of_a_report() -> None:
    near_midnight = datetime(2026, 11, 22, 23, 50, tzinfo=MEXICO)
    assert report_days([sent()], MEXICO) == ("2026-11-22", "2026-11-22")
    assert report_days([sent()._replace(sent_at=near_midnight)], MEXICO) == ("2026-11-22", "2026-11-23")
    just_after = datetime(2026, 11, 22, 0, 1, tzinfo=MEXICO)
    assert report_days([sent()._replace(sent_at=just_after.astimezone(UTC))], MEXICO) == ("2026-11-21", "2026-11-22")
    assert report_days([sent(), sent(at=timedelta(days=3))], MEXICO) == ("2026-11-22", "2026-11-25")
    assert report_days([], MEXICO) is None


# --- one top-up ------------------------------------------------------------------------------------------------------

type Looked = tuple[OpenTopUp, list[ReportRow], set[str]]

MATCHES: tuple[Case[Looked, str | None], ...] = (
    Case("its row", (sent(), [row()], set()), "tx"),
    Case("no rows", (sent(), [], set()), None),
    Case("another number", (sent(), [row(to=OTHER_NUMBER)], set()), None),
    Case("a number that can't be read", (sent(), [row(to=None)], set()), None),
    Case("another amount", (sent(), [row(amount="20.01")], set()), None),
    Case("the amount, written otherwise", (sent(), [row(amount="20")], set()), "tx"),
    Case("claimed by another command", (sent(), [row()], {"tx"}), None),
    Case("no time", (sent(), [row(after=None)], set()), None),
    Case("just not too early", (sent(), [row(after=-EARLY)], set()), "tx"),
    Case("too early", (sent(), [row(after=-EARLY - SECOND)], set()), None),
    Case("just not too late", (sent(), [row(after=LATE)], set()), "tx"),
    Case("too late", (sent(), [row(after=LATE + SECOND)], set()), None),
    Case("the same product", (sent(product="TELTA"), [row(product="TELTA")], set()), "tx"),
    Case("another product", (sent(product="TELTA"), [row(product="TELPA")], set()), None),
    Case("a row without a product", (sent(product="TELTA"), [row()], set()), "tx"),
    Case("a row with one, for a top-up without", (sent(), [row(product="TELTA")], set()), "tx"),
    Case("the closest of two", (sent(), [row("a", MINUTE), row("b", -SECOND), row("c", -MINUTE)], set()), "b"),
    Case("the closest that is free", (sent(), [row("a", MINUTE), row("b", SECOND)], {"b"}), "a"),
    Case("a rejected row is a row", (sent(), [row(status="rejected")], set()), "tx"),
    Case("its own txID", (sent(transaction_id="b"), [row("a"), row("b", 90 * MINUTE)], set()), "b"),
    Case("its own txID, claimed by itself", (sent(transaction_id="b"), [row("a"), row("b")], {"b"}), "b"),
    Case("its txID is not there yet", (sent(transaction_id="b"), [row("a")], set()), None),
    Case("a campaign, one candidate", (sent(amount=None), [row(amount="35")], set()), "tx"),
    Case("a campaign, two candidates", (sent(amount=None), [row("a"), row("b", amount="35")], set()), None),
    Case("a campaign, one of two claimed", (sent(amount=None), [row("a"), row("b")], {"a"}), "b"),
    Case("a campaign, one candidate too late", (sent(amount=None), [row(after=LATE + SECOND)], set()), None),
)


@table("case", MATCHES)
def test_one_top_up(case: Case[Looked, str | None]) -> None:
    found = match(*case.given)
    assert (found and found.transaction_id) == case.expected


def test_of_two_rows_of_one_top_up_the_later_status_counts() -> None:
    early = row(status="pending", final=False, updated_at=AT)
    late = row(status="succeeded", final=True, updated_at=AT + MINUTE)
    slip = row(status="pending", final=False, updated_at=AT + 2 * MINUTE)
    for rows in ([early, late], [late, early], [late, slip, early]):
        assert match(sent(), rows, set()) == late


# --- several ---------------------------------------------------------------------------------------------------------

type Together = tuple[list[OpenTopUp], list[ReportRow]]

SEVERAL: tuple[Case[Together, dict[str, str]], ...] = (
    Case(
        "two equal ones, two rows",
        ([sent("one"), sent("two", 10 * SECOND)], [row("a"), row("b", 13 * SECOND)]),
        {"one": "a", "two": "b"},
    ),
    Case(
        "two equal ones, one row: the closer one has it",
        ([sent("one"), sent("two", 5 * MINUTE)], [row("a", 5 * MINUTE + SECOND)]),
        {"two": "a"},
    ),
    Case("two at the same moment, one row", ([sent("one"), sent("two")], [row("a")]), {"one": "a"}),
    Case(
        "as many as there are, even if one of them lies further off",
        ([sent("one"), sent("two", 14 * MINUTE)], [row("a", 13 * MINUTE), row("b", 14 * MINUTE + SECOND)]),
        {"one": "a", "two": "b"},
    ),
    Case(
        "a row that only one of two can have",
        ([sent("one"), sent("two", 10 * MINUTE)], [row("a", MINUTE), row("b", 10 * MINUTE)]),
        {"one": "a", "two": "b"},
    ),
    Case(
        "a known txID keeps its row from an equal top-up that is closer",
        ([sent("one", transaction_id="a"), sent("two", 2 * SECOND)], [row("a", 2 * SECOND)]),
        {"one": "a"},
    ),
    Case(
        "two with one txID: one of them",
        ([sent("one", transaction_id="a"), sent("two", transaction_id="a")], [row("a")]),
        {"one": "a"},
    ),
    Case(
        "products tell equal ones apart",
        ([sent("one", product="TELTA"), sent("two", product="TELPA")], [row("a", product="TELPA")]),
        {"two": "a"},
    ),
    Case(
        "a campaign takes what an amount leaves",
        ([sent("one"), sent("two", amount=None)], [row("a"), row("b", amount="35")]),
        {"one": "a", "two": "b"},
    ),
    Case(
        "two campaigns of unknown amount: neither",
        ([sent("one", amount=None), sent("two", amount=None)], [row("a"), row("b")]),
        {},
    ),
    Case(
        "numbers and amounts apart",
        (
            [sent("one"), sent("two", to=OTHER_NUMBER), sent("three", amount=Decimal(50))],
            [row("c", amount="50"), row("b", to=OTHER_NUMBER), row("a")],
        ),
        {"one": "a", "two": "b", "three": "c"},
    ),
)


@table("case", SEVERAL)
def test_several_top_ups(case: Case[Together, dict[str, str]]) -> None:
    top_ups, rows = case.given
    found = match_all(top_ups, rows, set())
    assert {command: each.transaction_id for command, each in found.items()} == case.expected


# --- properties ------------------------------------------------------------------------------------------------------

_ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])
_numbers = st.sampled_from([NUMBER, OTHER_NUMBER])
_amounts = st.sampled_from([Decimal(20), Decimal("20.00"), Decimal(50)])
_times = st.integers(-20, 40).map(lambda minutes: minutes * MINUTE)
_products = st.none() | st.sampled_from(["TELTA", "TELPA"])
_rows = st.lists(
    st.builds(row, _ids, st.none() | _times, to=st.none() | _numbers, amount=_amounts, product=_products,
              status=st.sampled_from(["succeeded", "pending"]), final=st.booleans()),
    max_size=8,
)  # fmt: skip
_top_ups = st.lists(
    st.builds(sent, st.sampled_from([f"command-{n}" for n in range(6)]), _times, to=_numbers,
              amount=st.none() | _amounts, product=_products, transaction_id=st.none() | _ids),
    max_size=6,
    unique_by=lambda top_up: top_up.id,
)  # fmt: skip


def is_possible(top_up: OpenTopUp, found: ReportRow) -> bool:
    if top_up.transaction_id is not None:
        return top_up.transaction_id == found.transaction_id
    return (
        found.to == top_up.to
        and top_up.amount in {None, found.amount}
        and found.occurred_at is not None
        and -EARLY <= found.occurred_at - top_up.sent_at <= LATE
        and (not found.product or not top_up.product or found.product == top_up.product)
    )


@given(_top_ups, _rows, st.sets(_ids), st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_no_row_is_given_twice(
    top_ups: list[OpenTopUp], rows: list[ReportRow], claimed: set[str], chance: random.Random
) -> None:
    found = match_all(top_ups, rows, claimed)
    of_id = {top_up.id: top_up for top_up in top_ups}
    given_away = Counter(each.transaction_id for each in found.values())
    assert set(given_away.values()) <= {1}
    for command, each in found.items():
        assert each in rows
        assert is_possible(of_id[command], each)
        assert each.transaction_id not in claimed or of_id[command].transaction_id == each.transaction_id
    chance.shuffle(top_ups)
    chance.shuffle(rows)
    again = match_all(top_ups, rows, claimed)
    assert {command: each.transaction_id for command, each in again.items()} == {
        command: each.transaction_id for command, each in found.items()
    }


@given(_top_ups, _rows)
@settings(max_examples=150, deadline=None)
def test_one_after_the_other_no_row_is_given_twice_either(top_ups: list[OpenTopUp], rows: list[ReportRow]) -> None:
    claimed: set[str] = set()
    for top_up in top_ups:
        found = match(top_up, rows, claimed)
        if found is not None:
            assert found.transaction_id not in claimed or top_up.transaction_id == found.transaction_id
            claimed.add(found.transaction_id)


@given(st.lists(st.tuples(_numbers, _amounts, _times, st.booleans(), st.integers(-60, 300)), max_size=8), st.data())
@settings(max_examples=200, deadline=None)
def test_every_top_up_that_the_provider_took_settles_one_command(
    made: list[tuple[str, Decimal, timedelta, bool, int]], data: st.DataObject
) -> None:
    """Commands are sent, the provider takes some; the answers of some come, of the others they don't."""
    top_ups, rows, claimed = [], [], set()
    for number, (to, amount, at, was_taken, delay) in enumerate(made):
        if was_taken:
            rows.append(row(f"tx{number}", at + delay * SECOND, to=to, amount=str(amount)))
        if was_taken and data.draw(st.booleans(), label="answered"):
            claimed.add(f"tx{number}")
        else:
            top_ups.append(sent(f"command-{number}", at, to=to, amount=amount))
    found = match_all(top_ups, rows, claimed)
    unclaimed = [each for each in rows if each.transaction_id not in claimed]
    # What was taken and not answered is found, if not by its own command then by an equal one.
    assert len(found) >= _most(top_ups, unclaimed) == len(unclaimed)
    assert {each.transaction_id for each in found.values()} == {each.transaction_id for each in unclaimed}


def _most(top_ups: list[OpenTopUp], rows: list[ReportRow]) -> int:
    """How many pairs there can be at most, by trying augmenting paths."""
    taken: dict[str, ReportRow] = {}
    owner: dict[str, OpenTopUp] = {}

    def augment(top_up: OpenTopUp, seen: set[str]) -> bool:
        for each in rows:
            if each.transaction_id in seen or not is_possible(top_up, each):
                continue
            seen.add(each.transaction_id)
            if each.transaction_id not in owner or augment(owner[each.transaction_id], seen):
                owner[each.transaction_id], taken[top_up.id] = top_up, each
                return True
        return False

    return sum(augment(top_up, set()) for top_up in top_ups)


@given(_top_ups.map(lambda all_: [it._replace(product=None, transaction_id=None) for it in all_ if it.amount]), _rows)
@settings(max_examples=200, deadline=None)
def test_as_many_are_settled_as_can_be(top_ups: list[OpenTopUp], rows: list[ReportRow]) -> None:
    unique = list({each.transaction_id: each for each in rows}.values())
    assert len(match_all(top_ups, unique, set())) == _most(top_ups, unique)
