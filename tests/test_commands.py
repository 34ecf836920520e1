"""Commands: what is taken, what is refused and by which field, tokens and digests, batches, samples."""

import json
import re
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hookline.commands import (
    COMMAND_TYPES,
    MAX_BATCH_MESSAGES,
    MAX_TEXT,
    BaseCommand,
    Cancel,
    GetBalance,
    Rejection,
    SendSms,
    SendSmsBatch,
    TopUp,
    command_schemas,
    command_token,
    parse_command,
    read_command,
)
from tests.cases import Case, table
from tests.redaction import kinds_in
from tests.samples import ACCOUNT, NUMBER, OTHER_NUMBER, OTHER_TEXT, TEXT

type Document = dict[str, Any]

EVENTS = Path(__file__).parent.parent / "events" / "send_zoom_connect"
SEND: Document = {"command": "send_sms", "id": "order-1", "account": ACCOUNT, "to": f"+{NUMBER}", "text": TEXT}
BATCH: Document = {
    "command": "send_sms_batch",
    "id": "news",
    "account": ACCOUNT,
    "text": TEXT,
    "messages": [{"to": f"+{NUMBER}"}, {"to": f"+{OTHER_NUMBER}", "text": OTHER_TEXT}],
}
TOP_UP: Document = {"command": "top_up", "id": "t-1", "account": ACCOUNT, "to": f"+{NUMBER}", "amount": "20.00"}
REPORT: Document = {
    "command": "get_top_up_report",
    "id": "r-1",
    "account": ACCOUNT,
    "first_day": "2026-11-01",
    "last_day": "2026-11-30",
}
STATUS: Document = {"command": "get_message_status", "id": "s-1", "account": ACCOUNT, "message_id": "4635029"}
LOOK_UP: Document = {"command": "look_up_carrier", "id": "l-1", "account": ACCOUNT, "number": f"+{NUMBER}"}
BALANCE: Document = {"command": "get_balance", "id": "b-1", "account": ACCOUNT}
CANCEL: Document = {"command": "cancel", "id": "c-1", "account": ACCOUNT, "command_id": "order-1"}
NOON = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def without(document: Document, field: str) -> Document:
    return {name: value for name, value in document.items() if name != field}


# --- what is taken ---------------------------------------------------------------------------------------------------

GOOD = (
    Case("send_sms", SEND, "send_sms"),
    Case(
        "with everything", SEND | {"reference": "r", "campaign": "c", "version": "1.0", "provider": "zorya"}, "send_sms"
    ),
    Case("an empty reference", SEND | {"reference": ""}, "send_sms"),
    Case("nulls where nothing is", SEND | {"reference": None, "campaign": None, "send_at": None}, "send_sms"),
    Case("an id of every character", SEND | {"id": "A.b_c:d/e-9"}, "send_sms"),
    Case("an id of 128", SEND | {"id": "x" * 128}, "send_sms"),
    Case("an empty text, which the provider's check refuses", SEND | {"text": ""}, "send_sms"),
    Case("a moment in UTC", SEND | {"send_at": "2026-12-01T10:00:00Z"}, "send_sms"),
    Case("a moment without seconds", SEND | {"send_at": "2026-12-01T10:00+02:00"}, "send_sms"),
    Case("send_sms_batch", BATCH, "send_sms_batch"),
    Case("a batch of one", BATCH | {"messages": [{"to": "1"}]}, "send_sms_batch"),
    Case("a batch of 1000", BATCH | {"messages": [{"to": "1"}] * MAX_BATCH_MESSAGES}, "send_sms_batch"),
    Case("a batch with an id of 100", BATCH | {"id": "x" * 100}, "send_sms_batch"),
    Case("top_up", TOP_UP, "top_up"),
    Case("an amount without cents", TOP_UP | {"amount": "20"}, "top_up"),
    Case("a whole number", TOP_UP | {"amount": 20}, "top_up"),
    Case("look_up_carrier", LOOK_UP, "look_up_carrier"),
    Case("get_message_status", STATUS, "get_message_status"),
    Case("get_balance", BALANCE, "get_balance"),
    Case("get_top_up_report", REPORT, "get_top_up_report"),
    Case("cancel", CANCEL, "cancel"),
)


