"""What is deployed, taken as it is built, zipped by SAM and unzipped as Lambda does: read-only, with files of 1980."""

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BUILD = ROOT / ".aws-sam" / "build"
SAM_PYTHON = ROOT / "tools" / "sam" / ".venv" / "bin" / "python"
LAMBDA_LIMIT = 250 * 2**20
"""Bytes that a function and its layers may have, unzipped."""

UNWANTED = frozenset({"boto3", "pydantic", "httpx", "phonenumbers", "defusedxml", "jwt"})
"""What is in the layer and must not cost a receiver's start. Not botocore: it makes the AWS clients."""
WANTED_BY = {"ReceiveZorya": {"jwt"}}

SAM_ZIPS = """
import sys
from samcli.lib.package.utils import make_zip_with_lambda_permissions
for folder, archive in zip(sys.argv[1::2], sys.argv[2::2]):
    make_zip_with_lambda_permissions(archive, folder)
"""


class _Template(yaml.SafeLoader):
    """Reads a template; `!Ref x` and its like are read as None."""


_Template.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def template_of(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(path.read_text(), _Template)  # noqa: S506  # a safe loader
    return read


def logical_names(kind: str) -> list[str]:
    resources: Mapping[str, Any] = template_of(ROOT / "template.yaml")["Resources"]
    return [name for name, resource in resources.items() if resource["Type"] == f"AWS::Serverless::{kind}"]


FUNCTIONS = logical_names("Function")
LAYERS = logical_names("LayerVersion")


class Loaded(NamedTuple):
    """What importing a function did, as `python -v` tells it.

    Attributes:
        bytecode: files that code was loaded from.
        sources: files that had to be compiled.
        packages: top-level names of what was imported, the standard library included.
    """

    bytecode: list[Path]
    sources: list[Path]
    packages: set[str]


class Deployed(NamedTuple):
    """A folder with `opt`, the layers, and `task/<function>`."""

    folder: Path

    def task(self, function: str) -> Path:
        return self.folder / "task" / function

    def load(self, function: str) -> Loaded:
        """Import a function's app in an interpreter that has the standard library and nothing else besides."""
        finished = subprocess.run(
            [sys.executable, "-S", "-v", "-c", "import app"],
            cwd=self.task(function),
            env={
                **environment(function),
                "PYTHONPATH": f"{self.task(function)}:{self.folder / 'opt' / 'python'}",
                "PYTHONDONTWRITEBYTECODE": "1",  # root writes into read-only folders too
            },
            capture_output=True,
            text=True,
            check=False,
        )
        said = [line for line in finished.stderr.splitlines() if not line.startswith(("#", "import "))]
        assert finished.returncode == 0, "\n".join(said)
        files = [Path(name) for name in re.findall(r"^# code object from '?(.+?)'?$", finished.stderr, re.MULTILINE)]
        return Loaded(
            bytecode=[file for file in files if file.suffix == ".pyc" and file.is_relative_to(self.folder)],
            sources=[file for file in files if file.suffix == ".py"],
            packages=set(re.findall(r"^import '(\w+)", finished.stderr, re.MULTILINE)),
        )


def environment(function: str) -> dict[str, str]:
    """Give a function every variable that the template gives it; nobody is called at its start."""
    built = template_of(BUILD / "template.yaml")
    of_function = built["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    names = {**built["Globals"]["Function"]["Environment"]["Variables"], **of_function}
    return {**dict.fromkeys(names, "1"), "AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.fixture(scope="session")
def build() -> Path:
    """What `make build` makes; it does nothing where what is there still holds."""
    subprocess.run(["make", "--silent", "build"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return BUILD


@pytest.fixture(scope="session")
def deployed(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    archives = {build / name: folder / name for name in (*LAYERS, *FUNCTIONS)}
    pairs = [str(part) for pair in archives.items() for part in pair]
    subprocess.run([SAM_PYTHON, "-c", SAM_ZIPS, *pairs], check=True)
    lambda_ = folder / "lambda"
    for name in (*LAYERS, *FUNCTIONS):
        target = lambda_ / "opt" if name in LAYERS else lambda_ / "task" / name
        unzip(folder / f"{name}.zip", target)
    folders = [lambda_, *(path for path in lambda_.rglob("*") if path.is_dir())]
    for one in folders:
        one.chmod(0o555)
    yield Deployed(lambda_)
    for one in folders:
        one.chmod(0o755)


def unzip(archive: Path, target: Path) -> None:
    """Unzip with the times that stand in the archive; `extractall` leaves them out."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)
        for info in opened.infolist():
            assert info.date_time[0] == 1980
            then = time.mktime((*info.date_time, 0, 0, -1))
            os.utime(target / info.filename, (then, then))


@pytest.mark.timeout(300)  # the first one builds
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_start_recompiles_nothing(deployed: Deployed, function: str) -> None:
    loaded = deployed.load(function)
    assert loaded.sources == []
    assert len(loaded.bytecode) > 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name.startswith("Receive")])
def test_a_receiver_imports_nothing_that_its_path_does_not_use(deployed: Deployed, function: str) -> None:
    packages = deployed.load(function).packages
    assert "hookline" in packages
    assert packages & (UNWANTED - WANTED_BY.get(function, set())) == set()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_and_its_layers_fit_into_lambda(deployed: Deployed, function: str) -> None:
    files = [*(deployed.folder / "opt").rglob("*"), *deployed.task(function).rglob("*")]
    assert sum(file.stat().st_size for file in files) < LAMBDA_LIMIT
