"""Servers of a local stack: started on loopback in a session of their own, found again, stopped by their own id."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from hookline_cli.errors import CommandError
from hookline_cli.project import STATE

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 10

_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process started: kept, so that whoever stops it also collects it."""


class Server(NamedTuple):
    """A running server.

    Attributes:
        pid: its process, which leads a group of its own.
        port: where it listens on loopback.
        started_at: when its process started: a pid alone may have been given to another.
    """

    pid: int
    port: int
    started_at: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


def folder(instance: str) -> Path:
    """Where an instance keeps its state and its logs."""
    return STATE / instance


def log_of(instance: str, name: str) -> Path:
    """Where a server's output goes."""
    return folder(instance) / f"{name}.log"


def running(instance: str, name: str) -> Server | None:
    """Find a server of an instance, if it runs."""
    try:
        server = Server(**json.loads(_state(instance, name).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return server if _started_at(server.pid) == server.started_at else None


def start(  # a server, by its parts
    instance: str,
    name: str,
    command: Callable[[int], Sequence[str | Path]],
    environment: Callable[[int], Mapping[str, str]],
    answers: Callable[[Server], bool],
    *,
    preferred_port: int = 0,
) -> Server:
    """Start a server, or return the one that runs.

    Args:
        instance: which local stack.
        name: the server's name in it.
        command: what to run, given a free port.
        environment: its environment, given that port.
        answers: whether it is up.
        preferred_port: taken where it is free; 0 for any.

    Raises:
        CommandError: it did not come up; says where its log is.
    """
    known = running(instance, name)
    if known is not None:
        return known
    home = folder(instance)
    home.mkdir(parents=True, exist_ok=True)
    port = free_port(preferred_port)
    with log_of(instance, name).open("w") as log:
        process = subprocess.Popen(
            list(command(port)),
            cwd=home,
            env=dict(environment(port)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    server = Server(process.pid, port, _started_at(process.pid) or "")
    _state(instance, name).write_text(json.dumps(server._asdict()))
    deadline = time.monotonic() + START_SECONDS
    while not answers(server):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(instance, name)
            raise CommandError(f"{name} did not come up; its log is {log_of(instance, name)}")
        time.sleep(0.1)
    return server


def stop(instance: str, name: str) -> bool:
    """Stop a server and whatever it started. Returns False where it did not run."""
    server = running(instance, name)
    _state(instance, name).unlink(missing_ok=True)
    if server is not None:
        _end(server)
    return server is not None


def listens(server: Server) -> bool:
    """Say whether a server takes connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, server.port)) == 0


def free_port(preferred: int) -> int:
    """Find a port on loopback that nobody listens on."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("there is no free port on loopback")


def _end(server: Server) -> None:
    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, name)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and _started_at(server.pid) == server.started_at:
            time.sleep(0.05)
    child = _children.pop(server.pid, None)
    if child is not None:
        child.wait(STOP_SECONDS)


def _state(instance: str, name: str) -> Path:
    return folder(instance) / f"{name}.json"


def _started_at(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None
