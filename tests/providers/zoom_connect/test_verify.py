"""What is particular to Zoom Connect's signed requests; what every provider must stand up to is in test_conformance."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hookline.callbacks import Reason, ReceivingAccount, Refused, Request, Verdict, Verified
from hookline.providers.zoom_connect.settings import read_settings
from hookline.providers.zoom_connect.verify import parse_payload, verify
from hookline.receive import read_request
from tests import http_api
from tests.cases import Case, table
from tests.http_api import FORM, JSON, Event
from tests.providers.zoom_connect.callbacks import (
    Place,
    checksum,
    encode,
    good_fields,
    placed,
    sample_fields,
    signed,
)
from tests.samples import NOW, SECRET

REPLY = "/zoom-connect/{account}/reply"
each_place = pytest.mark.parametrize("place", ["query", "body", "both", "json"])
each_kind = pytest.mark.parametrize("kind", ["reply", "delivery_report"])


def asked(given: Event | Request, now: float = NOW, **settings: Any) -> Verdict:
    request = given if isinstance(given, Request) else read_request(given)
    assert isinstance(request, Request)
    return verify(request, ReceivingAccount("acme-za", (SECRET.encode(),), read_settings(settings)), now)


def reason(verdict: Verdict) -> Reason | None:
    return verdict.reason if isinstance(verdict, Refused) else None


def fields_of(verdict: Verdict) -> dict[str, str]:
    assert isinstance(verdict, Verified)
    return {name.decode(): value.decode() for name, value in parse_payload(verdict.payload).items()}


def in_body(body: bytes, content_type: str | None = FORM, query: bytes = b"") -> Request:
    headers = {} if content_type is None else {"content-type": content_type}
    return Request(query, body, headers, {"account": "acme-za"}, REPLY)


def signed_body(**overrides: Any) -> str:
    return http_api.body_of(signed("reply", good_fields("reply", **overrides))).decode()


# --- where parameters stand ------------------------------------------------------------------------------------------


@each_kind
@each_place
def test_parameters_are_taken_from_the_query_string_the_body_both_or_json(kind: str, place: Place) -> None:
    fields = good_fields(kind)
    verdict = asked(signed(kind, fields, place=place))
    assert fields_of(verdict) == fields
    assert isinstance(verdict, Verified)
    assert verdict.kind == kind


@each_place
def test_the_same_parameters_have_the_same_identity_and_fingerprint_wherever_they_stand(place: Place) -> None:
    there, in_query = (asked(signed("reply", good_fields("reply"), place=it)) for it in (place, "query"))
    assert isinstance(there, Verified)
    assert isinstance(in_query, Verified)
    assert (there.identity, there.fingerprint) == (in_query.identity, in_query.fingerprint)


def test_a_callback_signed_anew_with_a_later_expiry_is_the_same_callback() -> None:
    first, again = (asked(signed("reply", good_fields("reply", at=NOW + later))) for later in (0, 20))
    assert isinstance(first, Verified)
    assert isinstance(again, Verified)
    assert first.payload != again.payload
    assert (first.identity, first.fingerprint) == (again.identity, again.fingerprint)


@pytest.mark.parametrize("name", ["reply", "delivery-report"])
def test_the_samples_in_events_are_signed_as_they_lie_there(name: str) -> None:
    assert fields_of(asked(http_api.load("receive_zoom_connect", name))) == sample_fields(name)


ACCEPTED_BODIES = (
    Case("no content type", in_body(signed_body().encode(), None), None),
    Case("a content type with a charset", in_body(signed_body().encode(), f"{FORM}; charset=UTF-8"), None),
    Case("a content type in capitals", in_body(signed_body().encode(), FORM.upper()), None),
    Case("text/plain", in_body(signed_body().encode(), "text/plain"), None),
    Case("a line's end behind a form", in_body(signed_body().encode() + b"\r\n"), None),
    Case("empty pairs", in_body(b"&&" + signed_body().encode() + b"&&"), None),
    Case("the same parameter twice with one value", in_body(signed_body().encode(), query=b"charset=UTF-8"), None),
    Case("the same value, encoded in another way", in_body(signed_body().encode(), query=b"%63harset=%55TF-8"), None),
    Case("everything twice", in_body(signed_body().encode(), query=signed_body().encode()), None),
    Case(
        "JSON with a type of its own",
        in_body(
            json.dumps(
                dict(good_fields("reply"), checksum=checksum(good_fields("reply"), SECRET, java=False))
            ).encode(),
            "application/vnd.api+json",
        ),
        None,
    ),
    Case(
        "JSON without a type",
        in_body(
            json.dumps(
                dict(good_fields("reply"), checksum=checksum(good_fields("reply"), SECRET, java=False))
            ).encode(),
            None,
        ),
        None,
    ),
)


@table("case", ACCEPTED_BODIES)
def test_a_body_is_read_as_what_it_is(case: Case[Request, None]) -> None:
    assert fields_of(asked(case.given)) == good_fields("reply")


def test_a_number_in_json_is_signed_as_it_is_written() -> None:
    written = {"extra": "1.50", "messageId": "12345678901234567890123", "more": "-1e3"}
    fields = good_fields("reply") | written
    texts = {name: value for name, value in fields.items() if name not in written}
    mac = checksum(fields, SECRET, java=False)
    numbers = "".join(f', "{name}": {value}' for name, value in written.items())
    body = (json.dumps({**texts, "checksum": mac})[:-1] + numbers + "}").encode()
    assert fields_of(asked(in_body(body, JSON))) == fields


def test_a_null_in_json_did_not_arrive() -> None:
    fields = good_fields("reply")
    body = json.dumps({**fields, "extra": None, "checksum": checksum(fields, SECRET, java=False)}).encode()
    assert fields_of(asked(in_body(body, JSON))) == fields


def test_the_order_of_parameters_is_never_relied_on() -> None:
    pairs = [*good_fields("reply").items(), ("checksum", checksum(good_fields("reply"), SECRET, java=False))]
    for order in (pairs, pairs[::-1], sorted(pairs), pairs[5:] + pairs[:5]):
        assert fields_of(asked(placed("reply", order))) == good_fields("reply")


def test_parameters_that_nobody_knows_are_signed_and_kept() -> None:
    fields = good_fields("reply") | {"x.y[]": "1", "Message": "2", "": "3", "ключ": "4", "empty": ""}
    assert fields_of(asked(signed("reply", fields))) == fields


def test_an_empty_value_is_signed_as_an_empty_value() -> None:
    fields = good_fields("reply", dataField="")
    body = http_api.body_of(signed("reply", fields))
    assert fields_of(asked(in_body(body))) == fields
    assert fields_of(asked(in_body(body.replace(b"dataField=&", b"dataField&")))) == fields
    assert reason(asked(in_body(body.replace(b"dataField=&", b"")))) is Reason.SIGNATURE


def test_a_request_on_a_route_that_nobody_knows_is_verified_all_the_same() -> None:
    body = signed_body().encode()
    verdict = asked(Request(b"", body, {}, {}, "/zoom-connect/{account}/something-new"))
    assert isinstance(verdict, Verified)
    assert verdict.kind == "unknown"


# --- the signature ---------------------------------------------------------------------------------------------------

STARRED = good_fields("reply", message="5 * 5 = 25 ~ *")
FORMS = (
    Case("php by either", (False, "either"), True),
    Case("java by either", (True, "either"), True),
    Case("php by php", (False, "php"), True),
    Case("java by java", (True, "java"), True),
)


@table("case", FORMS)
@each_place
def test_an_asterisk_is_signed_in_the_form_that_the_account_says(
    case: Case[tuple[bool, str], bool], place: Place
) -> None:
    java, form = case.given
    assert fields_of(asked(signed("reply", STARRED, place=place, java=java), canonical_form=form)) == STARRED


def test_an_asterisk_that_java_signed_is_refused_where_the_account_says_php_and_the_raw_segments_are_not_there() -> (
    None
):
    """In JSON there are no raw segments of the sender's to compare: what is signed must be encoded anew."""
    event = signed("reply", STARRED, place="json", java=True)
    assert reason(asked(event, canonical_form="php")) is Reason.SIGNATURE