@table("case", GOOD)
def test_a_good_command_is_read_as_what_it_is(case: Case[Document, str]) -> None:
    command = read_command(case.given)
    assert command.kind == command.command == case.expected
    assert parse_command(json.dumps(case.given)) == command
    assert parse_command(command.model_dump_json(exclude_none=True)) == command


def test_there_is_a_good_command_of_every_kind() -> None:
    assert {case.expected for case in GOOD} == {command.kind for command in COMMAND_TYPES}
    assert [command for command in COMMAND_TYPES if command.repeatable] == [
        type(read_command(document)) for document in (LOOK_UP, STATUS, BALANCE, REPORT, CANCEL)
    ]


# --- what is refused -------------------------------------------------------------------------------------------------

BAD: tuple[Case[Any, tuple[str, str]], ...] = (
    Case("null", None, ("", "JSON object")),
    Case("a list", [SEND], ("", "JSON object")),
    Case("a text", "send_sms", ("", "JSON object")),
    Case("a number", 1, ("", "JSON object")),
    Case("nothing in it", {}, ("command", "send_sms, send_sms_batch, top_up")),
    Case("no command", without(SEND, "command"), ("command", "which command")),
    Case("a command that is null", SEND | {"command": None}, ("command", "which command")),
    Case("a command that is a list", SEND | {"command": ["send_sms"]}, ("command", "which command")),
    Case("no such command", SEND | {"command": "send_mms"}, ("command", "no such command")),
    Case("capitals", SEND | {"command": "SEND_SMS"}, ("command", "no such command")),
    Case("half a character for a command", SEND | {"command": "\ud800"}, ("command", "no such command")),
    Case("no id", without(SEND, "id"), ("id", "required")),
    Case("an id that is null", SEND | {"id": None}, ("id", "string")),
    Case("an id that is a number", SEND | {"id": 1}, ("id", "string")),
    Case("an empty id", SEND | {"id": ""}, ("id", "at least 1")),
    Case("a long id", SEND | {"id": "x" * 129}, ("id", "at most 128")),
    Case("an id with a blank", SEND | {"id": "order 1"}, ("id", "pattern")),
    Case("an id with a line feed", SEND | {"id": "order\n"}, ("id", "pattern")),
    Case("an id with an accent", SEND | {"id": "môre"}, ("id", "pattern")),
    Case("an id that begins with a sign", SEND | {"id": "/order"}, ("id", "pattern")),
    Case("no account", without(SEND, "account"), ("account", "required")),
    Case("a long account", SEND | {"account": "a" * 64}, ("account", "at most 63")),
    Case("another version", SEND | {"version": "2.0"}, ("version", "1.0")),
    Case("a version that is a number", SEND | {"version": 1.0}, ("version", "1.0")),
    Case("a long reference", SEND | {"reference": "r" * 201}, ("reference", "at most 200")),
    Case("a reference that is an object", SEND | {"reference": {}}, ("reference", "string")),
    Case("another provider", SEND | {"provider": "acme"}, ("provider", "zoom_connect")),
    Case("no number", without(SEND, "to"), ("to", "required")),
    Case("a number that is one", SEND | {"to": int(NUMBER)}, ("to", "string")),
    Case("a long number", SEND | {"to": "+" + "2" * 32}, ("to", "at most 32")),
    Case("no text", without(SEND, "text"), ("text", "required")),
    Case("a text that is null", SEND | {"text": None}, ("text", "string")),
    Case("a long text", SEND | {"text": "x" * (MAX_TEXT + 1)}, ("text", "at most 10000")),
    Case("half a character", SEND | {"text": "\ud800"}, ("text", "unicode")),
    Case("a long sender", SEND | {"sender": "x" * 21}, ("sender", "at most 20")),
    Case("a long campaign", SEND | {"campaign": "x" * 101}, ("campaign", "at most 100")),
    Case("flash in words", SEND | {"flash": "yes"}, ("flash", "boolean")),
    Case("flash as 1", SEND | {"flash": 1}, ("flash", "boolean")),
    Case("flash that is null", SEND | {"flash": None}, ("flash", "boolean")),
    Case("a moment without an offset", SEND | {"send_at": "2026-12-01T10:00:00"}, ("send_at", "timezone")),
    Case("a day", SEND | {"send_at": "2026-12-01"}, ("send_at", "a date and a time")),
    Case("a moment in seconds", SEND | {"send_at": 1796119200}, ("send_at", "a date and a time")),
    Case("a moment in seconds, as a text", SEND | {"send_at": "1796119200"}, ("send_at", "a date and a time")),
    Case("an empty moment", SEND | {"send_at": ""}, ("send_at", "a date and a time")),
    Case("no such moment", SEND | {"send_at": "2026-02-30T10:00:00Z"}, ("send_at", "day value")),
    Case("before all time", SEND | {"send_at": "0001-01-01T00:00:00+05:00"}, ("send_at", "calendar")),
    Case("after all time", SEND | {"send_at": "9999-12-31T23:59:59-05:00"}, ("send_at", "calendar")),
    Case("an unknown field", SEND | {"txt": TEXT}, ("txt", "not permitted")),
    Case("a field of another command", SEND | {"amount": "1"}, ("amount", "not permitted")),
    Case("a field named as a command", SEND | {"cancel": True}, ("cancel", "not permitted")),
    Case("a field with an endless name", SEND | {"x" * 1000: 1}, ("x" * 100, "not permitted")),
    Case("the first of several", SEND | {"id": "", "to": 1, "x": 1}, ("id", "at least 1")),
    Case("a batch without messages", without(BATCH, "messages"), ("messages", "required")),
    Case("an empty batch", BATCH | {"messages": []}, ("messages", "at least 1")),
    Case("a batch of 1001", BATCH | {"messages": [{"to": "1"}] * 1001}, ("messages", "at most 1000")),
    Case("a batch that is an object", BATCH | {"messages": {"to": "1"}}, ("messages", "list")),
    Case("a message that is a text", BATCH | {"messages": ["1"]}, ("messages.0", "dictionary")),
    Case("a message without a number", BATCH | {"messages": [{"to": "1"}, {}]}, ("messages.1.to", "required")),
    Case(
        "a message with more",
        BATCH | {"messages": [{"to": "1", "campaign": "c"}]},
        ("messages.0.campaign", "not permitted"),
    ),
    Case("a message's bad id", BATCH | {"messages": [{"to": "1", "id": "a b"}]}, ("messages.0.id", "pattern")),
    Case(
        "one id twice", BATCH | {"messages": [{"to": "1", "id": "a"}, {"to": "2", "id": "a"}]}, ("messages", "same id")
    ),
    Case(
        "an id that another has by its position",
        BATCH | {"messages": [{"to": "1"}, {"to": "2", "id": "news/1"}]},
        ("messages", "same id"),
    ),
    Case("a batch with an id of 101", BATCH | {"id": "x" * 101}, ("id", "at most 100")),
    Case("a batch to a number", BATCH | {"to": "1"}, ("to", "not permitted")),
    Case("flash of a batch in words", BATCH | {"flash": "no"}, ("flash", "boolean")),
    Case("money as a float", TOP_UP | {"amount": 20.0}, ("amount", "decimal text")),
    Case("money as true", TOP_UP | {"amount": True}, ("amount", "decimal text")),
    Case("money below zero", TOP_UP | {"amount": "-1.00"}, ("amount", "decimal text")),
    Case("no money", TOP_UP | {"amount": "0.00"}, ("amount", "greater than 0")),
    Case("minus one", TOP_UP | {"amount": -1}, ("amount", "greater than 0")),
    Case("a third of a cent", TOP_UP | {"amount": "0.333"}, ("amount", "decimal text")),
    Case("an exponent", TOP_UP | {"amount": "1e3"}, ("amount", "decimal text")),
    Case("a thousands comma", TOP_UP | {"amount": "1,000.00"}, ("amount", "decimal text")),
    Case("an underscore", TOP_UP | {"amount": "1_000"}, ("amount", "decimal text")),
    Case("not a number", TOP_UP | {"amount": "NaN"}, ("amount", "decimal text")),
    Case("endless money", TOP_UP | {"amount": 10**13}, ("amount", "digits")),
    Case("digits of another script", TOP_UP | {"amount": "२०"}, ("amount", "decimal text")),
    Case("a long product", TOP_UP | {"product": "x" * 21}, ("product", "at most 20")),
    Case("a look-up of nothing", without(LOOK_UP, "number"), ("number", "required")),
    Case("a status of nothing", STATUS | {"message_id": ""}, ("message_id", "at least 1")),
    Case("a day that there is not", REPORT | {"first_day": "2026-02-30"}, ("first_day", "no such day")),
    Case("a day of another form", REPORT | {"last_day": "11-30-2026"}, ("last_day", "pattern")),
    Case("a day in digits of another script", REPORT | {"last_day": "२०२६-११-३०"}, ("last_day", "pattern")),
    Case("a balance of a number", BALANCE | {"to": "1"}, ("to", "not permitted")),
    Case("a cancel of nothing", without(CANCEL, "command_id"), ("command_id", "required")),
)


