"""What becomes of messages: done, again after a delay, put back for their turn, set aside. And what SQS does to us."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from hookline.command_queue import MAX_RECEIVES, RECEIVES_ATTRIBUTE, TURN_ATTRIBUTE, CommandQueue
from hookline.commands import SendSms
from hookline.errors import QueueUnavailableError
from hookline.send import LATEST, MAX_BACKOFF, TIME_FOR_A_CALL
from tests.cases import Case, table
from tests.samples import ACCOUNT, NOW, OTHER_ACCOUNT, TEXT
from tests.send import sqs
from tests.send.sqs import COMMANDS, DEAD_LETTERS, Sqs
from tests.send.sqs import MAX_RECEIVES as OF_THE_TEMPLATE
from tests.send.toy import TOY, done, not_sent
from tests.send.world import SECONDS, Fault, Faults, World, record_of, send_sms

LATE = httpx.ConnectError("refused")


def always(answer: Any) -> httpx.MockTransport:
    """A provider with one answer for all."""

    def handle(_request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(200, json=answer)

    return httpx.MockTransport(handle)


def accepting() -> httpx.MockTransport:
    """A provider that does everything."""
    return httpx.MockTransport(
        lambda request: httpx.Response(200, json=[done(f"id-{name}") for name in json.loads(request.content)])
    )


def world(answer: Any = None, *, faults: Faults | None = None, **settings: Any) -> World:
    provider = accepting() if answer is None else always(answer)
    return World(TOY, provider, accounts={ACCOUNT: settings, OTHER_ACCOUNT: settings}, faults=faults)


def failing(name: str, times: int = 1, fault: Fault = Fault.FAILS_BEFORE) -> Faults:
    """Let the first calls of a name fail."""
    left = iter([fault] * times)
    return Faults(lambda _number, called: next(left, None) if called == name else None)


# --- again, after a delay --------------------------------------------------------------------------------------------


def test_only_what_is_not_done_comes_again() -> None:
    it = World(TOY, always([done("1"), not_sent(), done("3")]))
    it.put(*(send_sms(f"order-{number}") for number in range(3)))
    records = it.sqs.receive()
    answer = it.sender.do_batch(records, SECONDS)
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]}


@pytest.mark.parametrize("receives", range(1, MAX_RECEIVES))
@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_backoff_is_exponential_with_full_jitter(receives: int, chance: float) -> None:
    it = World(TOY, always(LATE), chance=lambda: chance)
    it.put(send_sms())
    (stored,) = it.sqs.waiting
    stored.receives = receives - 1
    it.poll()
    assert it.sqs.delays == [round(chance * min(MAX_BACKOFF, 2**receives))]


def test_a_message_received_too_often_is_set_aside_with_the_reason() -> None:
    it = world(LATE)
    it.put(send_sms())
    it.drain()
    (dead,) = it.sqs.dead
    assert json.loads(dead.body) == send_sms()
    assert dead.attributes == {"reason": {"DataType": "String", "StringValue": "ConnectError"}}
    assert it.faults.calls.count("http") == MAX_RECEIVES == OF_THE_TEMPLATE
    assert it.state("order-1") == "waiting"


def test_a_message_set_aside_begins_anew_when_it_is_put_back_on_the_queue() -> None:
    it = world(LATE)
    it.put(send_sms())
    it.drain()
    (dead,) = it.sqs.dead
    it.sqs.put(dead.body)
    it.transport._transport = accepting()
    it.drain()
    assert it.state("order-1") == "succeeded"


def test_a_message_received_ever_so_often_is_no_error() -> None:
    """A queue can be without a redrive limit."""
    it = world(LATE, faults=failing("sqs.send_message"))
    answer = it.sender.do_batch([record_of(send_sms(), receives=5000)], SECONDS)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


# --- put back for their turn -----------------------------------------------------------------------------------------


def attributes(it: World) -> list[dict[str, str]]:
    return [{name: value["StringValue"] for name, value in stored.attributes.items()} for stored in it.sqs.waiting]


def test_what_has_no_turn_yet_is_put_back_with_one_and_not_counted() -> None:
    it = world(max_per_second=1)
    it.put(*(send_sms(f"order-{number}") for number in range(5)))
    assert it.poll() == []
    assert attributes(it) == [{TURN_ATTRIBUTE: f"{NOW + number:.3f}"} for number in (1, 2, 3)]
    assert [stored.visible_at - NOW for stored in it.sqs.waiting] == [1, 2, 3]
    assert [stored.receives for stored in it.sqs.waiting] == [0, 0, 0]
    assert {it.state(f"order-{number}") for number in (2, 3, 4)} == {None}
    until = it.dynamo.items[f"pace#{ACCOUNT}", "pace"]["until"]
    it.drain()
    assert {it.state(f"order-{number}") for number in range(5)} == {"succeeded"}
    assert it.clock.now == NOW + 3
    assert it.dynamo.items[f"pace#{ACCOUNT}", "pace"]["until"] == until, "a turn was taken twice"


def test_an_account_sends_no_faster_than_its_pace_and_no_slower() -> None:
    moments: list[float] = []
    it = world(max_per_second=5)

    def handle(request: httpx.Request) -> httpx.Response:
        names = json.loads(request.content)
        moments.extend([it.clock.now] * len(names))
        return httpx.Response(200, json=[done(f"id-{name}") for name in names])

    it.transport._transport = httpx.MockTransport(handle)
    it.put(*(send_sms(f"order-{number}") for number in range(400)))
    it.drain()
    assert len(moments) == 400
    for first, start in enumerate(moments):
        for place, end in enumerate(moments[first:], 1):
            # the burst, one message, and a second by which SQS rounds
            assert place <= 5 * (end - start) + 5 + 1 + 5
    assert moments[-1] - moments[0] <= 400 / 5 + 2


def test_what_lies_beyond_the_horizon_is_put_back_without_a_turn_spread_out() -> None:
    chances = iter([0.0, 1.0] * 50)
    it = World(TOY, accepting(), accounts={ACCOUNT: {"max_per_second": 0.1}}, chance=lambda: next(chances))
    it.put(*(send_sms(f"order-{number}") for number in range(65)))
    it.poll()
    without = [stored for stored in it.sqs.waiting if not stored.attributes]
    assert len(without) == 4
    assert [stored.visible_at - NOW for stored in without] == [450, 900, 450, 900]


def test_everything_beyond_the_horizon_is_sent_in_the_end() -> None:
    it = world(max_per_second=0.1)
    it.put(*(send_sms(f"order-{number}") for number in range(200)))
    it.drain()
    assert {entry["state"] for entry in it.entries().values()} == {"succeeded"}
    assert len(it.entries()) == 200
    assert it.sqs.dead == []
    assert it.clock.now - NOW < 200 / 0.1 * 1.7, "capacity is lost"


def test_a_turn_is_good_once() -> None:
    """A message that was tried is sent again at the account's pace, as any other."""
    it = world(LATE, max_per_second=1)
    record = record_of(send_sms()) | {"messageAttributes": turn(NOW)}
    it.sender.do_batch([record], SECONDS)
    assert (f"pace#{ACCOUNT}", "pace") not in it.dynamo.items
    again = record_of(send_sms(), receives=2) | {"messageAttributes": turn(NOW)}
    it.sender.do_batch([again], SECONDS)
    assert (f"pace#{ACCOUNT}", "pace") in it.dynamo.items


