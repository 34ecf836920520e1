"""What must hold of any request at all."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from hookline.accounts import Accounts
from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified
from hookline.errors import UnrecognisedError
from hookline.events import CallbackUnrecognised, Happening
from hookline.journal import Written
from hookline.providers.zorya.claims import MAX_DEPTH
from hookline.providers.zorya.jws import sign
from hookline.providers.zorya.normalise import CALLBACKS as NORMALISER
from hookline.providers.zorya.normalise import normalise, read_fields
from hookline.providers.zorya.settings import ALGORITHMS, JWT_LOCATIONS, read_settings
from hookline.providers.zorya.verify import CALLBACKS, ROUTES, verify
from hookline.publish import Publisher
from hookline.receive import Receiver, read_request
from tests.doubles import Clock, Noted, always
from tests.http_api import FORM, JSON
from tests.providers.zorya.callbacks import PATH_NAMES, Place, encode, good_claims, placed, token
from tests.samples import NOW, SECRET

ROUTE = "/zorya/{account}"
ACCOUNT = ReceivingAccount("acme-za", (SECRET.encode(),), read_settings({"algorithms": list(ALGORITHMS)}))
LENIENT = ACCOUNT._replace(settings=read_settings({"algorithms": list(ALGORITHMS), "allow_unsigned": True}))

KNOWN = ("txID", "msisdn", "MSISDN", "message", "code", "status", "amount", "clientID", "response", "data", "payload",
         "dateTimeTransaction", "cost", "segments", "encoding", "error", "detail", "amountCurrency", "jti")  # fmt: skip
TELLING = ("200", 200, "103", 103, -208, "tx1", "525555501423", "Hola", "2022-07-28T12:11:53", "0.29", None, [None])

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(TELLING)
)
names = st.sampled_from(KNOWN) | st.text(max_size=8).map(str.strip)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6), max_leaves=12
)
claims = st.dictionaries(names.filter(lambda name: name not in {"exp", "nbf", "iat"}), values, max_size=8)
algorithms = st.sampled_from(list(ALGORITHMS))
places: st.SearchStrategy[Place] = st.sampled_from(["body", "field", "form", "header"])
routes = st.sampled_from([*ROUTES, "", "/zorya/{account}/more"])
paths = st.dictionaries(st.sampled_from(PATH_NAMES), st.text(max_size=12) | st.sampled_from(["103", "tx1"]))


def asked(body: bytes, *, account: ReceivingAccount = ACCOUNT, route: str = ROUTE) -> Verdict:
    return verify(Request(b"", body, {}, {}, route), account, NOW)


def is_utf8(text: str) -> bool:
    """Say whether there is no lone surrogate in a text."""
    return text.encode("utf-8", "surrogatepass") == text.encode("utf-8", "backslashreplace")


@given(claims, algorithms, places, st.booleans())
def test_what_is_signed_verifies_wherever_it_stands(
    signed: dict[str, Any],
    algorithm: str,
    place: Place,
    in_ascii: bool,  # noqa: FBT001  # drawn
) -> None:
    text = json.dumps(signed, ensure_ascii=in_ascii)
    assume(is_utf8(text))
    request = read_request(placed("any", token(text, algorithm=algorithm), place=place))
    assert isinstance(request, Request)
    verdict = verify(request, ACCOUNT, NOW)
    assert isinstance(verdict, Verified)
    assert verdict.payload == f'{{"signed":true,"claims":{text}}}'


@given(claims, algorithms)
def test_our_signer_agrees_with_the_standard_librarys(signed: dict[str, Any], algorithm: str) -> None:
    text = json.dumps(signed)
    assert sign(text, SECRET.encode(), algorithm) == token(
        text, algorithm=algorithm, header=f'{{"alg":"{algorithm}","typ":"JWT"}}'
    )


@given(claims, algorithms, st.data())
def test_a_flipped_byte_is_refused(signed: dict[str, Any], algorithm: str, data: st.DataObject) -> None:
    made = bytearray(token(signed, algorithm=algorithm).encode())
    place = data.draw(st.integers(0, len(made) - 1))
    made[place] ^= data.draw(st.integers(1, 255))
    assert isinstance(asked(bytes(made)), Refused)


@given(claims, st.data())
def test_a_token_cut_anywhere_is_refused(signed: dict[str, Any], data: st.DataObject) -> None:
    made = token(signed).encode()
    start, end = sorted((data.draw(st.integers(0, len(made))), data.draw(st.integers(0, len(made)))))
    assert isinstance(asked(made[:start] + made[end:]), Refused) or start == end


@given(claims, claims, algorithms)
def test_claims_under_another_ones_signature_are_refused(
    signed: dict[str, Any], sent: dict[str, Any], algorithm: str
) -> None:
    made = token(sent, algorithm=algorithm, signed_as=signed)
    assert isinstance(asked(made.encode()), Verified) is (json.dumps(signed) == json.dumps(sent))


headers = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "zip", "cty"]), values, max_size=4
)


@given(claims, headers)
def test_a_header_of_any_kind_gets_a_verdict(signed: dict[str, Any], header: dict[str, Any]) -> None:
    verdict = asked(token(signed, header=header).encode())
    assert isinstance(verdict, Refused)  # `values` hold no name of an algorithm


content_types = st.sampled_from([FORM, JSON, "text/plain", "application/jwt", "multipart/form-data", ""])
segments = st.binary(max_size=60).map(encode) | claims.map(json.dumps).map(encode)
shaped = st.lists(segments, min_size=2, max_size=4).map(".".join)
bodies = (
    st.binary(max_size=200)
    | shaped.map(str.encode)
    | st.dictionaries(st.sampled_from(["token", "jwt", "data", "x"]), shaped | values).map(json.dumps).map(str.encode)
    | shaped.map(lambda made: f"token={made}&x=1".encode())
)


@given(bodies, content_types, st.text(max_size=30) | shaped.map("Bearer {}".format), routes, paths)
def test_random_bytes_never_raise_and_never_verify(
    body: bytes, content_type: str, authorization: str, route: str, path: dict[str, str]
) -> None:
    request = Request(b"", body, {"content-type": content_type, "authorization": authorization}, path, route)
    assert isinstance(verify(request, ACCOUNT, NOW), Refused)
    for location in JWT_LOCATIONS:
        lenient = read_settings({"jwt_location": location, "allow_unsigned": True})
        verdict = verify(request, ACCOUNT._replace(settings=lenient), NOW)
        assert isinstance(verdict, Refused) or '"signed":false' in verdict.payload


anytimes = st.dictionaries(st.sampled_from(["exp", "nbf", "iat"]), values, max_size=3)


@given(claims, anytimes, st.floats(-1e18, 1e18), routes, paths)
def test_whatever_is_signed_gets_a_verdict_at_any_time(
    signed: dict[str, Any], times: dict[str, Any], now: float, route: str, path: dict[str, str]
) -> None:
    verdict = verify(Request(b"", token({**signed, **times}).encode(), {}, path, route), ACCOUNT, now)
    assert isinstance(verdict, Verified) or verdict.reason is not Reason.SIGNATURE


@given(claims | st.text(max_size=30), routes, paths)
def test_whatever_verifies_becomes_an_event_or_is_kept_whole(
    signed: dict[str, Any] | str, route: str, path: dict[str, str]
) -> None:
    text = json.dumps(signed)
    verdict = verify(Request(b"", token(text).encode(), {}, path, route), ACCOUNT, NOW)
    if isinstance(verdict, Refused):
        assert verdict.reason in {Reason.MISMATCH, Reason.MALFORMED}
        return
    entry = {"pk": verdict.identity, "sk": "callback", "entry": "callback", "provider": "zorya", "account": "acme-za"}
    entry |= {"kind": verdict.kind, "payload": verdict.payload, "recorded_at": "2026-11-22T08:00:00+00:00"}
    entry["settings"] = '{"timezone": "America/Mexico_City"}'
    event = Publisher({"zorya": NORMALISER}, always([]), always(None), Noted()).event_of(entry)
    event.detail().encode()
    if event.metadata.type == CallbackUnrecognised.type:
        assert event.provider_data["claims"].keys() == read_fields(verdict.payload)["claims"].keys()


@given(claims, st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "jti"]), st.integers(int(NOW) - 9, int(NOW) + 9)))
def test_who_signs_again_signs_the_same_callback(signed: dict[str, Any], stamps: dict[str, int]) -> None:
    signed.pop("jti", None)
    first, again = asked(token(signed).encode()), asked(token({**dict(reversed(signed.items())), **stamps}).encode())
    assert isinstance(first, Verified)
    assert isinstance(again, Verified)
    assert (first.kind, first.identity) == (again.kind, again.identity)


@given(claims, routes)
def test_an_unsigned_callback_reads_as_a_signed_one(signed: dict[str, Any], route: str) -> None:
    body = json.dumps(signed).encode()
    first, second = asked(token(body).encode(), route=route), asked(body, account=LENIENT, route=route)
    assert isinstance(first, Verified)
    assert isinstance(second, Verified)
    assert (first.kind, first.identity) == (second.kind, second.identity)
    assert isinstance(asked(body, route=route), Refused)


@given(st.integers(1, 3 * MAX_DEPTH), st.booleans())
def test_only_so_many_levels_are_taken(levels: int, in_lists: bool) -> None:  # noqa: FBT001  # drawn
    opening, closing = ("[", "]") if in_lists else ('{"a":', "}")
    text = '{"a":' + opening * (levels - 1) + ("" if in_lists else "1") + closing * (levels - 1) + "}"
    if levels == 1:
        text = "{}"
    assert isinstance(asked(token(text).encode()), Verified) is (levels <= MAX_DEPTH)


@given(st.sampled_from(["mo", "mt", "push_status", "unknown"]), claims, paths)
def test_a_normaliser_knows_it_or_says_that_it_does_not(
    kind: str, signed: dict[str, Any], path: dict[str, str]
) -> None:
    payload = f'{{"signed":true,"path":{json.dumps(path)},"claims":{json.dumps(signed)}}}'
    try:
        made = normalise(kind, read_fields(payload), {"timezone": "America/Mexico_City"})
    except UnrecognisedError as error:
        problem = str(error)
        assert not [value for value in signed.values() if len(str(value)) > 12 and str(value) in problem]
    else:
        assert isinstance(made, Happening)
        assert kind != "unknown"


# --- the whole receiver ----------------------------------------------------------------------------------------------


class Remembered:
    """A journal that remembers identities and nothing else."""

    def __init__(self) -> None:
        self.identities: set[str] = set()

    def store_callback(self, verified: Verified, **_arguments: Any) -> Written:
        if verified.identity in self.identities:
            return Written.REPEATED
        self.identities.add(verified.identity)
        return Written.STORED


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([200, "200", 201, -208]), places, st.integers(0, 5)), max_size=12
    )
)
def test_each_status_of_each_transaction_is_stored_once(sent: list[tuple[int, int | str, Place, int]]) -> None:
    """However often it is signed again, in whatever order they come and wherever the token stands."""
    journal = Remembered()
    accounts: Accounts[ReceivingAccount] = Accounts(always({}), always(ACCOUNT), Clock())
    receive = Receiver(CALLBACKS, accounts, journal, Noted(), Clock())  # type: ignore[arg-type]
    for number, code, place, later in sent:
        made = token({**good_claims("mt", number=number), "code": code, "iat": int(NOW) + later})
        answer = receive(placed("mt", made, place=place))
        assert (answer["statusCode"], answer["body"]) == (200, '{"ack": 1}')
    assert len(journal.identities) == len({(number, str(code)) for number, code, _, _ in sent})
