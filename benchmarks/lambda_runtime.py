"""A function started as Lambda starts it: by the runtime interface emulator that comes with the SAM CLI."""

import json
import os
import platform
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).parent.parent
SAM = ROOT / "tools" / "sam" / ".venv" / "lib" / "python3.13" / "site-packages"
"""Where the SAM CLI is, and with it the emulator and the runtime's client."""

START_SECONDS = 20.0

_INIT_REPORT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")


class Started(NamedTuple):
    """One cold start.

    Attributes:
        init_ms: from the process's start to its readiness, as the emulator saw it.
        rss_mb: memory of the process after its first answer, in MiB.
    """

    init_ms: float
    rss_mb: float


class Function(NamedTuple):
    """A function, laid out to be run.

    Attributes:
        task: its folder, with app.py.
        path: where Python looks for modules: the task, then the layers.
        python: the interpreter, which finds the runtime's client by itself.
        environment: all of its environment but the search path.
    """

    task: Path
    path: tuple[Path, ...]
    python: Path
    environment: Mapping[str, str]

    def start(self, event: Mapping[str, Any]) -> Started:
        """Start it cold, let it answer an event, and stop it.

        Raises:
            BenchmarkError: it did not start; what it wrote is in the text.
        """
        log = self.task.with_suffix(".log")
        memory = 0
        answer = None
        with suppress(httpx.HTTPError, ValueError), self._emulator(log) as (emulator, url):
            answer = _invoke(url, event)
            memory = sum(child.memory_info().rss for child in emulator.children())
        written = log.read_text()
        report = _INIT_REPORT.search(written)
        if report is None or not memory or "statusCode" not in (answer or ()):
            raise BenchmarkError(f"{self.task.name} did not start, or not answer:\n{written[-3000:]}")
        return Started(float(report[1]), memory / 2**20)

    def probe(self, event: Mapping[str, Any] | None = None, **variables: str) -> dict[str, Any]:
        """Say what it has imported once it is ready (`modules`); with an event what `ran`, and its `answer`.

        Args:
            event: for its handler.
            variables: of its environment, in place of its own.

        Raises:
            BenchmarkError: it does not run; what it wrote is in the text.
        """
        finished = subprocess.run(
            [self.python, Path(__file__).with_name("probe.py"), *(["-"] if event is not None else [])],
            cwd=self.task,
            env={**self._variables(), **variables},
            input=json.dumps(event),
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise BenchmarkError(f"{self.task.name} does not run:\n{finished.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(finished.stdout)
        return found

    def _variables(self) -> dict[str, str]:
        return {
            **self.environment,
            "PYTHONPATH": os.pathsep.join(map(str, self.path)),
            "PYTHONDONTWRITEBYTECODE": "1",  # in Lambda its folders can't be written to
            "LAMBDA_TASK_ROOT": str(self.task),
        }

    @contextmanager
    def _emulator(self, log: Path) -> Iterator[tuple[psutil.Process, str]]:
        """Run the emulator for as long as the context lasts; the function starts at the first request.

        Yields:
            Its process, and the URL of the function.
        """
        listen, runtime = _free_ports(2)
        command: list[str | Path] = [
            _find_emulator(),
            *("--log-level", "info"),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{listen}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime}"),
            *(self.python, "-m", "awslambdaric", "app.handler"),
        ]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command, cwd=self.task, env=self._variables(), stdout=output, stderr=subprocess.STDOUT
            ) as process,
        ):
            emulator = psutil.Process(process.pid)
            try:
                yield emulator, f"http://127.0.0.1:{listen}/2015-03-31/functions/function/invocations"
            finally:
                children = emulator.children(recursive=True)
                process.terminate()
                for child in children:
                    with suppress(psutil.NoSuchProcess):
                        child.kill()


def _find_emulator() -> Path:
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    path = SAM / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{'arm64' if arm else 'x86_64'}"
    if not path.exists():
        raise BenchmarkError("the runtime interface emulator is not there: run `make setup`")
    return path


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports: list[int] = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _invoke(url: str, event: Mapping[str, Any]) -> Any:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return httpx.post(url, json=event, timeout=START_SECONDS).json()
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