def pairs_with(mac: str) -> list[tuple[str, str]]:
    return [*good_fields("reply").items(), ("checksum", mac)]


GOOD_MAC = checksum(good_fields("reply"), SECRET, java=False)
BAD_CHECKSUMS = (
    Case("upper case", GOOD_MAC.upper(), Reason.SIGNATURE),
    Case("empty", "", Reason.SIGNATURE),
    Case("its beginning", GOOD_MAC[:39], Reason.SIGNATURE),
    Case("a blank behind", f"{GOOD_MAC} ", Reason.SIGNATURE),
    Case("a line's end behind", f"{GOOD_MAC}\n", Reason.SIGNATURE),
    Case("of other letters than ASCII's", "é" * 40, Reason.SIGNATURE),
    Case("of another secret", checksum(good_fields("reply"), "x", java=False), Reason.SIGNATURE),
    Case("of no parameters", checksum({}, SECRET, java=False), Reason.SIGNATURE),
)


@table("case", BAD_CHECKSUMS)
@pytest.mark.parametrize("place", ["body", "json"])
def test_a_checksum_is_the_lower_case_hex_of_the_mac_and_nothing_else(case: Case[str, Reason], place: Place) -> None:
    assert reason(asked(placed("reply", pairs_with(case.given), place=place))) is case.expected


