"""Every command of the command line, found by walking it: what comes later is tested without being listed."""

import io
import shlex
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import typer.main

from hookline_cli.main import app, run


class Said(NamedTuple):
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Its complaint on one line: a terminal's width breaks it anywhere."""
        return " ".join(self.err.split())


class Terminal(io.StringIO):
    """A terminal, at which somebody types what is in it."""

    def isatty(self) -> bool:
        return True


def call(capsys: pytest.CaptureFixture[str], *arguments: str, stdin: str | Terminal = "") -> Said:
    """Run the command line as its entry point does, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hookline", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
        with pytest.raises(SystemExit) as ended:
            run()
    said = capsys.readouterr()
    code = ended.value.code
    return Said(code if isinstance(code, int) else int(code is not None), said.out, said.err)


def walk(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command that does something, with its words."""
    command = command or typer.main.get_command(app)
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, inner in below.items():
        yield from walk(inner, (*path, name))


COMMANDS = dict(walk())
EACH = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def example_of(command: Any) -> list[str]:
    """Return the words of the example in a command's help, what the shell does after it left out."""
    text = str(command.help).partition("Example: `")[2].rpartition("`")[0]
    reader = shlex.shlex(text, posix=True, punctuation_chars="|<>;&")
    reader.whitespace_split = True
    words = list(reader)
    ends = [number for number, word in enumerate(words) if word[0] in "|<>;&"]
    return words[: ends[0]] if ends else words
