"""How the REST API answers, and how JSON is written: whole, or broken as the document's examples are."""

import html
import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import Response

_PAGE = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1><hr></body></html>"
_HTTP_STATUSES: Mapping[int, int] = {400: 400, -204: 401, -205: 401}
_THOUSAND = 1000


class Reply(NamedTuple):
    """What a method answers.

    Attributes:
        code: of Table 1.
        message: the provider's words.
        transaction_id: its `txID`; None where the method has none.
        response: its `response`; None for null.
        more: what stands beside them, for example the report's `count`.
        status: the HTTP status, where it is not the code's own.
    """

    code: int
    message: str
    transaction_id: str | None = None
    response: Any = None
    more: Mapping[str, Any] = {}
    status: int | None = None


def write_reply(reply: Reply, *, broken: bool = False) -> Response:
    """Answer with a method's JSON."""
    document: dict[str, Any] = {"code": reply.code, "message": reply.message}
    if reply.transaction_id is not None:
        document["txID"] = reply.transaction_id
    document |= reply.more
    document["response"] = reply.response
    document["error"] = [None] if reply.code == HTTPStatus.OK else None
    status = reply.status or _HTTP_STATUSES.get(reply.code, 200)
    return Response(write_json(document, broken=broken), status, media_type="application/json")


def write_page(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with the HTML page of a web server that knows no better."""
    title = html.escape(f"{status} {HTTPStatus(status).phrase}")
    return Response(_PAGE.format(title), status, headers, media_type="text/html")


def write_json(value: Any, *, broken: bool = False) -> str:
    """Write JSON; an amount (Decimal) is a number with the decimals that it has.

    Args:
        value: JSON values and Decimal.
        broken: with blanks after names, commas before closing marks and between thousands, none before `"error"`.
    """
    match value:
        case dict():
            return _write_object(value, broken=broken)
        case list():
            return f"[{', '.join(write_json(item, broken=broken) for item in value)}]"
        case Decimal():
            return f"{value:,f}" if broken and abs(value) >= _THOUSAND else f"{value:f}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _write_object(members: Mapping[str, Any], *, broken: bool) -> str:
    text = ""
    for number, (name, value) in enumerate(members.items()):
        comma = "" if number == 0 or (broken and name == "error") else ","
        blank = " " if broken and number % 2 else ""
        text += f"{comma}\n {json.dumps(name + blank)}: {write_json(value, broken=broken)}"
    return "{" + text + ("," if broken and members else "") + "\n}"
