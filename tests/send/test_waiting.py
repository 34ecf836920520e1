"""Commands that wait with us: for their `send_at`, until they are cancelled; and for an account that is stopped."""

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hookline.errors import JournalUnavailableError, SchedulerUnavailableError
from hookline.schedules import Schedules
from hookline.send import MAX_LATE, SOON, STOPPED_DELAY
from hookline.stops import Stops
from simulators.common import Chaos
from simulators.zorya.modes import read_modes
from tests.doubles import client_error
from tests.samples import NOW
from tests.send.dynamo import as_client
from tests.send.money import ACCOUNT, NUMBER, Money, StandIn, message, prove, top_up
from tests.send.scheduler import Scheduler
from tests.send.scheduler import as_client as as_scheduler
from tests.send.test_top_ups import at
from tests.send.world import SECONDS, TABLE, Fault, Faults


@pytest.fixture(autouse=True)
def _as_the_wiring_has_it(caplog: pytest.LogCaptureFixture) -> None:
    """Httpx logs whole URLs at INFO, and a log-in's holds a password: `hookline.wiring.send` silences it."""
    caplog.set_level(logging.WARNING, "httpx")


@pytest.fixture
def world(zorya: StandIn) -> Money:
    zorya.clock.now = NOW
    return Money(zorya)


def later(seconds: float) -> str:
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).isoformat()


def sent(world: Money) -> list[float]:
    """Say when messages were accepted, in seconds from the start."""
    return [row["accepted_at"] - NOW for row in world.stand_in.simulator.ledger.rows if row["kind"] == "sms"]


def statuses(world: Money, command_id: str) -> list[str]:
    found = [it for it in world.events() if (it["metadata"]["correlation"] or {}).get("command_id") == command_id]
    return [it["data"].get("status", it["metadata"]["type"]) for it in found]


def cancel(world: Money, of: str, name: str = "c-1", account: str = ACCOUNT) -> dict[str, Any]:
    document = {"command": "cancel", "id": name, "account": account, "command_id": of}
    return world.sender.do_now(document, SECONDS)


# --- for their time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [2, SOON, SOON + 1, 3600, 86_400 * 30])
def test_a_message_is_sent_at_its_time(world: Money, seconds: float) -> None:
    world.put(message(send_at=later(seconds)))
    world.poll()
    assert (world.state("sms-1"), sent(world)) == ("scheduled", [])
    assert len(world.scheduler.schedules) == (seconds > SOON)
    world.drain()
    assert world.state("sms-1") == "succeeded"
    (when,) = sent(world)
    assert seconds <= when <= seconds + 2
    assert statuses(world, "sms-1") == ["scheduled", "accepted"]
    assert world.scheduler.schedules == {}


def test_a_direct_invocation_schedules_too(world: Money) -> None:
    assert world.sender.do_now(message(send_at=later(3600)), SECONDS) == {"state": "scheduled", "outcome": {}}
    assert world.sender.do_now(message(send_at=later(3600)), SECONDS)["state"] == "scheduled", "again, the same"
    world.drain()
    assert len(sent(world)) == 1


def test_each_message_of_a_batch_waits_for_itself(world: Money) -> None:
    batch = {"command": "send_sms_batch", "id": "b", "account": ACCOUNT, "text": "Hola", "send_at": later(3600)}
    world.put({**batch, "messages": [{"to": NUMBER}, {"to": "+525512345678"}]})
    world.poll()
    assert len(world.scheduler.schedules) == 2
    assert cancel(world, "b/1")["state"] == "succeeded"
    world.drain()
    assert (world.state("b/1"), world.state("b/2"), len(sent(world))) == ("cancelled", "succeeded", 1)


def test_the_same_id_with_another_time_is_refused(world: Money) -> None:
    world.put(message(send_at=later(3600)))
    world.poll()
    said = world.sender.do_now(message(send_at=later(7200)), SECONDS)
    assert (said["state"], said["field"]) == ("rejected", "id")
    world.drain()
    assert len(sent(world)) == 1


def test_what_was_never_given_in_time_is_refused(world: Money) -> None:
    world.put(message(send_at=later(-1)))
    world.drain()
    assert [each["field"] for each in world.rejections()] == ["send_at"]
    assert sent(world) == []


@pytest.mark.parametrize(("late", "last"), [(MAX_LATE - 10, "accepted"), (MAX_LATE + 10, "cancelled")])
def test_what_something_held_up_is_sent_late_and_not_too_late(world: Money, late: float, last: str) -> None:
    world.put(message(send_at=later(30)))
    world.poll()
    world.clock.now = NOW + 30 + late
    world.drain()
    assert len(sent(world)) == (last == "accepted")
    assert statuses(world, "sms-1") == ["scheduled", last]
    assert world.rejections() == []