def turn(moment: float | str, receives: str | None = None) -> dict[str, Any]:
    given = {TURN_ATTRIBUTE: str(moment), **({RECEIVES_ATTRIBUTE: receives} if receives else {})}
    return {name: {"stringValue": value, "dataType": "Number"} for name, value in given.items()}


@pytest.mark.parametrize(
    ("moment", "is_good"),
    [(NOW + 2, False), (NOW + 1, True), (NOW, True), (NOW - LATEST, True), (NOW - LATEST - 1, False)],
)
def test_a_turn_is_good_at_its_time(moment: float, *, is_good: bool) -> None:
    it = world(max_per_second=1)
    it.sender.do_batch([record_of(send_sms()) | {"messageAttributes": turn(moment)}], SECONDS)
    assert ((f"pace#{ACCOUNT}", "pace") in it.dynamo.items) is not is_good
    assert it.state("order-1") == "succeeded"


def test_a_standstill_is_no_reason_to_go_faster() -> None:
    """What was put back for its turn comes all at once when the function could not run for an hour."""
    it = world(max_per_second=1)
    it.put(*(send_sms(f"order-{number}") for number in range(100)))
    it.poll()
    it.clock.advance(3600)
    it.poll()
    assert it.counted()["succeeded"] == 2 + 2
    it.drain()
    assert it.counted()["succeeded"] == 100


def test_receives_are_counted_on_when_a_message_is_put_back() -> None:
    """Else one that never gets through would be tried for ever, and as often as in its first minute."""
    it = world(max_per_second=1)
    it.put(*(send_sms(f"order-{number}") for number in range(3)))
    for stored in it.sqs.waiting:
        stored.receives = 7
    it.poll()
    assert attributes(it) == [{TURN_ATTRIBUTE: f"{NOW + 1:.3f}", RECEIVES_ATTRIBUTE: "7"}]
    it.transport._transport = always(LATE)
    it.clock.advance(1)
    it.poll()
    assert it.sqs.delays == [2**8 / 2]


