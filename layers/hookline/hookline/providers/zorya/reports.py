"""The provider's report of top-ups: reading its rows, and finding the row of a top-up whose answer never came.

Source: the provider's document, `getTopUpReport`. A top-up carries no reference of ours, so a row is recognised by
number, amount, product (where the row has one) and time. Two equal top-ups close in time can't be told apart; but each
row is one top-up, and is given to one command at the most.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hookline.providers.zorya.claims import as_status, as_text, get
from hookline.providers.zorya.msisdn import read_msisdn
from hookline.providers.zorya.rest_settings import RestSettings
from hookline.providers.zorya.tables import TOP_UP_STATUSES, Status
from hookline.providers.zorya.values import as_amount, as_currency, as_moment, as_number, as_transaction

EARLY = timedelta(minutes=2)
LATE = timedelta(minutes=15)
"""How far a row's time may lie before and after the moment that the request left: clocks differ, requests queue."""

FINAL = frozenset({"succeeded", "failed"})


class ReportRow(NamedTuple):
    """A top-up as the report has it.

    Attributes:
        transaction_id: the provider's `txID`.
        amount: what was asked for, with its currency.
        to: the number, E.164; None where it can't be read.
        status: ours, a word of `TopUpStatus`; `unknown` where neither Table 2 nor the account knows the provider's.
        final: whether no other status is to be expected.
        provider_code: the provider's status, as it came.
        provider_text: the provider's words.
        cost: what it cost, in the same currency.
        carrier_id: the provider's id of the carrier.
        product: the ZCode, where the row has one; the document has none.
        occurred_at: when the provider took it, aware.
        updated_at: when its status last changed, aware.
    """

    transaction_id: str
    amount: Decimal
    currency: str
    to: str | None = None
    status: str = "unknown"
    final: bool = False
    provider_code: str | None = None
    provider_text: str | None = None
    cost: Decimal | None = None
    carrier_id: str | None = None
    product: str | None = None
    occurred_at: datetime | None = None
    updated_at: datetime | None = None


class OpenTopUp(NamedTuple):
    """A top-up whose row is looked for.

    Attributes:
        id: the command's.
        to: the number, E.164.
        amount: what was asked for; None for a campaign whose amount nobody knows.
        sent_at: when its request left, aware.
        product: its ZCode, where it has one.
        transaction_id: the provider's id, where an answer that could not be taken for a success had one.
    """

    id: str
    to: str
    amount: Decimal | None
    sent_at: datetime
    product: str | None = None
    transaction_id: str | None = None


def read_row(fields: object, settings: RestSettings) -> ReportRow | None:
    """Read a row as the provider writes it; None where it has no txID or no amount."""
    if not isinstance(fields, dict):
        return None
    transaction = as_transaction(get(fields, "txID"))
    amount = as_amount(get(fields, "amount"))
    if transaction is None or amount is None:
        return None
    code = as_status(get(fields, "status"))
    status = _status(code, settings)
    return ReportRow(
        transaction_id=transaction,
        amount=amount,
        currency=as_currency(get(fields, "amountCurrency")) or settings.currency,
        to=read_msisdn(get(fields, "msisdn")) or as_number(get(fields, "msisdn")),
        status=status.status,
        final=status.final,
        provider_code=code,
        provider_text=as_text(get(fields, "detail")) or status.description or None,
        cost=as_amount(get(fields, "cost")),
        carrier_id=as_text(get(fields, "carrierID")),
        product=as_text(get(fields, "ZCode")),
        occurred_at=as_moment(get(fields, "dateTimeTransaction"), settings.timezone),
        updated_at=as_moment(get(fields, "dateTimeStatus"), settings.timezone),
    )


def as_fact(row: ReportRow) -> dict[str, Any]:
    """Write a row as JSON values, by our names; what is not known is left out."""
    fact: dict[str, Any] = {
        **row._asdict(),
        "amount": _money(row.amount, row.currency),
        "cost": None if row.cost is None else _money(row.cost, row.currency),
        "occurred_at": row.occurred_at and row.occurred_at.isoformat(),
        "updated_at": row.updated_at and row.updated_at.isoformat(),
    }
    del fact["currency"]
    return {name: value for name, value in fact.items() if value is not None}


def report_rows(facts: Mapping[str, Any]) -> list[ReportRow]:
    """Return the rows of a report.

    Args:
        facts: of the outcome of a `get_top_up_report`.
    """
    return [_row_of_fact(fact) for fact in facts["rows"]]


def report_days(top_ups: Iterable[OpenTopUp], zone: ZoneInfo) -> tuple[str, str] | None:
    """Return the first and the last day, `yyyy-MM-dd`, of the report that has the rows of top-ups; None for none."""
    moments = [top_up.sent_at for top_up in top_ups]
    if not moments:
        return None
    days = (min(moments) - EARLY, max(moments) + LATE)
    first, last = (day.astimezone(zone).date().isoformat() for day in days)
    return first, last


def match(top_up: OpenTopUp, rows: Iterable[ReportRow], claimed: Collection[str]) -> ReportRow | None:
    """Find the row of one top-up, as `match_all` does.

    It knows of no other open top-up: whoever asks for several, one after the other, must add each row that was found
    to `claimed`.
    """
    return match_all([top_up], rows, claimed).get(top_up.id)


