"""From commands to Zoom Connect's REST API, in each of its encodings; what its answers mean is in `answers`.

Source: the provider's document, "Authentication" to "Scheduling an SMS batch"; how we read what it leaves open is in
docs/zoom-connect.md. No request that is made here may be logged: its URL or its headers hold the credentials.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from hookline import sms
from hookline.commands import BaseCommand, Rejection, SendSms
from hookline.errors import AccountSettingsError
from hookline.numbers import recipient
from hookline.outcomes import Call
from hookline.providers.zoom_connect.answers import read
from hookline.sending import PlannedCall, SendingAccount, SendingProvider, SendingSettings, read_sending_account
from hookline.settings import read_zone

NAME = "zoom_connect"
MAX_AHEAD = 366 * 86_400.0
"""Seconds: further ahead, a `send_at` is taken for a slip."""

_CREDENTIALS = ("email", "token")
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JUST_UNDER_A_MINUTE = timedelta(seconds=59, microseconds=999_999)
_DATE_FORMAT = "%Y%m%d%H%M"
_DEFAULT_ZONE = ZoneInfo("Africa/Johannesburg")


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return read_zone({"timezone": value}, "timezone", _DEFAULT_ZONE)
    except AccountSettingsError as error:
        raise ValueError(error.problem) from None


class ZoomConnectSettings(SendingSettings):
    """What sending needs to know of an account at Zoom Connect."""

    base_url: str = Field(
        default="https://www.zoomconnect.com/app/api/rest/v1",
        description="Where the API is. `https://zoomconnect.com/zoom/api/rest/v1` is its older address.",
    )
    auth: Literal["headers", "basic", "query"] = Field(
        default="headers",
        description="How credentials travel. `query`, in the URL, is for tests only, as the provider says.",
    )
    encoding: Literal["json", "xml", "url-parameters"] = Field(
        default="json", description="How messages are written. `url-parameters` sends each in a call of its own."
    )
    max_batch: int = Field(default=100, ge=1, le=1000, description="How many messages one call may carry.")
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(
        default=_DEFAULT_ZONE, description="The account's time zone, an IANA name: `send_at` is handed over in it."
    )

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        plain = bool(parts.hostname) and parts.username is None and not parts.query and not parts.fragment and port != 0
        if not plain or not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("must be an address of a host and a path, and nothing else")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise ValueError("must be https: credentials travel with every call")
        return value.rstrip("/")


type Account = SendingAccount[ZoomConnectSettings]


def read_account(name: str, document: Mapping[str, Any]) -> Account:
    """Read an account's document.

    Raises:
        AccountNotFoundError: it is an account of another provider.
        AccountSettingsError: a field can't be used; names it.
    """
    account = read_sending_account(NAME, ZoomConnectSettings, _CREDENTIALS, name, document)
    for field in _CREDENTIALS:
        value = account.credentials[field]
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise AccountSettingsError(f"credentials.{field}", "must be printable ASCII without blanks around it")
    return account


# --- before a call ---------------------------------------------------------------------------------------------------


def check(command: BaseCommand, account: Account, now: float) -> BaseCommand:
    """Say whether Zoom Connect could do a command, and how it will be sent.

    Args:
        command: of one of our kinds.
        account: whose.
        now: seconds since the epoch, UTC.

    Returns:
        The command with its recipient as E.164. Checking that again changes nothing.

    Raises:
        Rejection: it could not; names the first field, in the command's own order, that is wrong.
    """
    if not isinstance(command, SendSms):
        return command
    number = recipient(command.to)
    if number is None:
        raise Rejection("to", "is no valid phone number with its country code")
    _check_text(command.text, account.settings)
    if command.sender is not None:
        raise Rejection("sender", "Zoom Connect sends from numbers of its own")
    _check_characters("campaign", command.campaign or "", account.settings)
    if command.flash:
        raise Rejection("flash", "Zoom Connect has no flash messages")
    _check_send_at(command.send_at, now)
    return command.model_copy(update={"to": number})


def _check_text(text: str, settings: ZoomConnectSettings) -> None:
    if not text.strip():
        raise Rejection("text", "is empty")
    count = sms.count(text)
    if count.segments > settings.max_segments:
        raise Rejection(
            "text", f"takes {count.segments} segments ({count.encoding}); the account allows {settings.max_segments}"
        )
    _check_characters("text", text, settings)


def _check_characters(field: str, text: str, settings: ZoomConnectSettings) -> None:
    if settings.encoding == "xml" and _NOT_IN_XML.search(text):
        raise Rejection(field, "has a character that XML has no place for")


def _check_send_at(send_at: datetime | None, now: float) -> None:
    if send_at is None:
        return
    ahead = send_at.timestamp() - now
    if ahead <= 0:
        raise Rejection("send_at", "is not in the future")
    if ahead > MAX_AHEAD:
        raise Rejection("send_at", "is more than a year ahead")


def size(command: BaseCommand) -> int:
    """Say what a command takes of the account's pace: a message its segments, a question 1."""
    return sms.count(command.text).segments if isinstance(command, SendSms) else 1


