"""Zoom Connect's fields to events, as tables."""

import base64
import re
from datetime import datetime
from typing import Any

import pytest

from hookline.errors import UnrecognisedError
from hookline.events import Event, Happening, SmsReceived, SmsStatus, SmsStatusUpdated
from hookline.providers.zoom_connect.normalise import CALLBACKS, STATUSES, normalise, read_fields
from hookline.providers.zoom_connect.verify import canonical
from hookline.publish import Publisher
from tests.cases import Case, table
from tests.doubles import Noted, always
from tests.samples import NUMBER, TEXT

type Raw = dict[str, str | bytes]

SETTINGS = {"timezone": "Africa/Johannesburg"}
REPLY: Raw = {"from": NUMBER, "messageId": "124567", "message": TEXT}
REPORT: Raw = {"messageId": "124567", "status": "DELIVERED"}


def fields(raw: Raw) -> dict[str, Any]:
    """Read what a verified request with these parameters has as its payload."""
    return read_fields(canonical(raw.items()).decode("latin-1"))


def happening(kind: str, **raw: str | bytes) -> Happening:
    base: Raw = {**(REPLY if kind == "reply" else REPORT)}
    return normalise(kind, fields(base | raw), SETTINGS)


def reply(**raw: str | bytes) -> SmsReceived:
    data = happening("reply", **raw).data
    assert isinstance(data, SmsReceived)
    return data


def report(**raw: str | bytes) -> SmsStatusUpdated:
    data = happening("delivery_report", **raw).data
    assert isinstance(data, SmsStatusUpdated)
    return data


def test_a_whole_reply() -> None:
    data = reply(to="27820001111", campaign="shoe campaign", dataField="order-4711", repliedToMessageId="124566")
    assert data == SmsReceived(
        from_=f"+{NUMBER}",
        to="27820001111",
        message_id="124567",
        text=TEXT,
        text_complete=True,
        in_reply_to="124566",
        campaign="shoe campaign",
        reference="order-4711",
    )


def test_the_least_of_a_reply() -> None:
    assert reply() == SmsReceived(from_=f"+{NUMBER}", message_id="124567", text=TEXT)


def test_a_whole_delivery_report() -> None:
    data = report(**{"from": NUMBER, "campaign": "shoe campaign", "dataField": "order-4711"})
    assert data == SmsStatusUpdated(
        status=SmsStatus.DELIVERED,
        final=True,
        message_id="124567",
        to=f"+{NUMBER}",
        provider_code="DELIVERED",
        campaign="shoe campaign",
        reference="order-4711",
    )


def test_the_least_of_a_delivery_report() -> None:
    data = report()
    assert (data.status, data.final, data.message_id, data.to) == (SmsStatus.DELIVERED, True, "124567", None)


# --- statuses --------------------------------------------------------------------------------------------------------

STATUS_CASES = (
    Case("SCHEDULED", "SCHEDULED", ("scheduled", False)),
    Case("UNKNOWN", "UNKNOWN", ("unknown", False)),
    Case("SENT", "SENT", ("sent", False)),
    Case("DELIVERED", "DELIVERED", ("delivered", True)),
    Case("FAILED", "FAILED", ("failed", True)),
    Case("FAILED_REFUNDED", "FAILED_REFUNDED", ("failed", True)),
    Case("FAILED_OPTOUT", "FAILED_OPTOUT", ("failed", True)),
    Case("the document's slip", "REPLY", ("unknown", False)),
    Case("in lower case", "delivered", ("unknown", False)),
    Case("nobody knows", "FAILED_EXPIRED", ("unknown", False)),
)


@table("case", STATUS_CASES)
def test_a_status_is_mapped_and_kept_as_it_came(case: Case[str, tuple[str, bool]]) -> None:
    data = report(status=case.given)
    assert (data.status, data.final) == case.expected
    assert data.provider_code == case.given


def test_every_status_is_in_the_table() -> None:
    assert {case.given for case in STATUS_CASES} >= set(STATUSES)


# --- what a reply answers --------------------------------------------------------------------------------------------

