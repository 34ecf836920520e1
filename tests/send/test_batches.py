"""Batches: cut to size, each message its own outcome and retry; and single sends that wait together in one call."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from hookline.command_queue import MAX_RECEIVES, RECEIVES_ATTRIBUTE
from hookline.providers.zoom_connect.rest import SENDING
from hookline.send import MAX_CHUNK_BYTES
from tests.samples import ACCOUNT, NUMBER, OTHER_ACCOUNT
from tests.send.sqs import Stored
from tests.send.test_repeats import Provider
from tests.send.toy import TOY, done, is_open, not_sent, refused
from tests.send.world import SECONDS, Fault, Faults, World, send_batch, send_sms, sequence

QUICK = {"max_per_second": 10_000}
LONG = "ç" * 10_000
"""The longest text: two bytes a character."""


def world(transport: Any, faults: Faults | None = None, **settings: Any) -> World:
    accounts = {ACCOUNT: QUICK | settings, OTHER_ACCOUNT: QUICK}
    return World(SENDING, httpx.MockTransport(transport), accounts=accounts, faults=faults)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def it(provider: Provider) -> World:
    return world(provider)


def messages(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"to": f"+{NUMBER}", **more} for _ in range(count)]


def states(of: World, name: str = "batch-1", count: int | None = None) -> list[str | None]:
    return [of.state(f"{name}/{place}") for place in range(1, (count or len(of.entries())) + 1)]


# --- cut to size -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "parts"), [(1, 0), (100, 0), (101, 2), (250, 3), (1000, 10)])
def test_a_batch_larger_than_an_invocation_is_cut(it: World, provider: Provider, count: int, parts: int) -> None:
    it.put(send_batch(*messages(count)))
    assert it.poll() == []
    assert len(it.sqs.waiting) == parts
    it.drain(1)
    assert states(it, count=count) == ["succeeded"] * count
    assert len(provider.accepted) == len(set(provider.accepted)) == count
    assert provider.calls == max(parts, 1)


@pytest.mark.parametrize("name", ["batch-1", "b" * 100])
def test_a_part_is_a_batch_itself_whatever_the_batchs_id(it: World, name: str) -> None:
    it.put(send_batch(*messages(150), id=name))
    it.drain()
    assert (it.sqs.dead, it.rejections()) == ([], [])
    assert states(it, name, 150) == ["succeeded"] * 150


def test_parts_of_long_texts_fit_a_message(it: World) -> None:
    """Counted in bytes: a character of another script takes several."""
    it.secrets.documents[ACCOUNT]["settings"]["max_segments"] = 255
    everything = [{"to": f"+{NUMBER}", "text": LONG[: 10_000 - place]} for place in range(60)]
    # As it comes from a caller who may send a megabyte: SQS takes more than we hand on in one piece.
    it.sqs.queues[next(iter(it.sqs.queues))].append(
        Stored("large", json.dumps(send_batch(*everything, text=LONG), ensure_ascii=False), {}, it.clock.now)
    )
    assert it.poll() == []
    assert len(it.sqs.waiting) > 1
    assert all(len(stored.body.encode()) <= MAX_CHUNK_BYTES + 25_000 for stored in it.sqs.waiting)
    it.drain(1)
    assert states(it, count=60) == ["succeeded"] * 60


def test_a_part_is_not_cut_again(it: World) -> None:
    it.secrets.documents[ACCOUNT]["settings"]["max_segments"] = 255
    text = "\u0800" * 9000  # three bytes each: no two messages of a chunk's size make a chunk
    it.sqs.queues[next(iter(it.sqs.queues))].append(
        Stored("large", json.dumps(send_batch(*messages(20, text=text))), {}, it.clock.now)
    )
    it.poll()
    parts = len(it.sqs.waiting)
    it.poll()
    assert parts > 1
    assert it.sqs.waiting == []


def test_a_part_says_all_that_the_batch_said(it: World) -> None:
    mixed = [{"to": f"+{NUMBER}"}, {"to": f"+{NUMBER}", "text": "own", "reference": "own-ref", "id": "own-id"}]
    it.put(send_batch(*mixed, *messages(150), campaign="summer", reference="all", send_at="2026-12-01T08:00:00Z"))
    it.drain()
    first, own, last = (json.loads(it.entry(name)["command"]) for name in ("batch-1/1", "own-id", "batch-1/152"))
    assert (own["text"], own["reference"]) == ("own", "own-ref")
    assert first["reference"] == last["reference"] == "all"
    assert {each["campaign"] for each in (first, own, last)} == {"summer"}
    assert {each["send_at"] for each in (first, own, last)} == {"2026-12-01T08:00:00Z"}


def test_a_batch_that_could_be_cut_only_in_part_is_cut_again_and_nothing_is_sent_twice(provider: Provider) -> None:
    fails = iter([None, Fault.FAILS_AFTER])
    faults = Faults(lambda _number, name: next(fails, None) if name == "sqs.send_message" else None)
    it = world(provider, faults)
    it.put(send_batch(*messages(250)))
    assert len(it.poll()) == 1
    assert len(it.sqs.waiting) == 3
    it.drain()
    assert states(it, count=250) == ["succeeded"] * 250
    assert len(provider.accepted) == len(set(provider.accepted)) == 250


def test_the_same_batch_again_sends_nothing(it: World, provider: Provider) -> None:
    it.put(send_batch(*messages(150)), send_batch(*messages(150)))
    it.drain()
    it.clock.advance(7 * 86_400)
    it.put(send_batch(*messages(150)))
    it.drain()
    assert len(provider.accepted) == 150


def test_a_batch_that_grew_sends_what_is_new(it: World, provider: Provider) -> None:
    it.put(send_batch(*messages(5)))
    it.drain()
    it.put(send_batch(*messages(8)))
    it.drain()
    assert len(provider.accepted) == len(set(provider.accepted)) == 8


# --- each message by itself ------------------------------------------------------------------------------------------


def toy_world(*answers: Any, **settings: Any) -> World:
    return World(TOY, httpx.MockTransport(sequence(answers)), accounts={ACCOUNT: QUICK | settings})


def test_each_message_of_a_batch_has_its_own_outcome_and_event() -> None:
    it = toy_world([done("1"), refused(), is_open(), done("4")])
    it.put(send_batch(*messages(4)))
    assert it.poll() == []
    assert states(it, count=4) == ["succeeded", "failed", "unknown", "succeeded"]
    events = {event["metadata"]["correlation"]["command_id"]: event["data"]["status"] for event in it.events()}
    assert events == {
        "batch-1/1": "accepted",
        "batch-1/2": "rejected",
        "batch-1/3": "unknown",
        "batch-1/4": "accepted",
    }


def test_a_message_of_a_batch_that_was_not_sent_is_retried_alone() -> None:
    answers = [[done("1"), not_sent(delay=40), done("3"), not_sent()], [done("4")], [done("2")]]
    it = toy_world(*answers)
    it.put(send_batch(*messages(4)))
    assert it.poll() == []
    waits = {json.loads(stored.body)["id"]: stored.visible_at - it.clock.now for stored in it.sqs.waiting}
    assert waits == {"batch-1/2": 40, "batch-1/4": 1}
    assert [stored.attributes[RECEIVES_ATTRIBUTE]["StringValue"] for stored in it.sqs.waiting] == ["1", "1"]
    it.drain()
    assert states(it, count=4) == ["succeeded"] * 4
    assert it.faults.calls.count("http") == 3


def test_a_batch_of_which_nothing_was_sent_comes_again_as_it_is() -> None:
    it = toy_world([not_sent(delay=40)], [done(str(number)) for number in range(4)])
    it.put(send_batch(*messages(4)))
    assert len(it.poll()) == 1
    assert (it.sqs.delays, len(it.sqs.waiting)) == ([40], 1)
    it.drain()
    assert states(it, count=4) == ["succeeded"] * 4


def test_a_message_that_can_not_be_put_back_alone_comes_again_with_its_batch() -> None:
    it = toy_world([done("1"), not_sent()], [done("2")])
    fails = iter([Fault.FAILS_BEFORE])
    it.faults.choose = lambda _number, name: next(fails, None) if name == "sqs.send_message" else None
    it.put(send_batch(*messages(2)))
    assert len(it.poll()) == 1
    it.drain()
    assert states(it, count=2) == ["succeeded"] * 2
    assert it.faults.calls.count("http") == 2


def test_a_message_of_a_batch_that_never_gets_through_is_set_aside_alone() -> None:
    it = toy_world([done("1"), not_sent()], *[[not_sent()]] * 50)
    it.put(send_batch(*messages(2)))
    it.drain()
    assert it.dead_ids() == {"batch-1/2"}
    assert states(it, count=2) == ["succeeded", "waiting"]
    assert it.faults.calls.count("http") == MAX_RECEIVES


def test_a_batch_that_waits_for_its_pace_is_put_back_message_by_message() -> None:
    it = toy_world(*[[done(str(number))] for number in range(50)], max_per_second=1)
    it.put(send_batch(*messages(10, text="hello"), text="hello"))
    it.transport._transport = httpx.MockTransport(
        lambda request: httpx.Response(200, json=[done(name) for name in json.loads(request.content)])
    )
    assert it.poll() == []
    assert [json.loads(stored.body)["id"] for stored in it.sqs.waiting] == [f"batch-1/{n}" for n in range(3, 11)]
    it.drain()
    assert states(it, count=10) == ["succeeded"] * 10


# --- coalescing ------------------------------------------------------------------------------------------------------


def put_many(it: World, count: int, **more: Any) -> None:
    it.put(*(send_sms(f"order-{number}", **more) for number in range(count)))


@pytest.mark.parametrize(("max_batch", "calls"), [(100, 10), (50, 20), (1, 1000)])
def test_a_thousand_that_wait_go_out_in_few_calls(provider: Provider, max_batch: int, calls: int) -> None:
    it = world(provider, max_batch=max_batch)
    put_many(it, 1000)
    it.drain()
    assert len(provider.accepted) == len(set(provider.accepted)) == 1000
    assert provider.calls == calls
    assert len({entry["outcome"] for entry in it.entries().values()}) == 1000, "each has its own outcome"
    assert it.counted() == {"succeeded": 1000}


@pytest.mark.parametrize(("rate", "most"), [(100, 20), (30, 50)])
def test_a_thousand_that_wait_for_a_pace_still_go_out_together(provider: Provider, rate: int, most: int) -> None:
    """What has its turn within a second goes out in one call: a call carries a second's worth."""
    it = world(provider, max_per_second=rate)
    put_many(it, 1000, text="hello")
    it.drain()
    assert len(set(provider.accepted)) == 1000
    assert provider.calls <= most


