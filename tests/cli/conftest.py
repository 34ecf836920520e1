"""The command line without a stack, and with one that is made of moto alone."""

import uuid
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from hookline_cli import main, processes
from hookline_cli.stack import Stack
from tests.cli.commands import Said, Terminal, call

type Hookline = Callable[..., Said]


@pytest.fixture
def hookline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hookline:
    """Run commands in a checkout where no local stack runs, whatever runs in this one."""
    monkeypatch.setattr(processes, "STATE", tmp_path / "state")
    monkeypatch.delenv("HOOKLINE_STACK", raising=False)
    monkeypatch.delenv("HOOKLINE_SIGNING_SECRET", raising=False)

    def run(*arguments: str, stdin: str | Terminal = "") -> Said:
        return call(capsys, *arguments, stdin=stdin)

    return run


@pytest.fixture
def accounts_only(aws: None, journal_table: str, monkeypatch: pytest.MonkeyPatch) -> Stack:  # noqa: ARG001
    """A stack of which there is nothing but a place for its accounts and a journal, one for each test."""
    stack = Stack("hookline-moto", boto3.Session())
    stack.__dict__["outputs"] = {
        "AccountsPrefix": f"/hookline/{uuid.uuid4().hex}/accounts/",
        "ApiUrl": "https://hooks.example.com",
        "JournalTable": journal_table,
    }
    monkeypatch.setattr(main, "find", lambda _name: stack)
    return stack