INF = "INF-WnV8e3c2tsHTQKDb"
INF_ID = "5a757c7b7736b6c1d340a0db"
ANSWERED: tuple[Case[dict[str, str], str | None], ...] = (
    Case("repliedToMessageId alone", {"repliedToMessageId": "99"}, "99"),
    Case("an INF recipient alone", {"to": INF}, INF_ID),
    Case("both: repliedToMessageId is first", {"repliedToMessageId": "99", "to": INF}, "99"),
    Case("an empty repliedToMessageId", {"repliedToMessageId": "", "to": INF}, INF_ID),
    Case("an INF id with the letters of base64url", {"to": "INF-__-_AAAAAAAAAAAA"}, "ffffbf" + "00" * 9),
    Case("an INF id too short", {"to": "INF-WnV8e3c2tsHTQKA="}, None),
    Case("an INF id too long", {"to": "INF-WnV8e3c2tsHTQKDbWnV8"}, None),
    Case("an INF id that is not base64url", {"to": "INF-WnV8e3c2 tsHTQKDb"}, None),
    Case("an INF id of other letters than ASCII's", {"to": "INF-WnV8e3c2tsHTQKé"}, None),
    Case("INF and nothing", {"to": "INF-"}, None),
    Case("a number", {"to": "27820001111"}, None),
    Case("nothing", {}, None),
)


@table("case", ANSWERED)
def test_a_reply_says_which_message_it_answers(case: Case[dict[str, str], str | None]) -> None:
    assert reply(**case.given).in_reply_to == case.expected


@pytest.mark.parametrize(
    ("to", "expected"), [(INF, None), ("INF-rubbish", None), ("31022", "31022"), ("", None)], ids=str
)
def test_a_recipient_that_is_an_id_is_no_number(to: str, expected: str | None) -> None:
    assert reply(to=to).to == expected


LINKS: tuple[Case[tuple[str, dict[str, str]], tuple[tuple[str, str], ...]], ...] = (
    Case(
        "a reply by all it has",
        ("reply", {"repliedToMessageId": "99", "dataField": "t"}),
        (("message_id", "99"), ("token", "t")),
    ),
    Case("a reply by INF", ("reply", {"to": INF}), (("message_id", INF_ID),)),
    Case("a reply by our token", ("reply", {"dataField": "t"}), (("token", "t"),)),
    Case("a reply's own id links nothing", ("reply", {}), ()),
    Case("a report", ("delivery_report", {}), (("message_id", "124567"),)),
    Case(
        "a report with our token", ("delivery_report", {"dataField": "t"}), (("message_id", "124567"), ("token", "t"))
    ),
)


@table("case", LINKS)
def test_a_callback_is_linked_to_a_command_most_telling_first(
    case: Case[tuple[str, dict[str, str]], tuple[tuple[str, str], ...]],
) -> None:
    kind, raw = case.given
    assert happening(kind, **raw).links == case.expected


# --- charsets --------------------------------------------------------------------------------------------------------

