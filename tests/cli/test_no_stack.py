"""Where the stack is not there, every command says so in words and ends with exit 1: no traceback, no half answer."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hookline_cli import processes, project
from tests.cli.commands import COMMANDS
from tests.cli.conftest import Hookline
from tests.samples import SECRET

WITH_A_STACK = [path for path, command in COMMANDS.items() if any(it.name == "stack" for it in command.params)]
ARGUMENTS: dict[tuple[str, ...], list[str]] = {("event",): ["receive_zoom_connect", "reply"]}
"""Where any word will not do."""

EACH = pytest.mark.parametrize("path", WITH_A_STACK, ids=" ".join)


def arguments_of(path: tuple[str, ...], tmp_path: Path) -> list[str]:
    """Give a command all that it can't be without."""
    csv = tmp_path / "messages.csv"
    csv.write_text("to,text\n+27825550142,hello\n")
    words: list[str] = [*ARGUMENTS.get(path, [])]
    for parameter in COMMANDS[path].params:
        needed: Any = parameter
        if not needed.required or (needed.param_type_name == "argument" and path in ARGUMENTS):
            continue
        value = str(csv) if needed.name == "file" else {"provider": "zoom-connect"}.get(needed.name, "acme-za")
        words += [value] if needed.param_type_name == "argument" else [needed.opts[0], value]
    return words


def test_commands_that_need_a_stack_are_found() -> None:
    assert {("status",), ("event",), ("events", "tail"), ("accounts", "list")} <= set(WITH_A_STACK)


@EACH
def test_the_local_stack_does_not_run(hookline: Hookline, path: tuple[str, ...], tmp_path: Path) -> None:
    said = hookline(*path, *arguments_of(path, tmp_path), stdin=SECRET)
    assert said.code == 1
    assert said.words == "hookline: the local stack is not running: start it with `make up`"
    assert said.out == ""


@EACH
def test_no_region_is_set(
    hookline: Hookline, path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    said = hookline(*path, *arguments_of(path, tmp_path), "--stack", "hookline-prod", stdin=SECRET)
    assert said.code == 1
    assert "no AWS region is set" in said.words
    assert said.out == ""


def test_a_profile_that_is_not_there(hookline: Hookline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    said = hookline("status", "--stack", "hookline-prod")
    assert said.code == 1
    assert "AWS can't be used with what is set" in said.words
    assert "nobodys" in said.words


def test_an_endpoint_that_does_not_answer(hookline: Hookline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{processes.HOST}:{processes.free_port(0)}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    said = hookline("status", "--stack", "hookline-prod")
    assert said.code == 1
    assert "AWS can't be reached with what is set" in said.words
    assert "Traceback" not in said.err


def test_a_stack_that_was_stopped_is_said_to_be_so(hookline: Hookline) -> None:
    home = processes.folder("mine")
    home.mkdir(parents=True)
    (home / "emulator.log").touch()
    said = hookline("status", "--stack", "mine")
    assert (said.code, said.words) == (1, "hookline: the local stack is not running: start it with `make up`")


def test_stopping_what_does_not_run_is_no_error(hookline: Hookline) -> None:
    said = hookline("down", "--instance", "never-started")
    assert (said.code, said.out.strip()) == (0, "it was not running")


def test_what_is_said_of_stopping_can_be_json(hookline: Hookline) -> None:
    said = hookline("down", "--instance", "never-started", "--json")
    assert (said.code, json.loads(said.out)) == (0, {"instance": "never-started", "stopped": False})


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/", "A", "a b", "-a", "a" * 41, "é", "a\n"])
@pytest.mark.parametrize("command", ["up", "down"])
def test_an_instance_whose_name_is_no_folder_of_ours_is_refused(
    hookline: Hookline, tmp_path: Path, command: str, name: str
) -> None:
    said = hookline(command, "--instance", name)
    assert said.code == 1
    assert said.words.startswith("hookline: --instance: ")
    assert list(tmp_path.iterdir()) == []


def test_a_tool_that_is_not_set_up_is_named(
    hookline: Hookline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "STATE", tmp_path / "state")
    said = hookline("build")
    assert said.code == 1
    assert said.words == "hookline: sam is not set up: run `make setup`"


def test_the_installed_command_ends_with_1_and_no_traceback(tmp_path: Path) -> None:
    """As a shell sees it: the one test here that starts the installed command itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOOKLINE_"))}
    clean["AWS_CONFIG_FILE"] = str(tmp_path / "none")
    command = [str(project.ROOT / ".venv" / "bin" / "hookline"), "status", "--json", "--stack", "hookline-nowhere"]
    ended = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("hookline: no AWS region is set")
    assert "Traceback" not in ended.stderr
