"""What an answer of Zorya's REST API means for the command that it answers.

The JSON `code` outranks the HTTP status. Only an answer that can be read, and that is about what was asked, makes a
success; only a code or a status that is known makes a failure. Everything else is unknown.

Source: the provider's document, the methods' responses and Tables 1, 2 and 4; how we read what it leaves open is in
docs/zorya.md.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote, quote_plus

from hookline.commands import BaseCommand, GetMessageStatus, LookUpCarrier, SendSms, TopUp
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused, retry_after
from hookline.providers.zorya.claims import Claims, as_code, as_status, as_text, get
from hookline.providers.zorya.msisdn import read_msisdn
from hookline.providers.zorya.repair import read_document
from hookline.providers.zorya.reports import as_fact, read_row
from hookline.providers.zorya.rest_settings import Account, RestSettings
from hookline.providers.zorya.tables import MT_STATUSES, RESPONSE_CODES, TOP_UP_STATUSES, Status
from hookline.providers.zorya.values import as_amount, as_currency, as_encoding, as_moment, as_segments, as_transaction

SUCCESS = "200"
RETRY_LATER, RETRY_LATER_SECONDS = "-209", 600.0
NO_FUNDS = "-210"
REFUSALS = frozenset({"400", "-201", "-202", "-203", "-206", "-208", "-211", "-312"})
"""Codes for which nothing was done, and nothing will be. -312 is in an example and in no table."""

TOKEN_REFUSALS = frozenset({"-204", "-205", "401", "403"})
TOO_MANY = "429"

WORDS: Mapping[tuple[str, str], str] = {
    ("send_sms", "-208"): "Destination number invalid",
    ("look_up_carrier", "400"): "Invalid Destination number",
    ("top_up", "-312"): "Invalid ClientID",
}
"""What a code means in one method, where it is not what Table 1 says of it; for answers that come without words."""

MESSAGE_STATUSES: Mapping[str, Status] = {
    "-1": Status("Rejected", "rejected", final=True),
    "100": Status("Received", "accepted", final=False),
    "101": Status("Carrier LookUp", "accepted", final=False),
    "102": Status("Queue", "accepted", final=False),
    "103": Status("Successful", "sent", final=False),
    "104": Status("Retrying", "accepted", final=False),
    "-105": Status("Invalid", "failed", final=True),
    "-203": Status("Operation denied", "rejected", final=True),
    **MT_STATUSES,
}
"""Table 2 as `getSmsStatus` uses it, of an SMS: "Successful" is what Table 4 calls sent. Table 4's own codes too."""

NUMBER_TYPES: Mapping[str, Literal["mobile", "fixed", "other"]] = {"1": "mobile", "2": "fixed", "3": "other"}

MAX_WORDS = 500
"""Characters of the provider's words that are kept."""

MIN_SECRET = 6
_BAD = frozenset({"rejected", "failed"})
_SECRET_NAMES = frozenset({"zrtauth", "securepassword", "password", "token"})
_NOTHING: Claims = {}

type Reader = Callable[[Any, Claims, RestSettings], Outcome]


def read(commands: Sequence[BaseCommand], account: Account, answer: Answer) -> list[Outcome]:
    """Say what an answer means, as `SendingProvider.read` says: one outcome a command. Never raises."""
    document = read_document(answer.body)
    if document is not None:
        document = _without_secrets(document, _forms(account.credentials["secure_password"]))
    return [_outcome(command, account.settings, answer, document) for command in commands]


def transaction_of(provider_data: Mapping[str, Any]) -> str | None:
    """Return the provider's txID from the `provider_data` of an outcome: a refused top-up has one too."""
    fields = dict(provider_data)
    return as_transaction(get(fields, "txID")) or as_transaction(get(_response(fields), "txID"))


def words_of(kind: str, code: str) -> str:
    """Return what a code means in a method, for an answer that comes without words."""
    return WORDS.get((kind, code)) or RESPONSE_CODES.get(code, "")


def _outcome(command: BaseCommand, settings: RestSettings, answer: Answer, document: Claims | None) -> Outcome:
    code = as_code(get(document, "code")) if document is not None else None
    if document is not None and code is not None:
        decided = _by_code(command, settings, code, document)
        if decided is not None:
            return decided
    said = code if code in TOKEN_REFUSALS or code == TOO_MANY else str(answer.status)
    if said in TOKEN_REFUSALS:
        return NotSent("token_refused", renew_token=True)
    if said == TOO_MANY:
        return NotSent("too_many_requests", delay=retry_after(answer.headers))
    facts = {} if document is None else _ids(command, transaction_of(document))
    return MayHaveBeenSent("answer_unreadable" if code is None else "code_unknown", facts)


