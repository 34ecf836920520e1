"""The redaction guard finds what it is there to find: a suite that leaks is run under it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.redaction import Kind, kinds_in
from tests.samples import NUMBER, SECRET, TEXT

ROOT = Path(__file__).parent.parent

CONFTEST = """
import pytest
from tests.redaction import Guard

def pytest_configure(config):
    config.pluginmanager.register(Guard())

@pytest.fixture
def loud():
    print(SECRET)
    yield
    print(NUMBER)
""".replace("import pytest", "import pytest\nfrom tests.samples import *", 1)

LEAKING = """
import json, logging, os, subprocess, sys, urllib.parse
import pytest
from hookline.telemetry import Telemetry
from tests.samples import *

def test_prints_a_secret():
    print("the secret is", SECRET)

def test_prints_a_number_to_stderr():
    print(f"+{NUMBER}", file=sys.stderr)

def test_reads_what_it_printed(capsys):
    print(TEXT)
    assert TEXT in capsys.readouterr().out

def test_reads_what_a_child_printed(capfd):
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", NUMBER], check=True)
    assert NUMBER in capfd.readouterr().out

def test_writes_to_the_file_descriptor():
    os.write(2, SECRET.encode())

def test_has_a_child_that_prints():
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", SECRET], check=True)

def test_logs_a_url():
    logging.getLogger("httpx").info("GET https://host/%s", urllib.parse.quote(TEXT))

def test_logs_an_exception():
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger(__name__).exception("failed")

def test_counts_a_text():
    Telemetry("test").count("callbacks", detail=TEXT)

def test_writes_json_in_json():
    print(json.dumps({"body": json.dumps({"message": TEXT})}))

def test_writes_a_form():
    print(urllib.parse.urlencode({"message": TEXT}))

def test_has_a_loud_fixture(loud):
    pass

@pytest.mark.shows_events("a command that prints events")
def test_shows_events_and_a_secret():
    print(SECRET)
"""

CLEAN = """
import logging, sys
import pytest
from hookline.telemetry import Telemetry
from tests.samples import *

def test_is_quiet():
    Telemetry("test").count("callbacks", account=ACCOUNT, detail="nonce-date has passed")
    print("…" + NUMBER[-4:], file=sys.stderr)
    logging.getLogger(__name__).warning("refused: %s", "signature")

@pytest.mark.shows_events("a command that prints events")
def test_shows_events():
    print(NUMBER, TEXT)
"""

LEAKS = (
    "a secret in stdout of {}::test_prints_a_secret",
    "a whole number in stderr of {}::test_prints_a_number_to_stderr",
    "a message text in stdout of {}::test_reads_what_it_printed",
    "a whole number in stdout of {}::test_reads_what_a_child_printed",
    "a secret in stderr of {}::test_writes_to_the_file_descriptor",
    "a secret in stdout of {}::test_has_a_child_that_prints",
    "a message text in a log record of httpx of {}::test_logs_a_url",
    "a secret in a log record of test_leaking of {}::test_logs_an_exception",
    "a message text in stdout of {}::test_counts_a_text",
    "a message text in stdout of {}::test_writes_json_in_json",
    "a message text in stdout of {}::test_writes_a_form",
    "a secret in stdout of {}::test_has_a_loud_fixture",
    "a whole number in stdout of {}::test_has_a_loud_fixture",
    "a secret in stdout of {}::test_shows_events_and_a_secret",
)


def run(folder: Path, name: str, source: str, *options: str) -> tuple[int, str]:
    """Run a suite of one module under the guard; return pytest's exit status and what it said."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    (folder / name).write_text(source)
    command = [sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), *options, str(folder / name)]
    # Other plugins only cost time here; the project's root is what `python -m` puts first on the path.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    return run(tmp_path_factory.mktemp("leaking"), "test_leaking.py", LEAKING)


def test_a_suite_that_leaks_fails_though_every_test_of_it_passes(leaking: tuple[int, str]) -> None:
    status, said = leaking
    assert f"{LEAKING.count('def test_')} passed" in said
    assert "failed," not in said
    assert status == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.format("")[:-1].replace(" of ::", ": "))
def test_a_leak_is_named_by_its_kind_place_and_test(leaking: tuple[int, str], leak: str) -> None:
    assert leak.format("test_leaking.py") in leaking[1]


def test_no_leak_is_invented(leaking: tuple[int, str]) -> None:
    assert sum("of test_leaking.py::" in line for line in leaking[1].splitlines()) == len(LEAKS)


def test_the_guard_itself_repeats_nothing(leaking: tuple[int, str]) -> None:
    assert not kinds_in(leaking[1])


def test_a_suite_that_does_not_leak_passes(tmp_path: Path) -> None:
    status, said = run(tmp_path, "test_clean.py", CLEAN)
    assert (status, "2 passed" in said, "nothing marked in" in said) == (0, True, True)


def test_log_records_are_seen_without_capture_too(tmp_path: Path) -> None:
    status, said = run(tmp_path, "test_leaking.py", LEAKING, "-s", "-k", "logs_a_url")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "a message text in a log record of httpx" in said


def test_the_last_four_digits_may_show() -> None:
    assert not kinds_in(f"…{NUMBER[-4:]}")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [(SECRET, {Kind.SECRET}), (f"{TEXT} {NUMBER}", {Kind.TEXT, Kind.NUMBER}), ("nothing", set())],
    ids=["a secret", "a text and a number", "nothing"],
)
def test_a_text_is_searched_for_every_kind(text: str, kinds: set[Kind]) -> None:
    assert kinds_in(text) == kinds
