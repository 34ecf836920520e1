"""What commands make of what others say: shown as it is, and never lost."""

import json

import httpx
import pytest

from hookline_cli import output
from hookline_cli.callbacks import read_answer
from tests.cases import Case, table
from tests.cli.conftest import Hookline


@table(
    "case",
    [
        Case("taken", "{}", ""),
        Case("refused", '{"error": "unauthorised"}', "unauthorised"),
        Case("the API's own", '{"message": "Not Found"}', '{"message": "Not Found"}'),
        Case("a function failed", '{"errorMessage": "Worker process died"}', '{"errorMessage": "Worker process died"}'),
        Case("a list", "[1, 2]", "[1, 2]"),
        Case("no JSON", "<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        Case("nothing", "", ""),
    ],
)
def test_an_answer_is_said_in_a_few_words(case: Case[str, str]) -> None:
    assert read_answer(httpx.Response(502, text=case.given)) == case.expected


def test_an_answer_without_end_is_cut() -> None:
    assert len(read_answer(httpx.Response(502, text="x" * 5000))) == 200


@pytest.mark.parametrize("text", ["[red]", "[/red]", "[link=http://example.com]", r"\[bold]", "['to']"])
def test_brackets_are_text_and_no_markup(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output.print_table("title", ("what", "is"), [("it", text)])
    output.complain(f"it is {text}")
    output.progress(f"now {text}")
    said = capsys.readouterr()
    assert text in said.out
    assert said.err == f"hookline: it is {text}\n  now {text}\n"


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_what_is_no_text_is_not_counted(hookline: Hookline, arguments: tuple[str, ...]) -> None:
    said = hookline("sms", "count", "a\udcffb", *arguments)
    assert (said.code, said.out) == (1, "")
    assert said.words == "hookline: that is no text in Unicode: nobody could send it"


def test_json_is_one_document_with_nothing_around_it(hookline: Hookline) -> None:
    said = hookline("sms", "count", "¿Qué tal? ✓", "--json")
    assert json.loads(said.out)["segments"] == 1
    assert (said.code, said.err) == (0, "")
