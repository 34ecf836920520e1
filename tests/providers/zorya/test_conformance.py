import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hookline.providers.zorya import normalise, verify
from tests import http_api
from tests.cases import Case
from tests.http_api import FORM, JSON, Event
from tests.providers import conformance
from tests.providers.conformance import Fields
from tests.providers.zorya.callbacks import good_claims, placed, signed, times, token, token_of
from tests.samples import ACCOUNT, NOW


class TestZoryaWithoutTimes(conformance.Conformance):
    """Tokens without `exp`, `nbf` and `iat`: nothing but the journal limits their age."""

    provider = verify.CALLBACKS
    normaliser = normalise.CALLBACKS
    kinds: ClassVar[Mapping[str, str]] = {
        "mo": "sms.received",
        "mt": "sms.status_updated",
        "push_status": "top_up.status_updated",
    }
    unusable_settings: ClassVar[Mapping[str, Any]] = {"algorithms": ["none"]}
    good_for: ClassVar[float | None] = None
    good_from: ClassVar[float | None] = None

    def fields(self, kind: str, *, at: float, number: int = 1) -> Fields:  # noqa: ARG002  # no time stands in them
        return good_claims(kind, number=number)

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
        return http_api.with_body(
            placed(kind, "", account=account, path=fields), json.dumps(fields, ensure_ascii=False).encode(), JSON
        )

    def signature(self, event: Event) -> str:
        return token_of(event).rpartition(".")[2]

    def malformed(self, *, at: float) -> Sequence[Case[Event, str]]:  # noqa: ARG002  # none of them has a good time
        def claiming(claims: str | bytes) -> Event:
            return placed("mo", token(claims))

        def sent(body: bytes, content_type: str = JSON) -> Event:
            return http_api.with_body(placed("mo", ""), body, content_type)

        no_times: tuple[Any, ...] = ("soon", True, [NOW], {}, "1_0", "", "NaN")
        timed = [
            Case(
                f"{name} that is {value!r}", signed("mo", good_claims("mo") | {name: value}), f"{name} is not a number"
            )
            for name in ("exp", "nbf", "iat")
            for value in no_times
        ]
        return (
            *timed,
            Case("claims that are no JSON", claiming('{"txID": '), "the claims: not JSON"),
            Case("claims that are a text", claiming('"txID"'), "the claims: not a JSON object"),
            Case("claims that are a list", claiming("[]"), "the claims: not a JSON object"),
            Case("claims that are a number", claiming("1"), "the claims: not a JSON object"),
            Case("claims that are null", claiming("null"), "the claims: not a JSON object"),
            Case("claims that are a token", claiming(token({"txID": "1"})), "the claims: not JSON"),
            Case("claims with NaN", claiming('{"amount": NaN}'), "the claims: not JSON"),
            Case("claims with Infinity", claiming('{"amount": -Infinity}'), "the claims: not JSON"),
            Case("claims with more behind them", claiming("{} {}"), "the claims: not JSON"),
            Case("claims with a number of 5000 digits", claiming('{"a": %s}' % ("9" * 5000)), "the claims: not JSON"),
            Case("claims that are not UTF-8", claiming(b'{"message": "\xff"}'), "the claims: not UTF-8"),
            Case("claims in UTF-16", claiming("{}".encode("utf-16")), "the claims: not UTF-8"),
            Case("claims with a byte order mark", claiming(b"\xef\xbb\xbf{}"), "the claims: not JSON"),
            Case("claims nested 17 deep", claiming(nested(17)), "the claims: nested more than 16 levels deep"),
            Case(
                "claims nested in lists", claiming('{"a": ' + "[" * 16 + "]" * 16 + "}"), "nested more than 16 levels"
            ),
            Case("claims nested without end", claiming('{"a":' * 2000), "the claims: not JSON"),
            Case("JSON that is none", sent(b'{"token": '), "the body: not JSON"),
            Case("JSON that is not UTF-8", sent(b'{"token": "\xff"}'), "the body is not UTF-8"),
            Case("JSON nested 17 deep", sent(nested(17).encode()), "the body: nested more than 16 levels deep"),
            Case("JSON nested without end", sent(b'{"a":' * 9000), "the body: not JSON"),
            Case("a JSON list", sent(b'["token"]'), "the body: not a JSON object"),
            Case("a JSON text", sent(b'"token"'), "the body: not a JSON object"),
            Case("a form with 101 fields", sent(b"a=1&" * 101, FORM), "more than 100 fields"),
            Case("a body that is not UTF-8", sent(b"\xff\xfe", "application/octet-stream"), "the body is not UTF-8"),
            Case(
                "a txID of 201 characters in the address",
                placed("push_status", token({"amount": 1}), path={"txID": "x" * 201}),
                "txID in the address is longer than 200 characters",
            ),
        )

    def duplicated(self, *, at: float) -> Sequence[Case[Event, str]]:  # noqa: ARG002  # nothing of time is told
        good, other = token(good_claims("mo")), token(good_claims("mo", number=2))
        in_claims = "the claims: a name comes twice"

        def sent(body: str, content_type: str) -> Event:
            return http_api.with_body(placed("mo", ""), body.encode(), content_type)

        return (
            Case("in the claims", placed("mo", token('{"txID": "1", "txID": "2"}')), in_claims),
            Case("in the claims, with a blank", placed("mo", token('{"txID": "1", "txID ": "2"}')), in_claims),
            Case("in the claims, escaped", placed("mo", token('{"txID": "1", "tx\\u0049D": "2"}')), in_claims),
            Case("deep in the claims", placed("mo", token('{"response": [{"a": 1, "a": 1}]}')), in_claims),
            Case(
                "in the token's header",
                placed("mo", token("{}", header='{"alg": "none", "alg": "HS256"}')),
                "the token's header: a name comes twice",
            ),
            Case(
                "in a JSON body",
                sent(f'{{"token": "{good}", "token": "{other}"}}', JSON),
                "the body: a name comes twice",
            ),
            Case("in a form", sent(f"token={good}&token={other}", FORM), "two different tokens"),
            Case("as token and jwt", sent(json.dumps({"token": good, "jwt": other}), JSON), "two different tokens"),
            Case("as a good and a bad token", sent(f"token={good}&jwt={good}0", FORM), "two different tokens"),
        )

    def same_identity(self, kind: str, fields: Fields) -> Fields | None:  # noqa: ARG002  # the identity alone decides
        return None


class TestZorya(TestZoryaWithoutTimes):
    """Tokens that say when they were made and until when they are good."""

    good_for = 329.0
    good_from = -30.0

    def fields(self, kind: str, *, at: float, number: int = 1) -> Fields:
        return {**good_claims(kind, number=number), **times(at)}


def nested(levels: int) -> str:
    """Write a JSON object of so many levels."""
    return '{"a":' * levels + "1" + "}" * levels