def _by_code(command: BaseCommand, settings: RestSettings, code: str, document: Claims) -> Outcome | None:
    """Decide by the provider's code; None where it is none of which the document says what it means."""
    if code == SUCCESS:
        return READERS[command.kind](command, document, settings)
    if code in REFUSALS:
        return _refused(code, document, words_of(command.kind, code))
    if code == RETRY_LATER:
        return NotSent("retry_later", delay=RETRY_LATER_SECONDS)
    return NotSent("no_funds", stop_account=True) if code == NO_FUNDS else None


def _send_sms(command: SendSms, document: Claims, settings: RestSettings) -> Outcome:
    """Read `sendSms` V3, `sendSmsLight` or `sendSmsFlash`. Success needs no txID: the message is on its way."""
    response = _response(document)
    if _is_of_another(command.to, response):
        return MayHaveBeenSent("answer_of_another")
    transaction = transaction_of(document)
    code = as_status(get(response, "status"))
    row = None if code is None else MESSAGE_STATUSES.get(code)
    if code is not None and row is None:
        return MayHaveBeenSent("status_unknown", _ids(command, transaction))
    if code is not None and row is not None and row.status in _BAD:
        return _refused(code, document, as_text(get(response, "detail")) or row.description)
    return _done(
        document,
        message_id=transaction,
        to=read_msisdn(get(response, "msisdn")),
        provider_code=code or SUCCESS,
        provider_text=as_text(get(response, "detail")) or as_text(get(document, "message")),
        **_sms_facts(response, settings, segments="segments", encoding="encoding"),
    )


def _top_up(command: TopUp, document: Claims, settings: RestSettings) -> Outcome:
    """Read `executeTopUp`, `executeDirectTopUp` or `executeTopUpCamp`.

    Without a txID, with another amount or with a status that Table 2 lacks money may have been spent, and nobody knows
    how it ends: unknown, for settling to find out. Never failed.
    """
    response = _response(document)
    if _is_of_another(command.to, response):
        return MayHaveBeenSent("answer_of_another")
    transaction = transaction_of(document)
    code = as_status(get(response, "status")) or "100"
    row = TOP_UP_STATUSES.get(code)
    amount = as_amount(get(response, "amount"))
    if row is not None and row.status in _BAD:
        return _refused(code, document, as_text(get(response, "detail")) or row.description)
    if row is None or transaction is None:
        return MayHaveBeenSent("status_unknown" if row is None else "no_transaction_id", _ids(command, transaction))
    if command.amount is not None and amount is not None and amount != command.amount:
        return MayHaveBeenSent("amount_of_another", _ids(command, transaction))
    currency = as_currency(get(response, "amountCurrency")) or settings.currency
    return _done(
        document,
        status=row.status,
        final=row.final,
        transaction_id=transaction,
        to=read_msisdn(get(response, "msisdn")),
        amount=_money(amount, currency),
        cost=_money(as_amount(get(response, "cost")), currency),
        provider_code=code,
        provider_text=as_text(get(response, "detail")) or row.description,
        occurred_at=_moment(response, settings),
    )


def _get_message_status(command: GetMessageStatus, document: Claims, settings: RestSettings) -> Outcome:
    response = _response(document)
    code = as_status(get(response, "status"))
    if code is None:
        return MayHaveBeenSent("answer_incomplete")
    if (as_text(get(response, "txID")) or command.message_id) != command.message_id:
        return MayHaveBeenSent("answer_of_another")
    row = MESSAGE_STATUSES.get(code, Status("", "unknown", final=False))
    return _done(
        document,
        status=row.status,
        final=row.final,
        message_id=command.message_id,
        to=read_msisdn(get(response, "msisdn")),
        provider_code=code,
        provider_text=row.description or None,
        carrier=as_text(get(response, "carrierName")),
        carrier_id=as_text(get(response, "carrierID")),
        occurred_at=_moment(response, settings, "sentOn"),
        **_sms_facts(response, settings, segments="smsCount", encoding="coding"),
    )


def _get_balance(_command: BaseCommand, document: Claims, settings: RestSettings) -> Outcome:
    response = _response(document)
    balance = as_amount(get(response, "balance"))
    if balance is None:
        return MayHaveBeenSent("answer_incomplete")
    currency = as_currency(get(response, "currency")) or settings.currency
    return _done(document, balance=_money(balance, currency), unit="money")