def test_what_can_not_be_sent_any_more_at_its_time_says_why(world: Money) -> None:
    """The account takes shorter messages by now."""
    world.put(message(send_at=later(30), text="x" * 200))
    world.poll()
    document = world.secrets.documents[ACCOUNT]
    world.secrets.documents[ACCOUNT] = {**document, "settings": {**document["settings"], "max_segments": 1}}
    world.clock.advance(61)
    world.drain()
    assert [each["field"] for each in world.rejections()] == ["text"]
    assert sent(world) == []


def test_a_try_that_failed_after_its_time_comes_again(world: Money) -> None:
    world.stand_in.simulator.numbers.put(NUMBER, read_modes("429=30"), 1)
    world.put(message(send_at=later(3600)))
    world.drain()
    assert world.state("sms-1") == "succeeded"
    assert sent(world) == [pytest.approx(3630, abs=2)]


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_whichever_call_fails_it_is_sent_once_at_its_time(zorya: StandIn, fault: Fault) -> None:
    def run(faults: Faults) -> Money:
        zorya.clock.now = NOW
        world = Money(zorya, faults=faults)
        zorya.start_anew(world.clock)
        world.put(message(send_at=later(3600)))
        world.drain()
        return world

    calls = run(Faults()).faults.calls
    assert "scheduler.create_schedule" in calls
    for number, name in enumerate(calls, 1):
        if fault is Fault.LOST_BEFORE and name != "http":
            continue
        world = run(Faults(at(number, fault)))
        state = world.state("sms-1")
        assert state == "succeeded" or (state == "unknown" and world.died_with | {"http"} and len(sent(world)) <= 1)
        assert len(sent(world)) <= 1
        assert all(when >= 3600 for when in sent(world))


# --- cancelled -------------------------------------------------------------------------------------------------------


def test_what_waits_for_its_time_can_be_taken_back(world: Money) -> None:
    world.put(message(send_at=later(3600)))
    world.poll()
    assert cancel(world, "sms-1") == {"state": "succeeded", "outcome": {"facts": {"command_id": "sms-1"}}}
    assert world.scheduler.schedules == {}
    assert cancel(world, "sms-1")["state"] == "succeeded", "again, the same"
    assert cancel(world, "sms-1", "c-2")["state"] == "succeeded"
    assert statuses(world, "sms-1") == ["scheduled", "cancelled"]
    world.clock.advance(4000)
    world.put(message(send_at=later(3600)))
    world.drain()
    assert (sent(world), world.state("sms-1")) == ([], "cancelled")
    assert world.sender.do_now(message(send_at=later(3600)), SECONDS)["state"] == "cancelled"


def test_what_waits_in_the_queue_for_its_time_can_be_taken_back(world: Money) -> None:
    world.put(message(send_at=later(20)))
    world.poll()
    world.put({"command": "cancel", "id": "c-1", "account": ACCOUNT, "command_id": "sms-1"})
    world.drain()
    assert (sent(world), world.state("sms-1")) == ([], "cancelled")


def test_what_comes_together_with_its_cancellation_is_taken_back(world: Money) -> None:
    world.put({"command": "cancel", "id": "c-1", "account": ACCOUNT, "command_id": "sms-1"}, message(send_at=later(99)))
    world.drain()
    assert (sent(world), world.state("sms-1"), world.rejections()) == ([], "cancelled", [])


def test_a_schedule_that_can_not_be_taken_away_finds_its_command_cancelled(world: Money) -> None:
    world.put(message(send_at=later(3600)))
    world.poll()
    world.faults.choose = lambda _number, name: Fault.FAILS_BEFORE if name == "scheduler.delete_schedule" else None
    assert cancel(world, "sms-1")["state"] == "succeeded"
    assert len(world.scheduler.schedules) == 1
    world.drain()
    assert (sent(world), world.state("sms-1")) == ([], "cancelled")


def test_what_was_sent_can_not_be_taken_back(world: Money) -> None:
    world.put(message())
    world.poll()
    said = cancel(world, "sms-1")
    assert (said["state"], said["field"]) == ("rejected", "command_id")
    assert world.state("sms-1") == "succeeded"


@pytest.mark.parametrize("of", ["nobody", "of-another"])
def test_what_is_not_there_or_anothers_can_not_be_taken_back(world: Money, of: str) -> None:
    world.secrets.documents["umbrella-mx"] = world.secrets.documents[ACCOUNT]
    world.put(message("of-another", account="umbrella-mx", send_at=later(3600)))
    world.poll()
    said = cancel(world, of)
    assert (said["state"], said["field"]) == ("rejected", "command_id")
    assert world.state("of-another") == "scheduled"


