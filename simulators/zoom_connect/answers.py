"""How the REST API answers, in each of its encodings.

Source: the provider's document, and the public OpenAPI description of the newer API for what stands in an error.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from simulators.zoom_connect.wire import Format, Problem, Result

_HTML = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1><hr></body></html>"


def write_sent(how: Format, result: Result) -> Response:
    """Answer a single send that was accepted."""
    if how is Format.TEXT:
        return PlainTextResponse(result.message_id or "")
    if how is Format.XML:
        return _xml(_element("sendSmsResponse", _result_elements(result)))
    return JSONResponse(_result_object(result))


def write_bulk(how: Format, results: Sequence[Result]) -> Response:
    """Answer a bulk send, one response an item."""
    if how is Format.XML:
        responses = [_element("sendSmsResponse", _result_elements(result)) for result in results]
        return _xml(_element("sendSmsResponses", responses))
    return JSONResponse({"sendSmsResponses": [_result_object(result) for result in results]})


def write_object(how: Format, name: str, values: Mapping[str, Any]) -> Response:
    """Answer with one flat object; `name` is its element in XML."""
    if how is Format.XML:
        return _xml(_element(name, [_element(key, [_text(value)]) for key, value in values.items()]))
    return JSONResponse(values)


def write_error(how: Format, status: int, problem: Problem) -> Response:
    """Answer with the provider's error body."""
    error = {
        "status": str(status),
        "code": problem.code,
        "message": problem.message,
        "developerMessage": problem.message,
        "moreInfoUrl": "https://www.zoomconnect.com/interactive-api",
    }
    response = write_object(Format.JSON if how is Format.TEXT else how, "restErrorDTO", error)
    response.status_code = status
    return response


def write_page(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with the HTML page of a web server that knows no better, and which is not even XML."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return Response(_HTML.format(title), status, headers, media_type="text/html")


def _result_object(result: Result) -> dict[str, str | None]:
    return {"messageId": result.message_id, "error": result.problem.message if result.problem else None}


def _result_elements(result: Result) -> list[str]:
    written = {name: value for name, value in _result_object(result).items() if value is not None}
    return [_element(name, [_text(value)]) for name, value in written.items()]


def _text(value: Any) -> str:
    return html.escape("" if value is None else str(value), quote=False)


def _element(name: str, content: Iterable[str]) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def _xml(root: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{root}', media_type="application/xml")