def test_what_waits_for_different_accounts_goes_out_apart(it: World, provider: Provider) -> None:
    for number in range(20):
        it.put(send_sms(f"order-{number}", account=[ACCOUNT, OTHER_ACCOUNT][number % 2]))
    it.poll()
    assert (provider.calls, len(provider.accepted)) == (2, 20)


def test_questions_and_messages_go_out_side_by_side(provider: Provider) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"creditBalance": 33})
        return provider(request)

    it = world(handle)
    it.put(send_sms("order-1"), {"command": "get_balance", "id": "b", "account": ACCOUNT}, send_sms("order-2"))
    it.poll()
    assert (it.state("order-1"), it.state("order-2"), it.state("b")) == ("succeeded",) * 3
    assert provider.calls == 1
    assert it.outcome("b")["facts"]["balance"] == {"amount": "33", "currency": None}


# --- a bulk call that goes wrong as a whole, with Zoom Connect itself ------------------------------------------------


def refusing_bulks(provider: Provider, *, invalid: str = "") -> Any:
    """Refuse bulk calls with a 400 and, alone, one number."""

    def handle(request: httpx.Request) -> httpx.Response:
        document = json.loads(request.content)
        if "sendSmsRequests" in document or document["recipientNumber"] == invalid:
            return httpx.Response(400, json={"status": 400, "code": 2, "message": "Invalid mobile number"})
        return provider(request)

    return handle


