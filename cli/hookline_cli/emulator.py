"""The embedded AWS emulator: on loopback, with the roles of the template enforced."""

import os
import shutil
import urllib.request
from pathlib import Path
from typing import NamedTuple

from hookline_cli import processes
from hookline_cli.processes import HOST, Server, folder
from hookline_cli.project import tool, without_aws

REGION = "us-east-1"
USUAL_PORT = 4566
NAME = "emulator"


class Emulator(NamedTuple):
    """A running emulator.

    Attributes:
        instance: which of the local stacks it belongs to: `local`, or another so that they don't meet.
        pid: its process.
        port: where it listens on loopback.
    """

    instance: str
    pid: int
    port: int

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


def running(instance: str) -> Emulator | None:
    """Find the emulator of an instance, if it runs."""
    server = processes.running(instance, NAME)
    return Emulator(instance, server.pid, server.port) if server else None


def start(instance: str) -> Emulator:
    """Start an instance's emulator, or return the one that runs.

    Raises:
        CommandError: it did not come up; says where its log is.
    """
    home = folder(instance)
    ministack = tool("emulator", "ministack")

    def environment(port: int) -> dict[str, str]:
        return {
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

    preferred = USUAL_PORT if instance == "local" else 0
    server = processes.start(instance, NAME, lambda _port: [ministack], environment, _answers, preferred_port=preferred)
    return Emulator(instance, server.pid, server.port)


def stop(instance: str) -> bool:
    """Stop an instance's emulator and whatever it started. Returns False where none ran."""
    was_running = processes.stop(instance, NAME)
    for data in ("s3", "state", "tmp"):  # in the last, each copy of a function has unpacked all its layers
        shutil.rmtree(folder(instance) / data, ignore_errors=True)
    return was_running


def _answers(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/_ministack/health", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
