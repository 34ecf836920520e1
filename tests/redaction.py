"""Nothing that the suite writes may hold a secret, a message text or a whole number that the suite uses.

A pytest plugin. It looks at all that a test prints (stdout and stderr, of child processes too), at what a test takes
out of `capsys` and `capfd`, and at every log record from INFO up; and fails the session where a marked value stands
in any of it: plain, percent-encoded or escaped as JSON does. With `pytest -s` only log records can be seen.

Marked are the values of `tests.samples`; a test that makes values of its own adds them with `mark`. A test whose
purpose is to show events to a person (a command that prints them) says so with
`@pytest.mark.shows_events("why")`: it may print texts and numbers, and still no secret.
"""

import json
import logging
import re
from collections.abc import Generator, Iterable
from enum import Enum
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest

from tests import samples

CAPTURING = {"capsys", "capfd", "capsysbinary", "capfdbinary"}


class Kind(Enum):
    """What a marked value is."""

    SECRET = "a secret"
    TEXT = "a message text"
    NUMBER = "a whole number"


class Leak(NamedTuple):
    """A marked value in something that was written; the value itself is not in here, nor in the report."""

    test: str
    where: str
    kind: Kind


_marked: dict[str, Kind] = {}


def mark(kind: Kind, *values: str) -> None:
    """Have values looked for from now on, in each form that they may be written in."""
    for value in values:
        escaped = json.dumps(value)[1:-1]
        for form in (value, quote_plus(value), quote(value), quote(value, safe=""), escaped, json.dumps(escaped)[1:-1]):
            _marked[form] = kind


mark(Kind.SECRET, *samples.SECRETS)
mark(Kind.TEXT, *samples.TEXTS)
mark(Kind.NUMBER, *samples.NUMBERS)


def kinds_in(text: str, kinds: Iterable[Kind] = tuple(Kind)) -> set[Kind]:
    """Return what kinds of marked values stand in a text."""
    found = _pattern(frozenset(kinds), len(_marked)).findall(text)
    return {_marked[form] for form in found}


@cache
def _pattern(kinds: frozenset[Kind], _marked_so_far: int) -> re.Pattern[str]:
    forms = sorted((form for form, kind in _marked.items() if kind in kinds), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, forms)) or "(?!)")


class Guard:
    """The plugin: watches each test, fails the session at its end."""

    def __init__(self) -> None:
        self._leaks: set[Leak] = set()
        self._scanned = 0
        self._test = "outside of any test"
        self._kinds = frozenset(Kind)
        self._handler = _Watcher(self)

    def look(self, text: str, where: str) -> None:
        """Note a leak where there is one."""
        self._scanned += len(text)
        for kind in kinds_in(text, self._kinds):
            self._leaks.add(Leak(self._test, where, kind))

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "shows_events(why): shows events to a person, with texts and numbers")
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(logging.INFO)

    def pytest_unconfigure(self) -> None:
        logging.getLogger().removeHandler(self._handler)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._test = item.nodeid
        shows_events = item.get_closest_marker("shows_events") is not None
        self._kinds = frozenset({Kind.SECRET} if shows_events else Kind)
        try:
            return (yield)
        finally:
            self._test = "outside of any test"
            self._kinds = frozenset(Kind)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        fixture = yield
        if fixturedef.argname in CAPTURING and isinstance(fixture, pytest.CaptureFixture):
            self._see_what_is_read_from(fixture)
        return fixture

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.look(report.capstdout, "stdout")
        self.look(report.capstderr, "stderr")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._leaks:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._leaks:
            terminalreporter.section("redaction: FAILED", red=True, bold=True)
        for leak in sorted(self._leaks, key=str):
            terminalreporter.line(f"{leak.kind.value} in {leak.where} of {leak.test}")
        if not self._leaks:
            terminalreporter.line(f"redaction: nothing marked in {self._scanned} characters of output and logs")

    def _see_what_is_read_from(self, fixture: pytest.CaptureFixture[Any]) -> None:
        """A test that reads its own output takes it out of the report: look at it on the way."""
        read = fixture.readouterr

        def readouterr() -> Any:
            output = read()
            for stream, where in zip(output, ("stdout", "stderr"), strict=True):
                self.look(stream if isinstance(stream, str) else stream.decode("utf-8", "replace"), where)
            return output

        fixture.readouterr = readouterr  # type: ignore[method-assign]


class _Watcher(logging.Handler):
    """Looks at every log record, with its exception's text."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(logging.INFO)
        self._guard = guard

    def emit(self, record: logging.LogRecord) -> None:
        self._guard.look(self.format(record), f"a log record of {record.name}")