def _look_up_carrier(command: LookUpCarrier, document: Claims, settings: RestSettings) -> Outcome:
    response = _response(document)
    if _is_of_another(command.number, response):
        return MayHaveBeenSent("answer_of_another")
    network, provider = as_text(get(response, "network")), as_text(get(response, "serviceProviderDesc"))
    network_id, provider_id = as_text(get(response, "networkID")), as_text(get(response, "serviceProviderID"))
    mcc, mnc = as_text(get(response, "mcc")), as_text(get(response, "mnc"))
    if not (network or provider or network_id or provider_id or (mcc and mnc)):
        return MayHaveBeenSent("answer_incomplete")
    ported_at = as_moment(get(response, "portingDate"), settings.timezone)
    return _done(
        document,
        number=command.number,
        carrier=provider or network,
        carrier_id=provider_id or network_id,
        network=network,
        network_id=network_id,
        mcc=mcc,
        mnc=mnc,
        number_type=NUMBER_TYPES.get(as_code(get(response, "numberType")) or ""),
        ported=_flag(get(response, "isPorted")),
        ported_at=ported_at and ported_at.isoformat(),
        cost=_money(as_amount(get(response, "cost")), as_currency(get(response, "currency")) or settings.currency),
        transaction_id=transaction_of(document),
        provider_text=as_text(get(response, "detail")),
        occurred_at=_moment(response, settings),
    )


def _get_top_up_report(_command: BaseCommand, document: Claims, settings: RestSettings) -> Outcome:
    """Read `getTopUpReport`. `complete` is false where a row can't be read, or there are fewer than it says."""
    rows, said = get(document, "response"), as_code(get(document, "count"))
    if rows is None and said == "0":
        rows = []
    if not isinstance(rows, list):
        return MayHaveBeenSent("answer_incomplete")
    rows = [row for row in rows if row is not None]
    readable = [as_fact(row) for row in (read_row(fields, settings) for fields in rows) if row is not None]
    complete = len(readable) == len(rows) and said in {None, str(len(rows))}
    rest = {name: value for name, value in document.items() if name.lower() != "response"}
    return _done(rest, count=len(readable), complete=complete, rows=readable)


READERS: Mapping[str, Reader] = {
    "send_sms": _send_sms,
    "top_up": _top_up,
    "get_message_status": _get_message_status,
    "get_balance": _get_balance,
    "look_up_carrier": _look_up_carrier,
    "get_top_up_report": _get_top_up_report,
}
"""What a success says, by the command that it answers."""


def _refused(code: str, document: Claims, words: str) -> Refused:
    text = as_text(get(document, "message")) if code == as_code(get(document, "code")) else None
    return Refused(code, (text or words)[:MAX_WORDS], document)


def _done(document: Claims, **facts: Any) -> Done:
    return Done({name: value for name, value in facts.items() if value is not None}, document)


def _ids(command: BaseCommand, transaction: str | None) -> Mapping[str, Any]:
    """Return what is known of a command whose outcome is not."""
    name = {"send_sms": "message_id", "top_up": "transaction_id"}.get(command.kind)
    return MappingProxyType({name: transaction} if name and transaction else {})


def _sms_facts(response: Claims, settings: RestSettings, *, segments: str, encoding: str) -> dict[str, Any]:
    currency = as_currency(get(response, "currency")) or settings.currency
    return {
        "cost": _money(as_amount(get(response, "cost")), currency),
        "encoding": as_encoding(get(response, encoding)),
        "segments": as_segments(get(response, segments)),
        "mcc": as_text(get(response, "mcc")),
        "mnc": as_text(get(response, "mnc")),
    }


def _response(document: Claims) -> Claims:
    response = get(document, "response")
    return response if isinstance(response, dict) else _NOTHING


def _is_of_another(number: str, response: Claims) -> bool:
    """Say whether an answer is about another number than was asked for; one that can't be read tells nothing."""
    answered = read_msisdn(get(response, "msisdn"))
    return answered is not None and answered != number


def _moment(response: Claims, settings: RestSettings, name: str = "dateTimeTransaction") -> str | None:
    moment = as_moment(get(response, name), settings.timezone)
    return None if moment is None else moment.isoformat()


def _money(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    return None if amount is None else {"amount": format(amount, "f"), "currency": currency}


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get((as_text(value) or "").lower())


def _forms(secret: str) -> tuple[str, ...]:
    """Return the ways in which a server may repeat a secret; none of one so short that it may be chance."""
    return (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)) if len(secret) >= MIN_SECRET else ()


def _without_secrets(value: Any, secrets: tuple[str, ...]) -> Any:
    """Leave out what is a secret by its name or its value: no method but the log-in has to do with one."""
    match value:
        case dict():
            named = {name: inner for name, inner in value.items() if name.lower() not in _SECRET_NAMES}
            return {name: _without_secrets(inner, secrets) for name, inner in named.items()}
        case list():
            return [_without_secrets(inner, secrets) for inner in value]
        case str() if any(secret in value for secret in secrets):
            return "[credential]"
        case _:
            return value