CHARSETS = (
    Case("none is UTF-8", {"message": "môre ✓"}, ("môre ✓", True)),
    Case("an empty one is UTF-8", {"message": "môre ✓", "charset": ""}, ("môre ✓", True)),
    Case("UTF-8", {"message": "môre ✓", "charset": "UTF-8"}, ("môre ✓", True)),
    Case("latin-1", {"message": "môre".encode("latin-1"), "charset": "ISO-8859-1"}, ("môre", True)),
    Case("windows-1252", {"message": "“môre”".encode("cp1252"), "charset": "windows-1252"}, ("“môre”", True)),
    Case("UTF-16", {"message": "môre ✓".encode("utf-16"), "charset": "UTF-16"}, ("môre ✓", True)),
    Case("UTF-16BE", {"message": "môre ✓".encode("utf-16-be"), "charset": "UTF-16BE"}, ("môre ✓", True)),
    Case("latin-1 said to be UTF-8", {"message": "môre".encode("latin-1")}, ("m\ufffdre", False)),
    Case("an odd byte of UTF-16", {"message": b"\x00m\x00", "charset": "UTF-16BE"}, ("\x00m\x00", False)),
    Case("one that nobody knows", {"message": "môre", "charset": "KLINGON-8"}, ("môre", True)),
    Case("one that nobody knows, undecodable", {"message": b"\xff", "charset": "KLINGON-8"}, ("\ufffd", False)),
    Case("one of other letters than ASCII's", {"message": "môre", "charset": "utf-é"}, ("môre", True)),
    Case("one with a NUL", {"message": "môre", "charset": "utf-8\x00"}, ("môre", True)),
    Case("a codec of Python's that is no charset", {"message": "6d", "charset": "hex"}, ("6d", True)),
    Case("half of a surrogate pair in UTF-7", {"message": "+2AA-", "charset": "UTF-7"}, ("+2AA-", False)),
    Case("half of a surrogate pair, escaped", {"message": "\\ud800", "charset": "unicode_escape"}, ("\\ud800", False)),
    Case("half of a surrogate pair in bytes", {"message": b"\xed\xa0\x80"}, ("\ufffd\ufffd\ufffd", False)),
    Case("a NUL in the text", {"message": "a\x00b"}, ("a\x00b", True)),
    Case("an empty text", {"message": ""}, ("", True)),
)


@table("case", CHARSETS)
def test_a_text_is_decoded_by_its_charset_or_marked(case: Case[Raw, tuple[str, bool]]) -> None:
    data = reply(**case.given)
    assert (data.text, data.text_complete) == case.expected


@table("case", CHARSETS)
def test_what_does_not_decode_is_kept_byte_by_byte(case: Case[Raw, tuple[str, bool]]) -> None:
    kept = fields(REPLY | case.given)["message"]
    came = case.given["message"]
    if case.expected[1]:
        assert kept == case.expected[0]
    else:
        assert base64.b64decode(kept["base64"]) == (came if isinstance(came, bytes) else came.encode())


@pytest.mark.parametrize("charset", ["UTF-16", "UTF-32BE", "UTF-7", "cp037"])
def test_an_id_and_a_number_are_what_they_are_whatever_the_charset(charset: str) -> None:
    data = reply(charset=charset, messageId="1245+AGE-", **{"from": NUMBER})
    assert (data.message_id, data.from_) == ("1245+AGE-", f"+{NUMBER}")


def test_a_name_that_does_not_decode_is_kept_escaped() -> None:
    assert read_fields("caf%E9=1") == {"caf\\xe9": "1"}


# --- numbers ---------------------------------------------------------------------------------------------------------

NUMBER_CASES = (
    Case("without +", NUMBER, f"+{NUMBER}"),
    Case("with +", f"+{NUMBER}", f"+{NUMBER}"),
    Case("with blanks around", f" {NUMBER} ", f"+{NUMBER}"),
    Case("a + that travelled as a blank", f" {NUMBER}", f"+{NUMBER}"),
    Case("of another country", "4915112345678", "+4915112345678"),
    Case("a short code", "31022", None),
    Case("a name", "ZoomConnect", None),
    Case("too long", "2782555014212345", None),
    Case("no country of this code", "999825550142", None),
)


@table("case", NUMBER_CASES)
def test_a_number_is_e164_or_nothing(case: Case[str, str | None]) -> None:
    assert reply(**{"from": case.given}).from_ == case.expected
    assert report(**{"from": case.given}).to == case.expected


@table("case", NUMBER_CASES)
def test_a_number_is_kept_as_it_came(case: Case[str, str | None]) -> None:
    assert fields(REPLY | {"from": case.given})["from"] == case.given


# --- times -----------------------------------------------------------------------------------------------------------

DATES = (
    Case("Johannesburg", ("202611221000", "Africa/Johannesburg"), "2026-11-22T10:00:00+02:00"),
    Case("Berlin in winter", ("202611221000", "Europe/Berlin"), "2026-11-22T10:00:00+01:00"),
    Case("Berlin in summer", ("202607011000", "Europe/Berlin"), "2026-07-01T10:00:00+02:00"),
    Case("an hour that comes twice is its first", ("202610250230", "Europe/Berlin"), "2026-10-25T02:30:00+02:00"),
    Case("UTC", ("202611221000", "UTC"), "2026-11-22T10:00:00+00:00"),
    Case("with seconds", ("20261122100000", "UTC"), None),
    Case("no day of the calendar", ("202602301000", "UTC"), None),
    Case("words", ("today", "UTC"), None),
    Case("empty", ("", "UTC"), None),
)