def test_taking_back_and_sending_at_once_do_one_of_both(world: Money) -> None:
    """While the provider is asked, the cancellation comes."""
    world.put(message(send_at=later(30)))
    world.poll()
    said: list[dict[str, Any]] = []

    def in_the_meantime(_number: int, name: str) -> None:
        if name == "http" and world.state("sms-1") == "sending" and not said:
            said.append(cancel(world, "sms-1"))

    world.faults.choose = in_the_meantime
    world.drain()
    assert [it["state"] for it in said] == ["rejected"]
    assert (world.state("sms-1"), len(sent(world))) == ("succeeded", 1)


# --- schedules -------------------------------------------------------------------------------------------------------


def test_a_scheduler_that_does_not_answer_is_an_error_of_ours(world: Money) -> None:
    class Refusing(Scheduler):
        def create_schedule(self, **_asked: Any) -> dict[str, Any]:
            raise client_error("ThrottlingException", "CreateSchedule")

        def delete_schedule(self, **_asked: Any) -> dict[str, Any]:
            raise client_error("InternalServerException", "DeleteSchedule")

    schedules = Schedules(as_scheduler(Refusing(world.clock)), "p-", "q", "d", "r")
    from hookline.commands import read_command  # noqa: PLC0415  # only here

    with pytest.raises(SchedulerUnavailableError, match="ThrottlingException"):
        schedules.add(read_command(message()), datetime.now(UTC))
    with pytest.raises(SchedulerUnavailableError, match="InternalServerException"):
        schedules.remove("x")


# --- stopped ---------------------------------------------------------------------------------------------------------


def stops(world: Money) -> Stops:
    return Stops(as_client(world.dynamo), TABLE, "zorya")


def no_money(world: Money, balance: str = "30") -> None:
    state = world.stand_in.simulator
    state.settings = state.settings.model_copy(update={"balance": Decimal(balance)})


def asked(world: Money) -> int:
    return sum(count for (_, path, _), count in world.stand_in.simulator.calls.items() if "execute" in path)


def test_without_money_the_account_stops_and_everything_waits(world: Money) -> None:
    no_money(world)
    documents = [top_up(f"top-{number}") for number in range(20)]
    world.put(*documents)
    world.poll(10)
    world.poll(10)
    assert asked(world) == 2, "one that there was money for, one that there was none for"
    for _ in range(100):
        world.clock.advance(STOPPED_DELAY)
        world.poll(100)
    assert asked(world) == 2, "nothing is asked while it is stopped"
    assert world.sqs.dead == [], "waiting is no failure, however long"
    assert len(world.sqs.waiting) == 19
    (event,) = [it for it in world.events() if it["metadata"]["type"] == "account.stopped"]
    assert event["data"] == {"why": "no_funds", "who": "provider"}
    assert (event["metadata"]["account"], event["metadata"]["correlation"]) == (ACCOUNT, None)
    no_money(world, "100000")
    assert stops(world).go_on(ACCOUNT, "paid", "thandi@example.com", world.clock())
    world.drain()
    assert prove(world, documents) == {"succeeded": 20}
    types = [it["metadata"]["type"] for it in world.events()]
    assert (types.count("account.stopped"), types.count("account.resumed")) == (1, 1)


def test_a_stopped_account_answers_questions_and_nothing_that_costs(world: Money) -> None:
    stops(world).stop(ACCOUNT, "a leak", "thandi@example.com", NOW)
    base = {"account": ACCOUNT, "id": "q"}
    assert world.sender.do_now({**base, "command": "get_balance"}, SECONDS)["state"] == "succeeded"
    look_up = {"command": "look_up_carrier", "number": NUMBER, "account": ACCOUNT}
    for number, document in enumerate((message(), top_up(), look_up)):
        said = world.sender.do_now({**document, "id": f"d-{number}"}, SECONDS)
        assert (said["state"], said["why"]) == ("waiting", "the account is stopped")
        assert 0 < said["retry_after"] <= STOPPED_DELAY
    assert world.stand_in.simulator.ledger.rows == []


def test_what_was_done_before_is_known_while_it_is_stopped(world: Money) -> None:
    done = world.sender.do_now(top_up(), SECONDS)
    stops(world).stop(ACCOUNT, "a leak", "thandi@example.com", NOW)
    assert world.sender.do_now(top_up(), SECONDS) == done
    assert world.sender.do_now(top_up(amount="30.00"), SECONDS)["state"] == "waiting"


