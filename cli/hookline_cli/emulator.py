"""The embedded AWS emulator: started on loopback, with the roles of the template enforced; stopped by its own id."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil

from hookline_cli.errors import CommandError
from hookline_cli.project import STATE, tool, without_aws

HOST = "127.0.0.1"
REGION = "us-east-1"
USUAL_PORT = 4566
START_SECONDS = 60
STOP_SECONDS = 10


class Emulator(NamedTuple):
    """A running emulator.

    Attributes:
        instance: which of the local stacks it belongs to: `local`, or another so that they don't meet.
        pid: its process.
        port: where it listens on loopback.
        started_at: when its process started: a pid alone may have been given to another.
    """

    instance: str
    pid: int
    port: int
    started_at: str

    @property
    def endpoint(self) -> str:
        """The endpoint URL for every AWS client."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What AWS clients and tools need in their environment to use it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


def folder(instance: str) -> Path:
    """Where an instance keeps its state and its logs."""
    return STATE / instance


def running(instance: str) -> Emulator | None:
    """Find the emulator of an instance, if it runs."""
    try:
        state = json.loads((folder(instance) / "emulator.json").read_text())
        emulator = Emulator(**state)
    except (OSError, ValueError, TypeError):
        return None
    return emulator if _started_at(emulator.pid) == emulator.started_at else None


def start(instance: str) -> Emulator:
    """Start an instance's emulator, or return the one that runs.

    Raises:
        CommandError: it did not come up; says where its log is.
    """
    known = running(instance)
    if known is not None:
        return known
    home = folder(instance)
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port(USUAL_PORT if instance == "local" else 0)
    log_path = home / "emulator.log"
    environment = {
        **without_aws(os.environ),
        "AUTH": "true",
        "BIND_HOST": HOST,
        "IOT_MTLS_ENABLED": "false",
        "LAMBDA_EXECUTOR": "local",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "S3_DATA_DIR": str(home / "s3"),
        "STATE_DIR": str(home / "state"),
        "TMPDIR": str(_made(home / "tmp")),
    }
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [tool("emulator", "ministack")],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(instance, process.pid, port, _started_at(process.pid) or "")
    (home / "emulator.json").write_text(json.dumps(emulator._asdict()))
    deadline = time.monotonic() + START_SECONDS
    while not _answers(emulator):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(instance)
            raise CommandError(f"the emulator did not come up; its log is {log_path}")
        time.sleep(0.1)
    return emulator


def stop(instance: str) -> bool:
    """Stop an instance's emulator and whatever it started. Returns False where none ran."""
    emulator = running(instance)
    (folder(instance) / "emulator.json").unlink(missing_ok=True)
    if emulator is None:
        return False
    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(emulator.pid, name)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if _started_at(emulator.pid) != emulator.started_at:
                break
            time.sleep(0.05)
    return True


def _answers(emulator: Emulator) -> bool:
    try:
        with urllib.request.urlopen(f"{emulator.endpoint}/_ministack/health", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandError("there is no free port on loopback")


def _started_at(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
