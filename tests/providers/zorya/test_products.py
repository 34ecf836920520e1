"""Table 3, against the document's own text."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from hookline.providers.zorya.products import PRODUCTS
from tests.cases import Case, table

ROWS = (Path(__file__).parent / "table_3.txt").read_text("utf-8").splitlines()[1:]
"""The document's Table 3, as it stands there, its slips too."""


def test_there_is_a_product_for_every_row_and_no_other() -> None:
    codes = [row.split(" ", 1)[0] for row in ROWS]
    assert list(PRODUCTS) == codes
    assert len(set(codes)) == len(ROWS) == 49


@pytest.mark.parametrize("row", ROWS, ids=[row.split(" ", 1)[0] for row in ROWS])
def test_a_row(row: str) -> None:
    code, description = re.match(r"(\S+) (.*?) \$", row).groups()  # type: ignore[union-attr]  # every row has one
    product = PRODUCTS[code]
    assert product.description == description
    assert set(product.amounts) == {Decimal(amount) for amount in re.findall(r"\$([0-9]+\.[0-9]{2})", row)}
    assert list(product.amounts) == sorted(set(product.amounts))


SLIPS = (
    Case("$10.00 twice", "MOVITA", "10 20 30 50 60 80 100 120 150 200 300 500"),
    Case("no comma between $80.00 and $100.00", "TELTA", "10 20 30 50 80 100 150 200 300 500"),
    Case(
        "no comma between $200.00 and $220.00, one at the end",
        "ABIBTA",
        "35 55 65 80 100 110 117 120 130 140 150 200 220 297 499",
    ),
    Case("$1000.00 without a comma", "UNETA", "10 15 20 30 50 70 100 120 150 200 300 500 1000"),
    Case("another", "ATTTA", "10 15 20 30 50 70 100 120 150 200 300 500 1000"),
)


@table("case", SLIPS)
def test_a_slip_of_the_document(case: Case[str, str]) -> None:
    assert [format(amount, "f") for amount in PRODUCTS[case.given].amounts] == case.expected.split()
