"""Which open commands Zorya turns out to have done: by its report of top-ups, its word on messages, its callbacks.

A top-up and a message carry no reference of ours. So what is not certain is left open: while an equal one is on its
way, or where two could be meant.

Source: the provider's document, `getTopUpReport`, `getSmsStatus`, `pushStatus`, `mtSMSCallback`; docs/zorya-rest.md.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hookline.commands import BaseCommand, GetMessageStatus, GetTopUpReport, SendSms, TopUp
from hookline.outcomes import Done
from hookline.providers.zorya.msisdn import read_msisdn
from hookline.providers.zorya.reports import (
    OpenTopUp,
    ReportRow,
    as_fact,
    latest,
    match_all,
    report_days,
    report_rows,
)
from hookline.providers.zorya.rest_settings import Account
from hookline.sending import Asked, Finding, OpenCommand, Settling, Word

KINDS = frozenset({"send_sms", "top_up"})

WORD_WINDOW = 86_400.0
"""Seconds after its request for which a callback can be about an open command that no id leads to."""

CLOCKS = 2.0
"""Seconds by which the clocks of our own functions may differ: no callback comes before its request has left."""

_BAD = frozenset({"rejected", "failed"})
_ID = "settle"


def questions(open_commands: Sequence[OpenCommand], account: Account) -> list[BaseCommand]:
    """Ask for the reports of the days of top-ups, and for the status of each message whose txID is known."""
    top_ups = [_open_top_up(it, account) for it in open_commands if isinstance(it.command, TopUp)]
    reports = [
        GetTopUpReport(command="get_top_up_report", id=_ID, account=account.name, first_day=first, last_day=last)
        for first, last in _periods(top_ups, account)
    ]
    statuses = [
        GetMessageStatus(command="get_message_status", id=_ID, account=account.name, message_id=it.transaction_id)
        for it in open_commands
        if isinstance(it.command, SendSms) and it.transaction_id
    ]
    return [*reports, *statuses]


def _periods(top_ups: Sequence[OpenTopUp], account: Account) -> list[tuple[str, str]]:
    """Return the days of top-ups, those that overlap together: one that is old must not ask for all days since."""
    if account.settings.topup_url is None:
        return []
    periods: list[tuple[str, str]] = []
    for first, last in sorted({days for it in top_ups if (days := report_days([it], account.settings.timezone))}):
        if periods and first <= periods[-1][1]:
            periods[-1] = (periods[-1][0], max(last, periods[-1][1]))
        else:
            periods.append((first, last))
    return periods


def ids(asked: Sequence[Asked]) -> list[str]:
    """Return the txIDs of a report's rows."""
    return sorted({row.transaction_id for row in _rows(asked)})


def match(
    open_commands: Sequence[OpenCommand],
    asked: Sequence[Asked],
    taken: Mapping[str, str | Finding],
    account: Account,
) -> dict[str, Finding]:
    """Say what answers tell of open commands, as `Settling.match` says.

    While a top-up to a number is on its way, a row of that number may be its: none of that number is given away.
    """
    busy = {it.command.to for it in open_commands if isinstance(it.command, TopUp) and it.on_its_way}
    wanted = [
        _open_top_up(it, account)
        for it in open_commands
        if isinstance(it.command, TopUp) and not it.on_its_way and (it.transaction_id or it.command.to not in busy)
    ]
    claimed = [name for name, whose in taken.items() if isinstance(whose, str)]
    rows = latest(_rows(asked)).values()
    # First those that money was taken for: a refused one whose refusal named no txID may have a row too.
    found = match_all(wanted, [row for row in rows if row.status not in _BAD], claimed)
    rest = [it for it in wanted if it.id not in found]
    found |= match_all(rest, [row for row in rows if row.status in _BAD], claimed)
    return {name: _of_row(row, taken) for name, row in found.items()} | _messages(open_commands, asked)