def test_it_stops_again_where_there_still_is_no_money(world: Money) -> None:
    no_money(world, "0")
    world.put(top_up())
    world.poll()
    assert stops(world).go_on(ACCOUNT, "hope", "thandi@example.com", world.clock())
    world.clock.advance(STOPPED_DELAY)
    world.poll()
    found = stops(world).find(ACCOUNT)
    assert found is not None
    assert (found.why, found.who) == ("no_funds", "provider")
    types = [it["metadata"]["type"] for it in world.events()]
    assert types == ["account.stopped", "account.resumed", "account.stopped"]
    assert len({it["metadata"]["id"] for it in world.events()}) == 3


def test_stopping_and_going_on_twice_is_told_once(world: Money) -> None:
    it = stops(world)
    assert it.find(ACCOUNT) is None
    assert [it.go_on(ACCOUNT, "a", "w", NOW), it.stop(ACCOUNT, "a", "w", NOW), it.stop(ACCOUNT, "b", "v", NOW)] == [
        False,
        True,
        False,
    ]
    assert [it.go_on(ACCOUNT, "a", "w", NOW), it.go_on(ACCOUNT, "b", "v", NOW), it.find(ACCOUNT)] == [True, False, None]
    assert [event["metadata"]["type"] for event in world.events()] == ["account.stopped", "account.resumed"]


@pytest.mark.parametrize("call", ["find", "stop", "go_on"])
def test_a_journal_that_does_not_answer_is_an_error_of_ours(call: str) -> None:
    class Refusing:
        def get_item(self, **_asked: Any) -> None:
            raise client_error("ThrottlingException", "GetItem")

        update_item = get_item

    it = Stops(as_client(Refusing()), TABLE, "zorya")
    arguments = (ACCOUNT,) if call == "find" else (ACCOUNT, "why", "who", NOW)
    with pytest.raises(JournalUnavailableError, match=r"ThrottlingException|ClientError"):
        getattr(it, call)(*arguments)


# --- waiting is no failure -------------------------------------------------------------------------------------------


def test_while_another_copy_logs_in_a_command_waits_and_is_not_counted(world: Money) -> None:
    """A holder of the lock that dies has it for half a minute: longer than twelve tries, two seconds apart."""
    world.faults.choose = lambda _number, name: Fault.DIES_BEFORE if name == "http" else None
    world.put(top_up())
    world.poll()
    world.faults.choose = lambda _number, _name: None
    world.put(top_up("top-2"))
    world.drain()
    assert world.state("top-2") == world.state("top-1") == "succeeded"
    assert world.sqs.dead == []
    assert world.stand_in.simulator.tokens.logins == 1


def test_a_new_token_that_is_refused_at_once_is_no_storm_of_log_ins(world: Money) -> None:
    """Whatever it is that is refused, another token does not mend it."""
    world.stand_in.simulator.numbers.put(NUMBER, read_modes("403"), None)
    world.put(*(top_up(f"top-{number}") for number in range(5)))
    for _ in range(60):
        world.poll(10)
        world.clock.advance(1)
    assert world.stand_in.simulator.tokens.logins <= 6
    world.stand_in.simulator.numbers.clear()
    world.drain()
    assert {world.state(f"top-{number}") for number in range(5)} == {"succeeded"}


def test_a_log_in_without_money_stops_the_account(world: Money, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = world.stand_in.simulator.tokens
    world.stand_in.simulator.chaos = Chaos(1, {"code": 1.0})
    monkeypatch.setattr("simulators.zorya.api.DEFAULT_CODE", -210)
    world.put(*(top_up(f"top-{number}") for number in range(3)))
    for _ in range(30):
        world.poll(10)
        world.clock.advance(STOPPED_DELAY)
    assert (tokens.logins, world.sqs.dead, len(world.sqs.waiting)) == (0, [], 3)
    assert [it["metadata"]["type"] for it in world.events()] == ["account.stopped"]
    assert sum(world.stand_in.simulator.calls.values()) == 1


def test_with_wrong_credentials_a_batch_asks_once(world: Money) -> None:
    document = world.secrets.documents[ACCOUNT]
    wrong = {**document, "credentials": {**document["credentials"], "secure_password": "marked-wrong-password"}}
    world.secrets.documents[ACCOUNT] = wrong
    world.put(*(top_up(f"top-{number}") for number in range(50)))
    for _ in range(5):
        world.poll(10)
    assert world.stand_in.simulator.tokens.refused == 1
    assert json.dumps(sorted(map(str, world.entries()))) == "[]", "nothing is claimed that can't be sent"
