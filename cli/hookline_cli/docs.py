"""The parts of the documentation that are made from the code.

docs/events.md says what `hookline.events` says, docs/commands.md what `hookline.commands` says.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hookline.commands import COMMAND_TYPES, BaseCommand, SendSms, SendSmsBatch
from hookline.events import DATA_TYPES, Data, Metadata
from hookline_cli.errors import CommandError
from hookline_cli.project import ROOT
from hookline_cli.sending import SENDERS

PAGE = ROOT / "docs" / "events.md"
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
START = "<!-- What follows is made from layers/hookline/hookline/events.py by `hookline docs`: edit it there. -->"
COMMANDS_START = START.replace("events.py", "commands.py")
END = "<!-- Here ends what is made by `hookline docs`. -->"

_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}

type Schema = Mapping[str, Any]


def write_all() -> bool:
    """Bring every page's generated part up to date; says whether one was changed."""
    return any([write(PAGE), write(COMMANDS_PAGE)])


def write(page: Path = PAGE) -> bool:
    """Bring a page's generated part up to date: that of the events or of the commands, whichever it has markers for.

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
    first, make = (COMMANDS_START, generated_commands) if COMMANDS_START in text else (START, generated)
    head, start, rest = text.partition(first)
    _, end, tail = rest.partition(END)
    if not start or not end or first in rest or END in tail:
        raise CommandError(f"the page must hold these two lines, once each and in this order:\n{first}\n{END}")
    return f"{head}{first}\n\n{make()}\n{END}{tail}"


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


def generated_commands(types: Iterable[type[BaseCommand]] = COMMAND_TYPES) -> str:
    """Return what is generated of commands: their common fields, then each command's own, then the parts of them."""
    common = BaseCommand.model_json_schema()
    shared = {name: field for name, field in common["properties"].items() if name != "command"}
    which = "| `command` | text | yes | Which command it is: the name in the title. |"
    rows = [which, *_command_rows(shared, common, common.get("$defs", {}))]
    sections = [_command_section("every command", "What every command has.", rows)]
    definitions: dict[str, Schema] = {}
    for command in types:
        schema = command.model_json_schema()
        definitions |= schema.get("$defs", {})
        own = {
            name: field
            for name, field in schema["properties"].items()
            if name != "command" and field != shared.get(name)
        }
        more = f"{_taken_by(command)} As a [JSON Schema](../schemas/commands/{command.kind}.json)."
        text = f"{schema['description']} {more}"
        sections.append(_command_section(f"`{command.kind}`", text, _command_rows(own, schema, definitions)))
    for name, part in sorted(definitions.items()):
        if _is_object(part):
            rows = _command_rows(part["properties"], part, definitions)
            sections.append(_command_section(_title(name), part["description"], rows))
    return "\n".join(sections)


def _taken_by(command: type[BaseCommand]) -> str:
    kind = SendSms.kind if command is SendSmsBatch else command.kind
    providers = [f"`{provider.name}`" for provider in SENDERS.values() if kind in provider.kinds]
    return f"Taken by {', '.join(providers)}." if providers else "Not yet: no provider that is connected takes it."


def _command_section(title: str, text: str, rows: Iterable[str]) -> str:
    table = "\n".join(["| field | value | needed | what it says |", "| --- | --- | --- | --- |", *rows])
    return f"### {title}\n\n{text}\n\n{table}\n" if list(rows) else f"### {title}\n\n{text}\n"


def _command_rows(fields: Mapping[str, Schema], schema: Schema, definitions: Mapping[str, Schema]) -> list[str]:
    needed = schema.get("required", [])
    return [
        f"| `{name}` | {_type(field, definitions)}{_limits(field, definitions)} | {'yes' if name in needed else 'no'} "
        f"| {_description(field, definitions)} |"
        for name, field in fields.items()
    ]


def _limits(field: Schema, definitions: Mapping[str, Schema]) -> str:
    """Say how long a value may be, where that is limited."""
    found = _resolved(field, definitions)
    for part in found.get("anyOf", [found]):
        within = _resolved(part, definitions)
        if "maxLength" in within:
            return f", up to {within['maxLength']} characters"
        if "maxItems" in within:
            return f", up to {within['maxItems']}"
    return ""


def _description(field: Schema, definitions: Mapping[str, Schema]) -> str:
    found = _resolved(field, definitions)
    example = next((f" For example `{example}`." for example in found.get("examples", [])), "")
    return str(field.get("description") or found.get("description", "")) + example


def _resolved(field: Schema, definitions: Mapping[str, Schema]) -> Schema:
    reference = field.get("$ref")
    return field if reference is None else definitions[reference.rpartition("/")[2]]


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
    values = field.get("enum") or ([field["const"]] if "const" in field else [])
    if values:
        return ", ".join(f"`{value}`" for value in values)
    if field.get("type") == "array":
        return f"list: {_type(field['items'], definitions)}"
    return "time" if field.get("format") == "date-time" else _WORDS.get(field.get("type", ""), "any value")


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object"


def _title(name: str) -> str:
    """`TopUpReportRow` as the words `top up report row`."""
    return re.sub("(?<!^)([A-Z])", r" \1", name).lower()