@table("case", BAD)
def test_a_bad_command_is_refused_by_its_field_and_its_value_is_not_repeated(case: Case[Any, tuple[str, str]]) -> None:
    field, says = case.expected
    with pytest.raises(Rejection) as caught:
        read_command(case.given)
    assert caught.value.field == field
    assert says in caught.value.problem
    assert str(caught.value) == (f"{field}: {caught.value.problem}" if field else caught.value.problem)
    assert kinds_in(str(caught.value)) == set()
    assert kinds_in("".join(traceback.format_exception(caught.value))) == set()


@pytest.mark.parametrize("field", ["id", "account", "reference", "to", "text", "sender", "campaign", "send_at"])
def test_no_value_stands_in_a_refusal(field: str) -> None:
    with pytest.raises(Rejection) as caught:
        read_command(SEND | {field: f"{TEXT} {NUMBER}" * 1000})
    assert caught.value.field == field
    assert kinds_in(str(caught.value)) == set()


@pytest.mark.parametrize(
    "text", ["", "{", "send_sms", "[" * 100_000, '{"a":' * 100_000, f"{SEND}", '{"id": 1' + "0" * 5000]
)
def test_what_is_not_json_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(Rejection) as caught:
        parse_command(text)
    assert (caught.value.field, caught.value.problem) == ("", "a command is a JSON object, and this is not JSON")


