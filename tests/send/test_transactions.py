"""Several writes at once: what belongs together, what stands in the way, and what DynamoDB takes."""

from decimal import Decimal
from typing import Any

import pytest

from hookline.command_journal import CommandJournal, Finish, State
from hookline.commands import BaseCommand, Rejection, read_command
from hookline.errors import JournalUnavailableError
from hookline.sending import Stake
from hookline.transactions import MAX_TRIES, MAX_WRITES, Transactions
from tests.doubles import client_error
from tests.samples import NOW
from tests.send.dynamo import Dynamo, as_client
from tests.send.money import top_up

KINDS = frozenset({"top_up"})


def put(name: str, *, unless_there: bool = False) -> dict[str, Any]:
    item = {"pk": {"S": name}, "sk": {"S": "x"}}
    condition = {"ConditionExpression": "attribute_not_exists(pk)"} if unless_there else {}
    return {"Put": {"Item": item, **condition}}


def names(double: Dynamo) -> set[str]:
    return {pk for pk, _ in double.items}


def test_the_first_of_a_group_decides_and_another_stands_for_itself() -> None:
    double = Dynamo()
    it = Transactions(as_client(double), "journal")
    it.write([put("there")])
    it.write_what_can_be(
        [
            [put("there", unless_there=True), put("goes-with-it")],
            [put("a"), put("there", unless_there=True), put("b")],
            [put("c")],
        ]
    )
    assert names(double) == {"there", "a", "b", "c"}


def test_what_is_too_much_for_one_transaction_is_several() -> None:
    double = Dynamo()
    groups = [[put(f"{number}-{part}") for part in range(3)] for number in range(MAX_WRITES)]
    Transactions(as_client(double), "journal").write_what_can_be(groups)
    assert len(double.items) == 3 * MAX_WRITES


def test_one_item_twice_is_two_transactions() -> None:
    double = Dynamo()
    Transactions(as_client(double), "journal").write_what_can_be([[put("a"), put("b")], [put("a"), put("c")]])
    assert names(double) == {"a", "b", "c"}


def test_an_error_is_tried_again_and_then_said() -> None:
    class Failing(Dynamo):
        calls = 0

        def transact_write_items(self, **asked: Any) -> dict[str, Any]:
            self.calls += 1
            if self.calls < MAX_TRIES:
                raise client_error("InternalServerError", "TransactWriteItems")
            return super().transact_write_items(**asked)

    double = Failing()
    Transactions(as_client(double), "journal").write_what_can_be([[put("a")]])
    assert (names(double), double.calls) == ({"a"}, MAX_TRIES)
    double.calls = -MAX_TRIES
    with pytest.raises(JournalUnavailableError):
        Transactions(as_client(double), "journal").write_what_can_be([[put("b")]])


# --- ceilings --------------------------------------------------------------------------------------------------------

CEILING = Decimal(50)
OVER = Rejection("amount", "is over the ceiling")


def command(name: str, amount: str = "20.00") -> BaseCommand:
    return read_command(top_up(name, amount=amount))


def stake(amount: str = "20.00", day: str = "2026-11-22") -> Stake:
    return Stake((day, Decimal(amount)), CEILING, OVER)


def journal(double: Dynamo) -> CommandJournal:
    return CommandJournal(as_client(double), "journal", "zorya", 3600, 120, KINDS)


def staked(double: Dynamo) -> dict[str, Decimal]:
    return {key.rpartition("#")[2]: Decimal(item["total"]) for key, item in double.texts("stakes#").items()}


def test_what_is_over_the_ceiling_is_not_claimed_and_the_others_are() -> None:
    double = Dynamo()
    it = journal(double)
    commands = [command(f"top-{number}") for number in range(3)]
    _, denied = it.claim(commands, NOW, {each.id: stake() for each in commands})
    assert denied == {"top-2": OVER}
    assert staked(double) == {"2026-11-22": 40}
    assert it.read("top-2") is None
    _, denied = it.claim([command("top-3", "10.00")], NOW, {"top-3": stake("10.00")})
    assert denied == {}
    assert staked(double) == {"2026-11-22": 50}, "the ceiling itself may be reached"


def test_a_claim_that_is_there_already_counts_nothing() -> None:
    double = Dynamo()
    it = journal(double)
    for _ in range(3):
        it.claim([command("top-1")], NOW, {"top-1": stake()})
    assert staked(double) == {"2026-11-22": 20}


@pytest.mark.parametrize(
    ("state", "left"), [(State.SUCCEEDED, 20), (State.UNKNOWN, 20), (State.FAILED, 0)], ids=["done", "open", "refused"]
)
def test_only_what_was_refused_gives_its_stake_back(state: State, left: int) -> None:
    double = Dynamo()
    it = journal(double)
    claim, _ = it.claim([command("top-1")], NOW, {"top-1": stake()})
    end = Finish(command("top-1"), claim, state, {}, "tx", stake().staked)
    for _ in range(2):
        it.finish([end], NOW)
    assert staked(double) == {"2026-11-22": left}
    assert [pk for pk, _ in double.items if pk.startswith("open#")] == ["open#zorya"] * (state is State.UNKNOWN)


def test_what_was_released_is_counted_on_the_day_that_it_is_claimed_again() -> None:
    double = Dynamo()
    it = journal(double)
    claim, _ = it.claim([command("top-1")], NOW, {"top-1": stake()})
    for _ in range(2):
        it.release([command("top-1")], claim, {"top-1": stake().staked})
    assert staked(double) == {"2026-11-22": 0}
    it.claim([command("top-1")], NOW, {"top-1": stake(day="2026-11-23")})
    assert staked(double) == {"2026-11-22": 0, "2026-11-23": 20}
    found = it.read("top-1")
    assert found is not None
    assert found.staked == ("2026-11-23", Decimal(20))


def test_a_claim_whose_answer_is_lost_leaves_nothing_counted() -> None:
    class Losing(Dynamo):
        lost = 0

        def transact_write_items(self, **asked: Any) -> dict[str, Any]:
            answer = super().transact_write_items(**asked)
            if self.lost == 0:
                self.lost = 1
                raise client_error("InternalServerError", "TransactWriteItems")
            return answer

    double = Losing()
    with pytest.raises(JournalUnavailableError):
        journal(double).claim([command("top-1")], NOW, {"top-1": stake()})
    assert staked(double) == {"2026-11-22": 0}
    found = journal(double).read("top-1")
    assert found is not None
    assert found.state is State.WAITING


def test_a_link_never_comes_to_lead_to_two() -> None:
    double = Dynamo()
    it = journal(double)
    for name in ("top-1", "top-2"):
        claim, _ = it.claim([command(name)], NOW)
        it.finish([Finish(command(name), claim, State.SUCCEEDED, {}, "the-same-id")], NOW)
        found = it.read(name)
        assert found is not None
        assert found.state is State.SUCCEEDED, "what is known of a command is written all the same"
    assert double.texts("link#")["zorya#acme-mx#the-same-id"]["token"] == command("top-1").token