def test_a_bulk_call_that_is_refused_is_made_one_by_one(provider: Provider) -> None:
    it = world(refusing_bulks(provider, invalid="27825550199"))
    it.put(send_sms("order-1"), send_sms("order-2", to="+27825550199"), send_sms("order-3"))
    assert it.poll() == []
    assert [it.state(f"order-{number}") for number in (1, 2, 3)] == ["succeeded", "failed", "succeeded"]
    assert it.outcome("order-2")["code"] == "2"
    assert len(provider.accepted) == 2


BROKEN: dict[str, Callable[[int], Any]] = {
    "short": lambda count: {"sendSmsResponses": [{"messageId": "46300001", "error": None}] * (count - 1)},
    "long": lambda count: {"sendSmsResponses": [{"messageId": f"4630000{n}", "error": None} for n in range(count + 1)]},
    "empty": lambda _count: {},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bulk_answer_of_another_length_leaves_all_unknown_and_sends_none_again(name: str) -> None:
    it = world(lambda _request: httpx.Response(200, json=BROKEN[name](3)))
    put_many(it, 3)
    assert it.drain() == 1
    assert {entry["state"] for entry in it.entries().values()} == {"unknown"}
    assert it.faults.calls.count("http") == 1


# --- directly --------------------------------------------------------------------------------------------------------


def test_a_batch_asked_for_directly_is_answered_message_by_message() -> None:
    it = toy_world([done("1"), refused(), is_open()])
    answer = it.sender.do_now(send_batch(*messages(3), {"to": "nobody"}), SECONDS)
    assert {name: said["state"] for name, said in answer["messages"].items()} == {
        "batch-1/1": "succeeded",
        "batch-1/2": "failed",
        "batch-1/3": "unknown",
        "batch-1/4": "rejected",
    }


def test_what_was_done_is_said_to_be_done_when_the_journal_fails_after_it() -> None:
    it = toy_world([done("1")], max_batch=1)
    fails: Iterator[Fault | None] = iter([None, None, *[Fault.FAILS_BEFORE] * 9])
    it.faults.choose = lambda _number, name: next(fails, None) if name == "dynamodb.transact_write_items" else None
    answer = it.sender.do_now(send_batch(*messages(2)), SECONDS)
    assert {name: said["state"] for name, said in answer["messages"].items()} == {
        "batch-1/1": "succeeded",
        "batch-1/2": "waiting",
    }


def test_a_direct_batch_takes_no_turns_that_it_can_not_use() -> None:
    """Else a thousand messages asked for directly would keep the account's queue waiting for minutes."""
    it = toy_world([done(str(number)) for number in range(11)], max_per_second=10)
    everything = send_batch(*messages(500, text="hello"), text="hello")
    answer = it.sender.do_now(everything, SECONDS)
    said = [each["state"] for each in answer["messages"].values()]
    assert (said.count("succeeded"), said.count("waiting")) == (11, 489)
    (waits,) = {
        (each["why"], each["retry_after"]) for each in answer["messages"].values() if each["state"] == "waiting"
    }
    assert waits == ("the account's pace", 1.0)
    assert float(it.dynamo.items[f"pace#{ACCOUNT}", "pace"]["until"]["N"]) <= it.clock.now + 0.2