def test_a_float_of_json_is_never_money() -> None:
    with pytest.raises(Rejection, match="amount: money is a decimal text"):
        parse_command(json.dumps(without(TOP_UP, "amount"))[:-1] + ', "amount": 20.10}')
    command = read_command(TOP_UP | {"amount": "0.10"})
    assert isinstance(command, TopUp)
    assert command.amount == Decimal("0.10")
    assert '"amount":"0.10"' in command.model_dump_json()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted({name for command in COMMAND_TYPES for name in command.model_fields}))


@given(
    document=st.sampled_from([SEND, BATCH, TOP_UP, LOOK_UP, STATUS, BALANCE, REPORT, CANCEL]),
    changes=st.dictionaries(FIELDS | st.text(max_size=8), JSON_VALUES, max_size=3),
)
def test_any_document_is_a_command_or_a_refusal(document: Document, changes: Document) -> None:
    with suppress(Rejection):
        command = read_command(document | changes)
        assert parse_command(command.model_dump_json()) == command


@given(JSON_VALUES | st.dictionaries(st.just("command"), JSON_VALUES))
def test_any_json_is_a_command_or_a_refusal(document: Any) -> None:
    with pytest.raises(Rejection):
        read_command(document)


# --- tokens and digests ----------------------------------------------------------------------------------------------

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", fullmatch=True)


