"""What became of a request: what every error of httpx means, and `Retry-After` in both of its forms."""

import inspect
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hookline.outcomes import (
    MAX_RETRY_AFTER,
    Answer,
    Call,
    MayHaveBeenSent,
    NotSent,
    outcome_of_error,
    retry_after,
)
from tests.cases import Case, table
from tests.redaction import kinds_in
from tests.samples import NUMBER, SECRET, TEXT

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

# --- errors ----------------------------------------------------------------------------------------------------------

NOT_SENT: set[type[Exception]] = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
}
MAY_HAVE_BEEN_SENT: set[type[Exception]] = {
    httpx.HTTPError,
    httpx.RequestError,
    httpx.TransportError,
    httpx.TimeoutException,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.NetworkError,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.ProtocolError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
    httpx.HTTPStatusError,
    httpx.CookieConflict,
    httpx.StreamError,
    httpx.StreamConsumed,
    httpx.StreamClosed,
    httpx.ResponseNotRead,
    httpx.RequestNotRead,
}


WITH_REQUEST = {httpx.HTTPStatusError}


def made(kind: type[Exception]) -> Exception:
    """Make an error of a class, whatever its constructor wants; its text holds what must not be repeated."""
    wanted = inspect.signature(kind).parameters
    message = [f"GET https://example.com/?token={SECRET}"] if "message" in wanted else []
    request = httpx.Request("POST", "https://example.com")
    given = {"request": request, "response": httpx.Response(500, request=request)}
    return kind(*message, **{name: value for name, value in given.items() if name in wanted and kind in WITH_REQUEST})


def by_name(kinds: set[type[Exception]]) -> list[type[Exception]]:
    return sorted(kinds, key=repr)


def test_every_error_of_httpx_is_in_one_of_the_tables() -> None:
    exported = {getattr(httpx, name) for name in httpx.__all__}
    errors = {each for each in exported if isinstance(each, type) and issubclass(each, Exception)}
    assert errors == NOT_SENT | MAY_HAVE_BEEN_SENT
    assert not NOT_SENT & MAY_HAVE_BEEN_SENT


@pytest.mark.parametrize("kind", by_name(NOT_SENT))
def test_what_cannot_have_left_was_not_sent(kind: type[Exception]) -> None:
    assert outcome_of_error(made(kind)) == NotSent(kind.__name__)


@pytest.mark.parametrize("kind", by_name(MAY_HAVE_BEEN_SENT))
def test_everything_else_may_have_been_sent(kind: type[Exception]) -> None:
    assert outcome_of_error(made(kind)) == MayHaveBeenSent(kind.__name__)


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError(), ConnectionResetError(), ssl.SSLError(), OSError(5)])
def test_an_error_of_anybody_else_may_have_been_sent(error: Exception) -> None:
    assert outcome_of_error(error) == MayHaveBeenSent(type(error).__name__)


