"""How commands speak: tables and words for people on a terminal, JSON for scripts."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)


def print_json(value: object) -> None:
    """Print one JSON document, and nothing around it."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # what stands in [] is text, not rich's markup
    out.print(table)


def progress(message: str) -> None:
    """Say what is being done, to whoever waits."""
    err.print(f"  [dim]{escape(message)}[/dim]")


def complain(message: str) -> None:
    """Say why a command can't go on."""
    err.print(f"[red]hookline:[/red] {escape(message)}", highlight=False, soft_wrap=True)


def compact(value: Any) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