def send_sms(**overrides: Any) -> SendSms:
    return SendSms.model_validate(SEND | overrides)


@given(IDS, IDS)
def test_a_token_is_22_characters_and_as_different_as_the_ids(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", command_token(one))
    assert (command_token(one) == command_token(other)) == (one == other)
    assert send_sms(id=one).token == command_token(one)


def test_a_token_is_the_same_for_ever() -> None:
    """It is in journals and at providers: SHA-256 of the id, base64url, the first 22 characters."""
    assert command_token("order-1") == "C6_iIVbSaYwUO4YEBEbTZu"


def test_a_token_belongs_to_the_id_alone() -> None:
    assert (
        len({send_sms(text=text).token for text in ("a", "b")} | {read_command(BALANCE | {"id": "order-1"}).token}) == 1
    )


DIFFERENT = (
    {"id": "order-2"},
    {"account": "umbrella-za"},
    {"to": f"+{OTHER_NUMBER}"},
    {"text": OTHER_TEXT},
    {"reference": "r"},
    {"sender": "ACME"},
    {"campaign": "c"},
    {"flash": True},
    {"send_at": "2026-12-01T10:00:00Z"},
)


def test_another_content_has_another_digest() -> None:
    digests = [send_sms(**different).digest for different in ({}, *DIFFERENT)]
    assert len(set(digests)) == len(digests)
    assert {name for different in DIFFERENT for name in different} == set(SendSms.model_fields) - {
        "command",
        "version",
        "provider",
    }


SAME: tuple[Document, ...] = (
    {},
    {"version": "1.0"},
    {"reference": None, "flash": False, "sender": None, "send_at": None},
    {"provider": "zoom_connect"},
    dict(reversed(SEND.items())),
)


@pytest.mark.parametrize("same", SAME)
def test_the_same_content_has_the_same_digest_however_it_is_written(same: Document) -> None:
    assert send_sms(**same).digest == send_sms().digest
    assert parse_command(send_sms(**same).model_dump_json(exclude_none=True)).digest == send_sms().digest


@given(st.integers(-12 * 60, 14 * 60))
def test_one_moment_is_one_content_whatever_its_offset(minutes: int) -> None:
    moment = NOON.astimezone(timezone(timedelta(minutes=minutes)))
    assert send_sms(send_at=moment.isoformat()).digest == send_sms(send_at=NOON).digest
    assert send_sms(send_at=moment.isoformat()).send_at == NOON


def test_a_digest_is_the_same_for_ever() -> None:
    """It is in journals: a deployment must not make another content of a command that waits. Fields by name."""
    command = SendSms(command="send_sms", id="order-1", account="acme-za", to="+27725551234", text="hi")
    assert (
        command.digest
        == sha256(
            b'{"account": "acme-za", "command": "send_sms", "id": "order-1", "text": "hi", "to": "+27725551234"}'
        ).hexdigest()
    )


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_contents_are_equal_exactly_where_digests_are(a: str, b: str, c: str, d: str) -> None:
    one, other = send_sms(text=a, campaign=b), send_sms(text=c, campaign=d)
    assert (one.digest == other.digest) == (one == other)


# --- batches ---------------------------------------------------------------------------------------------------------


def batch(**overrides: Any) -> SendSmsBatch:
    return SendSmsBatch.model_validate(BATCH | overrides)


def test_a_batch_becomes_one_command_a_message() -> None:
    shared = {"campaign": "c", "sender": "ACME", "flash": True, "send_at": NOON}
    messages = [
        {"to": "1"},
        {"to": "2", "text": OTHER_TEXT, "reference": "mine"},
        {"to": "3", "id": "own-id"},
        {"to": "4", "text": ""},
    ]
    split = batch(messages=messages, reference="ours", **shared).split()
    assert split == [
        send_sms(id="news/1", to="1", reference="ours", **shared),
        send_sms(id="news/2", to="2", reference="mine", **(shared | {"text": OTHER_TEXT})),
        send_sms(id="own-id", to="3", reference="ours", **shared),
        send_sms(id="news/4", to="4", reference="ours", **(shared | {"text": ""})),
    ]


def test_a_message_without_any_text_is_an_empty_one() -> None:
    assert [message.text for message in batch(text=None, messages=[{"to": "1"}]).split()] == [""]


@given(
    st.integers(1, MAX_BATCH_MESSAGES),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", fullmatch=True),
    st.sets(st.integers(0, MAX_BATCH_MESSAGES), max_size=5),
)
def test_a_batch_of_any_size_splits_into_as_many_valid_commands(count: int, name: str, own: set[int]) -> None:
    messages = [{"to": str(at)} | ({"id": f"own:{at}"} if at in own else {}) for at in range(count)]
    split = batch(id=name, messages=messages).split()
    assert [command.to for command in split] == [str(at) for at in range(count)]
    assert len({command.id for command in split}) == len({command.token for command in split}) == count
    assert all(read_command(command.model_dump(mode="json")) == command for command in (split[0], split[-1]))


def test_splitting_again_gives_the_same_commands() -> None:
    assert [command.digest for command in batch().split()] == [command.digest for command in batch().split()]


# --- what is printed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [SEND, BATCH, TOP_UP, LOOK_UP])
def test_what_is_printed_of_a_command_shows_neither_number_nor_text(document: Document) -> None:
    command = read_command(document)
    shown = f"{command} {command!r} {[command]}"
    assert f"id='{document['id']}'" in shown
    assert kinds_in(shown) == set()
    parts = command.messages if isinstance(command, SendSmsBatch) else []
    assert kinds_in(f"{parts} {[str(part) for part in parts]}") == set()


# --- samples ---------------------------------------------------------------------------------------------------------


def bodies(name: str) -> list[str]:
    return [record["body"] for record in json.loads((EVENTS / f"{name}.json").read_text())["Records"]]


def fits(document: Document) -> BaseCommand:
    Draft202012Validator(command_schemas()[document["command"]]).validate(document)
    return read_command(document)


def test_the_samples_are_the_ways_in() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {"sends", "batch", "get-balance", "command-requested"}


@pytest.mark.parametrize("name", ["sends", "batch", "command-requested"])
def test_a_sample_from_the_queue_has_all_that_sqs_sends(name: str) -> None:
    records = json.loads((EVENTS / f"{name}.json").read_text())["Records"]
    assert len({record["messageId"] for record in records}) == len(records)
    for record in records:
        assert record.keys() == {
            "messageId",
            "receiptHandle",
            "body",
            "attributes",
            "messageAttributes",
            "md5OfBody",
            "eventSource",
            "eventSourceARN",
            "awsRegion",
        }
        assert record["attributes"].keys() >= {"ApproximateReceiveCount", "SentTimestamp"}
        assert record["eventSource"] == "aws:sqs"


def test_the_sample_of_sends_is_three_messages_of_one_account() -> None:
    commands = [fits(json.loads(body)) for body in bodies("sends")]
    assert [type(command) for command in commands] == [SendSms] * 3
    assert {command.account for command in commands} == {ACCOUNT}
    assert len({command.id for command in commands}) == 3
    assert any(isinstance(command, SendSms) and command.send_at for command in commands)


def test_the_sample_of_a_batch_is_one() -> None:
    (body,) = bodies("batch")
    command = fits(json.loads(body))
    assert isinstance(command, SendSmsBatch)
    assert [message.text for message in command.split()] == [TEXT, OTHER_TEXT]


def test_the_sample_from_the_bus_is_the_command_itself_and_says_whose_it_is() -> None:
    """The rule's `InputPath: $.detail` leaves nothing of the bus event's envelope."""
    (body,) = bodies("command-requested")
    command = fits(json.loads(body))
    assert isinstance(command, SendSms)
    assert command.provider == "zoom_connect"


def test_the_sample_of_a_direct_invocation_is_the_command_itself() -> None:
    assert isinstance(fits(json.loads((EVENTS / "get-balance.json").read_text())), GetBalance)
    assert Cancel.repeatable
