"""What the stand-ins share.

A ledger of what was accepted, modes drawn at random, and a server that can leave a caller without an answer.
"""

import asyncio
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

type Row = dict[str, Any]

LOOPBACK = "127.0.0.1"
_CONNECTION = "simulators.connection"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0


class Ledger:
    """What a stand-in accepted, once a row, in the order it accepted it: the proof that a test holds others to.

    Rows are in memory and, one JSON object a line, in a file that is only ever added to. A row has left the process
    before `append` returns, so it is there when the answer leaves; it is not synced to the disk.

    Args:
        path: the file, made where it is missing. Rows that it holds already are read, and numbers go on from there.
            None keeps the ledger in memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.rows: list[Row] = [] if path is None else _read_rows(path)
        self._last_number: int = self.rows[-1]["number"] if self.rows else 0
        self._file = None if path is None else path.open("a", encoding="utf-8")

    def append(self, rows: Iterable[Row]) -> list[Row]:
        """Add rows, each with the next `number` before its own fields, and return them so."""
        numbered = [{"number": number, **row} for number, row in enumerate(rows, self._last_number + 1)]
        self.rows += numbered
        self._last_number += len(numbered)
        if self._file is not None and numbered:
            self._file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in numbered))
            self._file.flush()
        return numbered

    def clear(self) -> None:
        """Forget every row, in the file too. Numbers go on: no number is ever given twice."""
        self.rows.clear()
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        """Close the file; nothing can be added any more."""
        if self._file is not None:
            self._file.close()


def _read_rows(path: Path) -> list[Row]:
    """Read a ledger that another run left, and cut off a last line that the run had no time to finish."""
    if not path.exists():
        return []
    written = path.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if whole != written:
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


class Chaos:
    """Modes at random. The same seed and the same questions in the same order give the same answers.

    Args:
        seed: of the random numbers.
        probabilities: from 0 to 1, by a mode's name.
    """

    def __init__(self, seed: int = 0, probabilities: Mapping[str, float] | None = None) -> None:
        self.seed = seed
        self.probabilities = dict(probabilities or {})
        self._random = random.Random(seed)  # noqa: S311  # reproducible is the point

    def choose(self, names: Collection[str]) -> str | None:
        """Draw at most one of some names, each with its probability; None has what is left of 1."""
        point = self._random.random()
        for name in names:
            point -= self.probabilities.get(name, 0.0)
            if point < 0:
                return name
        return None

    def each(self, names: Collection[str]) -> list[str]:
        """Draw for each of some names by itself whether it applies."""
        return [name for name in names if self._random.random() < self.probabilities.get(name, 0.0)]


class ConnectionProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the connection handed to the app, so that `NoAnswer` can end it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Wrap the app for this one connection."""
        super().connection_made(transport)
        app = self.app

        async def with_connection(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_CONNECTION] = transport
            await app(scope, receive, send)

        self.app = with_connection


class NoAnswer(Response):
    """Ends an exchange without a byte of an answer.

    Args:
        after_s: seconds for which the caller is left waiting first; cut short when the caller goes.
        reset: end with a TCP reset (the caller sees "connection reset by peer"); else with an orderly close
            ("the server disconnected without a response").
    """

    def __init__(self, *, after_s: float = 0.0, reset: bool = False) -> None:
        super().__init__()
        self._after_s = after_s
        self._reset = reset

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:  # noqa: ARG002  # that is it
        """Wait, then end the connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._after_s):
                await _wait_until_gone(receive)
        transport: asyncio.Transport = scope["extensions"][_CONNECTION]
        if self._reset:
            linger_not = struct.pack("ii", 1, 0)  # on, for 0 seconds: closing discards and resets
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        transport.close()
        await _wait_until_gone(receive)


async def _wait_until_gone(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def make_server(app: "ASGIApp", lifespan: Literal["on", "off"] = "on") -> uvicorn.Server:
    """Make a server for a stand-in: it writes no access log, because URLs carry credentials here."""
    config = uvicorn.Config(
        app,
        http=ConnectionProtocol,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def listen(port: int = 0) -> socket.socket:
    """Listen on the loopback interface; port 0 is any free one."""
    # The protocol must be said: asyncio sets TCP_NODELAY only then, and without it each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen()
    return listener


@contextmanager
def serve(app: "ASGIApp", port: int = 0, lifespan: Literal["on", "off"] = "on") -> Iterator[str]:
    """Serve an app over real HTTP from a thread of this process, for as long as the context lasts.

    Args:
        app: what answers.
        port: on the loopback interface; 0 is any free one.
        lifespan: whether the app is told of its start and its end.

    Yields:
        Its address, for example `http://127.0.0.1:40001`.
    """
    listener = listen(port)
    server = make_server(app, lifespan)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_TIMEOUT_S)
        listener.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the stand-in did not start")
        time.sleep(0.005)
