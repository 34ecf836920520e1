"""From Zoom Connect's answers to outcomes: every status, every encoding, and bytes of no sense at all."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hookline.commands import BaseCommand
from hookline.outcomes import Answer, Done, MayHaveBeenSent, NotSent, Outcome, Refused
from hookline.providers.zoom_connect.answers import REFUSED, SETTINGS_DELAY, TOO_MANY, TURNED_AWAY
from hookline.providers.zoom_connect.rest import SENDING
from tests.cases import Case, table
from tests.providers.zoom_connect.sending import (
    API_TOKEN,
    EMAIL,
    MESSAGE_ID,
    OTHER_ID,
    account,
    answered,
    get_balance,
    send_sms,
    sends,
)
from tests.redaction import kinds_in

NUMBER_ERROR = {
    "status": "400",
    "code": 2,
    "message": "Invalid mobile number",
    "developerMessage": "Invalid mobile number",
    "moreInfoUrl": "https://www.zoomconnect.com/interactive-api",
}
NUMBER_ERROR_XML = "".join(f"<{name}>{value}</{name}>" for name, value in NUMBER_ERROR.items())
NUMBER_REFUSED = Refused("2", "Invalid mobile number", {name: str(value) for name, value in NUMBER_ERROR.items()})
PAGE = "<!doctype html><html><head><title>Oops</title></head><body><h1>Oops</h1><hr></body></html>"
NOT_UNDERSTOOD = MayHaveBeenSent("answer_not_understood")
CONTRADICTORY = MayHaveBeenSent("answer_contradictory", {"message_id": OTHER_ID})
NO_ID = MayHaveBeenSent("no_message_id")
OTHER_LENGTH = MayHaveBeenSent("answer_of_another_length")


def done(message_id: str = MESSAGE_ID) -> Done:
    facts = {"message_id": message_id, "encoding": "ucs-2", "segments": 1}
    return Done(facts, {"messageId": message_id, "error": None})


def refused(text: str) -> Refused:
    return Refused("error", text, {"messageId": None, "error": text})


def as_json(*items: tuple[object, object]) -> str:
    responses = [{"messageId": message_id, "error": error} for message_id, error in items]
    return json.dumps(responses[0] if len(responses) == 1 else {"sendSmsResponses": responses})


def as_xml(*items: tuple[str | None, str | None]) -> str:
    """As JAXB writes it: what is null is not there."""
    written = [
        f"<messageId>{message_id}</messageId>" * (message_id is not None)
        + f"<error>{error}</error>" * (error is not None)
        for message_id, error in items
    ]
    responses = [f"<sendSmsResponse>{each}</sendSmsResponse>" for each in written]
    return responses[0] if len(responses) == 1 else f"<sendSmsResponses>{''.join(responses)}</sendSmsResponses>"


# --- a single send ---------------------------------------------------------------------------------------------------

SINGLE = (
    Case("the document's JSON", (200, '{"messageId":"4635029","error":null}'), done(OTHER_ID)),
    Case("JSON, 24 hex digits", (200, as_json((MESSAGE_ID, None))), done()),
    Case("JSON, created", (201, as_json((MESSAGE_ID, None))), done()),
    Case("JSON, an id as a number", (200, '{"messageId":4635029,"error":null}'), done(OTHER_ID)),
    Case("JSON without error", (200, '{"messageId":"4635029"}'), done(OTHER_ID)),
    Case("JSON, an empty error", (200, as_json((OTHER_ID, ""))), done(OTHER_ID)),
    Case("JSON with more in it", (200, '{"messageId":"4635029","error":null,"links":[]}'), done(OTHER_ID)),
    Case("JSON after a mark of order", (200, b'\xef\xbb\xbf{"messageId":"4635029"}'), done(OTHER_ID)),
    Case("JSON in UTF-16", (200, '{"messageId":"4635029"}'.encode("utf-16")), done(OTHER_ID)),
    Case("XML", (200, as_xml((MESSAGE_ID, None))), done()),
    Case(
        "XML with a head", (200, f"<?xml version='1.0' encoding='UTF-8'?>\n{as_xml((OTHER_ID, None))}"), done(OTHER_ID)
    ),
    Case(
        "XML, blanks around",
        (200, "<sendSmsResponse><messageId>\n 77654 </messageId></sendSmsResponse>"),
        done("77654"),
    ),
    Case("XML, an empty error", (200, as_xml((OTHER_ID, ""))), done(OTHER_ID)),
    Case("XML in a name space", (200, '<a:r xmlns:a="urn:x"><a:messageId>77654</a:messageId></a:r>'), done("77654")),
    Case("XML, nothing but the id", (200, "<messageId>77654</messageId>"), done("77654")),
    Case("XML, deeper", (200, "<a><b><c/><messageId>77654</messageId></b></a>"), done("77654")),
    Case("XML in UTF-16", (200, as_xml((OTHER_ID, None)).encode("utf-16")), done(OTHER_ID)),
    Case("plain, decimal", (200, "4635029"), done(OTHER_ID)),
    Case("plain, the document's", (200, "77654\r\n"), done("77654")),
    Case("plain, hex", (200, MESSAGE_ID), done()),
    Case("plain, hex that looks like a number", (200, "507e19181012345678901234"), done("507e19181012345678901234")),
    Case("plain, in quotes", (200, f'"{MESSAGE_ID}"'), done()),
    Case("an error in JSON", (200, as_json((None, "Invalid mobile number"))), refused("Invalid mobile number")),
    Case("an error in XML", (200, as_xml((None, "Invalid mobile number"))), refused("Invalid mobile number")),
    Case("an id and an error in JSON", (200, as_json((OTHER_ID, "odd"))), CONTRADICTORY),
    Case("an id and an error in XML", (200, as_xml((OTHER_ID, "odd"))), CONTRADICTORY),
    Case("neither in JSON", (200, as_json((None, None))), NO_ID),
    Case("neither in XML", (200, "<sendSmsResponse/>"), NO_ID),
    Case("an empty id in JSON", (200, as_json(("", None))), NO_ID),
    Case("an empty id in XML", (200, as_xml(("", None))), NO_ID),
    Case("null as a text", (200, as_json(("null", None))), NOT_UNDERSTOOD),
    Case("an id that is a list", (200, as_json(([OTHER_ID], None))), NOT_UNDERSTOOD),
    Case("an id that is true", (200, as_json((True, None))), NOT_UNDERSTOOD),
    Case("an id with a fraction", (200, '{"messageId":4635029.0,"error":null}'), NOT_UNDERSTOOD),
    Case("an id with blanks", (200, as_json(("not an id", None))), NOT_UNDERSTOOD),
    Case("an endless id", (200, as_json(("7" * 101, None))), NOT_UNDERSTOOD),
    Case("an id of many digits", (200, f'{{"messageId":{"7" * 5000}}}'), NOT_UNDERSTOOD),
    Case("an error that is an object", (200, as_json((OTHER_ID, {"code": 2}))), NOT_UNDERSTOOD),
    Case("an error that is false", (200, as_json((OTHER_ID, False))), NOT_UNDERSTOOD),
    Case("an error that is a number", (200, '{"messageId":null,"error":2.0}'), NOT_UNDERSTOOD),
    Case("two ids in XML", (200, "<r><messageId>77654</messageId><messageId>77655</messageId></r>"), OTHER_LENGTH),
    Case(
        "two ids of one response",
        (200, "<sendSmsResponse><messageId>77654</messageId><messageId>77655</messageId></sendSmsResponse>"),
        NOT_UNDERSTOOD,
    ),
    Case("an id beside an error in XML", (200, "<r><messageId>77654</messageId><error>?</error></r>"), NOT_UNDERSTOOD),
    Case("an error of something else in XML", (200, "<gateway><error>busy</error></gateway>"), NOT_UNDERSTOOD),
    Case("a bulk answer", (200, as_json((OTHER_ID, None), (MESSAGE_ID, None))), OTHER_LENGTH),
    Case("nothing", (200, ""), NOT_UNDERSTOOD),
    Case("no content", (204, ""), NOT_UNDERSTOOD),
    Case("a page", (200, PAGE), NOT_UNDERSTOOD),
    Case("a word", (200, "OK"), NOT_UNDERSTOOD),
    Case("a status in words", (200, "200"), NOT_UNDERSTOOD),
    Case("a digit", (200, "1"), NOT_UNDERSTOOD),
    Case("zero", (200, "0"), NOT_UNDERSTOOD),
    Case("a sentence with an id", (200, "Sent as 4635029"), NOT_UNDERSTOOD),
    Case("cut short", (200, '{"messageId":"46350'), NOT_UNDERSTOOD),
    Case("JSON that is null", (200, "null"), NOT_UNDERSTOOD),
    Case("JSON that is a list", (200, '["4635029"]'), NOT_UNDERSTOOD),
    Case("JSON of no sense", (200, '{"messageId":NaN}'), NOT_UNDERSTOOD),
    Case("the provider's error with 200", (200, json.dumps(NUMBER_ERROR)), NOT_UNDERSTOOD),
    Case("an entity", (200, '<!DOCTYPE r [<!ENTITY i "77654">]><r><messageId>&i;</messageId></r>'), NOT_UNDERSTOOD),
    Case(
        "a file",
        (200, '<!DOCTYPE r [<!ENTITY i SYSTEM "file:///etc/hostname">]><r><messageId>&i;</messageId></r>'),
        NOT_UNDERSTOOD,
    ),
    Case(
        "a DTD",
        (200, '<!DOCTYPE r SYSTEM "http://127.0.0.1/r.dtd"><r><messageId>77654</messageId></r>'),
        NOT_UNDERSTOOD,
    ),
    Case("very deep JSON", (200, "[" * 100_000), NOT_UNDERSTOOD),
    Case("very deep XML", (200, "<a>" * 10_000 + "</a>" * 10_000), NOT_UNDERSTOOD),
    Case("an encoding that there is not", (200, "<?xml version='1.0' encoding='x-y'?><a/>"), NOT_UNDERSTOOD),
    Case("invalid number in JSON", (400, json.dumps(NUMBER_ERROR)), NUMBER_REFUSED),
    Case("invalid number in XML", (400, f"<restErrorDTO>{NUMBER_ERROR_XML}</restErrorDTO>"), NUMBER_REFUSED),
    Case(
        "empty message",
        (400, '{"code":3,"message":"Message cannot be empty"}'),
        Refused("3", "Message cannot be empty", {"code": "3", "message": "Message cannot be empty"}),
    ),
    Case(
        "as the SDK knows errors",
        (400, '{"error":"Invalid","error_code":2}'),
        Refused("2", "Invalid", {"error": "Invalid", "error_code": "2"}),
    ),
    Case("400 with an item", (400, as_json((None, "Invalid"))), Refused("400", "Invalid", {"error": "Invalid"})),
    Case("400 with a page", (400, PAGE), Refused("400", "refused with HTTP status 400", {})),
    Case("400 with nothing", (400, ""), Refused("400", "refused with HTTP status 400", {})),
    Case("400 with words", (400, "Invalid mobile number"), Refused("400", "refused with HTTP status 400", {})),
    Case("too large", (413, PAGE), Refused("413", "refused with HTTP status 413", {})),
    Case("not acceptable in content", (422, ""), Refused("422", "refused with HTTP status 422", {})),
    Case("400 with an id", (400, as_json((OTHER_ID, None))), CONTRADICTORY),
    Case("400 with an id, cut short", (400, '{"messageId":"46350'), NOT_UNDERSTOOD),
    Case("400 with neither", (400, as_json((None, None))), NO_ID),
    Case("wrong credentials", (401, PAGE), NotSent("credentials_refused", 300.0)),
    Case(
        "wrong credentials in JSON",
        (401, '{"status":"401","code":1,"message":"?"}'),
        NotSent("credentials_refused", 300.0),
    ),
    Case("forbidden", (403, PAGE), NotSent("forbidden", 300.0)),
    Case("no credits", (402, ""), NotSent("payment_required", 300.0, stop_account=True)),
    Case("a wrong address", (404, PAGE), NotSent("address_not_found", 300.0)),
    Case("a wrong method", (405, ""), NotSent("address_not_found", 300.0)),
    Case("a wrong encoding", (415, PAGE), NotSent("encoding_refused", 300.0)),
    Case("no such encoding", (406, PAGE), NotSent("encoding_refused", 300.0)),
    Case("moved", (301, PAGE), NotSent("moved", 300.0)),
    Case("moved for good", (308, ""), NotSent("moved", 300.0)),
    Case("moved for now", (307, ""), NotSent("moved", 300.0)),
    Case("wrong credentials with an id", (401, as_json((OTHER_ID, None))), CONTRADICTORY),
    Case("too many", (429, PAGE), NotSent("too_many_requests", None)),
    Case("see elsewhere", (302, ""), MayHaveBeenSent("status_not_understood")),
    Case("see another", (303, ""), MayHaveBeenSent("status_not_understood")),
    Case("took too long", (408, ""), MayHaveBeenSent("status_not_understood")),
    Case("conflict", (409, ""), MayHaveBeenSent("status_not_understood")),
    Case("a teapot", (418, ""), MayHaveBeenSent("status_not_understood")),
    Case("a status of no class", (99, ""), MayHaveBeenSent("status_not_understood")),
    Case(
        "500 with the provider's error",
        (500, '{"status":"500","code":1,"message":"?"}'),
        MayHaveBeenSent("server_error"),
    ),
    Case("500 with an id", (500, as_json((OTHER_ID, None))), MayHaveBeenSent("server_error")),
    Case("502", (502, PAGE), MayHaveBeenSent("server_error")),
    Case("503", (503, ""), MayHaveBeenSent("server_error")),
    Case("504", (504, ""), MayHaveBeenSent("server_error")),
)


@table("case", SINGLE)
def test_the_answer_to_a_single_send(case: Case[tuple[int, str | bytes], Outcome]) -> None:
    status, body = case.given
    assert answered(status, body) == [case.expected]


def test_every_status_that_means_something_is_in_the_table() -> None:
    assert {case.given[0] for case in SINGLE} >= (REFUSED - {414}) | TURNED_AWAY.keys() | {TOO_MANY}


@pytest.mark.parametrize(
    ("header", "delay"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-1", None), ("Sun, 22 Nov 2020 08:00:00 GMT", 0.0)]
)
def test_the_delay_that_is_asked_for_is_kept(header: str, delay: float | None) -> None:
    assert answered(429, "", retry_after=header) == [NotSent("too_many_requests", delay)]
    kept = SETTINGS_DELAY if delay is None else delay
    assert answered(401, "", retry_after=header) == [NotSent("credentials_refused", kept)]


# --- many at once ----------------------------------------------------------------------------------------------------

BULK_400 = [NotSent("bulk_refused", split=True)] * 2
BULK = (
    Case(
        "the document's JSON", (200, as_json(("4635873", None), ("4635874", None))), [done("4635873"), done("4635874")]
    ),
    Case("XML", (200, as_xml(("77654", None), ("77655", None))), [done("77654"), done("77655")]),
    Case(
        "XML that lost its inner tags",
        (200, "<r><messageId>77654</messageId><messageId>77655</messageId></r>"),
        [done("77654"), done("77655")],
    ),
    Case(
        "one refused in JSON", (200, as_json((None, "Invalid"), (OTHER_ID, None))), [refused("Invalid"), done(OTHER_ID)]
    ),
    Case(
        "one refused in XML", (200, as_xml((OTHER_ID, None), (None, "Invalid"))), [done(OTHER_ID), refused("Invalid")]
    ),
    Case("both refused", (200, as_json((None, "a"), (None, "b"))), [refused("a"), refused("b")]),
    Case("one says nothing", (200, as_json((None, None), (OTHER_ID, None))), [NO_ID, done(OTHER_ID)]),
    Case("one says nothing in XML", (200, as_xml((None, None), (OTHER_ID, None))), [NO_ID, done(OTHER_ID)]),
    Case("one contradicts itself", (200, as_json((OTHER_ID, "x"), (MESSAGE_ID, None))), [CONTRADICTORY, done()]),
    Case(
        "one is no object",
        (200, '{"sendSmsResponses":[7,{"messageId":"4635029","error":null}]}'),
        [NOT_UNDERSTOOD, done(OTHER_ID)],
    ),
    Case("one id twice", (200, as_json((OTHER_ID, None), (OTHER_ID, None))), [MayHaveBeenSent("message_id_twice")] * 2),
    Case("one too few", (200, '{"sendSmsResponses":[{"messageId":"4635029","error":null}]}'), [OTHER_LENGTH] * 2),
    Case("one too few in XML", (200, as_xml((OTHER_ID, None))), [OTHER_LENGTH] * 2),
    Case("one too many", (200, as_json((OTHER_ID, None), (MESSAGE_ID, None), ("77654", None))), [OTHER_LENGTH] * 2),
    Case("none", (200, '{"sendSmsResponses":[]}'), [OTHER_LENGTH] * 2),
    Case("an answer to a single send", (200, as_json((OTHER_ID, None))), [OTHER_LENGTH] * 2),
    Case("an id alone", (200, OTHER_ID), [OTHER_LENGTH] * 2),
    Case("responses that are no list", (200, '{"sendSmsResponses":{"messageId":"4635029"}}'), [NOT_UNDERSTOOD] * 2),
    Case("responses that are null", (200, '{"sendSmsResponses":null}'), [NOT_UNDERSTOOD] * 2),
    Case("a page", (200, PAGE), [NOT_UNDERSTOOD] * 2),
    Case("refused as a whole, in JSON", (400, json.dumps(NUMBER_ERROR)), BULK_400),
    Case("refused as a whole, in XML", (400, f"<restErrorDTO>{NUMBER_ERROR_XML}</restErrorDTO>"), BULK_400),
    Case("refused as a whole, as the SDK knows errors", (400, '{"error":"Invalid","error_code":2}'), BULK_400),
    Case("refused as a whole, with a page", (400, PAGE), BULK_400),
    Case("too large", (413, ""), BULK_400),
    Case("400, each refused", (400, as_json((None, "a"), (None, "b"))), [refused("a"), refused("b")]),
    Case("400, one of them taken", (400, as_json((None, "a"), (OTHER_ID, None))), [refused("a"), CONTRADICTORY]),
    Case("400 and too few", (400, '{"sendSmsResponses":[{"messageId":"4635029"}]}'), [OTHER_LENGTH] * 2),
    Case("400, cut short", (400, '{"sendSmsResponses":[{"messageId":"4635029"'), [NOT_UNDERSTOOD] * 2),
    Case("wrong credentials", (401, PAGE), [NotSent("credentials_refused", 300.0)] * 2),
    Case("forbidden", (403, ""), [NotSent("forbidden", 300.0)] * 2),
    Case("wrong credentials, one taken", (401, as_json((None, None), (OTHER_ID, None))), [NO_ID, CONTRADICTORY]),
    Case("too many", (429, PAGE), [NotSent("too_many_requests", None)] * 2),
    Case("500", (500, json.dumps(NUMBER_ERROR)), [MayHaveBeenSent("server_error")] * 2),
)


@table("case", BULK)
def test_the_answer_to_a_bulk_send(case: Case[tuple[int, str | bytes], list[Outcome]]) -> None:
    status, body = case.given
    assert answered(status, body, sends(2)) == case.expected


def test_the_facts_of_a_message_count_its_own_segments() -> None:
    commands = [send_sms(1, text="a" * 161), send_sms(2, text="ж" * 70), send_sms(3, text="€")]
    outcomes = answered(200, as_json(("10001", None), ("10002", None), ("10003", None)), commands)
    assert [outcome.facts for outcome in outcomes if isinstance(outcome, Done)] == [
        {"message_id": "10001", "encoding": "gsm-7", "segments": 2},
        {"message_id": "10002", "encoding": "ucs-2", "segments": 1},
        {"message_id": "10003", "encoding": "gsm-7", "segments": 1},
    ]


# --- a balance -------------------------------------------------------------------------------------------------------


def credits_left(amount: str, said: str | None = None) -> Done:
    return Done({"balance": {"amount": amount, "currency": None}, "unit": "credits"}, {"creditBalance": said or amount})


NO_BALANCE = MayHaveBeenSent("no_balance")
BALANCE = (
    Case("the document's JSON", (200, '{ "creditBalance":33 }'), credits_left("33")),
    Case(
        "the document's XML", (200, "<account>\n\n<creditBalance>33</creditBalance>\n\n</account>"), credits_left("33")
    ),
    Case("a float", (200, '{"creditBalance":33.5}'), credits_left("33.5")),
    Case(
        "a float that no float can hold",
        (200, '{"creditBalance":0.1000000000000000055}'),
        credits_left("0.1000000000000000055"),
    ),
    Case("a text", (200, '{"creditBalance":"33.50"}'), credits_left("33.50")),
    Case("as Java writes ten millions", (200, '{"creditBalance":1.25E7}'), credits_left("12500000", "1.25E7")),
    Case(
        "a fraction in XML", (200, "<account><creditBalance> 33.50 </creditBalance></account>"), credits_left("33.50")
    ),
    Case("below zero", (200, '{"creditBalance":-2.5}'), credits_left("-2.5")),
    Case("zero", (200, '{"creditBalance":0}'), credits_left("0")),
    Case("with more in it", (200, '{"creditBalance":33,"links":[{"rel":"self"}]}'), credits_left("33")),
    Case("null", (200, '{"creditBalance":null}'), NO_BALANCE),
    Case("true", (200, '{"creditBalance":true}'), NO_BALANCE),
    Case("a list", (200, '{"creditBalance":[33]}'), NO_BALANCE),
    Case("a comma", (200, '{"creditBalance":"33,50"}'), NO_BALANCE),
    Case("a word", (200, '{"creditBalance":"many"}'), NO_BALANCE),
    Case("not a number", (200, '{"creditBalance":NaN}'), NO_BALANCE),
    Case("infinite", (200, '{"creditBalance":-Infinity}'), NO_BALANCE),
    Case("beyond all measure", (200, '{"creditBalance":1e999999999}'), NO_BALANCE),
    Case("empty in XML", (200, "<account><creditBalance/></account>"), NO_BALANCE),
    Case("alone", (200, "33"), NO_BALANCE),
    Case("an id", (200, OTHER_ID), NO_BALANCE),
    Case("a page", (200, PAGE), NO_BALANCE),
    Case("nothing", (200, ""), NO_BALANCE),
    Case("wrong credentials", (401, PAGE), NotSent("credentials_refused", 300.0)),
    Case("too many", (429, ""), NotSent("too_many_requests", None)),
    Case("refused", (400, '{"code":1,"message":"?"}'), Refused("1", "?", {"code": "1", "message": "?"})),
    Case("500", (500, ""), MayHaveBeenSent("server_error")),
    Case("500 with a balance", (500, '{"creditBalance":33}'), MayHaveBeenSent("server_error")),
)


@table("case", BALANCE)
def test_the_answer_to_a_balance(case: Case[tuple[int, str], Outcome]) -> None:
    status, body = case.given
    assert answered(status, body, [get_balance()]) == [case.expected]


def test_an_answer_to_a_send_is_no_balance_and_the_other_way_round() -> None:
    assert answered(200, as_json((OTHER_ID, None)), [get_balance()]) == [NO_BALANCE]
    assert answered(200, '{"creditBalance":33}') == [NOT_UNDERSTOOD]


# --- what is kept of the provider's words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", [API_TOKEN, "marked-token-of-acme%2F5f1d+9e%2B77", "marked-token-of-acme/5f1d%209e%2B77"]
)
def test_credentials_that_are_repeated_to_us_are_left_out(form: str) -> None:
    words = f"bad {form}, {EMAIL}"
    error = {"code": 1, "message": words, "moreInfoUrl": f"https://example.com/?token={form}"}
    for status, body in ((200, as_json((None, words))), (400, as_json((None, words))), (400, json.dumps(error))):
        said = repr(answered(status, body))
        assert kinds_in(said) == set()
        assert "bad [credential], [credential]" in said


def test_an_id_is_never_cut_out_of_even_where_a_credential_is_in_it() -> None:
    short = account(token="77")
    (outcome,) = SENDING.read([send_sms()], short, Answer(200, {}, as_json(("47754", None)).encode()))
    assert isinstance(outcome, Done)
    assert outcome.facts["message_id"] == "47754"


@pytest.mark.parametrize("words", ["x" * 100_000, "\ud800", "\0", "ü" * 501])
def test_the_providers_words_are_cut_and_can_be_written_down(words: str) -> None:
    for status, body in ((200, as_json((None, words))), (400, json.dumps({"code": 1, "message": words}))):
        (outcome,) = answered(status, body)
        assert isinstance(outcome, Refused)
        assert 1 <= len(outcome.text) <= 500
        assert json.dumps([outcome.text, outcome.provider_data], ensure_ascii=False).encode()


# --- every answer there could be -------------------------------------------------------------------------------------

IDS: st.SearchStrategy[object] = st.sampled_from(
    [None, "", OTHER_ID, MESSAGE_ID, 4635029, 1.5, True, "null", "not an id", [], {}]
)
ERRORS: st.SearchStrategy[object] = st.sampled_from([None, "", "Invalid mobile number", 2, False, [], {"code": 2}])
ITEMS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={"messageId": IDS, "error": ERRORS}
) | st.sampled_from([None, 7, "x", []])
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
DOCUMENTS = (
    ITEMS
    | st.fixed_dictionaries({"sendSmsResponses": st.lists(ITEMS, max_size=4) | VALUES})
    | st.fixed_dictionaries({"creditBalance": VALUES})
    | st.dictionaries(st.sampled_from([*NUMBER_ERROR, "error", "error_code", "creditBalance"]), VALUES)
    | VALUES
)
NAMES = st.sampled_from(["sendSmsResponses", "sendSmsResponse", "messageId", "error", "creditBalance", "a:b", "x"])
ELEMENTS = st.recursive(
    st.sampled_from([OTHER_ID, MESSAGE_ID, "", "Invalid", "&", "33.5"]),
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=3)).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"
    ),
    max_leaves=6,
)
BODIES = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | DOCUMENTS.map(lambda document: json.dumps(document).encode())
    | ELEMENTS.map(str.encode)
    | st.sampled_from([b"77654", PAGE.encode(), as_xml(("77654", None)).encode()])
)
STATUSES = st.integers(0, 999) | st.sampled_from([200, 201, 400, 401, 413, 429, 500, *TURNED_AWAY])
WHOLE_CALLS: list[Sequence[BaseCommand]] = [[send_sms()], sends(2), sends(3), [get_balance()]]


def ids_in(document: object) -> set[str]:
    """Every text or number in a document that could be a message id."""
    match document:
        case dict():
            return set().union(*map(ids_in, document.values()))
        case list():
            return set().union(*map(ids_in, document))
    return {str(document)}


@example(status=400, body=b'{"sendSmsResponses":[{"messageId":"4635029"}]}', headers={}, commands=sends(2))
@example(status=200, body=b'{"messageId":"\xff"}', headers={}, commands=sends(1))
@given(
    status=STATUSES,
    body=BODIES,
    headers=st.dictionaries(st.just("retry-after"), st.text(max_size=10)),
    commands=st.sampled_from(WHOLE_CALLS),
)
def test_reading_is_a_total_function(
    status: int, body: bytes, headers: dict[str, str], commands: Sequence[BaseCommand]
) -> None:
    outcomes = SENDING.read(commands, account(), Answer(status, headers, body))
    assert len(outcomes) == len(commands)
    for outcome in outcomes:
        assert isinstance(outcome, Done | Refused | NotSent | MayHaveBeenSent)
        holds(outcome, status, body, commands)
    assert json.dumps([list(outcome) for outcome in outcomes], default=dict)


def holds(outcome: Outcome, status: int, body: bytes, commands: Sequence[BaseCommand]) -> None:
    is_question = commands[0].kind == "get_balance"
    match outcome:
        case Done(facts):
            assert 200 <= status < 300
            if not is_question:
                assert facts["message_id"].encode() in body.replace(b"\0", b"")
        case NotSent(_, delay, renew_token, split):
            assert not 200 <= status < 300
            assert status < 500
            assert split == (len(commands) > 1 and status in REFUSED)
            assert delay is None or delay >= 0
            assert not renew_token
            assert OTHER_ID.encode() not in body or b"messageId" not in body
        case Refused(code, text):
            assert status in REFUSED or 200 <= status < 300 or status in TURNED_AWAY or status == TOO_MANY
            assert code
            assert text


@given(document=DOCUMENTS, commands=st.sampled_from(WHOLE_CALLS[:3]))
def test_a_message_is_done_only_where_a_message_id_of_it_stands(document: Any, commands: Sequence[BaseCommand]) -> None:
    outcomes = SENDING.read(commands, account(), Answer(200, {}, json.dumps(document).encode()))
    said = [outcome.facts["message_id"] for outcome in outcomes if isinstance(outcome, Done)]
    assert set(said) <= ids_in(document)
    assert len(set(said)) == len(said)


@given(status=st.sampled_from([400, 401, 403, 404, 429]), items=st.lists(ITEMS, min_size=2, max_size=3))
def test_nothing_is_sent_again_of_an_answer_that_gives_a_message_id(status: int, items: list[Any]) -> None:
    body = json.dumps({"sendSmsResponses": items}).encode()
    outcomes = SENDING.read(sends(len(items)), account(), Answer(status, {}, body))
    if any(isinstance(item, dict) and item.get("messageId") for item in items):
        assert not any(isinstance(outcome, NotSent | Done) for outcome in outcomes)
