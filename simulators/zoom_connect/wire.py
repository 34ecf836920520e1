"""What a request to the REST API says, in each of its encodings.

Source: the provider's document, and the public OpenAPI description of the newer API for the numbers of errors.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from starlette.requests import Request

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ZONE = ZoneInfo("Africa/Johannesburg")
MINUTE_FORMAT = "%Y%m%d%H%M"
_MINUTE_DIGITS = len("yyyyMMddHHmm")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"\+?[0-9]{10,15}")


class Format(Enum):
    """How an answer is written."""

    JSON = "json"
    XML = "xml"
    TEXT = "text"


class Sms(NamedTuple):
    """A message as it was asked for; the provider's names are in `FIELDS`. None: it was not said."""

    recipient: str | None = None
    message: str | None = None
    campaign: str | None = None
    data_field: str | None = None
    date_to_send: str | None = None


FIELDS = ("recipientNumber", "message", "campaign", "dataField", "dateToSend")


class Problem(NamedTuple):
    """Why a message is refused: the provider's code and text."""

    code: int
    message: str


UNREADABLE = Problem(1, "The request could not be read")
INVALID_NUMBER = Problem(2, "Invalid mobile number")
EMPTY_MESSAGE = Problem(3, "Message cannot be empty")
INTERNAL = Problem(1, "Internal server error")


class UnreadableError(ValueError):
    """A request's body is not what its encoding promises."""


class Result(NamedTuple):
    """What became of one message: an id, or a problem."""

    message_id: str | None
    problem: Problem | None = None


def find_problem(sms: Sms) -> Problem | None:
    """Say what the provider would refuse a message for: what its SDK checks of a number, codes 2 and 3, the date."""
    if sms.recipient is None or not _NUMBER.fullmatch(sms.recipient.replace(" ", "")):
        return INVALID_NUMBER
    if sms.message is None or not sms.message.strip():
        return EMPTY_MESSAGE
    if sms.date_to_send is not None and read_date(sms.date_to_send) is None:
        return UNREADABLE
    return None


def read_date(text: str) -> datetime | None:
    """Read a `dateToSend`, `yyyyMMddHHmm` in South Africa; None where it is none."""
    if len(text) != _MINUTE_DIGITS or not text.isdecimal():
        return None
    try:
        return datetime.strptime(text, MINUTE_FORMAT).replace(tzinfo=ZONE)
    except ValueError:
        return None


def read_credentials(request: Request) -> tuple[str, str] | None:
    """Take email and token from the headers, from basic authentication or from the query string, in this order."""
    for source in (request.headers, _read_basic(request.headers.get("authorization", "")), request.query_params):
        email, token = source.get("email"), source.get("token")
        if email and token:
            return email, token
    return None


def _read_basic(header: str) -> Mapping[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        email, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # of characters, of base64, of UTF-8: all are
        return {}
    return {"email": email, "token": token}


def formats(request: Request) -> tuple[Format, Format]:
    """Say how a request's body is to be read and how its answer is to be written: by suffix, else by headers."""
    name, _, suffix = request.url.path.rpartition("/")[2].partition(".")
    if name == "send-url-parameters":
        return Format.TEXT, Format.TEXT
    if suffix in {"json", "xml"}:
        return Format(suffix), Format(suffix)
    read = Format.XML if "xml" in request.headers.get("content-type", "") else Format.JSON
    accept = request.headers.get("accept", "")
    if "xml" in accept and "json" not in accept:
        return read, Format.XML
    return read, Format.JSON if "json" in accept else read


def read_single(body: bytes, how: Format) -> list[Sms]:
    """Read the body of a single send.

    Raises:
        UnreadableError: it is not JSON, not XML, or something else is in it.
    """
    if how is Format.XML:
        return [_of_element(_read_xml(body, "sendSmsRequest"))]
    return [_of_object(_read_json(body))]


def read_bulk(body: bytes, how: Format) -> list[Sms]:
    """Read the body of a bulk send; `defaultDateToSend` is for the messages that have no date.

    Raises:
        UnreadableError: it is not JSON, not XML, or something else is in it.
    """
    if how is Format.XML:
        root = _read_xml(body, "sendSmsRequests")
        children = {_local(child): child.text for child in root}
        messages = [_of_element(child) for child in root if _local(child) == "sendSmsRequest"]
        return _with_default(messages, children.get("defaultDateToSend"))
    document = _read_json(body)
    items = document.get("sendSmsRequests")
    if not isinstance(items, list):
        raise UnreadableError("sendSmsRequests is no list")
    return _with_default([_of_object(item) for item in items], document.get("defaultDateToSend"))


def read_parameters(query: str, body: bytes) -> list[Sms]:
    """Read the parameters of a `send-url-parameters` call, in the query string or in a form."""
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return [_of_object(dict(parse_qsl(query, keep_blank_values=True) + form))]


def _with_default(messages: Iterable[Sms], date: Any) -> list[Sms]:
    return [sms if sms.date_to_send or not date else sms._replace(date_to_send=str(date)) for sms in messages]


def _of_object(item: Any) -> Sms:
    if not isinstance(item, dict):
        raise UnreadableError("a message is no object")
    values = [item.get(name) for name in FIELDS]
    if any(isinstance(value, list | dict | bool) for value in values):
        raise UnreadableError("a field is no text")
    texts = [None if value is None else str(value) for value in values]
    if any(text is not None and _LONE_SURROGATE.search(text) for text in texts):
        raise UnreadableError("half a character")
    return Sms(*texts)


def _of_element(element: "Element") -> Sms:
    values = {_local(child): child.text or "" for child in element}
    return Sms(*(values.get(name) for name in FIELDS))


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise UnreadableError("not JSON") from error
    if not isinstance(document, dict):
        raise UnreadableError("no JSON object")
    return document


def _read_xml(body: bytes, root_name: str) -> "Element":
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise UnreadableError("not XML") from error
    if _local(root) != root_name:
        raise UnreadableError(f"the XML is no {root_name}")
    return root


def _local(element: "Element") -> str:
    return element.tag.rpartition("}")[2]
