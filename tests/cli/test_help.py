"""Every command helps whoever asks, with an example that it takes."""

import pytest

from tests.cli.commands import COMMANDS, EACH, example_of
from tests.cli.conftest import Hookline


def test_there_are_commands() -> None:
    assert {("up",), ("status",), ("accounts", "add"), ("simulate", "zoom-connect", "reply")} <= COMMANDS.keys()


@EACH
def test_a_command_has_help_with_an_example(hookline: Hookline, path: tuple[str, ...]) -> None:
    said = hookline(*path, "--help")
    assert said.code == 0
    assert "Example:" in said.out
    assert said.err == ""


@EACH
def test_the_example_in_a_commands_help_is_one_that_it_takes(path: tuple[str, ...]) -> None:
    """Parsed by the command's own parser: no option or argument of it is unknown, missing or of another type."""
    words = example_of(COMMANDS[path])
    assert words[: len(path) + 1] == ["hookline", *path]
    assert COMMANDS[path].make_context(path[-1], words[len(path) + 1 :])


NOT_FOR_SCRIPTS = {("demo",), ("build",), ("deploy",), ("schemas",), ("docs",)}
"""What a person runs on a checkout; its exit code says all of it."""

JSON_ANYHOW = {("event",)}


@EACH
def test_a_script_gets_json(path: tuple[str, ...]) -> None:
    options = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    assert ("--json" in options) == (path not in NOT_FOR_SCRIPTS | JSON_ANYHOW)


@EACH
def test_every_option_and_argument_is_described(path: tuple[str, ...]) -> None:
    # An account's name needs no words where the command is about one account.
    silent = {parameter.name for parameter in COMMANDS[path].params if not parameter.help} - {"name"}
    assert silent == set()


@pytest.mark.parametrize(
    "path", [(), ("accounts",), ("events",), ("simulate",), ("simulate", "zoom-connect")], ids=" ".join
)
def test_a_group_alone_says_what_it_holds(hookline: Hookline, path: tuple[str, ...]) -> None:
    said = hookline(*path)
    for below in {command[len(path)] for command in COMMANDS if command[: len(path)] == path}:
        assert below in said.out


def test_an_unknown_command_or_option_is_a_usage_error_in_words(hookline: Hookline) -> None:
    for words in (["nonsense"], ["status", "--nonsense"], ["accounts", "add"]):
        said = hookline(*words)
        assert said.code == 2
        assert "Usage:" in said.err
        assert "Traceback" not in said.err
