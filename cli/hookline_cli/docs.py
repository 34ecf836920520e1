"""The parts of the documentation that are made from the code: docs/events.md says what `hookline.events` says."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hookline.events import DATA_TYPES, Data, Metadata
from hookline_cli.errors import CommandError
from hookline_cli.project import ROOT

PAGE = ROOT / "docs" / "events.md"
START = "<!-- What follows is made from layers/hookline/hookline/events.py by `hookline docs`: edit it there. -->"
END = "<!-- Here ends what is made by `hookline docs`. -->"

_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}

type Schema = Mapping[str, Any]


def write(page: Path = PAGE) -> bool:
    """Bring a page's generated part up to date.

    Args:
        page: the page's file; what stands outside the markers is left as it is.

    Returns:
        True where the page was changed, False where it was up to date.

    Raises:
        CommandError: the page has no markers.
    """
    before = page.read_text(encoding="utf-8")
    after = updated(before)
    if after == before:
        return False
    page.write_text(after, encoding="utf-8")
    return True


def updated(text: str) -> str:
    """Return a page's text with its generated part as it is to be.

    Raises:
        CommandError: the text does not hold both markers, once each and in order.
    """
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end or START in rest or END in tail:
        raise CommandError(f"the page must hold these two lines, once each and in this order:\n{START}\n{END}")
    return f"{head}{START}\n\n{generated()}\n{END}{tail}"


def generated(types: Iterable[type[Data]] = DATA_TYPES) -> str:
    """Return what is generated: a section for the metadata, for each type of event and for each part they share."""
    models: list[tuple[str, type[BaseModel], str]] = [("metadata", Metadata, "")]
    models += [(f"`{data.type}`", data, _files(data.type)) for data in types]
    definitions: dict[str, Schema] = {}
    sections = []
    for title, model, more in models:
        schema = model.model_json_schema(mode="serialization")
        definitions |= schema.get("$defs", {})
        sections.append(_section(title, schema, definitions, more))
    parts = sorted((_title(name), part) for name, part in definitions.items() if _is_object(part))
    return "\n".join(sections + [_section(title, part, definitions) for title, part in parts])


def _files(name: str) -> str:
    has_sample = (ROOT / "events" / "events" / f"{name}.json").exists()
    sample = f"; [a sample](../events/events/{name}.json)" if has_sample else ""
    return f"As a [JSON Schema](../schemas/{name}.json){sample}.\n\n"


def _section(title: str, schema: Schema, definitions: Mapping[str, Schema], more: str = "") -> str:
    rows = [
        f"| `{name}` | {_type(field, definitions)} | {field.get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    head = f"### {title}\n\n{schema['description']}\n\n{more}| field | value | what it says |\n| --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def _type(field: Schema, definitions: Mapping[str, Schema]) -> str:
    """Say in words what a field's value is."""
    if "anyOf" in field:
        return " or ".join(_type(part, definitions) for part in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if not _is_object(definitions[name]):
            return _type(definitions[name], definitions)
        return f"[{_title(name)}](#{_title(name).replace(' ', '-')})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list: {_type(field['items'], definitions)}"
    return "time" if field.get("format") == "date-time" else _WORDS.get(field.get("type", ""), "any value")


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object"


def _title(name: str) -> str:
    """`TopUpReportRow` as the words `top up report row`."""
    return re.sub("(?<!^)([A-Z])", r" \1", name).lower()
