"""Where things are in a checkout, and the tools that it keeps in environments of their own."""

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hookline_cli.errors import CommandError

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".hookline"
BUILD = ROOT / ".aws-sam" / "build"
BUILD_FOR_AWS = ROOT / ".aws-sam" / "aws"
TEMPLATE = ROOT / "template.yaml"

STAMP = ".hookline-built-from"
"""A file in a build's folder that says what it was built from."""

_BUILT_FROM = ("template.yaml", "functions", "layers")


def machine() -> str:
    """Name this machine's architecture as Lambda does: `arm64` or `x86_64`."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def tool(environment: str, command: str) -> Path:
    """Find a command in one of the environments under tools/.

    Raises:
        CommandError: the environment has not been set up.
    """
    path = ROOT / "tools" / environment / ".venv" / "bin" / command
    if not path.exists():
        raise CommandError(f"{command} is not set up: run `make setup`")
    return path


def sam(*arguments: str, aws: Mapping[str, str] | None = None, log: Path | None = None, shown: bool = False) -> None:
    """Run the SAM CLI in the checkout.

    Args:
        arguments: its own.
        aws: the `AWS_…` part of its environment; None for the one that this process has.
        log: a file for its output.
        shown: let it speak to the terminal itself, and ask there.

    Raises:
        CommandError: it failed; the last lines of its output are in the text.
    """
    command = tool("sam", "sam")
    environment = dict(os.environ) if aws is None else {**without_aws(os.environ), **aws}
    environment["PATH"] = f"{command.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # `sam build` wants python3.13
    environment["SAM_CLI_TELEMETRY"] = "0"
    finished = subprocess.run(
        [command, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=None if shown else subprocess.DEVNULL,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(finished.stdout)
    if finished.returncode:
        tail = "\n".join((finished.stdout or "see above").splitlines()[-25:])
        raise CommandError(f"sam {arguments[0]} failed:\n{tail}")


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy an environment without what would lead a tool to an AWS account of its own choosing."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


@contextmanager
def alone() -> Iterator[None]:
    """Have the build's folder to oneself: what one process deploys from it, another must not be building."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(parameters: Iterable[str] = (), *, into: Path = BUILD) -> bool:
    """Build what will be deployed, unless that is what is there.

    Bytecode is made so that it holds whatever the files' times: the zips that SAM makes carry times of 1980, and a
    function's folders can't be written to.

    Args:
        parameters: `Name=value` for the template.
        into: the folder for it.

    Returns:
        True where something was built, False where all of it was there.
    """
    stamp = into / STAMP
    parameters = tuple(parameters)
    wanted = _digest(parameters)
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    stamp.unlink(missing_ok=True)
    overrides = ("--parameter-overrides", *parameters) if parameters else ()
    sam("build", "--cached", "--parallel", "--build-dir", str(into), *overrides, aws={}, log=STATE / "build.log")
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", into],
        stdout=subprocess.DEVNULL,
        check=False,  # a file of somebody's package that is no Python 3 is left as it is
    )
    stamp.write_text(wanted)
    return True


def _digest(parameters: Iterable[str]) -> str:
    digest = hashlib.sha256("\0".join([*parameters, sys.version]).encode())
    for part in _BUILT_FROM:
        top = ROOT / part
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