@table("case", DATES)
def test_a_date_is_in_the_accounts_time_zone(case: Case[tuple[str, str], str | None]) -> None:
    date, zone = case.given
    when = normalise("reply", fields(REPLY | {"date": date}), {"timezone": zone}).occurred_at
    assert (when and when.isoformat()) == case.expected


def test_a_callback_without_a_date_says_nothing_of_when() -> None:
    assert happening("reply").occurred_at is None


# --- what is missing -------------------------------------------------------------------------------------------------

UNRECOGNISED = (
    Case("a reply without from", ("reply", "from", None), "from"),
    Case("a reply without messageId", ("reply", "messageId", None), "messageId"),
    Case("a reply without message", ("reply", "message", None), "message"),
    Case("a reply with an empty from", ("reply", "from", b""), "from"),
    Case("a reply with an undecodable from", ("reply", "from", b"\xff"), "from"),
    Case("a report without status", ("delivery_report", "status", None), "status"),
    Case("a report with an empty status", ("delivery_report", "status", b""), "status"),
    Case("a report without messageId", ("delivery_report", "messageId", None), "messageId"),
    Case("a report with an undecodable messageId", ("delivery_report", "messageId", b"\xff"), "messageId"),
    Case("a kind that nobody knows", ("unknown", "x", None), "kind"),
)


@table("case", UNRECOGNISED)
def test_what_fits_no_shape_is_unrecognised_and_kept_whole(case: Case[tuple[str, str, bytes | None], str]) -> None:
    kind, name, value = case.given
    raw: Raw = {**(REPORT if kind == "delivery_report" else REPLY), "nonce": "n", "extra": "1"}
    raw.pop(name, None)
    if value is not None:
        raw[name] = value
    with pytest.raises(UnrecognisedError) as caught:
        normalise(kind, fields(raw), SETTINGS)
    assert re.search(rf"\b{case.expected}\b", str(caught.value))
    event = published(kind, raw)
    assert event.metadata.type == "callback.unrecognised"
    assert event.data.model_dump() == {"kind": kind, "problem": str(caught.value)}
    assert event.provider_data == fields(raw)
    assert event.provider_data.keys() == raw.keys()


# --- the provider's own fields ---------------------------------------------------------------------------------------


def published(kind: str, raw: Raw) -> Event:
    publisher = Publisher({CALLBACKS.name: CALLBACKS}, always([]), always(None), Noted())
    return publisher.event_of(
        {
            "pk": "callback#zoom_connect#acme-za#n",
            "sk": "callback",
            "entry": "callback",
            "provider": "zoom_connect",
            "account": "acme-za",
            "kind": kind,
            "payload": canonical(raw.items()).decode("latin-1"),
            "settings": '{"timezone": "Africa/Johannesburg"}',
            "recorded_at": "2026-11-22T08:00:01.000+00:00",
        }
    )


def test_the_providers_own_fields_are_kept_the_nonce_too() -> None:
    raw: Raw = {**REPLY, "nonce": "n", "nonce-date": "20261122100500", "date": "202611221000", "extra": "", "": "x"}
    assert published("reply", raw).provider_data == raw


def test_an_event_happened_when_the_provider_says_or_else_when_it_was_stored() -> None:
    assert published("reply", {**REPLY, "date": "202611220959"}).metadata.occurred_at == datetime.fromisoformat(
        "2026-11-22T09:59:00+02:00"
    )
    without = published("reply", dict(REPLY))
    assert without.metadata.occurred_at == without.metadata.recorded_at


def test_no_signature_is_in_an_event() -> None:
    """A verifier's payload has no checksum in it: see also the conformance suite, which goes the whole way."""
    event = published("reply", dict(REPLY))
    assert "checksum" not in event.detail()