def test_a_message_that_is_put_back_again_and_again_is_set_aside_all_the_same() -> None:
    it = world(LATE, max_per_second=1)
    it.put(*(send_sms(f"order-{number}") for number in range(20)))
    it.drain()
    assert len(it.dead_ids()) == 20
    assert it.faults.calls.count("http") <= 20 * MAX_RECEIVES


NOT_NUMBERS = ("", "nan", "inf", "-1", "1e9", "²", "٣", "1.", "9" * 400, "x")


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_attributes_that_are_no_numbers_of_ours_are_as_none(value: str) -> None:
    it = world(max_per_second=1)
    it.sender.do_batch([record_of(send_sms()) | {"messageAttributes": turn(value, value)}], SECONDS)
    assert (f"pace#{ACCOUNT}", "pace") in it.dynamo.items
    assert it.state("order-1") == "succeeded"


# --- accounts beside each other --------------------------------------------------------------------------------------


def test_an_account_that_waits_for_its_pace_keeps_no_other_waiting() -> None:
    it = world()
    it.secrets.documents[ACCOUNT]["settings"] = {"max_per_second": 0.1}
    it.put(*(send_sms(f"slow-{number}") for number in range(300)))
    it.put(*(send_sms(f"quick-{number}", account=OTHER_ACCOUNT) for number in range(10)))
    for _ in range(4):
        it.poll()
    assert {it.state(f"quick-{number}") for number in range(10)} == {"succeeded"}
    assert it.clock.now == NOW


def test_an_account_whose_provider_hangs_keeps_no_other_waiting_for_long() -> None:
    """Calls that take fifteen seconds each use up an invocation; what had no time comes again at once."""
    it = world(max_batch=1)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(OTHER_ACCOUNT):
            return httpx.Response(200, json=[done("quick")])
        it.clock.advance(15)
        raise httpx.ReadTimeout("")

    it.transport._transport = httpx.MockTransport(handle)
    it.put(*(send_sms(f"slow-{number}") for number in range(10)), send_sms("quick", account=OTHER_ACCOUNT))
    polls = 0
    while it.state("quick") is None:
        it.poll()
        polls += 1
    assert polls <= 4
    it.drain()
    assert {it.state(f"slow-{number}") for number in range(10)} == {"unknown"}


# --- time ------------------------------------------------------------------------------------------------------------


def test_no_call_is_begun_that_there_is_no_time_for() -> None:
    it = world(max_batch=1)

    def handle(_request: httpx.Request) -> httpx.Response:
        it.clock.advance(20)
        return httpx.Response(200, json=[done(f"id-{it.clock.now}")])

    it.transport._transport = httpx.MockTransport(handle)
    it.put(*(send_sms(f"order-{number}") for number in range(5)))
    assert it.poll() == []
    assert it.counted()["succeeded"] == 2
    waiting = it.sqs.waiting
    assert [(stored.receives, stored.visible_at) for stored in waiting] == [(0, it.clock.now)] * 3
    assert it.poll() == []
    assert it.poll() == []
    assert {it.state(f"order-{number}") for number in range(5)} == {"succeeded"}


@pytest.mark.parametrize(("seconds", "sent"), [(TIME_FOR_A_CALL, 1), (TIME_FOR_A_CALL - 1, 0)])
def test_an_invocation_that_is_too_short_for_a_call_is_a_failure(seconds: float, sent: int) -> None:
    it = world()
    it.put(send_sms())
    failures = it.sender.do_batch(it.sqs.receive(), seconds)["batchItemFailures"]
    assert it.faults.calls.count("http") == sent
    assert len(failures) == 1 - sent


def test_calls_one_by_one_stop_when_there_is_no_time() -> None:
    it = world()

    def handle(request: httpx.Request) -> httpx.Response:
        names = json.loads(request.content)
        it.clock.advance(12)
        return httpx.Response(200, json=[not_sent("bulk", split=True)] if len(names) > 1 else [done(names[0])])

    it.transport._transport = httpx.MockTransport(handle)
    it.put(*(send_sms(f"order-{number}") for number in range(5)))
    assert len(it.poll()) == 3
    states = [it.state(f"order-{number}") for number in range(5)]
    assert states == ["succeeded"] * 2 + ["waiting"] * 3


# --- what nobody can read --------------------------------------------------------------------------------------------

