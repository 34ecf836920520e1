"""The schemas of commands in `schemas/commands/` are what the models say now, and mean what reading does."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from hookline.commands import COMMAND_TYPES, Rejection, command_schemas, read_command
from tests.cases import Case, table
from tests.test_commands import BAD, GOOD

FOLDER = Path(__file__).parent.parent / "schemas" / "commands"

BEYOND_A_SCHEMA = {
    "no such moment",
    "before all time",
    "after all time",
    "a moment without an offset",
    "a day",
    "a moment in seconds, as a text",
    "an empty moment",
    "half a character",
    "no money",
    "a day that there is not",
    "one id twice",
    "an id that another has by its position",
}
"""What only reading finds: formats are not checked by a schema, nor is one field against another."""


def validator(kind: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{kind}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_there_is_one_schema_for_each_command() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {command.kind for command in COMMAND_TYPES}


@pytest.mark.parametrize("kind", command_schemas())
def test_a_schema_is_what_the_model_says_now(kind: str) -> None:
    there = json.loads((FOLDER / f"{kind}.json").read_text())
    assert there == command_schemas()[kind], "stale: run `hookline schemas`"


@pytest.mark.parametrize("kind", command_schemas())
def test_a_schema_says_whose_it_is(kind: str) -> None:
    schema = command_schemas()[kind]
    assert schema["$id"] == f"urn:hookline:command:{kind}:1.0"
    assert schema["properties"]["command"]["const"] == kind
    assert schema["additionalProperties"] is False


# Money is a text in the schema; a whole number is exact, and is read all the same.
@table("case", [case for case in GOOD if case.id != "a whole number"])
def test_a_schema_takes_what_is_read(case: Case[dict[str, Any], str]) -> None:
    validator(case.expected).validate(case.given)


KINDS = set(command_schemas())
# A schema's `$` is ECMA's: Python's validator alone takes a line feed before the end.
ASKED = [case for case in BAD if isinstance(case.given, dict) and case.id != "an id with a line feed"]
KNOWN = [case for case in ASKED if str(case.given.get("command")) in KINDS]


@table("case", [case for case in KNOWN if case.id not in BEYOND_A_SCHEMA])
def test_a_schema_refuses_what_is_refused(case: Case[dict[str, Any], tuple[str, str]]) -> None:
    with pytest.raises(ValidationError):
        validator(case.given["command"]).validate(case.given)


@table("case", [case for case in KNOWN if case.id in BEYOND_A_SCHEMA])
def test_what_no_schema_finds_is_refused_all_the_same(case: Case[dict[str, Any], tuple[str, str]]) -> None:
    validator(case.given["command"]).validate(case.given)
    with pytest.raises(Rejection):
        read_command(case.given)


def test_every_exception_is_in_the_table() -> None:
    assert {case.id for case in KNOWN} >= BEYOND_A_SCHEMA


def test_no_schema_takes_a_float_for_money() -> None:
    text = (FOLDER / "top_up.json").read_text()
    assert '"number"' not in text
