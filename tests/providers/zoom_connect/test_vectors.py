"""Every line that PHP signed, both ways. Where the lines come from: tests/vectors/README.md."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified
from hookline.providers.zoom_connect.settings import read_settings
from hookline.providers.zoom_connect.verify import canonical, parse_payload, sign, verify
from tests.http_api import FORM, JSON
from tests.providers.zoom_connect.callbacks import encode

VECTORS = Path(__file__).parents[2] / "vectors"
ROUTE = "/zoom-connect/{account}/reply"


class Vector(NamedTuple):
    """A line: its parameters in bytes, and how they travel where the line says so."""

    pairs: list[tuple[bytes, bytes]]
    raw: bytes
    secret: bytes
    canonical: bytes
    checksum: str


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (VECTORS / f"{name}.jsonl").read_text().splitlines()]


def of_texts(line: dict[str, Any]) -> Vector:
    pairs = [(name.encode(), value.encode()) for name, value in line["params"]]
    return of_pairs(line, pairs)


def of_bytes(line: dict[str, Any]) -> Vector:
    return of_pairs(line, [(bytes.fromhex(name), bytes.fromhex(value)) for name, value in line["params_hex"]])


def of_pairs(line: dict[str, Any], pairs: list[tuple[bytes, bytes]]) -> Vector:
    raw = encode(pairs).encode()
    return Vector(pairs, raw, line["secret"].encode(), line["canonical"].encode(), line["checksum"])


def of_raw(line: dict[str, Any]) -> Vector:
    pairs = list(parse_payload(line["canonical"]).items())
    return Vector(pairs, line["raw"].encode(), line["secret"].encode(), line["canonical"].encode(), line["checksum"])


@cache
def vectors() -> list[Any]:
    named = [(f"{line['tag']}-{number}", of_texts(line)) for number, line in enumerate(lines("checksums"), 1)]
    named += [(f"bytes-{number}", of_bytes(line)) for number, line in enumerate(lines("checksums_bytes"), 1)]
    named += [(f"raw-{number}", of_raw(line)) for number, line in enumerate(lines("query_strings"), 1)]
    return [pytest.param(vector, id=name) for name, vector in named]


each_vector = pytest.mark.parametrize("vector", vectors())
php_or_either = pytest.mark.parametrize("form", ["php", "either"])


def asked(request: Request, secret: bytes, now: float = 0.0, **settings: str) -> Verdict:
    return verify(request, ReceivingAccount("acme-za", (secret,), read_settings(settings)), now)


def in_query(raw: bytes, checksum: str) -> Request:
    return Request(raw + b"&checksum=" + checksum.encode(), b"", {}, {}, ROUTE)


def in_body(raw: bytes, checksum: str) -> Request:
    return Request(b"", raw + b"&checksum=" + checksum.encode(), {"content-type": FORM}, {}, ROUTE)


def in_json(pairs: list[tuple[bytes, bytes]], checksum: str) -> Request:
    document = {name.decode(): value.decode() for name, value in pairs}
    body = json.dumps({**document, "checksum": checksum}).encode()
    return Request(b"", body, {"content-type": JSON}, {}, ROUTE)


def is_signed(verdict: Verdict) -> bool:
    """The signature is looked at before anything else: any other verdict is that of a request that is signed."""
    return isinstance(verdict, Verified) or verdict.reason is not Reason.SIGNATURE


def spoilt(checksum: str) -> str:
    return checksum[:-1] + ("0" if checksum[-1] != "0" else "1")


def test_no_line_is_left_out() -> None:
    in_files = sum(len(lines(name)) for name in ("checksums", "checksums_bytes", "query_strings"))
    assert len(vectors()) == in_files > 200


@each_vector
def test_our_signer_makes_phps_checksum(vector: Vector) -> None:
    assert canonical(vector.pairs) == vector.canonical
    assert sign(vector.pairs, vector.secret) == vector.checksum
    assert sign(reversed(vector.pairs), vector.secret) == vector.checksum


@php_or_either
@each_vector
def test_we_verify_phps_checksum_in_a_query_string(vector: Vector, form: str) -> None:
    assert is_signed(asked(in_query(vector.raw, vector.checksum), vector.secret, canonical_form=form))
    assert not is_signed(asked(in_query(vector.raw, spoilt(vector.checksum)), vector.secret, canonical_form=form))


@php_or_either
@each_vector
def test_we_verify_phps_checksum_in_a_form_body(vector: Vector, form: str) -> None:
    assert is_signed(asked(in_body(vector.raw, vector.checksum), vector.secret, canonical_form=form))
    assert not is_signed(asked(in_body(vector.raw, spoilt(vector.checksum)), vector.secret, canonical_form=form))


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{line['tag']}") for line in lines("checksums")])
def test_we_verify_phps_checksum_in_a_json_body(line: dict[str, Any]) -> None:
    vector = of_texts(line)
    assert is_signed(asked(in_json(vector.pairs, vector.checksum), vector.secret))
    assert not is_signed(asked(in_json(vector.pairs, spoilt(vector.checksum)), vector.secret))


@each_vector
def test_no_line_verifies_with_another_secret(vector: Vector) -> None:
    assert not is_signed(asked(in_query(vector.raw, vector.checksum), vector.secret + b"x"))


def moment_of(vector: Vector) -> float | None:
    """The moment that the line's `nonce-date` names, read here and not by the code under test; None for none."""
    named = dict(vector.pairs)
    if not named.get(b"nonce"):
        return None
    try:
        local = datetime.strptime(named.get(b"nonce-date", b"").decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (local - timedelta(hours=2)).timestamp()


def with_a_moment() -> list[Any]:
    return [param for param in vectors() if moment_of(param.values[0]) is not None]


@pytest.mark.parametrize("vector", with_a_moment())
def test_a_line_with_a_nonce_is_accepted_whole_in_its_time(vector: Vector) -> None:
    moment = moment_of(vector)
    assert moment is not None
    verdict = asked(in_body(vector.raw, vector.checksum), vector.secret, now=moment)
    assert isinstance(verdict, Verified)
    assert verdict.identity.encode("latin-1") == dict(vector.pairs)[b"nonce"]
    assert parse_payload(verdict.payload) == dict(vector.pairs)
    late = asked(in_body(vector.raw, vector.checksum), vector.secret, now=moment + 31)
    assert isinstance(late, Refused)
    assert late.reason is Reason.EXPIRED


def test_there_are_lines_with_a_nonce() -> None:
    assert len(with_a_moment()) >= 30