MALFORMED: tuple[Case[str, tuple[str, str | None]], ...] = (
    Case("no JSON", "{", ("", None)),
    Case("no object", "[1]", ("", None)),
    Case("nested too deep", "[" * 100_000, ("", None)),
    Case("a number of too many digits", "9" * 5000, ("", None)),
    Case("no command", json.dumps({"id": "x-1", "account": ACCOUNT}), ("command", "x-1")),
    Case("a command that there is not", json.dumps(send_sms("x-1") | {"command": "send_mms"}), ("command", "x-1")),
    Case("a command of another kind", json.dumps(send_sms("x-1") | {"command": ["send_sms"]}), ("command", "x-1")),
    Case("no id", json.dumps(send_sms() | {"id": None}), ("id", None)),
    Case("an id of other characters", json.dumps(send_sms("no spaces")), ("id", "no spaces")),
    Case("an id of half a character", '{"command": "send_sms", "id": "\\ud800"}', ("id", None)),
    Case("no recipient", json.dumps(send_sms("x-1", to=None)), ("to", "x-1")),
    Case("a text of half a character", json.dumps(send_sms("x-1", text="\ud83d")), ("text", "x-1")),
    Case("a field that there is not", json.dumps(send_sms("x-1", colour="red")), ("colour", "x-1")),
    Case("a field named with half a character", json.dumps(send_sms("x-1") | {"\ud800": 1}), ("", "x-1")),
    Case("a field named with a null", json.dumps(send_sms("x-1") | {"a\0b": 1}), ("a\0b", "x-1")),
    Case("another version", json.dumps(send_sms("x-1", version="2.0")), ("version", "x-1")),
    Case("another provider's name", json.dumps(send_sms("x-1", provider="acme")), ("provider", "x-1")),
)


@table("case", MALFORMED)
def test_what_can_not_be_understood_is_set_aside_and_rejected(case: Case[str, tuple[str, str | None]]) -> None:
    field, command_id = case.expected
    it = world()
    it.put(case.given, send_sms("good"))
    assert it.poll() == []
    assert it.sqs.waiting == []
    (dead,) = it.sqs.dead
    assert dead.body == case.given
    assert dead.attributes["reason"]["StringValue"]
    (rejection,) = it.rejections()
    assert (rejection["field"], rejection.get("id")) == (field, command_id)
    assert rejection["problem"]
    assert it.state("good") == "succeeded", "it kept another from being sent"
    (event,) = [event for event in it.events() if event["metadata"]["type"] == "command.rejected"]
    assert event["data"]["field"] == (field or None)


def test_the_same_nonsense_twice_is_rejected_once() -> None:
    it = world()
    it.put("{", "{")
    it.poll()
    assert (len(it.sqs.dead), len(it.rejections())) == (2, 1)


def test_a_fields_name_is_in_no_line_of_the_log() -> None:
    """A name that we do not know is the caller's: it can be a number as well."""
    it = world()
    it.put(json.dumps(send_sms() | {"27825550142": 1}), json.dumps(send_sms("x-2", to=None)))
    it.poll()
    rejected = [line["field"] for line in it.telemetry.lines if line.get("result") == "rejected"]
    assert rejected == [None, "to"]


# --- what AWS does to us ---------------------------------------------------------------------------------------------


def test_a_message_that_can_not_be_put_back_comes_again_itself() -> None:
    it = world(faults=failing("sqs.send_message"), max_per_second=1)
    it.put(*(send_sms(f"order-{number}") for number in range(4)))
    assert len(it.poll()) == 1
    assert len(it.sqs.waiting) == 2
    it.drain()
    assert {it.state(f"order-{number}") for number in range(4)} == {"succeeded"}


def test_a_message_that_can_not_be_set_aside_comes_again() -> None:
    it = world(faults=failing("sqs.send_message"))
    it.put("{", send_sms("good"))
    assert len(it.poll()) == 1
    assert (it.sqs.dead, it.state("good")) == ([], "succeeded")
    it.drain()
    assert len(it.sqs.dead) == 1


def test_a_message_that_can_not_be_delayed_comes_again_when_its_time_is_over() -> None:
    it = world(LATE, faults=failing("sqs.change_message_visibility", 2))
    it.put(send_sms("order-1"), send_sms("order-2"))
    assert len(it.poll()) == 2
    assert it.sqs.next_visible() == NOW + sqs.VISIBILITY


@pytest.mark.parametrize("fault", [Fault.FAILS_BEFORE, Fault.FAILS_AFTER])
def test_a_rejection_that_can_not_be_written_is_made_when_the_message_comes_again(fault: Fault) -> None:
    it = world(faults=failing("dynamodb.transact_write_items", 1, fault))
    it.put("{")
    assert len(it.poll()) == 1
    assert it.sqs.dead == []
    it.drain()
    assert (len(it.sqs.dead), len(it.rejections())) == (1, 1)


