"""Reading JSON that is broken as the provider's document breaks it, and in no other way.

    {"response": {"balance": 549,950.05, "mnc ": "020",} "error": [null]}

- a comma is missing before a name: after a value in an object only a comma can stand there;
- a comma stands before `}` or `]`;
- a number in an object has commas between its thousands: a name would have to follow a comma there, so it is none.
  It is kept as a text, as it came. In an array it stays two numbers;
- a name has blanks around it; a number is a text: that is the readers' affair (`claims`, `values`).

Source: the provider's document, the examples of `getSmsStatus`, `getBalance` and `executeTopUpCamp`.
"""

import re
from typing import Any

from hookline.providers.zorya.claims import Claims, read_json
from hookline.providers.zorya.values import replace_surrogates

MAX_REPAIR = 4 * 1024 * 1024
"""Characters: a longer text is read as it is or not at all."""

_BLANK = re.compile(r"[ \t\r\n]*+")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]++', re.DOTALL)
_COLON = re.compile(r"[ \t\r\n]*+:")


def read_document(body: bytes) -> Claims | None:
    """Read an answer's JSON object.

    Args:
        body: UTF-8; bytes that are none stand as U+FFFD.

    Returns:
        The object, as `claims.read_json` reads one: names without blanks around them, numbers with a fraction as
        texts; lone surrogates replaced. None where there is none, broken in some other way, or with a name twice.
    """
    text = body.decode("utf-8-sig", "replace")
    document = read_json(text, "the answer")
    if not isinstance(document, dict) and len(text) <= MAX_REPAIR:
        document = read_json(repair(text), "the answer")
    if not isinstance(document, dict):
        return None
    return _as_unicode(document) if "\\u" in text else document


def repair(text: str) -> str:
    """Mend the breakages above. What is broken in another way, or not at all, comes back as it was."""
    pieces: list[str] = []
    containers: list[str] = []
    before, last = "", ""  # kinds of the last two tokens: `value`, or the mark itself
    place = 0
    while (start := _end(_BLANK, text, place)) < len(text):
        pieces.append(text[place:start])
        in_object = bool(containers) and containers[-1] == "{"
        grouped = _GROUPED.match(text, start) if in_object and last == ":" else None
        token = grouped or _TOKEN.match(text, start)
        if token is None:
            return text
        place, piece = token.end(), token[0]
        kind = piece if piece in "{}[]:," else "value"
        if kind in {"}", "]"} and last == "," and before == "value":
            pieces[_last_piece(pieces)] = ""
        elif piece.startswith('"') and in_object and last == "value" and _COLON.match(text, place):
            pieces.append(",")
        pieces.append(f'"{piece}"' if grouped else piece)
        if kind in {"{", "["}:
            containers.append(kind)
        elif kind in {"}", "]"} and containers:
            containers.pop()
        before, last = last, "value" if kind in {"}", "]"} else kind
    pieces.append(text[place:])
    return "".join(pieces)


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return place if found is None else found.end()


def _last_piece(pieces: list[str]) -> int:
    """Return the index of the last piece that is no blank: the comma."""
    return max(index for index, piece in enumerate(pieces[-3:], max(0, len(pieces) - 3)) if piece.strip())


def _as_unicode(value: Any) -> Any:
    """Make a JSON value fit to be written: half of a surrogate pair can't be."""
    match value:
        case dict():
            return {replace_surrogates(name): _as_unicode(inner) for name, inner in value.items()}
        case list():
            return [_as_unicode(inner) for inner in value]
        case str():
            return replace_surrogates(value)
        case _:
            return value
