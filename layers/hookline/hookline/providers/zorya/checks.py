"""Commands that Zorya could not do: found before any request, so that nothing is spent on them.

Source: the provider's document, the methods' parameters and Table 3; how we read what it leaves open is in
docs/zorya.md.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hookline import sms
from hookline.commands import (
    BaseCommand,
    Cancel,
    GetMessageStatus,
    GetTopUpReport,
    LookUpCarrier,
    Rejection,
    SendSms,
    TopUp,
)
from hookline.numbers import recipient
from hookline.providers.zorya.msisdn import read_msisdn
from hookline.providers.zorya.products import DATED, PRODUCTS
from hookline.providers.zorya.rest_settings import Account, RestSettings
from hookline.sending import Stake

GATEWAY, TOPUP = "gateway_url", "topup_url"
"""The settings that hold base URLs."""

MAX_AHEAD = 366 * 86_400.0
"""Seconds: further ahead, a `send_at` is taken for a slip."""

_CENT = Decimal("0.01")


def check(command: BaseCommand, account: Account, now: float) -> BaseCommand:
    """Refuse what the provider could not do, before any request, as `SendingProvider.check` says."""
    checker = CHECKERS.get(command.kind)
    if checker is None:
        raise Rejection("command", "Zorya's REST API has no such thing")
    base = TOPUP if command.kind in {"top_up", "get_top_up_report"} else GATEWAY
    if command.kind != Cancel.kind and getattr(account.settings, base) is None:
        raise Rejection("account", f"has no setting {base}, which this command needs")
    return checker(command, account.settings, now)


def amount_at_stake(command: TopUp, settings: RestSettings) -> Decimal:
    """Return what a top-up counts for against the ceilings: its amount, or what its campaign may be worth."""
    if command.amount is not None:
        return command.amount
    return settings.campaign_amounts.get(command.campaign or "", settings.max_top_up)


def stake(command: BaseCommand, account: Account, now: float) -> Stake | None:
    """Say what a top-up takes of its account's `max_top_up_a_day`, as `SendingProvider.stake` says."""
    if not isinstance(command, TopUp):
        return None
    settings = account.settings
    day = datetime.fromtimestamp(now, settings.timezone).date().isoformat()
    ceiling = settings.max_top_up_a_day
    field = "campaign" if command.amount is None else "amount"
    rejection = Rejection(field, f"would take the day's top-ups over the account's max_top_up_a_day, {ceiling}")
    return Stake((day, amount_at_stake(command, settings)), ceiling, rejection)


def _check_sms(command: SendSms, settings: RestSettings, now: float) -> SendSms:
    to = _msisdn("to", command.to)
    if not command.text.strip():
        raise Rejection("text", "is empty")
    segments = sms.count(command.text).segments
    if segments > settings.max_segments:
        raise Rejection("text", f"takes {segments} segments; the account allows {settings.max_segments}")
    if not (command.sender or settings.sender or "").strip():
        raise Rejection("sender", "is needed, here or as the account's setting")
    if command.campaign is not None:
        raise Rejection("campaign", "is for top-ups at Zorya: a message can't carry one")
    if command.send_at is not None:
        _check_send_at(command.send_at, now)
    return command.model_copy(update={"to": to})


def _check_send_at(send_at: datetime, now: float) -> None:
    ahead = send_at.timestamp() - now
    if ahead <= 0:
        raise Rejection("send_at", "is not in the future")
    if ahead > MAX_AHEAD:
        raise Rejection("send_at", "is more than a year ahead")


def _check_top_up(command: TopUp, settings: RestSettings, _now: float) -> TopUp:
    to = _msisdn("to", command.to)
    if command.campaign is not None:
        _check_campaign(command)
    elif command.amount is None:
        raise Rejection("amount", "is needed, but with a campaign")
    if command.product is not None and command.amount is not None:
        _check_product(command.product, command.amount, settings)
    at_stake = amount_at_stake(command, settings)
    field = "campaign" if command.amount is None else "amount"
    for name in ("max_top_up", "max_top_up_a_day"):
        ceiling = getattr(settings, name)
        if at_stake > ceiling:
            raise Rejection(field, f"is worth more than the account's {name}, {ceiling}")
    amount = None if command.amount is None else command.amount.quantize(_CENT)  # 20 and 20.00 are the same order
    return command.model_copy(update={"to": to, "amount": amount})


def _check_campaign(command: TopUp) -> None:
    if not (command.campaign or "").strip():
        raise Rejection("campaign", "is empty")
    for field in ("amount", "product"):
        if getattr(command, field) is not None:
            raise Rejection(field, "is the campaign's affair: not with a campaign")


def _check_product(product: str, amount: Decimal, settings: RestSettings) -> None:
    row = PRODUCTS.get(product)
    if row is None and product not in settings.products:
        raise Rejection("product", f"is no ZCode of Table 3 of {DATED}, nor of the account's setting products")
    amounts = settings.products.get(product, row.amounts if row else ())
    if amount not in amounts:
        allowed = ", ".join(format(each, "f") for each in amounts) or "none"
        raise Rejection("amount", f"is none that this product can be topped up with: {allowed}")


def _check_lookup(command: LookUpCarrier, _settings: RestSettings, _now: float) -> LookUpCarrier:
    return command.model_copy(update={"number": _msisdn("number", command.number)})


def _check_status(command: GetMessageStatus, _settings: RestSettings, _now: float) -> GetMessageStatus:
    if not command.message_id.isascii() or not command.message_id.isprintable() or " " in command.message_id:
        raise Rejection("message_id", "is no txID: it has blanks, or characters outside of ASCII")
    return command


def _check_report(command: GetTopUpReport, _settings: RestSettings, _now: float) -> GetTopUpReport:
    if date.fromisoformat(command.last_day) < date.fromisoformat(command.first_day):
        raise Rejection("last_day", "is before first_day")
    return command


def _msisdn(field: str, text: str) -> str:
    number = read_msisdn(text)
    if number is None or recipient(number) is None:
        raise Rejection(field, "is no valid number of Mexico: 52 and ten digits")
    return number


CHECKERS: Mapping[str, Callable[[Any, RestSettings, float], BaseCommand]] = {
    "send_sms": _check_sms,
    "top_up": _check_top_up,
    "look_up_carrier": _check_lookup,
    "get_message_status": _check_status,
    "get_balance": lambda command, _settings, _now: command,
    "get_top_up_report": _check_report,
    "cancel": lambda command, _settings, _now: command,
}
"""What is looked at before a request, by the command."""