def test_a_checksum_in_percent_encoding_is_a_checksum() -> None:
    encoded = "".join(f"%{ord(letter):02X}" for letter in GOOD_MAC)
    body = encode(good_fields("reply").items()) + f"&checksum={encoded}"
    assert fields_of(asked(in_body(body.encode()))) == good_fields("reply")


def test_a_name_is_left_out_of_the_signed_string_only_where_the_account_says_so() -> None:
    """The document's own example has a messageId that its checksum leaves out."""
    fields = good_fields("reply")
    older = {name: value for name, value in fields.items() if name != "messageId"}
    event = signed("reply", fields, signed_as=older)
    assert reason(asked(event)) is Reason.SIGNATURE
    assert fields_of(asked(event, unsigned_parameters=["messageId"])) == fields
    assert reason(asked(signed("reply", fields), unsigned_parameters=["messageId"])) is Reason.SIGNATURE


def test_a_parameter_in_another_case_is_another_parameter() -> None:
    body = signed_body().replace("checksum=", "Checksum=")
    assert reason(asked(in_body(body.encode()))) is Reason.SIGNATURE


# --- the nonce and its expiry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "good_for"),
    [({}, 330), ({"clock_skew": 0}, 300), ({"clock_skew": 120}, 420), ({"nonce_window": 600, "clock_skew": 0}, 300)],
    ids=["by default", "no skew", "two minutes of skew", "a longer window changes nothing here"],
)
def test_a_callback_is_good_until_its_expiry_and_the_clocks_skew(settings: dict[str, int], good_for: int) -> None:
    event = signed("reply", good_fields("reply"))
    assert isinstance(asked(event, NOW + good_for, **settings), Verified)
    assert reason(asked(event, NOW + good_for + 0.001, **settings)) is Reason.EXPIRED


@pytest.mark.parametrize(
    ("settings", "ahead"),
    [({}, 330), ({"clock_skew": 0}, 300), ({"nonce_window": 600}, 630), ({"nonce_window": 60, "clock_skew": 0}, 60)],
    ids=["by default", "no skew", "ten minutes", "one minute"],
)
def test_an_expiry_may_lie_ahead_by_the_window_and_the_clocks_skew(settings: dict[str, int], ahead: int) -> None:
    event = signed("reply", good_fields("reply"))
    expiry = NOW + 300
    assert isinstance(asked(event, expiry - ahead, **settings), Verified)
    assert reason(asked(event, expiry - ahead - 0.001, **settings)) is Reason.TOO_FAR_AHEAD


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Mexico_City", "Asia/Kathmandu"])
def test_an_expiry_is_read_in_the_accounts_time_zone(zone: str) -> None:
    moment = datetime(2026, 7, 1, 23, 59, 59, tzinfo=ZoneInfo(zone)).timestamp()
    event = signed("reply", good_fields("reply", nonce_date="20260701235959"))
    assert isinstance(asked(event, moment + 30, timezone=zone), Verified)
    assert reason(asked(event, moment + 31, timezone=zone)) is Reason.EXPIRED


def test_a_replay_window_covers_every_moment_at_which_a_callback_is_good() -> None:
    settings = read_settings({"nonce_window": 600, "clock_skew": 45})
    assert settings.replay_window >= 600 + 2 * 45


@pytest.mark.parametrize("nonce", ["n", "n" * 200, "ünïcödé ✓", "a b+c", "\x00"], ids=repr)
def test_a_nonce_is_any_text_of_1_to_200_bytes(nonce: str) -> None:
    verdict = asked(signed("reply", good_fields("reply", nonce=nonce)))
    assert isinstance(verdict, Verified)
    assert verdict.identity.encode("latin-1").decode() == nonce


def test_the_documents_own_example_is_verified_but_for_its_nonce_date() -> None:
    """Its checksum holds, so the refusal is of the 16 digits, and says so."""
    body = (
        "to=27725551234&from=27726661234&dataField=data&date=201405161005&message=Test+Message&charset=UTF-8"
        "&nonce=e273f1776275974f1a120d8b92c5b3cb&nonce-date=2014051610050102"
        "&checksum=e0f97132b829301592874356f76e47edc355688f"
    )
    account = ReceivingAccount("acme-za", (b"secret",), read_settings({}))
    verdict = verify(in_body(body.encode()), account, NOW)
    assert verdict == Refused(Reason.MALFORMED, "nonce-date must be 14 digits, yyyyMMddHHmmss; 16 bytes came")
