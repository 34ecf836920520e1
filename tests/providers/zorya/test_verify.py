"""What is particular to Zorya's signed requests; what every provider must stand up to is in test_conformance."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from hookline.accounts import receiving_account
from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified, Warned
from hookline.errors import AccountSettingsError
from hookline.providers.zorya import jws
from hookline.providers.zorya import verify as zorya
from hookline.providers.zorya.normalise import read_fields
from hookline.providers.zorya.settings import read_settings
from hookline.receive import read_request
from tests import http_api
from tests.cases import Case, table
from tests.http_api import FORM, JSON, Event
from tests.providers.zorya.callbacks import (
    ROUTES,
    Claims,
    Place,
    decode,
    encode,
    good_claims,
    placed,
    sample_claims,
    sign,
    signed,
    token,
    with_bearer,
)
from tests.samples import MEXICAN_NUMBER, NOW, OLDER_SECRET, SECRET, TEXT, WRONG_SECRET

EVERY = ["HS256", "HS384", "HS512"]
DAY = 86_400.0
each_place = pytest.mark.parametrize("place", ["body", "field", "form", "header"])
each_kind = pytest.mark.parametrize("kind", ["mo", "mt", "push_status"])


def asked(event: Event, now: float = NOW, *, secrets: tuple[str, ...] = (SECRET,), **settings: Any) -> Verdict:
    request = read_request(event)
    assert isinstance(request, Request)
    account = ReceivingAccount("acme-za", tuple(secret.encode() for secret in secrets), read_settings(settings))
    return zorya.verify(request, account, now)


def verified(event: Event, now: float = NOW, **settings: Any) -> Verified:
    verdict = asked(event, now, **settings)
    assert isinstance(verdict, Verified), verdict
    return verdict


def reason(verdict: Verdict) -> Reason | None:
    return verdict.reason if isinstance(verdict, Refused) else None


def identity(event: Event, **settings: Any) -> str:
    return verified(event, **settings).identity


# --- samples ---------------------------------------------------------------------------------------------------------

SAMPLES = (
    Case("mo", "mo", ("mo", "mo:100000001")),
    Case("mt-sent", "mt-sent", ("mt", "mt:200:9DR0lZqiqBFoHGKkYn40")),
    Case("mt-delivered", "mt-delivered", ("mt", "mt:201:9DR0lZqiqBFoHGKkYn40")),
    Case("mt-failed", "mt-failed", ("mt", "mt:-208:oarZnxrH1zYFLzWPchx4")),
    Case("push-status", "push-status", ("push_status", "push_status:103:txID12345")),
)


@table("case", SAMPLES)
def test_a_sample_verifies_at_any_time(case: Case[str, tuple[str, str]]) -> None:
    event = http_api.load("receive_zorya", case.given)
    for now in (0.0, NOW, NOW + 3650 * DAY):
        verdict = verified(event, now)
        assert (verdict.kind, verdict.identity, verdict.warnings) == (*case.expected, ())


# --- where the token stands ------------------------------------------------------------------------------------------


@each_kind
@each_place
def test_a_token_may_stand_in_any_place(kind: str, place: Place) -> None:
    verdict = verified(signed(kind, good_claims(kind), place=place))
    assert verdict == verified(signed(kind, good_claims(kind), place="body"))


@pytest.mark.parametrize("field", ["token", "jwt", "data"])
@pytest.mark.parametrize("place", ["field", "form"])
def test_a_token_may_stand_in_a_field_of_three_names(field: str, place: Place) -> None:
    assert verified(placed("mo", token(good_claims("mo")), place=place, field=field)).identity == "mo:tx-000000001"


@pytest.mark.parametrize("field", ["Token", "id_token", "payload", "tokens"])
@pytest.mark.parametrize("place", ["field", "form"])
def test_a_token_in_another_field_is_none(field: str, place: Place) -> None:
    assert reason(asked(placed("mo", token(good_claims("mo")), place=place, field=field))) is Reason.SIGNATURE


@pytest.mark.parametrize("content_type", [None, "application/jwt", "text/plain", JSON, FORM, "multipart/form-data"])
def test_a_token_that_is_the_body_is_taken_whatever_the_content_type(content_type: str | None) -> None:
    event = placed("mo", token(good_claims("mo")), content_type=content_type)
    assert verified(event).kind == "mo"


def test_blanks_around_a_token_are_none_of_it() -> None:
    made = token(good_claims("mo"))
    bodies = [f"\r\n {made}\n", json.dumps({"token ": f" {made} "}), f"jwt=+{made}%0A"]
    events = [http_api.with_body(placed("mo", ""), body.encode(), None) for body in bodies]
    events.append(with_bearer(placed("mo", ""), f"  {made}"))
    assert {identity(event) for event in events} == {"mo:tx-000000001"}


BEARERS = (
    Case("in lower case", "bearer {}", "mo:tx-000000001"),
    Case("twice the same", "Bearer {0}, Bearer {0}", "mo:tx-000000001"),
    Case("beside another scheme", "Basic dXNlcjpwYXNz, Bearer {}", "mo:tx-000000001"),
    Case("another scheme", "Basic {}", None),
    Case("no scheme", "{}", None),
    Case("no token", "Bearer", None),
    Case("an opaque token", "Bearer d4d2089a5f49a7273a3be8e9d1fe403c3eeda304", None),
)


@table("case", BEARERS)
def test_an_authorization_header_is_read_as_rfc_6750_has_it(case: Case[str, str | None]) -> None:
    event = placed("mo", "")
    event["headers"]["authorization"] = case.given.format(token(good_claims("mo")))
    verdict = asked(event)
    assert (verdict.identity if isinstance(verdict, Verified) else None) == case.expected


LOCATIONS: tuple[Case[tuple[str, Place], bool], ...] = tuple(
    Case(f"{location}: {place}", (location, place), location in {"auto", "field" if place == "form" else place})
    for location in ("auto", "body", "field", "header")
    for place in ("body", "field", "form", "header")
)


@table("case", LOCATIONS)
def test_a_token_is_taken_where_jwt_location_says_and_nowhere_else(case: Case[tuple[str, Place], bool]) -> None:
    location, place = case.given
    verdict = asked(signed("mo", good_claims("mo"), place=place), jwt_location=location)
    assert isinstance(verdict, Verified) is case.expected
    assert reason(verdict) is (None if case.expected else Reason.SIGNATURE)


@each_place
@pytest.mark.parametrize("location", ["auto", "body", "field", "header"])
@pytest.mark.parametrize("second", ["another good one", "one that nobody signed"])
def test_two_different_tokens_are_refused_wherever_they_stand(place: Place, location: str, second: str) -> None:
    other = token(good_claims("mo", number=2), SECRET if second == "another good one" else WRONG_SECRET)
    good = token(good_claims("mo"))
    event = placed("mo", good, place=place)
    if place == "header":
        event["headers"]["authorization"] += f", Bearer {other}"
    else:
        event = with_bearer(event, other)
    assert reason(asked(event, jwt_location=location)) is Reason.MALFORMED


@each_place
def test_one_token_in_two_places_is_one_token(place: Place) -> None:
    good = token(good_claims("mo"))
    assert identity(with_bearer(placed("mo", good, place=place), good)) == "mo:tx-000000001"


def test_what_is_no_token_beside_one_does_not_count() -> None:
    good = token(good_claims("mo"))
    body = json.dumps({"jwt": "no token", "token": good, "data": None, "x": good[:-1]}).encode()
    event = http_api.with_body(placed("mo", ""), body, JSON)
    event["headers"]["authorization"] = "Bearer an-api-key"
    assert identity(event) == "mo:tx-000000001"


def test_fields_beside_a_token_are_not_taken() -> None:
    body = {"token": token(good_claims("mo")), "txID": "forged", "message": "forged"}
    verdict = verified(http_api.with_body(placed("mo", ""), json.dumps(body).encode(), JSON), allow_unsigned=True)
    assert "forged" not in verdict.payload
    assert verdict.warnings == ()


# --- signatures and algorithms ---------------------------------------------------------------------------------------


def bare(header: Mapping[str, Any] | str, signature: str | None = None) -> Event:
    """A token with this header, signed with HS256 or as given."""
    made = token(good_claims("mo"), header=header)
    return placed("mo", made if signature is None else made.rpartition(".")[0] + "." + signature)


def keyed_with(key: str) -> Event:
    return placed("mo", token(good_claims("mo"), key))


PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvZ1TkTtGxY4HkM3hWbVw9N8w0qvYfOeVQbX0mS7y1K acme"
JWK = '{"kty": "oct", "k": "c2VjcmV0"}'

FORGED: tuple[Case[Event, dict[str, Any]], ...] = (
    Case("none", bare({"alg": "none"}, ""), {}),
    Case("none, with a signature", bare({"alg": "none"}), {}),
    Case("None", bare({"alg": "None"}, ""), {}),
    Case("nOnE", bare({"alg": "nOnE"}), {}),
    *(
        Case(f"{name}, signed as HS256", bare({"alg": name}), {"algorithms": EVERY})
        for name in ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "EdDSA", "HS1", "hs256", "")
    ),
    Case("no algorithm", bare({"typ": "JWT"}), {}),
    Case("null for an algorithm", bare({"alg": None}), {}),
    Case("a list of algorithms", bare({"alg": ["HS256"]}), {}),
    Case("an object for an algorithm", bare({"alg": {"HS256": 1}}), {}),
    Case("HS512, which the account does not allow", placed("mo", token(good_claims("mo"), algorithm="HS512")), {}),
    Case("HS256, where HS512 is wanted", placed("mo", token(good_claims("mo"))), {"algorithms": ["HS512"]}),
    Case("HS256 said to be HS512", bare({"alg": "HS512"}), {"algorithms": EVERY}),
    Case("crit of a name that we don't know", bare({"alg": "HS256", "crit": ["exp"], "exp": 1}), {}),
    Case("crit of b64", bare({"alg": "HS256", "crit": ["b64"], "b64": True}), {}),
    Case("crit that is empty", bare({"alg": "HS256", "crit": []}), {}),
    Case("crit that is null", bare({"alg": "HS256", "crit": None}), {}),
    Case("crit with a blank", bare({"alg": "HS256", "crit ": ["exp"]}), {}),
    Case("b64 that is false", bare({"alg": "HS256", "b64": False}), {}),
    Case("kid that is a number", bare({"alg": "HS256", "kid": 1}), {}),
    Case("a key of the token's own", bare({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}, sign("x", "\0")), {}),
    Case("a public key as the secret", keyed_with(PUBLIC_KEY), {"secrets": (PUBLIC_KEY,)}),
    Case("an SSH key as the secret", keyed_with(SSH_KEY), {"secrets": (SSH_KEY,)}),
    Case("a JWK as the secret", keyed_with(JWK), {"secrets": (JWK,)}),
    Case("the secret's other encoding", keyed_with(encode(SECRET)), {}),
    Case("no signature", bare({"alg": "HS256"}, ""), {}),
    Case("half a signature", bare({"alg": "HS256"}, "AAAA"), {}),
    Case("a signature of another length", bare({"alg": "HS256"}, sign("x", SECRET)[:-4]), {}),
    Case("a signature that is no base64", bare({"alg": "HS256"}, "A"), {}),
)


@table("case", FORGED)
def test_a_forged_token_is_refused_whatever_the_settings(case: Case[Event, dict[str, Any]]) -> None:
    assert reason(asked(case.given, **case.expected)) is Reason.SIGNATURE


SHAPES_OF_NO_TOKEN = (
    Case("two parts", "eyJhbGciOiJIUzI1NiJ9.e30", Reason.SIGNATURE),
    Case("four parts", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA", Reason.SIGNATURE),
    Case("five parts, as of a JWE", "eyJhbGciOiJIUzI1NiJ9.AAAA.AAAA.AAAA.AAAA", Reason.SIGNATURE),
    Case("an empty header", ".e30.AAAA", Reason.SIGNATURE),
    Case("empty claims", "eyJhbGciOiJIUzI1NiJ9..AAAA", Reason.SIGNATURE),
    Case("padding", "eyJhbGciOiJIUzI1NiJ9.e30=.AAAA", Reason.SIGNATURE),
    Case("the other base64", "eyJhbGciOiJIUzI1NiJ9.e30.AA+/", Reason.SIGNATURE),
    Case("a blank inside", "eyJhbGciOiJIUzI1NiJ9. e30.AAAA", Reason.SIGNATURE),
    Case("a header that is no base64", "e.e30.AAAA", Reason.SIGNATURE),
    Case("a header that is not UTF-8", f"{encode(b'\xff')}.e30.AAAA", Reason.SIGNATURE),
    Case(
        "JSON without signature",
        '{"payload": "e30", "protected": "eyJhbGciOiJIUzI1NiJ9", "signature": "AAAA"}',
        Reason.SIGNATURE,
    ),
)


@table("case", SHAPES_OF_NO_TOKEN)
def test_what_has_no_shape_of_a_token_is_refused(case: Case[str, Reason]) -> None:
    assert reason(asked(placed("mo", case.given))) is case.expected


HEADERS_THAT_ARE_NO_OBJECT = ("[]", "1", '"alg"', "null", "", "{", '{"alg": NaN}', '{"a":' * 2000, '{"a": [[[' * 5)


@pytest.mark.parametrize("header", HEADERS_THAT_ARE_NO_OBJECT)
def test_a_header_that_is_no_json_object_is_refused(header: str) -> None:
    made = token(good_claims("mo"), header=header) if header else ".e30.AAAA"
    assert reason(asked(placed("mo", made))) in {Reason.SIGNATURE, Reason.MALFORMED}


def test_a_header_nested_too_deeply_is_refused() -> None:
    deep = '{"alg": "HS256", "a": ' + "[" * 16 + "]" * 16 + "}"
    verdict = asked(placed("mo", token(good_claims("mo"), header=deep)))
    assert verdict == Refused(Reason.MALFORMED, "the token's header: nested more than 16 levels deep")
    shallow = '{"alg": "HS256", "a": ' + "[" * 15 + "]" * 15 + "}"
    assert verified(placed("mo", token(good_claims("mo"), header=shallow))).kind == "mo"


@each_place
def test_a_huge_token_is_refused_in_every_place(place: Place) -> None:
    largest = token({"txID": "1", "message": "x" * 12_180, "msisdn": "1"})
    assert len(largest) <= 16 * 1024 < len(largest) + 64
    assert verified(placed("mo", largest, place=place)).identity == "mo:1"
    huge = token({"txID": "1", "message": "x" * 12_280, "msisdn": "1"})
    assert reason(asked(placed("mo", huge, place=place))) is Reason.TOO_LARGE


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("secret", [SECRET, OLDER_SECRET])
def test_every_allowed_algorithm_verifies_with_every_live_secret(algorithm: str, secret: str) -> None:
    event = placed("mo", token(good_claims("mo"), secret, algorithm=algorithm))
    assert verified(event, secrets=(SECRET, OLDER_SECRET), algorithms=EVERY).identity == "mo:tx-000000001"


def test_a_secret_that_can_not_be_used_leaves_the_other_alive() -> None:
    assert verified(keyed_with(SECRET), secrets=(PUBLIC_KEY, SECRET)).kind == "mo"
    assert reason(asked(keyed_with(PUBLIC_KEY), secrets=(PUBLIC_KEY, SECRET))) is Reason.SIGNATURE


UNUSABLE_SECRETS = (PUBLIC_KEY, SSH_KEY, JWK, f"\n {PUBLIC_KEY}", f" {SSH_KEY}", "  ")


@pytest.mark.parametrize(
    "secret", UNUSABLE_SECRETS, ids=["PEM", "SSH", "JWK", "PEM, indented", "SSH, indented", "blanks"]
)
@pytest.mark.parametrize("beside", [(), (SECRET,)], ids=["alone", "beside a good one"])
def test_an_account_with_a_public_key_for_a_secret_can_not_be_used(secret: str, beside: tuple[str, ...]) -> None:
    document = {"provider": "zorya", "signing_secrets": [*beside, secret]}
    with pytest.raises(AccountSettingsError, match="signing_secrets: must hold secrets shared with Zorya") as caught:
        receiving_account(zorya.CALLBACKS, "acme-mx", document)
    assert secret.strip()[:20] not in str(caught.value).replace("a public key", "") or not secret.strip()


SHORT = (
    Case("31 bytes for HS256", ("x" * 31, "HS256"), (Warned.SHORT_SECRET,)),
    Case("32 bytes for HS256", ("x" * 32, "HS256"), ()),
    Case("32 bytes for HS384", ("x" * 32, "HS384"), (Warned.SHORT_SECRET,)),
    Case("48 bytes for HS384", ("x" * 48, "HS384"), ()),
    Case("63 bytes for HS512", ("x" * 63, "HS512"), (Warned.SHORT_SECRET,)),
    Case("64 bytes for HS512", ("x" * 64, "HS512"), ()),
    Case("1 byte", ("x", "HS256"), (Warned.SHORT_SECRET,)),
    Case("16 characters of 2 bytes", ("ñ" * 16, "HS256"), ()),
)


@table("case", SHORT)
def test_a_secret_shorter_than_the_hash_is_taken_with_a_warning(
    case: Case[tuple[str, str], tuple[Warned, ...]],
) -> None:
    secret, algorithm = case.given
    event = placed("mo", token(good_claims("mo"), secret, algorithm=algorithm))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python's own warning must not come with every request
        assert verified(event, secrets=(secret,), algorithms=EVERY).warnings == case.expected


def test_the_warning_is_about_the_secret_that_matched() -> None:
    assert verified(keyed_with("short"), secrets=(SECRET, "short")).warnings == (Warned.SHORT_SECRET,)
    assert verified(keyed_with(SECRET), secrets=("short", SECRET)).warnings == ()


# --- time ------------------------------------------------------------------------------------------------------------

WINDOW = 30 * DAY
TIMES: tuple[Case[Claims | str, Reason | None], ...] = (
    Case("exp to come", {"exp": NOW + 1}, None),
    Case("exp now", {"exp": NOW}, None),
    Case("exp within the skew", {"exp": NOW - 29}, None),
    Case("exp past the skew", {"exp": NOW - 30}, Reason.EXPIRED),
    Case("exp in text", {"exp": str(int(NOW - 3600))}, Reason.EXPIRED),
    Case("exp in text, to come", {"exp": f" {int(NOW + 60)} "}, None),
    Case("exp with a fraction", {"exp": NOW - 29.5}, None),
    Case("exp with an exponent", '{"exp": 1.795334e9}', Reason.EXPIRED),
    Case("exp of 0", {"exp": 0}, Reason.EXPIRED),
    Case("exp below 0", {"exp": -1}, Reason.EXPIRED),
    Case("exp in ten thousand years", {"exp": 10**15 - 1}, None),
    Case("exp that is null", {"exp": None}, None),
    Case("nbf past", {"nbf": 0}, None),
    Case("nbf within the skew", {"nbf": NOW + 30}, None),
    Case("nbf past the skew", {"nbf": NOW + 31}, Reason.TOO_FAR_AHEAD),
    Case("nbf that is null", {"nbf": None}, None),
    Case("iat now", {"iat": NOW}, None),
    Case("iat within the skew", {"iat": NOW + 30}, None),
    Case("iat past the skew", {"iat": NOW + 31}, Reason.TOO_FAR_AHEAD),
    Case("iat within the replay window", {"iat": NOW - WINDOW}, None),
    Case("iat within the replay window and the skew", {"iat": NOW - WINDOW - 29}, None),
    Case("iat before the replay window", {"iat": NOW - WINDOW - 30}, Reason.EXPIRED),
    Case("iat before the replay window, exp to come", {"iat": 1, "exp": NOW + 1}, Reason.EXPIRED),
    Case("none of them", {}, None),
    Case("times of the callback itself", {"data": {"exp": 1}, "response": {"nbf": NOW + 9999}}, None),
)


@table("case", TIMES)
def test_times_are_honoured_where_they_are_there(case: Case[Claims | str, Reason | None]) -> None:
    claims = case.given if isinstance(case.given, str) else {**good_claims("mo"), **case.given}
    assert reason(asked(placed("mo", token(claims)))) is case.expected


@pytest.mark.parametrize("skew", [0, 1, 3600])
def test_the_clocks_may_differ_by_clock_skew(skew: int) -> None:
    event = signed("mo", {**good_claims("mo"), "iat": NOW, "nbf": NOW, "exp": NOW + 10})
    assert reason(asked(event, NOW - skew - 1, clock_skew=skew)) is Reason.TOO_FAR_AHEAD
    assert reason(asked(event, NOW - skew, clock_skew=skew)) is None
    assert reason(asked(event, NOW + 9 + skew, clock_skew=skew)) is None
    assert reason(asked(event, NOW + 10 + skew, clock_skew=skew)) is Reason.EXPIRED


def test_the_replay_window_is_the_accounts_and_what_the_journal_is_told() -> None:
    event = signed("mo", {**good_claims("mo"), "iat": NOW})
    assert reason(asked(event, NOW + 3600, replay_window=3600)) is None
    assert reason(asked(event, NOW + 3630, replay_window=3600)) is Reason.EXPIRED
    assert zorya.CALLBACKS.replay_window(read_settings({})) == 30 * 86_400
    assert zorya.CALLBACKS.replay_window(read_settings({"replay_window": 3600})) == 3600


# --- which callback it is --------------------------------------------------------------------------------------------

MO = {"txID": "T1", "msisdn": MEXICAN_NUMBER, "message": TEXT}
MT = {"code": 200, "message": "SMS sent successfully", "txID": "T1", "response": None, "error": None}
PUSH = {"MSISDN": MEXICAN_NUMBER, "amount": 20, "status": "103", "txID": "T1"}

KINDS: tuple[Case[Claims, str | None], ...] = (
    Case("an MO", MO, "mo"),
    Case("an MO with no text", {**MO, "message": ""}, "mo"),
    Case("an MO without txID", {"msisdn": "1", "message": "x"}, "mo"),
    Case("an MO with a status", {**MO, "status": 1, "amount": 1}, "mo"),
    Case("an MT", MT, "mt"),
    Case("an MT without message", {"code": 201, "txID": "T1"}, "mt"),
    Case("an MT that is flat", {**MT, "msisdn": "1"}, "mt"),
    Case("an MT with a response", {**MT, "response": {"msisdn": "1", "cost": 1}}, "mt"),
    Case("a top-up's status", PUSH, "push_status"),
    Case("a top-up's status in other letters", {"Amount": 1, "STATUS": 1}, "push_status"),
    Case("an MO under data", {"data": MO}, "mo"),
    Case("an MT under payload", {"payload": MT, "iss": "zorya"}, "mt"),
    Case("a top-up under data", {"data": PUSH, "exp": NOW + 60}, "push_status"),
    Case("names with blanks", {"txID ": "T1", " msisdn": "1", "message\t": "x"}, "mo"),
    Case("an MO two levels down", {"data": {"data": MO}}, None),
    Case("an MO under another name", {"body": MO}, None),
    Case("an MO in a text", {"data": json.dumps(MO)}, None),
    Case("an MO without msisdn", {"txID": "T1", "message": "x"}, None),
    Case("an MT whose code is null", {"code": None, "txID": "T1"}, None),
    Case("a top-up's answer", {"code": 200, "txID": "T1", "response": {"status": 100, "amount": 20}}, None),
    Case("an SMS's status query", {"txID": "T1", "msisdn": "1", "cost": 1, "status": 103}, None),
    Case("nothing", {}, None),
    Case("times alone", {"iat": NOW}, None),
)


@table("case", KINDS)
@pytest.mark.parametrize("route", ["mo", "mt", "any"])
def test_the_shape_tells_the_kind_and_only_else_the_route(case: Case[Claims, str | None], route: str) -> None:
    verdict = verified(placed(route, token(case.given)))
    assert verdict.kind == (case.expected or {"any": "unknown"}.get(route, route))


def test_by_the_address_of_a_status_comes_a_status_where_the_claims_say_anything_of_one() -> None:
    path = {"clientID": "C", "txID": "T1", "status": "103"}
    for claims in ({"txID": "T1"}, {"clientID": "C"}, {"MSISDN": "1"}, {"amount": 1}, {"data": {"status": 103}}):
        assert verified(placed("push_status", token(claims), path=path)).kind == "push_status"
    for telling_nothing in ("{}", '{"iat": 1795334400}', '{"hello": "world"}', '{"data": {}}'):
        assert verified(placed("push_status", token(telling_nothing), path=path)).kind == "unknown"


def test_an_unknown_route_leaves_it_to_the_shape() -> None:
    event = {**signed("mo", MO), "routeKey": "$default"}
    assert verified(event).kind == "mo"
    event = {**signed("mo", {"a": 1}), "routeKey": "POST /zorya/{account}/more"}
    assert verified(event).kind == "unknown"


# --- identity --------------------------------------------------------------------------------------------------------

PATH = {"clientID": "C", "txID": "T1", "status": "103"}
SAME: tuple[Case[tuple[Event, ...], str], ...] = (
    Case(
        "an MO, signed again later, by another route, in another place, under data",
        (
            signed("mo", MO),
            signed("mo", {**MO, "iat": NOW, "exp": NOW + 9, "jti": "another"}),
            signed("any", MO),
            signed("mt", MO, place="form"),
            signed("mo", {"data": MO}),
            signed("mo", {**MO, "message": "another text"}),
            signed("mo", {**MO, "txID": " T1 "}),
            signed("push_status", MO, path=PATH),
        ),
        "mo:T1",
    ),
    Case(
        "an MT's status, signed again later, with its code in text",
        (
            signed("mt", MT),
            signed("any", {**MT, "iat": NOW}),
            signed("mt", {**MT, "code": "200"}),
            signed("mt", {**MT, "code": " 200 "}),
            signed("mt", {**MT, "code": 200.0}),
            signed("mt", {**MT, "response": {"cost": 1}, "message": "sent"}),
            signed("mt", {"payload": MT}),
            signed("mt", {"txID": "T1", "data": {"code": 200}}),
        ),
        "mt:200:T1",
    ),
    Case("a failed MT", (signed("mt", {**MT, "code": -208}), signed("mt", {**MT, "code": "-208"})), "mt:-208:T1"),
    Case(
        "a top-up's status, confirmed, half confirmed and unconfirmed",
        (
            signed("push_status", PUSH, path=PATH),
            signed("any", PUSH),
            signed("push_status", {**PUSH, "iat": NOW, "status": 103}, path=PATH),
            signed("push_status", {**PUSH, "status": "Successful"}, path=PATH),
            signed("push_status", {"MSISDN": "1", "txID": "T1"}, path=PATH),
            signed("push_status", {"MSISDN": "1"}, path=PATH),
            signed("push_status", {"MSISDN": "1"}, path={**PATH, "status": "successful"}),
            signed("push_status", {"MSISDN": "1"}, path={**PATH, "clientID": "another"}),
        ),
        "push_status:103:T1",
    ),
    Case(
        "a txID that is a number",
        (signed("mo", {**MO, "txID": 100000001}), signed("mo", {**MO, "txID": "100000001"})),
        "mo:100000001",
    ),
)


@table("case", SAME)
def test_a_callback_keeps_its_identity(case: Case[tuple[Event, ...], str]) -> None:
    assert [identity(event) for event in case.given] == [case.expected] * len(case.given)


def test_no_two_callbacks_share_an_identity() -> None:
    events = [
        signed("mo", MO),
        signed("mo", {**MO, "txID": "T2"}),
        signed("mo", {**MO, "txID": "t1"}),
        signed("mo", {**MO, "txID": "200:T1"}),
        signed("mo", {**MO, "txID": "T 1"}),
        signed("mo", {**MO, "txID": "Tñ"}),
        signed("mo", {**MO, "txID": "T" * 300}),
        signed("mo", {**MO, "txID": "T" * 301}),
        signed("mt", MT),
        signed("mt", {**MT, "code": 201}),
        signed("mt", {**MT, "code": -208}),
        signed("mt", {**MT, "code": "sent"}),
        signed("mt", {**MT, "txID": "T2"}),
        signed("mt", {**MT, "code": "2", "txID": "00:T1"}),
        signed("any", PUSH),
        signed("any", {**PUSH, "status": 200}),
        signed("any", {**PUSH, "status": -1}),
        signed("any", {**PUSH, "txID": "T2"}),
        signed("any", {"txID": "T1"}),
        signed("any", {"txID": "T2"}),
        signed("any", {}),
    ]
    assert len({identity(event) for event in events}) == len(events)


def test_an_identity_is_short_and_of_ascii_whatever_the_txid() -> None:
    for txid in ("T" * 9000, "ñ", "a b", "a\x00b", "\ud800", "漢字"):
        made = identity(placed("mo", token(json.dumps({**MO, "txID": txid}))))
        assert len(made) <= 100
        assert made.isascii()
        assert made.isprintable()


MISSING: tuple[Case[Claims, str], ...] = (
    Case("an MO", {"msisdn": "1", "message": "x"}, "mo"),
    Case("an MT", {"code": 200, "message": "x"}, "mt"),
    Case("a top-up's status", {"amount": 1, "status": 103}, "push_status"),
    Case("an MO whose txID is null", {**MO, "txID": None}, "mo"),
    Case("an MO whose txID is empty", {**MO, "txID": " "}, "mo"),
    Case("an MO whose txID is a list", {**MO, "txID": ["T1"]}, "mo"),
    Case("an MT whose txID is true", {**MT, "txID": True}, "mt"),
    Case("an MT whose code is an object", {**MT, "code": {}}, "mt"),
)


@table("case", MISSING)
def test_without_what_identifies_it_all_of_a_callback_does(case: Case[Claims, str]) -> None:
    verdict = verified(signed("any", case.given))
    assert verdict.kind == case.expected
    assert verdict.identity.startswith("other#")
    again = signed("mo", {"jti": "2", **dict(reversed(case.given.items())), "iat": NOW, "nbf": NOW, "exp": NOW + 9})
    assert identity(again) == verdict.identity
    assert identity(signed("any", {**case.given, "more": 1})) != verdict.identity


def test_what_has_no_identity_of_its_own_is_the_same_by_whatever_address_it_comes() -> None:
    claims = {"hello": "world"}
    events = [signed("push_status", claims, path={"txID": txid}) for txid in ("T1", "T2")]
    assert len({identity(event) for event in [*events, signed("mo", claims), signed("any", claims)]}) == 1


# --- the address and the claims --------------------------------------------------------------------------------------

BINDING: tuple[Case[tuple[Claims, Claims], Reason | None], ...] = (
    Case("all agree", ({**PUSH, "clientID": "C"}, {}), None),
    Case("another clientID", ({**PUSH, "clientID": "D"}, {}), Reason.MISMATCH),
    Case("another txID", (PUSH, {"txID": "T2"}), Reason.MISMATCH),
    Case("another status", (PUSH, {"status": "100"}), Reason.MISMATCH),
    Case("another case of a txID", (PUSH, {"txID": "t1"}), Reason.MISMATCH),
    Case("a status as a number", ({**PUSH, "status": 103}, {}), None),
    Case("a status in words", ({**PUSH, "status": "SUCCESSFUL"}, {}), None),
    Case("another status in words", ({**PUSH, "status": "Rejected"}, {}), Reason.MISMATCH),
    Case("a status that is a list", ({**PUSH, "status": [103]}, {}), Reason.MISMATCH),
    Case("a status below 0", ({**PUSH, "status": -105}, {"status": "-105"}), None),
    Case("a txID as a number", ({**PUSH, "txID": 12345}, {"txID": "12345"}), None),
    Case("a txID as a number, with a zero before it", ({**PUSH, "txID": 12345}, {"txID": "012345"}), Reason.MISMATCH),
    Case("a txID of ñ", ({**PUSH, "txID": "ñ"}, {"txID": "ñ"}), None),
    Case("blanks around", ({**PUSH, "txID ": " T1 ", "txID": None}, {}), None),
    Case("a claim that is null", ({**PUSH, "txID": None}, {}), None),
    Case("a claim that is empty", ({**PUSH, "txID": ""}, {}), Reason.MISMATCH),
    Case("a claim in other letters", ({"amount": 1, "TXID": "T2", "status": 103}, {}), Reason.MISMATCH),
    Case("a claim one level down", ({"data": PUSH}, {"txID": "T2"}), Reason.MISMATCH),
    Case("a claim above the fields", ({"txID": "T2", "data": {"amount": 1, "status": 103}}, {}), Reason.MISMATCH),
    Case(
        "two claims, of which one agrees", ({"clientID": "D", "data": {**PUSH, "clientID": "C"}}, {}), Reason.MISMATCH
    ),
    Case("no claim", ({"MSISDN": "1"}, {}), None),
    Case("an MT of another transaction", ({**MT, "txID": "T2"}, {}), Reason.MISMATCH),
)


@table("case", BINDING)
def test_the_address_of_a_status_must_agree_with_the_claims(case: Case[tuple[Claims, Claims], Reason | None]) -> None:
    claims, path = case.given
    event = placed("push_status", token(_by_blank(claims)), path={**PATH, **path})
    assert reason(asked(event)) is case.expected


def _by_blank(claims: Claims) -> Claims:
    """Leave a name out that stands there with a blank too: twice would be refused."""
    return {name: value for name, value in claims.items() if f"{name} " not in claims}


# --- the payload -----------------------------------------------------------------------------------------------------


def test_the_claims_are_kept_to_the_letter() -> None:
    text = '{ "txID" :"T1","msisdn": "1", "message":"\\u00e9\\/",  "cost": 0.2900, "big": 12345678901234567890 }'
    verdict = verified(placed("mo", token(text)))
    assert verdict.payload == f'{{"signed":true,"claims":{text}}}'


def test_the_values_of_the_address_are_kept_beside_the_claims() -> None:
    event = placed("push_status", token('{"amount": 20.00}'), path={**PATH, "clientID": '"}, "claims": {"amount": 1}'})
    assert read_fields(verified(event).payload) == {
        "signed": True,
        "path": {"clientID": '"}, "claims": {"amount": 1}', "txID": "T1", "status": "103"},
        "claims": {"amount": "20.00"},
    }


def test_neither_token_nor_signature_is_kept() -> None:
    made = token(MO)
    verdict = verified(placed("mo", made))
    kept = "".join(map(str, verdict))
    assert made.rpartition(".")[2] not in kept
    assert made.split(".")[1] not in kept
    assert decode(made.split(".")[1]).decode() in kept


# --- unsigned --------------------------------------------------------------------------------------------------------

UNSIGNED: tuple[Case[str, Reason | None], ...] = (
    Case("an MO", json.dumps(MO), None),
    Case("under data", json.dumps({"data": MO}), None),
    Case("of no known shape", "{}", None),
    Case("a name twice", '{"txID": "1", "txID": "2"}', Reason.MALFORMED),
    Case("expired", json.dumps({**MO, "exp": 1}), Reason.EXPIRED),
    Case("too far ahead", json.dumps({**MO, "iat": NOW + 3600}), Reason.TOO_FAR_AHEAD),
    Case("a bad token", token(MO, WRONG_SECRET), Reason.SIGNATURE),
    Case("a bad token in a field", json.dumps({**MO, "token": token(MO, WRONG_SECRET)}), Reason.SIGNATURE),
    Case("a token of no algorithm", token(MO, header={"alg": "none"}), Reason.SIGNATURE),
    Case("a form", "txID=1&msisdn=1&message=x", Reason.SIGNATURE),
    Case("nothing", "", Reason.SIGNATURE),
)


@table("case", UNSIGNED)
def test_unsigned_json_is_taken_where_the_account_allows_it(case: Case[str, Reason | None]) -> None:
    event = http_api.with_body(placed("any", ""), case.given.encode(), "text/plain")
    assert reason(asked(event)) in {Reason.SIGNATURE, Reason.MALFORMED}
    assert reason(asked(event, allow_unsigned=True)) is case.expected


def test_an_unsigned_callback_has_the_identity_of_a_signed_one_and_says_that_nobody_signed_it() -> None:
    event = http_api.with_body(placed("mo", ""), json.dumps(MO).encode(), JSON)
    verdict = verified(event, allow_unsigned=True)
    assert (verdict.kind, verdict.identity) == ("mo", identity(signed("mo", MO)))
    assert verdict.warnings == (Warned.UNSIGNED,)
    assert read_fields(verdict.payload)["signed"] is False
    assert read_fields(verified(signed("mo", MO)).payload)["signed"] is True


def test_an_unsigned_callback_is_bound_to_its_address_too() -> None:
    event = http_api.with_body(placed("push_status", "", path=PATH), json.dumps({**PUSH, "txID": "T2"}).encode(), JSON)
    assert reason(asked(event, allow_unsigned=True)) is Reason.MISMATCH


def test_a_bad_bearer_token_is_not_made_good_by_allow_unsigned() -> None:
    event = with_bearer(http_api.with_body(placed("mo", ""), json.dumps(MO).encode(), JSON), token(MO, WRONG_SECRET))
    for location in ("auto", "body", "field", "header"):
        assert reason(asked(event, allow_unsigned=True, jwt_location=location)) is Reason.SIGNATURE


# --- the signer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", EVERY)
def test_our_signer_makes_what_rfc_7515_says(algorithm: str) -> None:
    claims = json.dumps(sample_claims("mo"), ensure_ascii=False)
    made = jws.sign(claims, SECRET.encode(), algorithm)
    first, second, mac = made.split(".")
    assert json.loads(decode(first)) == {"alg": algorithm, "typ": "JWT"}
    assert decode(second).decode() == claims
    assert mac == sign(f"{first}.{second}", SECRET, algorithm)


def test_our_signer_puts_more_into_the_header() -> None:
    made = jws.sign("{}", SECRET.encode(), headers={"kid": "1"})
    assert json.loads(decode(made.split(".")[0])) == {"alg": "HS256", "typ": "JWT", "kid": "1"}


def test_the_routes_are_those_that_the_tests_use() -> None:
    assert {route.removeprefix("POST ") for route in ROUTES.values()} == set(zorya.CALLBACKS.routes)
