"""The reader of broken JSON: it mends what the document breaks, and nothing else."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.providers.zorya.repair import MAX_REPAIR, read_document, repair
from tests.cases import Case, table
from tests.providers.zorya import examples

MENDED = (
    Case("whole", '{"a": 1, "b": "x"}', {"a": 1, "b": "x"}),
    Case("a byte order mark", '\ufeff{"a": 1}', {"a": 1}),
    Case("blanks around names", '{" a ": 1, "b\\t": 2}', {"a": 1, "b": 2}),
    Case("numbers with a fraction stay texts", '{"a": 20.00, "b": 1e3}', {"a": "20.00", "b": "1e3"}),
    Case("a comma at the end of an object", '{"a": 1,}', {"a": 1}),
    Case("a comma at the end of an array", '{"a": [1, 2, ]}', {"a": [1, 2]}),
    Case("a comma after an object in an object", '{"a": {"b": 1},}', {"a": {"b": 1}}),
    Case("a name without a comma before it", '{"a": {"b": 1}\n "c": 2}', {"a": {"b": 1}, "c": 2}),
    Case("the same after a text", '{"a": "x" "c": 2}', {"a": "x", "c": 2}),
    Case("the same after an array", '{"a": [null] "c": 2}', {"a": [None], "c": 2}),
    Case("the same after a number", '{"a": 1 "c": 2}', {"a": 1, "c": 2}),
    Case("commas between thousands", '{"a": 549,950.0500 }', {"a": "549,950.0500"}),
    Case("the same, then a name without a comma", '{"a": 549,950 "b": 2}', {"a": "549,950", "b": 2}),
    Case("the same, negative, then a name", '{"a": -1,234,567, "b": 2}', {"a": "-1,234,567", "b": 2}),
    Case("all at once", '{"r": {"a": 1,234.50, "b ": "x",} "error": [null,],}', {
        "r": {"a": "1,234.50", "b": "x"}, "error": [None],
    }),
    Case("a text with all of it in it", '{"a": "1,234 } \\" \\"b\\": ,}",}', {"a": '1,234 } " "b": ,}'}),
    Case("a lone surrogate", '{"a": "\\ud83d", "b\\udc00": ["\\ud83d\\ude00"]}', {"a": "\ufffd", "b\ufffd": ["😀"]}),
    Case("bytes that are no UTF-8", b'{"a": "Hol\xe1"}', {"a": "Hol\ufffd"}),
)  # fmt: skip

UNREADABLE = (
    Case("nothing", "", None),
    Case("a page", "<html>502 Bad Gateway</html>", None),
    Case("an array", "[1]", None),
    Case("a text", '"200"', None),
    Case("cut off", '{"code": 200, "txID": "abc"', None),
    Case("cut off in a text", '{"code": 200, "txID": "ab', None),
    Case("two documents", '{"code": 200}{"code": -208}', None),
    Case("a name twice", '{"code": 200, "code": -208}', None),
    Case("a name twice but for blanks", '{"code": 200, "code ": -208}', None),
    Case("a name twice, found by mending", '{"code": 200 "code": -208}', None),
    Case("two commas", '{"a": 1,,}', None),
    Case("nothing but a comma", "{,}", None),
    Case("a comma first", '{, "a": 1}', None),
    Case("a digit apart from its number", '{"code": 2 00}', None),
    Case("thousands apart from their number", '{"a": 549, 950.05}', None),
    Case("thousands of four digits", '{"a": 549,9500}', None),
    Case("thousands with two points", '{"a": 549,950.05.1}', None),
    Case("thousands of two digits", '{"a": 549,95}', None),
    Case("thousands after four digits", '{"a": 1549,950}', None),
    Case("two texts", '{"a": "x" "y"}', None),
    Case("a name without a colon", '{"a": 1 "b"}', None),
    Case("a missing comma in an array", '{"a": ["x" "y"]}', None),
    Case("no number", '{"a": NaN}', None),
    Case("single quotes", "{'a': 1}", None),
    Case("a bare name", "{a: 1}", None),
    Case("a comment", '{"a": 1 // x\n}', None),
    Case("a closing mark too many", '{"a": 1}}', None),
    Case("the wrong closing mark", '{"a": [1}', None),
    Case("too deep", '{"a":' * 40 + "1" + "}" * 40, None),
    Case("far too deep", '{"a":' * 100_000, None),
    Case("a number too long", '{"a": ' + "9" * 5000 + "}", None),
)


@table("case", [*MENDED, *UNREADABLE])
def test_a_document_is_read(case: Case[str | bytes, dict[str, Any] | None]) -> None:
    body = case.given if isinstance(case.given, bytes) else case.given.encode()
    assert read_document(body) == case.expected


def test_thousands_in_an_array_are_two_numbers() -> None:
    assert read_document(b'{"a": [549,950.05, 1],}') == {"a": [549, "950.05", 1]}


EXAMPLES = {name: text for name, text in vars(examples).items() if name.isupper()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_document_is_read(name: str) -> None:
    assert read_document(EXAMPLES[name].encode())


def test_the_document_does_break_some() -> None:
    def is_broken(text: str) -> bool:
        try:
            json.loads(text)
        except ValueError:
            return True
        return False

    broken = {name for name, text in EXAMPLES.items() if is_broken(text)}
    assert broken == {"SMS_STATUS_SUCCESS", "BALANCE_SUCCESS", "CAMPAIGN_TOP_UP_REQUEST"}


def test_what_is_too_long_is_not_mended() -> None:
    filling = " " * MAX_REPAIR
    assert read_document(f'{{"a": 1{filling}}}'.encode()) == {"a": 1}
    assert read_document(f'{{"a": 1,{filling}}}'.encode()) is None


# --- properties ------------------------------------------------------------------------------------------------------

_names = st.text(min_size=1, max_size=8).filter(lambda name: name == name.strip())
_numbers = st.integers(-(10**12), 10**12) | st.decimals(places=2, allow_nan=False, allow_infinity=False).map(str)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(_names, _values, min_size=1, max_size=5)


@given(documents)
@settings(deadline=None)
def test_json_that_is_whole_stays_as_it_is(document: dict[str, Any]) -> None:
    for text in (json.dumps(document), json.dumps(document, indent=2, ensure_ascii=False)):
        assert repair(text) == text
        assert read_document(text.encode()) == document


class _Breaker:
    """Writes JSON with the document's own slips, by a source of chance."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.broken = 0

    def write(self, value: object) -> str:
        if isinstance(value, dict):
            pairs = [f"{json.dumps(self._name(name))}: {self.write(inner)}" for name, inner in value.items()]
            text = pairs[0] if pairs else ""
            for pair in pairs[1:]:
                text += (" \n" if self._slips() else ", ") + pair
            return "{" + text + (",\n" if pairs and self._slips() else "") + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.write, value)) + (", " if value and self._slips() else "") + "]"
        return json.dumps(value, ensure_ascii=False)

    def _name(self, name: str) -> str:
        return f" {name}\t " if self._slips() else name

    def _slips(self) -> bool:
        slips = self._data.draw(st.booleans())
        self.broken += slips
        return slips


