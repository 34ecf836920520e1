import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from hookline.providers.zoom_connect import normalise, verify
from tests import http_api
from tests.cases import Case
from tests.http_api import JSON, Event
from tests.providers import conformance
from tests.providers.conformance import Fields
from tests.providers.zoom_connect.callbacks import encode, good_fields, placed, signed
from tests.samples import ACCOUNT


class TestZoomConnect(conformance.Conformance):
    provider = verify.CALLBACKS
    normaliser = normalise.CALLBACKS
    kinds: ClassVar[Mapping[str, str]] = {"reply": "sms.received", "delivery_report": "sms.status_updated"}
    unusable_settings: ClassVar[Mapping[str, Any]] = {"timezone": "Africa/Atlantis"}
    good_for = 330.0
    good_from = -30.0

    def fields(self, kind: str, *, at: float, number: int = 1) -> Fields:
        return dict(good_fields(kind, at=at, number=number))

    def request(
        self,
        kind: str,
        fields: Fields,
        *,
        secret: str,
        at: float,  # noqa: ARG002  # the time stands in the fields
        account: str = ACCOUNT,
        signed_as: Fields | None = None,
    ) -> Event:
        return signed(kind, fields, secret=secret, account=account, signed_as=signed_as)

    def without_signature(self, kind: str, fields: Fields, *, account: str = ACCOUNT) -> Event:
        return placed(kind, list(fields.items()), account=account)

    def signature(self, event: Event) -> str:
        return dict(parse_qsl(http_api.body_of(event).decode()))["checksum"]

    def malformed(self, *, at: float) -> Sequence[Case[Event, str]]:
        def reply(**overrides: Any) -> Event:
            return signed("reply", good_fields("reply", at=at, **overrides))

        def sent(body: bytes, content_type: str = JSON) -> Event:
            return http_api.with_body(reply(), body, content_type)

        return (
            Case(
                "the document's own nonce-date of 16 digits", reply(nonce_date="2014051610050102"), "must be 14 digits"
            ),
            Case("nonce-date of 12 digits", reply(nonce_date="202611221005"), "must be 14 digits"),
            Case("nonce-date with other digits than ASCII's", reply(nonce_date="२०२६११२२१००५००"), "must be 14 digits"),
            Case("nonce-date that is empty", reply(nonce_date=""), "must be 14 digits"),
            Case("nonce-date with a sign", reply(nonce_date="+2026112210050"), "must be 14 digits"),
            Case("no nonce-date", reply(nonce_date=None), "must be 14 digits"),
            Case("nonce-date in month 13", reply(nonce_date="20261322100500"), "no moment of the calendar"),
            Case("nonce-date on 29 February of no leap year", reply(nonce_date="20270229100500"), "no moment"),
            Case("nonce-date in the year 0", reply(nonce_date="00000101000000"), "no moment of the calendar"),
            Case("no nonce", reply(nonce=None), "nonce must be there"),
            Case("a nonce that is empty", reply(nonce=""), "nonce must be there"),
            Case("a nonce of 201 bytes", reply(nonce="n" * 201), "1 to 200 bytes"),
            Case("JSON that is none", sent(b'{"from": '), "not JSON"),
            Case("JSON that is not UTF-8", sent(b'{"from": "\xff"}'), "not JSON"),
            Case("JSON nested without end", sent(b'{"a":' + b"[" * 60_000), "not JSON"),
            Case("a JSON list", sent(b'["from"]'), "not an object"),
            Case("a JSON text", sent(b'"from"'), "not an object"),
            Case("an object in JSON", sent(b'{"from": {"number": "1"}}'), "neither a text nor a number"),
            Case("a list in JSON", sent(b'{"from": ["1"]}'), "neither a text nor a number"),
            Case("true in JSON", sent(b'{"from": true}'), "neither a text nor a number"),
            Case("NaN in JSON", sent(b'{"from": NaN}'), "neither a text nor a number"),
            Case("a multipart form", sent(b"--x--", "multipart/form-data; boundary=x"), "multipart"),
        )

    def duplicated(self, *, at: float) -> Sequence[Case[Event, str]]:
        event = signed("reply", good_fields("reply", at=at))
        body = http_api.body_of(event).decode()
        pairs = parse_qsl(body, keep_blank_values=True)
        values = dict(pairs)
        in_json = encode_json([*pairs, ("message", "another")])
        twice = "comes twice with two values"
        return (
            Case("in the body", http_api.with_body(event, f"{body}&message=another".encode()), twice),
            Case("before the signed one", http_api.with_body(event, f"message=another&{body}".encode()), twice),
            Case("in the query string and in the body", http_api.with_query(event, "message=another"), twice),
            Case("with an empty value", http_api.with_query(event, "message"), twice),
            Case("with an encoded name", http_api.with_query(event, "%6Dessage=another"), twice),
            Case("the checksum", http_api.with_query(event, "checksum=" + "0" * 40), twice),
            Case("the nonce", http_api.with_query(event, "nonce=another"), twice),
            Case("in JSON", http_api.with_body(event, in_json, JSON), twice),
            Case(
                "in the query string and in JSON",
                http_api.with_query(http_api.with_body(event, encode_json(pairs), JSON), "message=another"),
                twice,
            ),
            Case(
                "behind a good query string",
                http_api.with_query(event, f"{encode([*values.items()])}&to=1&to=2"),
                twice,
            ),
        )

    def same_identity(self, kind: str, fields: Fields) -> Fields | None:
        return {**fields, "messageId": fields["messageId"] + f"-{len(kind)}"}


def encode_json(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Write a JSON object that may carry a name more than once."""
    return ("{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs) + "}").encode()