# --- errors as they happen -------------------------------------------------------------------------------------------


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """Take one connection; read what comes, then answer and close, or hold it open without a word."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            if answer is None:
                over.wait(5)
            else:
                # A socket closed with something unread in it is reset, which the client sees as another error.
                with suppress(OSError):
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        server.close()


def error_of(url: str, proxy: str | None = None) -> Exception:
    with (
        httpx.Client(trust_env=False, timeout=0.3, proxy=proxy) as client,
        pytest.raises(httpx.HTTPError) as caught,
    ):
        client.post(url, content=b"x")
    return caught.value


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert outcome_of_error(error_of(f"http://127.0.0.1:{port}")) == NotSent("ConnectError")


def test_no_such_name() -> None:
    assert outcome_of_error(error_of("http://nowhere.invalid/")) == NotSent("ConnectError")


def test_no_tls_on_the_other_side() -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        assert outcome_of_error(error_of(url.replace("http:", "https:"))) == NotSent("ConnectError")


def test_a_proxy_that_refuses() -> None:
    with listening(b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        assert outcome_of_error(error_of("https://example.invalid/", proxy=proxy)) == NotSent("ProxyError")


def test_no_answer_in_time() -> None:
    with listening(None) as url:
        assert outcome_of_error(error_of(url)) == MayHaveBeenSent("ReadTimeout")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"\x16\x03\x01 no HTTP\r\n\r\n"]
)
def test_an_answer_that_is_none(answer: bytes) -> None:
    with listening(answer) as url:
        assert outcome_of_error(error_of(url)) == MayHaveBeenSent("RemoteProtocolError")


def test_an_answer_that_is_packed_wrongly() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone"
    with listening(packed) as url:
        assert outcome_of_error(error_of(url)) == MayHaveBeenSent("DecodingError")


# --- Retry-After -----------------------------------------------------------------------------------------------------

RETRY: tuple[Case[str | None, float | None], ...] = (
    Case("absent", None, None),
    Case("seconds", "120", 120.0),
    Case("none at all", "0", 0.0),
    Case("blanks around", " 7 ", 7.0),
    Case("a date", "Sun, 22 Nov 2026 08:02:00 GMT", 120.0),
    Case("a date in the past", "Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
    Case("a date of an older form", "Sunday, 22-Nov-26 08:02:00 GMT", 120.0),
    Case("a date of the oldest form", "Sun Nov 22 08:02:00 2026", 120.0),
    Case("a date with an offset", "Sun, 22 Nov 2026 10:02:00 +0200", 120.0),
    Case("a date of an unknown zone", "Sun, 22 Nov 2026 08:02:00 -0000", 120.0),
    Case("longer than anybody waits", "999999999999", MAX_RETRY_AFTER),
    Case("an endless number", "9" * 5000, MAX_RETRY_AFTER),
    Case("a date of another age", "Fri, 22 Nov 9999 08:02:00 GMT", MAX_RETRY_AFTER),
    Case("empty", "", None),
    Case("below zero", "-1", None),
    Case("a fraction", "1.5", None),
    Case("a word", "soon", None),
    Case("a digit that is none", "²", None),
    Case("digits of another script", "१२", None),
    Case("an offset beyond the day", "Sun, 22 Nov 2026 08:02:00 +9999999", None),
    Case("no such day", "Sun, 32 Nov 2026 08:02:00 GMT", None),
)


@table("case", RETRY)
def test_retry_after_is_read_in_both_forms(case: Case[str | None, float | None]) -> None:
    headers = {} if case.given is None else {"retry-after": case.given}
    assert retry_after(headers, NOW) == case.expected


@given(st.integers(0, 80_000), st.integers(-12, 14))
def test_a_date_and_its_seconds_say_the_same(seconds: int, hours: int) -> None:
    moment = (NOW + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=hours)))
    assert retry_after({"retry-after": format_datetime(moment)}, NOW) == float(seconds)
    assert retry_after({"retry-after": str(seconds)}, NOW) == float(seconds)


def test_without_a_moment_it_is_now() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=False)
    delay = retry_after({"retry-after": soon})
    assert delay is not None
    assert 55 < delay <= 60


def test_the_headers_of_httpx_are_headers() -> None:
    assert retry_after(httpx.Headers({"Retry-After": "3"})) == 3.0


@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("1 Jan 99999999999 00:00:00")
@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,6} Nov \d{1,9} \d+:\d+:\d+ [+-]?\d+", fullmatch=True))
def test_any_header_is_a_delay_or_none(value: str) -> None:
    delay = retry_after({"retry-after": value}, NOW)
    assert delay is None or 0 <= delay <= MAX_RETRY_AFTER


# --- what is printed -------------------------------------------------------------------------------------------------


def test_what_is_printed_of_a_call_and_an_answer_shows_nothing_of_them() -> None:
    body = f"{NUMBER} {TEXT} {SECRET}"
    call = Call("POST", f"https://example.com/?token={SECRET}", {"token": SECRET}, body.encode(), 3)
    answer = Answer(500, {"x-token": SECRET}, body.encode())
    shown = f"{call} {call!r} {[call]} {answer} {answer!r} {(answer,)}"
    assert kinds_in(shown) == set()
    assert repr(call) == f"Call(POST, 3 commands, {len(body.encode())} bytes)"
    assert repr(answer) == f"Answer(500, {len(body.encode())} bytes)"