@given(documents, st.data())
@settings(deadline=None)
def test_what_is_broken_as_the_document_breaks_it_reads_as_if_whole(
    document: dict[str, Any], data: st.DataObject
) -> None:
    text = _Breaker(data).write(document)
    assert read_document(text.encode()) == document


@given(st.integers(1000, 10**14), st.integers(0, 9999), st.sampled_from(["", "-"]), st.sampled_from([",", "\n}", " ,"]))
def test_thousands_are_read_whole(whole: int, fraction: int, sign: str, after: str) -> None:
    number = f"{sign}{whole:,}.{fraction}"
    rest = after if "}" in after else f'{after} "b": 2}}'
    document = read_document(f'{{"a": {number}{rest}'.encode())
    assert document is not None
    assert document["a"] == number


@given(st.binary(max_size=300) | st.text(alphabet='{}[]:," \n\\0123456789.eE-anrultfs', max_size=60).map(str.encode))
@settings(max_examples=1000, deadline=None)
def test_the_reader_is_total(body: bytes) -> None:
    document = read_document(body)
    assert document is None or isinstance(document, dict)
    json.dumps(document, ensure_ascii=False).encode()  # fit to be stored


@given(st.text(alphabet='{}[]:," \n\\0123456789.eE-anrultfs', max_size=60))
@settings(max_examples=1000, deadline=None)
def test_mending_adds_and_takes_away_nothing_but_commas_and_quotes(text: str) -> None:
    assert re.sub('[,"]', "", repair(text)) == re.sub('[,"]', "", text)


def test_mending_takes_time_in_proportion() -> None:
    for piece in ('{"a":1 "b":', '"\\', "1,234", '{"a":[1,', '{"a": 1,234,567,', "{" * 9, '"a" '):
        started = time.perf_counter()
        repair(piece * 20_000)
        assert time.perf_counter() - started < 5, piece  # a tenth of a second where it is in proportion
