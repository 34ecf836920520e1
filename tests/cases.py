"""Rows of tables."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest


class Case[Given, Expected](NamedTuple):
    """One row: what it is called, what goes in, what must come out."""

    id: str
    given: Given
    expected: Expected


def table(argument: str, cases: Iterable[Case[Any, Any]]) -> pytest.MarkDecorator:
    """Parametrize a test by cases, each under its own id."""
    rows: Sequence[Case[Any, Any]] = list(cases)
    return pytest.mark.parametrize(argument, rows, ids=[case.id for case in rows])
