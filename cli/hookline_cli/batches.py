"""Batches from a file: read, looked at line by line before anything is sent, and cut into commands."""

import csv
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hookline.commands import Rejection
from hookline.send import USED
from hookline_cli.commands import Document, Entry, Outlet
from hookline_cli.errors import CommandError

PART = 100
"""Messages of a batch that go onto the queue together, at the most."""

MAX_PART_BYTES = 200_000
"""Characters of JSON that they take: within what a queue's message holds."""

COLUMNS = ("to", "text", "id", "reference")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,59}", re.ASCII)


class Line(NamedTuple):
    """A message of a file.

    Attributes:
        number: the line that it ends on, from 1.
        message: as it stands in a batch command.
        problem: what is wrong with the line itself; "" where nothing is.
    """

    number: int
    message: Document
    problem: str = ""


class Problem(NamedTuple):
    """Why a line can't be sent: its number, the field, and the reason without the value."""

    line: int
    field: str
    reason: str


def batch_name(path: Path, name: str | None) -> str:
    """Name a batch: by what was asked for, else by its file.

    Raises:
        CommandError: what was asked for can't be a part of commands' ids.
    """
    if name is None:
        return re.sub(r"[^A-Za-z0-9._-]", "-", path.stem)[:60].lstrip("._-") or "batch"
    if not NAME.fullmatch(name):
        raise CommandError("--name: up to 60 letters, digits and ._:/- , a letter or a digit first")
    return name


def read_batch(path: Path, name: str) -> list[Line]:
    """Read a batch's messages from a CSV file: the columns `to` and `text`, and if they are there `id`, `reference`.

    A message without an id gets one from what is in it, so that the same file gives the same ids: a batch can be run
    again, and nothing is sent twice.

    Raises:
        CommandError: the file can't be read, or a column is missing or there twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise CommandError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    missing = sorted({"to", "text"} - set(columns))
    if missing:
        raise CommandError(f"{path} has no column {missing[0]}: the first line names the columns")
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    if twice:
        raise CommandError(f"{path} has the column {twice[0]} twice: which of them is meant?")
    if not rows:
        raise CommandError(f"{path} holds no messages")
    seen: Counter[str] = Counter()
    return [_line(number, row, name, seen) for number, row in rows]


def find_problems(
    lines: Sequence[Line], outlet: Outlet, send_at: str | None, known: Mapping[str, Entry]
) -> list[Problem]:
    """Say of each line why it can't be sent, as the sender would.

    Args:
        lines: the messages.
        outlet: the account that sends them.
        send_at: when; None for now.
        known: the journal's entries of those that were begun before, by id.
    """
    now = time.time()
    problems = []
    first: dict[str, int] = {}
    for line in lines:
        problem = _problem(line, outlet, send_at, known, now)
        before = first.setdefault(line.message["id"], line.number)
        if problem is None and before != line.number:
            problem = Problem(line.number, "id", f"is that of line {before} too")
        problems += [problem] if problem else []
    return problems


def batch_commands(messages: Sequence[Document], name: str, account: str, send_at: str | None) -> Iterator[Document]:
    """Make the batch commands of messages: parts that fit a message of the queue."""
    for part in _parts(messages):
        digest = hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        document = {"command": "send_sms_batch", "id": f"{name}/{digest}", "account": account, "messages": part}
        yield document if send_at is None else {**document, "send_at": send_at}


def _parts(messages: Sequence[Document]) -> Iterator[list[Document]]:
    part: list[Document] = []
    size = 0
    for message in messages:
        needed = len(json.dumps(message))
        if part and (len(part) == PART or size + needed > MAX_PART_BYTES):
            yield part
            part, size = [], 0
        part.append(message)
        size += needed
    if part:
        yield part


def _line(number: int, row: Mapping[str | None, str | None], name: str, seen: Counter[str]) -> Line:
    texts = {key: row.get(key) for key in ("to", "text", "reference")}
    fields = {key: text for key, text in texts.items() if text is not None and (text or key != "reference")}
    content = json.dumps(fields, sort_keys=True)
    seen[content] += 1  # the same message twice in a file is meant twice
    digest = hashlib.sha256(f"{content}{seen[content]}".encode()).hexdigest()[:20]
    message = {"id": row.get("id") or f"{name}/{digest}", **fields}
    return Line(number, message, "has more columns than the first line" if None in row else "")


def _problem(line: Line, outlet: Outlet, send_at: str | None, known: Mapping[str, Entry], now: float) -> Problem | None:
    if line.problem:
        return Problem(line.number, "", line.problem)
    at = {} if send_at is None else {"send_at": send_at}
    document = {"command": "send_sms", "account": outlet.account.name, **line.message, **at}
    entry = known.get(line.message["id"])
    try:
        command = outlet.check(document, now)
    except Rejection as rejection:
        was_in_time = rejection.field == "send_at" and entry is not None
        return None if was_in_time else Problem(line.number, rejection.field, rejection.problem)
    if entry is not None and entry["digest"] != command.digest:
        return Problem(line.number, "id", USED)
    return None
