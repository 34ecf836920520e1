"""The same command again, from any way in, at once or a week later: sent once, the same outcome."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Lock
from typing import Any

import httpx
import pytest

from hookline.providers.zoom_connect.rest import SENDING
from tests.samples import NOW, NUMBER, TEXT
from tests.send.world import LEASE, SECONDS, World, record_of, send_batch, send_sms

WEEK = 7 * 86_400


class Provider:
    """Accepts everything, and remembers what by its token."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.calls = 0
        self._lock = Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        document = json.loads(request.content)
        with self._lock:
            self.calls += 1
            ids = [self._accept(item) for item in document.get("sendSmsRequests", [document])]
        answers = [{"messageId": message_id, "error": None} for message_id in ids]
        bulk = "sendSmsRequests" in document
        return httpx.Response(200, json={"sendSmsResponses": answers} if bulk else answers[0])

    def _accept(self, item: dict[str, Any]) -> str:
        self.accepted.append(item["dataField"])
        return f"463{len(self.accepted):05}"


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def it(provider: Provider) -> Iterator[World]:
    world = World(SENDING, httpx.MockTransport(provider))
    yield world
    assert world.sqs.dead == []


def by_queue(it: World, document: dict[str, Any]) -> None:
    it.put(document)
    it.drain()


def by_bus(it: World, document: dict[str, Any]) -> None:
    """A rule puts the event's detail on the queue; it names the provider."""
    by_queue(it, document | {"provider": "zoom_connect"})


def directly(it: World, document: dict[str, Any]) -> None:
    answer = it.sender.do_now(document, SECONDS)
    assert answer["state"] == "succeeded"
    assert answer["outcome"] == it.outcome(document["id"])


def in_a_batch(it: World, document: dict[str, Any]) -> None:
    message: dict[str, Any] = {name: document[name] for name in ("id", "to", "text", "reference") if name in document}
    by_queue(it, send_batch(message, id="batch-of-one"))


def written_otherwise(it: World, document: dict[str, Any]) -> None:
    """The same number, and the same moment, in other words."""
    by_queue(it, {name: document[name] for name in reversed(document)} | {"to": "27 82 555-0142", "flash": False})


WAYS = (by_queue, by_bus, directly, in_a_batch, written_otherwise)


