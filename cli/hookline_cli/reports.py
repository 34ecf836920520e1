"""Answers to questions, for people: facts as words, a report's rows as a table, and the rows of a large one fetched."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack

COLUMNS: Mapping[str, str] = {
    "occurred_at": "when",
    "to": "number",
    "amount": "amount",
    "cost": "cost",
    "status": "status",
    "transaction_id": "transaction",
}
"""What a report's table shows of a row, and by which head."""


def write_fact(value: object) -> str:
    """Write a fact for a person: money with its currency, a flag as yes or no."""
    match value:
        case {"amount": amount, "currency": str(currency)}:
            return f"{amount} {currency}"
        case {"amount": amount}:
            return str(amount)
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def table_of(rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Write a report's rows for its table."""
    return [[write_fact(row.get(name)) for name in COLUMNS] for row in rows]


def save(stack: Stack, facts: Mapping[str, Any], path: Path) -> None:
    """Save a report's rows as JSON lines, from wherever they are.

    Args:
        stack: whose S3 is asked where they are too many for an answer.
        facts: the report's: `rows`, or `rows_url`.
        path: the file. One that is there already is replaced once all of it came.

    Raises:
        CommandError: they can't be fetched, or the file can't be written.
    """
    try:
        if not facts.get("rows_url"):
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in facts.get("rows") or ()]
            path.write_text("".join(lines), encoding="utf-8")
            return
        parts = urlsplit(facts["rows_url"])
        stack.s3.download_file(parts.netloc, parts.path.removeprefix("/"), str(path))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise CommandError(f"{facts['rows_url']} can't be fetched: {code}") from error
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from None