@pytest.mark.parametrize("name", ["dynamodb.get_item", "dynamodb.update_item"])
def test_without_the_journal_nothing_is_sent(name: str) -> None:
    it = world(faults=failing(name, 1000))
    it.put(send_sms())
    assert len(it.poll()) == 1
    assert it.faults.calls.count("http") == 0
    assert it.sqs.delays == [1]


def test_one_accounts_trouble_is_not_anothers() -> None:
    it = world(faults=failing("dynamodb.transact_write_items"))
    it.put(send_sms("order-1"), send_sms("other-1", account=OTHER_ACCOUNT))
    (again,) = it.poll()
    (left,) = it.sqs.waiting
    assert (left.id, json.loads(left.body)["id"]) == (again, "order-1")
    assert it.state("other-1") == "succeeded"


UNUSABLE: tuple[Case[Mapping[str, Any], str], ...] = (
    Case("no token", {"provider": TOY.name, "credentials": {}}, "credentials.token"),
    Case(
        "a setting of no use", {"provider": TOY.name, "credentials": {"token": "x"}, "settings": {"max_batch": "x"}}, ""
    ),
)


@table("case", UNUSABLE)
def test_an_account_that_can_not_be_used_keeps_its_commands_waiting(case: Case[Mapping[str, Any], str]) -> None:
    """A person can put that right: nothing is lost, and nothing is hammered."""
    it = world()
    good = it.secrets.documents[ACCOUNT]
    it.secrets.documents[ACCOUNT] = case.given
    it.put(send_sms(), send_sms("other-1", account=OTHER_ACCOUNT))
    it.poll()
    assert (it.sqs.delays, it.rejections(), it.state("other-1")) == ([300], [], "succeeded")
    (delayed,) = [line for line in it.telemetry.lines if line["name"] == "messages_delayed"]
    assert case.expected in delayed["why"]
    it.secrets.documents[ACCOUNT] = good
    it.drain()
    assert it.state("order-1") == "succeeded"


def test_accounts_that_can_not_be_read_keep_their_commands_waiting() -> None:
    it = world(faults=failing("secretsmanager.get_secret_value"))
    it.put(send_sms())
    it.poll()
    assert (it.sqs.delays, it.rejections()) == ([1], [])
    it.drain()
    assert it.state("order-1") == "succeeded"


# --- SQS's own limits ------------------------------------------------------------------------------------------------


def queue_on(double: Sqs) -> CommandQueue:
    return CommandQueue(sqs.as_client(double), COMMANDS, DEAD_LETTERS)


@pytest.mark.parametrize("text", ["\uffff", "\ufffe end", "a\0b", "😀 and \u2028", "\x7f\x80", TEXT])
def test_every_text_can_be_put_back(text: str) -> None:
    it = world(max_per_second=0.1)
    it.put(json.dumps(send_sms("first")), json.dumps(send_sms(text=text)))
    it.poll()
    assert it.state("order-1") is None
    it.drain()
    assert json.loads(it.entry("order-1")["command"])["text"] == text


def test_a_command_put_back_is_the_same_command() -> None:
    double = Sqs(lambda: NOW)
    command = SendSms.model_validate(
        send_sms(
            text="\uffff 😀",
            send_at="2026-11-22T10:00:00.123456+02:00",
            reference="r",
            campaign="",
            provider="zoom_connect",
        )
    )
    queue_on(double).put_back(command, 0, None, 0)
    (record,) = double.receive()
    again = SendSms.model_validate_json(record["body"])
    assert (again, again.digest, again.provider) == (command, command.digest, command.provider)


@pytest.mark.parametrize(("seconds", "delay"), [(-5, 0), (0.4, 0), (1.6, 2), (900, 900), (10_000, 900)])
def test_a_delay_is_as_long_as_sqs_lets_it_be(seconds: float, delay: int) -> None:
    double = Sqs(lambda: NOW)
    queue_on(double).put_back(SendSms.model_validate(send_sms()), seconds, None, 0)
    assert [stored.visible_at - NOW for stored in double.waiting] == [delay]


def test_a_queue_that_is_gone_says_so() -> None:
    class Gone(Sqs):
        def send_message(self, **asked: Any) -> dict[str, Any]:
            return super().send_message(**asked | {"DelaySeconds": -1})

    with pytest.raises(QueueUnavailableError, match="ClientError"):
        queue_on(Gone(lambda: NOW)).put_back(SendSms.model_validate(send_sms()), 0, None, 0)
