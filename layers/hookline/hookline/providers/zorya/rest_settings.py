"""An account's settings and credentials for Zorya's REST API, read from the account's secret."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from hookline.errors import AccountSettingsError
from hookline.sending import SendingAccount, SendingSettings, read_sending_account
from hookline.settings import read_zone

CREDENTIALS = ("client_id", "secure_password")
"""What the provider's account manager hands out, by our names."""

_DEFAULT_ZONE = ZoneInfo("America/Mexico_City")
_MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?", re.ASCII)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _address(text: str) -> str:
    """Check a base URL, and take the slashes from its end."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or port == 0 or not text.isascii() or not text.isprintable() or set(text) & set(" ?#@\\"):
        raise ValueError("must be an address of a host and a path, and nothing else")
    is_local = host in _LOOPBACK or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ValueError("must be https: credentials travel with every call")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or set(text) & set(" ?#\\"):
        raise ValueError("must be the path of a URL, from its first /")
    return text


def _amount(value: object) -> object:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int) or not _MONEY.fullmatch(str(value)):
        raise ValueError('must be an amount of money as a text, for example "20.00", or a whole number')
    return Decimal(value)


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return read_zone({"timezone": value}, "timezone", _DEFAULT_ZONE)
    except AccountSettingsError as error:
        raise ValueError(error.problem) from None


type Address = Annotated[str, AfterValidator(_address)]
type Amount = Annotated[Decimal, BeforeValidator(_amount), Field(gt=0)]


class RestSettings(SendingSettings):
    """What the REST API needs to know of an account. Amounts are in `currency`."""

    auth_url: Address = Field(description="The document's `[SecurityURLAuth]`: where tokens come from.")
    gateway_url: Address | None = Field(
        default=None, description="`[ServiceURLZGateway]`: messages, look-ups, the balance. Needed for these."
    )
    topup_url: Address | None = Field(
        default=None, description="`[ServiceURLTopUp]`: top-ups and their report. Needed for these."
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(
        default=_DEFAULT_ZONE, description="The zone of dates that carry no offset, and of reports: an IANA name."
    )
    sender: str | None = Field(
        default=None, min_length=1, max_length=20, description="The sender of messages that name none."
    )
    send_method: Literal["v3", "light"] = Field(
        default="v3", description="`sendSms` V3, which answers with cost and segments, or `sendSmsLight`."
    )
    lookup_version: Literal["v2", "v1"] = Field(
        default="v2", description="`carrierLookUp` V2, or the deprecated one, which says nothing of porting."
    )
    campaign_path: Annotated[str, AfterValidator(_path)] = Field(
        default="/api/executeTopUpCamp/", description="The path of `executeTopUpCamp`: the document names none."
    )
    max_top_up: Amount = Field(default=Decimal(500), description="The most that one top-up may ask for.")
    max_top_up_a_day: Amount = Field(
        default=Decimal(5000), description="The most that all top-ups of a day may ask for, in `timezone`."
    )
    campaign_amounts: Mapping[str, Amount] = Field(
        default_factory=dict,
        description="What a campaign's top-up is worth, by campaign: counts for both ceilings and for settling. One "
        "that is not in here counts as `max_top_up`.",
    )
    products: Mapping[str, Sequence[Amount]] = Field(
        default_factory=dict,
        description="Amounts by ZCode, for products that Table 3 lacks or has otherwise. An empty list forbids one.",
    )
    report_statuses: Mapping[str, Literal["succeeded", "failed", "pending"]] = Field(
        default_factory=dict,
        description="What a status of `getTopUpReport` means that Table 2 lacks; the document's example has `0`.",
    )
    currency: str = Field(
        default="MXN", pattern="^[A-Z]{3}$", description="Of amounts where the provider names no currency: ISO 4217."
    )


type Account = SendingAccount[RestSettings]


def read_account(name: str, document: Mapping[str, Any]) -> Account:
    """Read an account's document, as `SendingProvider.read_account` says."""
    account = read_sending_account("zorya", RestSettings, CREDENTIALS, name, document)
    for field in CREDENTIALS:
        if any("\ud800" <= character <= "\udfff" for character in account.credentials[field]):
            raise AccountSettingsError(f"credentials.{field}", "is no Unicode text")
    return account