def read_word(detail: Mapping[str, Any]) -> Word | None:
    """Read an event of a callback, as `Settling.read_word` says.

    Its status must be signed, as its number and its amount are: what only stood in its address settles nothing.
    """
    metadata, data = detail["metadata"], detail["data"]
    kind = {"top_up.status_updated": "top_up", "sms.status_updated": "send_sms"}.get(metadata["type"])
    transaction = data.get("transaction_id") or data.get("message_id")
    is_sure = detail["provider_data"].get("signed") is True and "status" not in data.get("unconfirmed", ())
    if kind is None or not transaction or not data.get("to") or data["status"] == "unknown" or not is_sure:
        return None
    if kind == "top_up" and not data.get("amount"):
        return None
    names = ("status", "final", "to", "amount", "cost", "provider_code", "provider_text", "segments", "encoding")
    facts = {name: data[name] for name in (*names, "mcc", "mnc") if data.get(name) is not None}
    facts["to"] = read_msisdn(data["to"]) or data["to"]
    id_name = "transaction_id" if kind == "top_up" else "message_id"
    finding = Finding(transaction, data["status"] not in _BAD, {id_name: transaction, **facts}, "callback")
    return Word(kind, datetime.fromisoformat(metadata["recorded_at"]).timestamp(), finding)


def match_word(open_commands: Sequence[OpenCommand], word: Word, account: Account) -> list[OpenCommand]:
    """Return the open commands that a callback can be about, as `Settling.match_word` says.

    Where an account sends messages again, an id may be that of a try before: no callback settles one there.
    """
    if word.kind == SendSms.kind and account.settings.on_unknown == "resend":
        return []
    return [
        it
        for it in open_commands
        if not it.transaction_id and _is_in_time(it, word) and _could_be(it.command, word, account)
    ]


def _is_in_time(it: OpenCommand, word: Word) -> bool:
    return -CLOCKS <= word.at - it.sent_at <= WORD_WINDOW


def _could_be(command: BaseCommand, word: Word, account: Account) -> bool:
    facts = word.finding.facts
    if command.kind != word.kind or getattr(command, "to", None) != facts["to"]:
        return False
    if not isinstance(command, TopUp):
        return True
    amount = _amount(command, account)
    return amount is None or amount == Decimal(facts["amount"]["amount"])


def _messages(open_commands: Sequence[OpenCommand], asked: Sequence[Asked]) -> dict[str, Finding]:
    of_id = {it.transaction_id: it.command.id for it in open_commands if isinstance(it.command, SendSms)}
    found: dict[str, Finding] = {}
    for question, outcome in asked:
        if not isinstance(question, GetMessageStatus) or not isinstance(outcome, Done):
            continue
        status, name = outcome.facts["status"], of_id.get(question.message_id)
        if name is not None and status != "unknown":
            found[name] = Finding(question.message_id, status not in _BAD, outcome.facts, "query")
    return found


def _rows(asked: Sequence[Asked]) -> list[ReportRow]:
    return [
        row
        for question, outcome in asked
        if isinstance(question, GetTopUpReport) and isinstance(outcome, Done)
        for row in report_rows(outcome.facts)
    ]


def _of_row(row: ReportRow, taken: Mapping[str, str | Finding]) -> Finding:
    """Say what a row tells; what a callback said of how it ended goes before a row that does not say."""
    facts = as_fact(row)
    said = taken.get(row.transaction_id)
    if not row.final and isinstance(said, Finding):
        facts |= {name: said.facts[name] for name in ("status", "final", "provider_code", "provider_text")}
    elif row.status == "unknown":  # the report has it: it was taken on; how it ended the report does not say
        facts |= {"status": "received", "final": False}
    return Finding(row.transaction_id, facts["status"] not in _BAD, facts, "report")


def _open_top_up(it: OpenCommand, account: Account) -> OpenTopUp:
    command = it.command
    assert isinstance(command, TopUp)  # noqa: S101  # its callers look
    return OpenTopUp(
        id=command.id,
        to=command.to,
        amount=_amount(command, account),
        sent_at=datetime.fromtimestamp(it.sent_at, UTC),
        product=command.product,
        transaction_id=it.transaction_id or None,
    )


def _amount(command: TopUp, account: Account) -> Decimal | None:
    if command.amount is not None:
        return command.amount
    return account.settings.campaign_amounts.get(command.campaign or "")


SETTLING = Settling(kinds=KINDS, questions=questions, ids=ids, match=match, read_word=read_word, match_word=match_word)
"""How Zorya's unknown outcomes are settled."""