def match_all(
    top_ups: Sequence[OpenTopUp], rows: Iterable[ReportRow], claimed: Collection[str]
) -> dict[str, ReportRow]:
    """Give rows of the report to top-ups, each row to one at the most, and each top-up one at the most.

    A top-up whose txID is known gets that row and no other. The rest get, of the rows with their number, amount and
    product that lie close enough, as many as there are, and of these the closest. A campaign's top-up of unknown amount
    gets a row only where no other row and no other such top-up could be meant.

    Args:
        top_ups: every open one of the account, those on their way too: what is not in here can't keep its row.
        rows: the report's. Of two rows with one txID the one with the later status counts.
        claimed: the txIDs that commands have already, those of refused ones too.

    Returns:
        The row of each top-up that has one, by the command's id. The same for any order of the arguments.
    """
    by_id = latest(rows)
    found: dict[str, ReportRow] = {}
    known = sorted((it for it in top_ups if it.transaction_id is not None), key=_order)
    for top_up in known:
        row = by_id.pop(str(top_up.transaction_id), None)
        if row is not None:
            found[top_up.id] = row
    free = sorted((row for row in by_id.values() if row.transaction_id not in claimed), key=_row_order)
    waiting = sorted((it for it in top_ups if it.transaction_id is None), key=_order)
    for to in sorted({it.to for it in waiting}):
        of_number = [row for row in free if row.to == to]
        found |= _match_number([it for it in waiting if it.to == to], of_number)
    return found


def _match_number(top_ups: Sequence[OpenTopUp], rows: Sequence[ReportRow]) -> dict[str, ReportRow]:
    found: dict[str, ReportRow] = {}
    for amount in sorted({it.amount for it in top_ups if it.amount is not None}):
        wanted = [it for it in top_ups if it.amount == amount]
        found |= _pair(wanted, [row for row in rows if row.amount == amount])
    of_unknown_amount = [it for it in top_ups if it.amount is None]
    given = {row.transaction_id for row in found.values()}
    if len(of_unknown_amount) == 1:
        (only,) = of_unknown_amount
        candidates = [row for row in rows if row.transaction_id not in given and _is_close(only, row)]
        if len(candidates) == 1:
            found[only.id] = candidates[0]
    return found


class _Plan(NamedTuple):
    """A way to pair the first of some top-ups with the first of some rows; the greatest is the best."""

    pairs: int
    closeness: timedelta  # minus the sum of all distances
    chosen: tuple[tuple[int, int], ...]


def _pair(top_ups: Sequence[OpenTopUp], rows: Sequence[ReportRow]) -> dict[str, ReportRow]:
    """Pair as many as can be, the closest, in the order of time: nothing is gained by crossing over."""
    best = [_Plan(0, timedelta(), ())] * (len(rows) + 1)
    for at, top_up in enumerate(top_ups):
        now = [best[0]]
        for row_at, row in enumerate(rows):
            options = [best[row_at + 1], now[row_at]]
            if _is_close(top_up, row):
                before = best[row_at]
                distance = _distance(top_up, row)
                options.append(_Plan(before.pairs + 1, before.closeness - distance, (*before.chosen, (at, row_at))))
            now.append(max(options, key=lambda plan: plan[:2]))
        best = now
    return {top_ups[at].id: rows[row_at] for at, row_at in best[-1].chosen}


def _is_close(top_up: OpenTopUp, row: ReportRow) -> bool:
    if row.occurred_at is None or (row.product and top_up.product and row.product != top_up.product):
        return False
    return -EARLY <= row.occurred_at - top_up.sent_at <= LATE


def _distance(top_up: OpenTopUp, row: ReportRow) -> timedelta:
    return timedelta() if row.occurred_at is None else abs(row.occurred_at - top_up.sent_at)


def latest(rows: Iterable[ReportRow]) -> dict[str, ReportRow]:
    """Return of each txID the row with the latest status."""
    found: dict[str, ReportRow] = {}
    for row in sorted(rows, key=_row_order):
        known = found.get(row.transaction_id)
        if known is None or (row.final, _seconds(row.updated_at)) >= (known.final, _seconds(known.updated_at)):
            found[row.transaction_id] = row
    return found


def _order(top_up: OpenTopUp) -> tuple[datetime, str]:
    return top_up.sent_at, top_up.id


def _row_order(row: ReportRow) -> tuple[float, str, float, bool, str]:
    times = _seconds(row.occurred_at), _seconds(row.updated_at)
    return times[0], row.transaction_id, times[1], row.final, row.provider_code or ""


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


def _status(code: str | None, settings: RestSettings) -> Status:
    said = settings.report_statuses.get(code or "")
    if said is not None:
        return Status("", said, final=said in FINAL)
    return TOP_UP_STATUSES.get(code or "", Status("", "unknown", final=False))


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": format(amount, "f"), "currency": currency}


def _row_of_fact(fact: Mapping[str, Any]) -> ReportRow:
    amount, cost = fact["amount"], fact.get("cost")
    moments = {
        name: datetime.fromisoformat(fact[name]) for name in ("occurred_at", "updated_at") if fact.get(name) is not None
    }
    known = {name: fact[name] for name in ReportRow._fields if name in fact}
    return ReportRow(
        **{
            **known,
            "amount": Decimal(amount["amount"]),
            "currency": amount["currency"],
            "cost": Decimal(cost["amount"]) if cost else None,
            **moments,
        }
    )
