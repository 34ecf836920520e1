"""What must hold of any request at all."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hookline.accounts import Accounts
from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified
from hookline.journal import Written
from hookline.providers.zoom_connect.normalise import read_fields
from hookline.providers.zoom_connect.settings import read_settings
from hookline.providers.zoom_connect.verify import CALLBACKS, canonical, parse_payload, sign, verify
from hookline.receive import Receiver, read_request
from tests.doubles import Clock, Noted, always
from tests.http_api import FORM, JSON
from tests.providers.zoom_connect.callbacks import checksum, encode, good_fields
from tests.samples import NOW, SECRET

ROUTE = "/zoom-connect/{account}/reply"
ACCOUNT = ReceivingAccount("acme-za", (SECRET.encode(),), read_settings({}))
STAMP = [(b"nonce", b"7f1c"), (b"nonce-date", good_fields("reply")["nonce-date"].encode())]
RESERVED = {b"checksum", b"nonce", b"nonce-date"}

type Pair = tuple[bytes, bytes]

names = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(lambda text: text.encode()),
    st.sampled_from(
        [b"from", b"message", b"messageId", b"charset", b"x*y", b"a~b", b"a b", b"nonce-date ", b"Checksum", b""]
    ),
).filter(lambda name: name not in RESERVED)
values = st.one_of(st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode()))
parameters = st.lists(st.tuples(names, values), max_size=8, unique_by=lambda pair: pair[0]).map(lambda it: it + STAMP)


def asked(query: bytes, body: bytes, content_type: str = FORM) -> Verdict:
    return verify(Request(query, body, {"content-type": content_type}, {}, ROUTE), ACCOUNT, NOW)


@st.composite
def in_any_encoding(draw: st.DrawFn, text: bytes) -> bytes:
    """Encode bytes as any sender may: each byte that can stand as it is as it is or in hex of either case."""
    can_stand = set(range(256)) - set(b"&=+%{ \r\n")
    plain = draw(st.integers(0, 2**32))
    out = b""
    for position, byte in enumerate(text):
        choice = (plain >> (position % 16 * 2)) & 3
        if byte == ord(" ") and choice == 0:
            out += b"+"
        elif byte in can_stand and choice < 2:
            out += bytes([byte])
        else:
            out += (b"%%%02X" if choice == 2 else b"%%%02x") % byte
    return out


@given(parameters, st.data(), st.booleans())
def test_what_is_signed_verifies_in_any_order_and_wherever_it_stands(
    pairs: list[Pair],
    data: st.DataObject,
    java: bool,  # noqa: FBT001  # drawn
) -> None:
    mac = checksum(pairs, SECRET, java=java).encode()
    order: Sequence[Pair] = data.draw(st.permutations([*pairs, (b"checksum", mac)]))
    split = data.draw(st.integers(0, len(order)))
    query, body = (encode(part, java=java).encode() for part in (order[:split], order[split:]))
    verdict = asked(query, body)
    assert isinstance(verdict, Verified)
    assert parse_payload(verdict.payload) == dict(pairs)


@given(parameters, st.booleans())
def test_our_signer_agrees_with_the_standard_librarys(pairs: list[Pair], java: bool) -> None:  # noqa: FBT001  # drawn
    assert sign(pairs, SECRET.encode(), java=java) == checksum(pairs, SECRET, java=java)
    assert canonical(pairs, java=java).decode() == encode(sorted(pairs), java=java)


@given(parameters, st.data(), st.booleans())
def test_what_is_signed_verifies_however_the_sender_encodes_it(
    pairs: list[Pair],
    data: st.DataObject,
    java: bool,  # noqa: FBT001  # drawn
) -> None:
    mac = checksum(pairs, SECRET, java=java).encode()
    segments = [
        data.draw(in_any_encoding(name)) + b"=" + data.draw(in_any_encoding(value))
        for name, value in [*pairs, (b"checksum", mac)]
    ]
    verdict = asked(b"&".join(segments), b"")
    assert isinstance(verdict, Verified)
    assert parse_payload(verdict.payload) == dict(pairs)


texts = st.text(max_size=20).filter(lambda text: text.encode("utf-8", "ignore") not in RESERVED)


@given(st.dictionaries(texts.filter(lambda name: name.isprintable()), st.text(max_size=40), max_size=8), st.booleans())
def test_what_is_signed_verifies_in_json(fields: dict[str, str], in_ascii: bool) -> None:  # noqa: FBT001  # drawn
    fields = fields | {name.decode(): value.decode() for name, value in STAMP}
    document = {**fields, "checksum": checksum(fields, SECRET, java=False)}
    verdict = asked(b"", json.dumps(document, ensure_ascii=in_ascii).encode(), JSON)
    assert isinstance(verdict, Verified)
    assert parse_payload(verdict.payload) == {name.encode(): value.encode() for name, value in fields.items()}


@given(parameters, st.data())
def test_a_flipped_byte_changes_nothing_that_is_read_or_is_refused(pairs: list[Pair], data: st.DataObject) -> None:
    order = [*pairs, (b"checksum", checksum(pairs, SECRET, java=False).encode())]
    split = data.draw(st.integers(0, len(order)))
    query, body = (encode(part).encode() for part in (order[:split], order[split:]))
    place = data.draw(st.integers(0, len(query) + len(body) - 1))
    flip = data.draw(st.integers(1, 255))
    flipped = bytearray(query + body)
    flipped[place] ^= flip
    verdict = asked(bytes(flipped[: len(query)]), bytes(flipped[len(query) :]))
    assert isinstance(verdict, Refused) or parse_payload(verdict.payload) == dict(pairs)


@given(parameters, st.data())
def test_a_change_of_the_checksum_is_refused(pairs: list[Pair], data: st.DataObject) -> None:
    mac = checksum(pairs, SECRET, java=False)
    other = data.draw(st.text("0123456789abcdef", min_size=40, max_size=40).filter(lambda text: text != mac))
    verdict = asked(encode([*pairs, (b"checksum", other.encode())]).encode(), b"")
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.SIGNATURE


content_types = st.sampled_from([FORM, JSON, "text/plain", "multipart/form-data", "", "json;form"]) | st.text(
    max_size=10
)


@given(st.binary(max_size=200), st.binary(max_size=200), content_types, st.sampled_from([0.0, NOW, 1e12, -1e12]))
def test_random_bytes_never_raise_and_never_verify(query: bytes, body: bytes, content_type: str, now: float) -> None:
    request = Request(query, body, {"content-type": content_type}, {}, ROUTE)
    assert isinstance(verify(request, ACCOUNT, now), Refused)


@given(parameters, st.binary(max_size=20) | st.from_regex(rb"[0-9]{14}", fullmatch=True), st.floats(-1e15, 1e15))
def test_any_nonce_date_and_any_time_get_a_verdict(pairs: list[Pair], nonce_date: bytes, now: float) -> None:
    signed = [pair for pair in pairs if pair[0] != b"nonce-date"] + [(b"nonce-date", nonce_date)]
    query = encode([*signed, (b"checksum", checksum(signed, SECRET, java=False).encode())]).encode()
    verdict = verify(Request(query, b"", {}, {}, ROUTE), ACCOUNT, now)
    assert isinstance(verdict, Verified) or verdict.reason in {Reason.MALFORMED, Reason.EXPIRED, Reason.TOO_FAR_AHEAD}


charsets = st.sampled_from(
    ["utf-8", "latin-1", "utf-16", "utf-7", "idna", "punycode", "hex", "rot13", "undefined", "mbcs"]
)


@given(parameters, charsets | st.text(max_size=12))
def test_whatever_was_signed_can_be_read_and_written_as_json(pairs: list[Pair], charset: str) -> None:
    signed = [pair for pair in pairs if pair[0] != b"charset"] + [(b"charset", charset.encode("utf-8", "replace"))]
    fields = read_fields(canonical(signed).decode("latin-1"))
    assert json.loads(json.dumps(fields, ensure_ascii=False).encode()) == fields


# --- the whole receiver ----------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(st.sampled_from(["content-type", "authorization", "host"]), content_types | anything)
paths = st.dictionaries(st.sampled_from(["account", "txID"]), st.sampled_from(["acme-za", "nobody", ""]) | anything)
events = st.fixed_dictionaries(
    {},
    optional={
        "version": anything,
        "routeKey": st.sampled_from([f"POST {ROUTE}", "$default", ""]) | anything,
        "rawPath": anything,
        "rawQueryString": st.text(max_size=60) | anything,
        "headers": headers | anything,
        "pathParameters": paths | anything,
        "requestContext": st.fixed_dictionaries({}, optional={"requestId": anything}) | anything,
        "body": st.text(max_size=60) | anything,
        "isBase64Encoded": st.booleans() | anything,
    },
)


class Untouched:
    """A journal that nothing may be written to."""

    store_callback = always(Written.CONFLICT)


def receiver() -> Receiver:
    accounts: Accounts[ReceivingAccount] = Accounts(always({}), always(ACCOUNT), Clock())
    return Receiver(CALLBACKS, accounts, Untouched(), Noted(), Clock())  # type: ignore[arg-type]


@given(events)
@settings(max_examples=300)
def test_any_event_gets_an_answer_and_is_never_taken(event: dict[str, Any]) -> None:
    assert receiver()(event)["statusCode"] in {400, 401}


@given(events)
def test_any_event_is_read_or_refused(event: dict[str, Any]) -> None:
    request = read_request(event)
    if isinstance(request, Refused):
        assert request.reason is Reason.MALFORMED
        return
    assert isinstance(request.query, bytes)
    assert isinstance(request.body, bytes)
    assert all(isinstance(text, str) for text in (*request.headers.values(), *request.path.values(), request.route))