# --- calls -----------------------------------------------------------------------------------------------------------


def plan(commands: Sequence[BaseCommand], account: Account, _token: str = "") -> list[PlannedCall]:
    """Pack checked commands into calls: messages by `max_batch`, questions one by one.

    Args:
        commands: of one account, as `check` returned them.
        account: whose.

    Returns:
        Calls that carry each command once: the messages in their order, then the questions in theirs.
    """
    together = 1 if account.settings.encoding == "url-parameters" else account.settings.max_batch
    sends = [command for command in commands if isinstance(command, SendSms)]
    calls = [PlannedCall(_send(chunk, account), chunk) for chunk in batched(sends, together, strict=False)]
    questions = [command for command in commands if not isinstance(command, SendSms)]
    return calls + [PlannedCall(_ask_balance(account), (question,)) for question in questions]


def _send(messages: Sequence[SendSms], account: Account) -> Call:
    encoding = account.settings.encoding
    items = [_fields(message, account.settings.timezone) for message in messages]
    if encoding == "url-parameters":
        # POST, and not the document's GET: a text in a URL would stand in everybody's access logs.
        form = urlencode(items[0]).encode()
        return _call(account, "POST", "/sms/send-url-parameters", form, "application/x-www-form-urlencoded")
    content = _WRITERS[encoding](items)
    path = f"/sms/{'send' if len(items) == 1 else 'send-bulk'}.{encoding}"
    return _call(account, "POST", path, content, f"application/{encoding}")._replace(size=len(items))


def _ask_balance(account: Account) -> Call:
    suffix = "xml" if account.settings.encoding == "xml" else "json"
    return _call(account, "GET", f"/account/balance.{suffix}", b"", f"application/{suffix}")


def _call(account: Account, method: str, path: str, content: bytes, content_type: str) -> Call:
    url = account.settings.base_url + path
    credentials = {name: account.credentials[name] for name in _CREDENTIALS}
    headers: dict[str, str] = {}
    if path.endswith((".json", ".xml")):
        headers["accept"] = content_type
    if content:
        headers["content-type"] = f"{content_type}; charset=UTF-8"
    match account.settings.auth:
        case "headers":
            headers |= credentials
        case "basic":
            pair = f"{credentials['email']}:{credentials['token']}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        case "query":
            url += f"?{urlencode(credentials)}"
    return Call(method, url, headers, content)


def _fields(message: SendSms, zone: ZoneInfo) -> dict[str, str]:
    """Write a message with the provider's names. Our token in `dataField` is what its callbacks will bring back."""
    fields = {"recipientNumber": message.to.removeprefix("+"), "message": message.text}
    if message.campaign:
        fields["campaign"] = message.campaign
    fields["dataField"] = message.token
    if message.send_at is not None:
        fields["dateToSend"] = _date_to_send(message.send_at, zone)
    return fields


def _date_to_send(send_at: datetime, zone: ZoneInfo) -> str:
    """The provider knows minutes: a moment within one is rounded up, so that nothing is sent before its time."""
    return (send_at + _JUST_UNDER_A_MINUTE).astimezone(zone).strftime(_DATE_FORMAT)


def _write_json(items: Sequence[Mapping[str, str]]) -> bytes:
    document = items[0] if len(items) == 1 else {"sendSmsRequests": items}
    return json.dumps(document, separators=(",", ":")).encode()  # ASCII: no charset can be mistaken


def _write_xml(items: Sequence[Mapping[str, str]]) -> bytes:
    requests = [_request_element(item) for item in items]
    root = requests[0]
    if len(requests) > 1:
        root = Element("sendSmsRequests")
        root.extend(requests)
    written: bytes = tostring(root, "utf-8", xml_declaration=True)
    return written.replace(b"\r", b"&#13;")  # a reader takes a bare one for a line feed


def _request_element(item: Mapping[str, str]) -> Element:
    request = Element("sendSmsRequest")
    for name, value in item.items():
        SubElement(request, name).text = value
    return request


_WRITERS: Mapping[str, Callable[[Sequence[Mapping[str, str]]], bytes]] = {"json": _write_json, "xml": _write_xml}


SENDING = SendingProvider(
    name=NAME,
    kinds=frozenset({"send_sms", "get_balance"}),
    setting_names=frozenset(ZoomConnectSettings.model_fields),
    read_account=read_account,
    check=check,
    plan=plan,
    read=read,
    size=size,
)
"""What `send` does Zoom Connect's commands with."""
