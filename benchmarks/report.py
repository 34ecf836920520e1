"""Results on a terminal, and in results.md, where a benchmark that is run alone replaces its own part only."""

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from benchmarks.frame import Section, Table

RESULTS = Path(__file__).parent / "results.md"
WIDTH = 120
"""Columns of what is printed where no terminal says how wide it is."""

_HEAD = """# Benchmarks

Written by `make bench`; `python -m benchmarks NAME ...` runs some of them. Every number is of one run, in which the
cases took turns: the median, and in brackets the least and the most. A ratio is the median of the rounds' own ratios.
Compare ratios, not times: the times are this machine's.
"""


def show(section: Section) -> None:
    """Print a result."""
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(f"\n[bold]{section.title}[/bold]")
    for table in section.tables:
        grid = Grid(title=table.title, title_justify="left")
        for position, column in enumerate(table.columns):
            grid.add_column(column, justify="right" if position else "left")
        for row in table.rows:
            grid.add_row(*map(escape, row))
        console.print(grid)
    for aim in section.aims:
        console.print(f"{'met   ' if aim.met else 'MISSED'} {aim.wanted}: {aim.got}", highlight=False)


def save(name: str, section: Section, path: Path = RESULTS) -> None:
    """Put a result into results.md; what the other benchmarks wrote there stays."""
    parts = dict(_parts(path.read_text())) if path.exists() else {}
    parts[name] = "\n".join(_markdown(name, section))
    path.write_text(_HEAD + "".join(f"\n{_mark(part)}\n{text.strip()}\n" for part, text in parts.items()))


def _mark(name: str) -> str:
    return f"<!-- benchmark: {name} -->"


def _parts(text: str) -> Iterator[tuple[str, str]]:
    pieces = re.split(r"^<!-- benchmark: (\S+) -->$", text, flags=re.MULTILINE)
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def _markdown(name: str, section: Section) -> Iterator[str]:
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    yield f"## {section.title}\n"
    yield f"{section.how}\n"
    yield f"`python -m benchmarks {name}`; {machine}.\n"
    for table in section.tables:
        yield from _markdown_table(table)
    for aim in section.aims:
        yield f"- {'met' if aim.met else '**missed**'}: {aim.wanted}: {aim.got}"


def _markdown_table(table: Table) -> Iterator[str]:
    yield f"{table.title}\n"
    yield f"| {' | '.join(table.columns)} |"
    yield f"|{' --- |' + ' ---: |' * (len(table.columns) - 1)}"
    for row in table.rows:
        yield f"| {' | '.join(cell.replace('|', '\\|') for cell in row)} |"
    yield ""