@pytest.mark.parametrize("later", [0, LEASE + 1, WEEK], ids=["at once", "after its lease", "a week later"])
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_it_is_sent_once_whichever_way_it_comes(
    it: World,
    provider: Provider,
    first: Callable[[World, dict[str, Any]], None],
    second: Callable[[World, dict[str, Any]], None],
    later: float,
) -> None:
    first(it, send_sms(reference="r-1"))
    outcome = it.outcome("order-1")
    it.clock.advance(later)
    second(it, send_sms(reference="r-1"))
    assert len(provider.accepted) == 1
    assert it.outcome("order-1") == outcome
    assert outcome["facts"]["message_id"] == "46300001"
    assert it.rejections() == []
    assert len(it.final_events()["order-1"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"text": "another"},
        {"to": "+27825550199"},
        {"reference": "r-2"},
        {"campaign": "c"},
        {"send_at": "2027-01-01T00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("way", [by_queue, by_bus])
def test_another_content_under_the_same_id_is_refused(
    it: World, provider: Provider, way: Callable[[World, dict[str, Any]], None], change: dict[str, Any]
) -> None:
    by_queue(it, send_sms(reference="r-1"))
    way(it, send_sms(reference="r-1") | change)
    assert len(provider.accepted) == 1
    (rejection,) = it.rejections()
    assert (rejection["id"], rejection["field"], rejection["problem"]) == (
        "order-1",
        "id",
        "was used before, for something else",
    )


def test_another_content_asked_for_directly_is_refused(it: World, provider: Provider) -> None:
    by_queue(it, send_sms())
    answer = it.sender.do_now(send_sms(text="another"), SECONDS)
    assert answer == {"state": "rejected", "field": "id", "problem": "was used before, for something else"}
    assert len(provider.accepted) == 1


def test_two_of_one_id_that_wait_together_are_sent_once(it: World, provider: Provider) -> None:
    it.put(*[send_sms()] * 5, send_sms("order-2"))
    assert it.poll() == []
    assert len(provider.accepted) == 2


def test_of_two_contents_that_wait_together_the_first_is_sent(it: World, provider: Provider) -> None:
    it.put(send_sms(), send_sms(text="another"), send_sms())
    assert it.poll() == []
    assert len(provider.accepted) == 1
    assert json.loads(it.entry("order-1")["command"])["text"] == TEXT
    assert len(it.rejections()) == 1


def test_of_two_contents_that_wait_together_the_one_that_was_done_is_a_repeat(it: World, provider: Provider) -> None:
    by_queue(it, send_sms())
    it.put(send_sms(text="another"), send_sms())
    it.poll()
    assert len(provider.accepted) == 1
    (rejection,) = it.rejections()
    assert '"another"' not in json.dumps(rejection)
    assert [line["result"] for line in it.telemetry.lines if line["name"] == "commands"] == ["succeeded", "rejected"]


# --- scheduled -------------------------------------------------------------------------------------------------------


def scheduled(seconds: float = 3600) -> dict[str, Any]:
    return send_sms(send_at=(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).isoformat())


@pytest.mark.parametrize("way", [by_queue, by_bus, directly])
def test_a_scheduled_command_is_a_repeat_after_its_time_too(
    it: World, provider: Provider, way: Callable[[World, dict[str, Any]], None]
) -> None:
    by_queue(it, scheduled())
    it.clock.advance(WEEK)
    way(it, scheduled())
    assert (len(provider.accepted), it.rejections()) == (1, [])


def test_a_moment_is_the_same_in_another_time_zone(it: World, provider: Provider) -> None:
    by_queue(it, send_sms(send_at="2026-11-22T11:00:00+02:00"))
    by_queue(it, send_sms(send_at="2026-11-22T09:00:00Z"))
    assert (len(provider.accepted), it.rejections()) == (1, [])


@pytest.mark.parametrize("later", [10, LEASE + 1, WEEK])
def test_a_scheduled_command_whose_attempt_died_is_unknown_and_not_refused(
    it: World, provider: Provider, later: float
) -> None:
    """Nobody knows whether the provider has it: that it is too late by now is no answer to that."""
    it.put(scheduled(20))
    sending_dies(it)
    it.clock.advance(later)
    it.sqs.waiting[0].visible_at = it.clock.now
    it.drain()
    assert (it.state("order-1"), it.rejections(), len(provider.accepted)) == ("unknown", [], 1)


def test_a_scheduled_command_that_waited_until_it_was_too_late_is_refused(it: World, provider: Provider) -> None:
    it.transport._transport = httpx.MockTransport(_unreachable)
    it.put(scheduled(20))
    it.poll()
    assert it.state("order-1") == "waiting"
    it.transport._transport = httpx.MockTransport(provider)
    it.clock.advance(30)
    it.poll()
    assert (provider.accepted, [each["field"] for each in it.rejections()]) == ([], ["send_at"])


def test_too_late_and_with_another_content_is_too_late(it: World, provider: Provider) -> None:
    by_queue(it, scheduled())
    it.clock.advance(WEEK)
    by_queue(it, scheduled() | {"text": "another"})
    assert len(provider.accepted) == 1
    assert [each["field"] for each in it.rejections()] == ["send_at"]


def sending_dies(it: World) -> None:
    """Let the provider accept what waits, and the process die before it could write that down."""
    transport = it.transport._transport

    def accept_and_die(request: httpx.Request) -> httpx.Response:
        transport.handle_request(request)
        raise KeyboardInterrupt

    it.transport._transport = httpx.MockTransport(accept_and_die)
    with pytest.raises(KeyboardInterrupt):
        it.poll()
    it.transport._transport = transport
    it.sender = it.make_sender()


def _unreachable(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


# --- at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copies", [2, 6])
@pytest.mark.parametrize("shared", [True, False], ids=["one sender", "senders of their own"])
def test_copies_at_once_send_once(it: World, provider: Provider, copies: int, *, shared: bool) -> None:
    """By the queue, by the bus and directly, all at one instant."""
    together = Barrier(copies, timeout=20)
    commands = [send_sms(f"order-{number}") for number in range(8)]
    senders = [it.sender] * copies if shared else [it.make_sender() for _ in range(copies)]

    def send(number: int) -> set[str]:
        mine = commands[number:] + commands[:number]
        together.wait()
        if number % 3 == 2:
            return {str(senders[number].do_now(each, SECONDS)["state"]) for each in mine}
        records = [record_of(each, place, receives=1) for place, each in enumerate(mine)]
        senders[number].do_batch(records, SECONDS)
        return set()

    for _round in range(5):
        with ThreadPoolExecutor(copies) as pool:
            said = set().union(*pool.map(send, range(copies)))
        assert said <= {"succeeded", "waiting"}
    assert len(provider.accepted) == len(set(provider.accepted)) == 8
    assert {entry["state"] for entry in it.entries().values()} == {"succeeded"}


def test_a_copy_leaves_alone_what_another_has_and_finds_it_done_later(it: World, provider: Provider) -> None:
    """While the first waits for the provider, a second comes."""
    inside: list[Any] = []

    def in_the_meantime(request: httpx.Request) -> httpx.Response:
        it.transport._transport = httpx.MockTransport(provider)
        inside.append(it.make_sender().do_now(send_sms(), SECONDS))
        inside.append(it.make_sender().do_batch([record_of(send_sms())], SECONDS))
        return provider(request)

    it.transport._transport = httpx.MockTransport(in_the_meantime)
    it.put(send_sms())
    it.poll()
    direct, batch = inside
    assert direct == {"state": "waiting", "why": "another copy has it", "retry_after": LEASE + 1}
    assert batch == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(provider.accepted) == 1
    assert it.sender.do_now(send_sms(), SECONDS)["state"] == "succeeded"


def test_an_answer_that_comes_after_the_lease_changes_nothing(it: World, provider: Provider) -> None:
    """It can't be: a function does not run so long. If it were, nothing is sent twice all the same."""

    def too_late(request: httpx.Request) -> httpx.Response:
        it.clock.advance(LEASE + 1)
        it.transport._transport = httpx.MockTransport(provider)
        it.make_sender().do_batch([record_of(send_sms())], SECONDS)
        return provider(request)

    it.transport._transport = httpx.MockTransport(too_late)
    it.put(send_sms())
    it.poll()
    assert (it.state("order-1"), len(provider.accepted)) == ("unknown", 1)
    assert list(it.dynamo.texts("link#")) == [f"zoom_connect#{send_sms()['account']}#46300001"]
    assert NUMBER in it.entry("order-1")["command"]
