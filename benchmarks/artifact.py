"""The built artifact, and functions to compare with, laid out as Lambda does: read-only, with files of 1980.

Nothing of the project's own environment is in a function's search path: its interpreter is one of an empty virtual
environment with Lambda's runtime client in it, and its dependencies are those of the built layer.
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.lambda_runtime import ROOT, SAM, Function

BUILD = ROOT / ".aws-sam" / "build"
LAYERS = ("DependenciesLayer", "HooklineLayer")
IN_THE_LAYER = frozenset({"botocore"})
"""What is not copied from this environment though a package asks for it."""

YEAR_1980 = 315_532_800
UNCHECKED_HASH = b"\1\0\0\0"


class Artifact:
    """A folder with everything that functions need to run.

    Args:
        folder: an empty one.
        build: what `make build` made.
        environment: the functions' variables.

    Raises:
        BenchmarkError: there is nothing built.
    """

    def __init__(self, folder: Path, build: Path, environment: Mapping[str, str]) -> None:
        if not all((build / layer).is_dir() for layer in LAYERS):
            raise BenchmarkError(f"there is nothing built in {build}: run `make build`")
        self._folder = folder
        self._build = build
        self._environment = environment
        self._opt = folder / "opt"
        for layer in LAYERS:
            shutil.copytree(build / layer, self._opt, dirs_exist_ok=True)
        _as_deployed(self._opt)
        self._python = _make_python(folder / "runtime")

    def built(self, function: str) -> Function:
        """Lay out one of the built functions, by its name in the template, as it is."""
        task = self._folder / function
        shutil.copytree(self._build / function, task)
        _as_deployed(task)
        return self._function(task)

    def other(self, handler: Path, packages: Iterable[str] = ()) -> Function:
        """Lay out a handler of ours, with bytecode as good as the artifact's.

        Args:
            handler: its source.
            packages: distributions of this environment that it needs besides the built layer; what they ask for comes
                with them.
        """
        task = self._folder / handler.stem
        task.mkdir()
        shutil.copy(handler, task / "app.py")
        for distribution in _with_requirements(packages, sys.path):
            _install(distribution, task)
        _compile(task)
        _as_deployed(task)
        return self._function(task)

    def _function(self, task: Path) -> Function:
        return Function(task, (task, self._opt / "python"), self._python, self._environment)


def has_lasting_bytecode(module: Path) -> bool:
    """Say whether a module has bytecode that does not depend on its source's time (PEP 552), or needs none."""
    if module.suffix != ".py":
        return True
    bytecode = Path(cache_from_source(str(module)))
    return bytecode.exists() and bytecode.read_bytes()[4:8] == UNCHECKED_HASH


def _make_python(folder: Path) -> Path:
    """Make an environment with Lambda's runtime client in it and nothing else; return its interpreter."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for distribution in _with_requirements(["awslambdaric"], [str(SAM)]):
        _install(distribution, site)
    _compile(site)
    return folder / "bin" / "python"


def _with_requirements(names: Iterable[str], path: list[str]) -> Iterator[Distribution]:
    there = {_normal(found.metadata["Name"]): found for found in distributions(path=path)}
    waiting, seen = [_normal(name) for name in names], set(IN_THE_LAYER)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in there:
            raise BenchmarkError(f"{name} is not installed: run `make setup`")
        yield there[name]
        required = [one for one in there[name].requires or () if "extra ==" not in one]
        waiting += [_normal(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in required]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _install(distribution: Distribution, folder: Path) -> None:
    for file in distribution.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)


def _compile(folder: Path) -> None:
    options = ["-q", "-f", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-m", "compileall", *options, folder], check=True)


def _as_deployed(folder: Path) -> None:
    """Give every file the time that SAM's zips give it."""
    for file in folder.rglob("*"):
        os.utime(file, (YEAR_1980, YEAR_1980))
