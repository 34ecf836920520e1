"""The stand-ins of a local stack: started with it, kept with it, and started anew with a new one."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hookline_cli import accounts, demo, processes, providers
from hookline_cli.emulator import Emulator
from hookline_cli.stack import Stack

INSTANCE = "mine"


@pytest.fixture
def local(accounts_only: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A local stack of which there is nothing but a place for its accounts; its emulator is said to run."""
    monkeypatch.setattr(processes, "STATE", tmp_path)
    assert accounts_only.secrets  # its client goes to moto: made before the stack is a local one
    accounts_only.local = Emulator(INSTANCE, 0, 4566)
    processes.folder(INSTANCE).mkdir()
    forget(accounts_only)
    yield accounts_only
    providers.stop(INSTANCE)


def forget(stack: Stack) -> None:
    """Let a stack be as it is in a new emulator: another API, and no accounts."""
    stack.__dict__["outputs"] = {"AccountsPrefix": f"/hookline/{uuid.uuid4().hex}/accounts/", "ApiId": uuid.uuid4().hex}


def stand_ins() -> dict[str, processes.Server]:
    found = {provider: processes.running(INSTANCE, provider) for provider in demo.ACCOUNTS.values()}
    return {provider: server for provider, server in found.items() if server is not None}


def check_that_they_belong_together(stack: Stack) -> None:
    """Check that each stand-in calls this stack's API back, signs with its account's secret, and is what is sent to."""
    for name, provider in demo.ACCOUNTS.items():
        server, document = stand_ins()[provider], accounts.read(stack, name)
        words = psutil.Process(server.pid).cmdline()
        assert words[words.index("--callback-url") + 1].startswith(stack.api_url)
        secret = Path(words[words.index("--secret-file") + 1]).read_text()
        assert document["signing_secrets"] == [secret]
        assert server.url in str(document["settings"])


def test_stand_ins_stay_as_long_as_their_stack_and_are_started_anew_with_a_new_one(local: Stack) -> None:
    providers.start(local)
    first = stand_ins()
    check_that_they_belong_together(local)
    providers.start(local)
    assert stand_ins() == first

    forget(local)
    providers.start(local)
    check_that_they_belong_together(local)
    assert [server.pid for server in stand_ins().values()] != [server.pid for server in first.values()]

    processes.stop(INSTANCE, "zorya")
    providers.start(local)
    check_that_they_belong_together(local)
