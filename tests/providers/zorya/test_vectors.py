"""Tokens that npm's `jsonwebtoken` made, which is neither ours nor PyJWT; tests/vectors/README.md says how."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verified
from hookline.providers.zorya.jws import sign
from hookline.providers.zorya.settings import ALGORITHMS, read_settings
from hookline.providers.zorya.verify import ROUTES, verify
from tests import redaction
from tests.samples import NOW

VECTORS = Path(__file__).parents[2] / "vectors" / "jwt_jsonwebtoken.jsonl"
SETTINGS = read_settings({"algorithms": list(ALGORITHMS)})

type Vector = dict[str, Any]


@cache
def vectors() -> tuple[Vector, ...]:
    lines = tuple(json.loads(line) for line in VECTORS.read_text().rstrip().split("\n"))
    redaction.mark(redaction.Kind.SECRET, *{line["secret"] for line in lines})
    return lines


def some(*, verifies: bool) -> pytest.MarkDecorator:
    chosen = [vector for vector in vectors() if vector["verifies"] is verifies]
    return pytest.mark.parametrize("vector", chosen, ids=[vector["id"] for vector in chosen])


def account(vector: Vector) -> ReceivingAccount:
    return ReceivingAccount("acme-mx", (vector["secret"].encode(),), SETTINGS)


@some(verifies=True)
@pytest.mark.parametrize("route", ROUTES)
def test_a_token_of_another_implementation_verifies(vector: Vector, route: str) -> None:
    verdict = verify(Request(b"", vector["token"].encode(), {}, {}, route), account(vector), NOW)
    assert isinstance(verdict, Verified)
    assert verdict.payload == f'{{"signed":true,"claims":{vector["claims"]}}}'


@some(verifies=False)
def test_what_another_implementation_makes_is_refused_where_it_must_be(vector: Vector) -> None:
    verdict = verify(Request(b"", vector["token"].encode(), {}, {}, "/zorya/{account}"), account(vector), NOW)
    assert isinstance(verdict, Refused)
    assert verdict.reason is {"expired": Reason.EXPIRED, "not yet": Reason.TOO_FAR_AHEAD}.get(
        vector["id"], Reason.SIGNATURE
    )


PLAIN = [vector for vector in vectors() if vector["verifies"] and list(vector["header"]) == ["alg", "typ"]]


@pytest.mark.parametrize("vector", PLAIN, ids=[vector["id"] for vector in PLAIN])
def test_our_signer_makes_the_same_token(vector: Vector) -> None:
    assert sign(vector["claims"], vector["secret"].encode(), vector["header"]["alg"]) == vector["token"]


def test_the_vectors_cover_every_algorithm_and_what_must_be_refused() -> None:
    verifying = {vector["header"]["alg"] for vector in vectors() if vector["verifies"]}
    refused = {vector["header"]["alg"] for vector in vectors() if not vector["verifies"]}
    assert verifying == set(ALGORITHMS)
    assert refused >= {"none", "RS256", "RS384", "RS512", "PS256", "ES256", "HS256"}
    assert len(vectors()) == 62
