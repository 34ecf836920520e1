"""A command's life in the journal: every step, every step that is refused, and what is left when a write fails."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from hookline.command_journal import CommandJournal, Finish, Record, State
from hookline.commands import Rejection, SendSms, command_token
from hookline.errors import JournalUnavailableError
from hookline.transactions import MAX_TRIES
from tests.cases import Case, table
from tests.doubles import client_error
from tests.samples import ACCOUNT, NOW, NUMBER, TEXT
from tests.send.dynamo import Dynamo, as_client, cancelled
from tests.send.world import LEASE, RETENTION, send_sms

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINE, ANOTHERS = "mine", "another's"
SAID = {"facts": {"message_id": "5a75"}, "provider_data": {}}


def command(name: str = "order-1", **overrides: Any) -> SendSms:
    return SendSms.model_validate(send_sms(name, **overrides))


def commands(count: int) -> list[SendSms]:
    return [command(f"order-{number}") for number in range(count)]


def journal_on(client: "DynamoDBClient | Dynamo | Failing", name: str = "journal") -> CommandJournal:
    return CommandJournal(as_client(client), name, "zoom_connect", RETENTION, LEASE)


def finish(of: SendSms, claim: str, state: State = State.SUCCEEDED, message_id: str = "") -> Finish:
    return Finish(of, claim, state, SAID, message_id)


# --- every step, in DynamoDB as moto has it --------------------------------------------------------------------------


class Life(NamedTuple):
    """A command that was brought to a state, and the claim that this attempt has or would have of it."""

    journal: CommandJournal
    claim: str

    def found(self) -> Record | None:
        return self.journal.read("order-1")


def nothing(_journal: CommandJournal) -> str:
    return "none"


def sending(journal: CommandJournal) -> str:
    return journal.claim([command()], NOW)[0]


def sending_by_another(journal: CommandJournal) -> str:
    sending(journal)
    return "not the claim"


def waiting(journal: CommandJournal) -> str:
    claim = sending(journal)
    journal.release([command()], claim)
    return claim


def brought_to(state: State) -> Callable[[CommandJournal], str]:
    def bring(journal: CommandJournal) -> str:
        claim = sending(journal)
        journal.finish([finish(command(), claim, state)], NOW)
        return claim

    return bring


def claims(life: Life) -> bool:
    return life.journal.claim([command()], NOW + 1)[1] == {}


def claims_another_content(life: Life) -> bool:
    return life.journal.claim([command(text="another")], NOW + 1)[1] == {}


def finishes(life: Life) -> None:
    life.journal.finish([finish(command(), life.claim)], NOW + 1)


def releases(life: Life) -> None:
    life.journal.release([command()], life.claim)


def takes_over(life: Life) -> bool | None:
    dead = life.found()
    return None if dead is None else life.journal.take_over(command(), dead, NOW + 1) is not None


class Step(NamedTuple):
    """A state, what is tried, what that returns, and the state after it."""

    bring: Callable[[CommandJournal], str]
    attempt: Callable[[Life], bool | None]
    returned: bool | None
    after: str | None


FINAL_STATES = [brought_to(state) for state in (State.SUCCEEDED, State.FAILED, State.UNKNOWN)]
STEPS = (
    Case("new, claimed", Step(nothing, claims, True, "sending"), None),
    Case("new, finished by nobody's claim", Step(nothing, finishes, None, None), None),
    Case("new, released by nobody's claim", Step(nothing, releases, None, None), None),
    Case("waiting, claimed", Step(waiting, claims, True, "sending"), None),
    Case("waiting, claimed with another content", Step(waiting, claims_another_content, False, "waiting"), None),
    Case("waiting, finished by the claim before", Step(waiting, finishes, None, "waiting"), None),
    Case("waiting, released again", Step(waiting, releases, None, "waiting"), None),
    Case("waiting, taken over", Step(waiting, takes_over, False, "waiting"), None),
    Case("sending, claimed again", Step(sending, claims, False, "sending"), None),
    Case("sending, claimed with another content", Step(sending, claims_another_content, False, "sending"), None),
    Case("sending, finished", Step(sending, finishes, None, "succeeded"), None),
    Case("sending, released", Step(sending, releases, None, "waiting"), None),
    Case("sending, taken over", Step(sending, takes_over, True, "sending"), None),
    Case("sending, finished by another claim", Step(sending_by_another, finishes, None, "sending"), None),
    Case("sending, released by another claim", Step(sending_by_another, releases, None, "sending"), None),
    *(
        Case(f"{state}, {attempt.__name__}", Step(bring, attempt, returned, after), None)
        for bring, state in zip(FINAL_STATES, ("succeeded", "failed", "unknown"), strict=True)
        for attempt, returned, after in (
            (claims, False, state),
            (claims_another_content, False, state),
            # what is unknown may become known to whoever sent it
            (finishes, None, "succeeded" if state == "unknown" else state),
            (releases, None, state),
            (takes_over, False, state),
        )
    ),
)


@table("case", STEPS)
def test_each_step_is_taken_or_refused(case: Case[Step, None], dynamodb: "DynamoDBClient", journal_table: str) -> None:
    bring, attempt, returned, after = case.given
    journal = journal_on(dynamodb, journal_table)
    life = Life(journal, bring(journal))
    before = life.found()
    assert attempt(life) == returned
    found = life.found()
    assert (found and found.state.value) == after
    if returned is False:
        assert found == before, "a refused step changed something"


def test_a_claim_says_what_is_known_of_those_that_it_could_not_have(
    dynamodb: "DynamoDBClient", journal_table: str
) -> None:
    journal = journal_on(dynamodb, journal_table)
    first, _ = journal.claim([command("a"), command("b"), command("c")], NOW)
    journal.finish([finish(command("b"), first)], NOW)
    journal.release([command("c")], first)
    second, denied = journal.claim([command("a"), command("b"), command("c"), command("d")], NOW + 1)
    assert denied == {
        "a": Record(State.SENDING, command("a").digest, first, NOW + LEASE, {}, ACCOUNT),
        "b": Record(State.SUCCEEDED, command("b").digest, first, NOW + LEASE, SAID, ACCOUNT),
    }
    for name in ("c", "d"):
        assert journal.read(name) == Record(State.SENDING, command(name).digest, second, NOW + 1 + LEASE, {}, ACCOUNT)


def test_an_entry_holds_all_that_publish_needs(dynamodb: "DynamoDBClient", journal_table: str) -> None:
    journal = journal_on(dynamodb, journal_table)
    claim, _ = journal.claim([command()], NOW)
    journal.finish([finish(command(), claim, message_id="5a75")], NOW + 1)
    entry, link = sorted(dynamodb.scan(TableName=journal_table)["Items"], key=lambda it: str(it["pk"]))
    token = command_token("order-1")
    assert json.loads(entry.pop("command")["S"]) == {**send_sms(), "version": "1.0", "flash": False}
    assert json.loads(entry.pop("outcome")["S"]) == SAID
    assert float(entry.pop("lease_until")["N"]) == NOW + LEASE
    assert entry == {
        "pk": {"S": f"command#{token}"},
        "sk": {"S": "command"},
        "entry": {"S": "command"},
        "command_id": {"S": "order-1"},
        "provider": {"S": "zoom_connect"},
        "account": {"S": ACCOUNT},
        "kind": {"S": "send_sms"},
        "digest": {"S": command().digest},
        "state": {"S": "succeeded"},
        "claim": {"S": claim},
        "recorded_at": {"S": "2026-11-22T08:00:01.000+00:00"},
        "expires_at": {"N": str(int(NOW) + RETENTION)},
    }
    assert link == {
        "pk": {"S": f"link#zoom_connect#{ACCOUNT}#5a75"},
        "sk": {"S": "link"},
        "entry": {"S": "link"},
        "token": {"S": token},
        "expires_at": {"N": str(int(NOW) + 1 + RETENTION)},
    }


def test_a_claim_waits_again_with_nobodys_name_on_it(dynamodb: "DynamoDBClient", journal_table: str) -> None:
    journal = journal_on(dynamodb, journal_table)
    waiting(journal)
    found = journal.read("order-1")
    assert found is not None
    assert (found.state, found.claim) == (State.WAITING, "")


def test_what_is_to_be_sent_later_is_kept_from_then_on() -> None:
    double = Dynamo()
    later = command(send_at="2027-02-01T08:00:00Z")
    claim, _ = journal_on(double).claim([later], NOW)
    journal_on(double).finish([finish(later, claim, message_id="5a75")], NOW)
    from_then = str(int(datetime(2027, 2, 1, 8, tzinfo=UTC).timestamp()) + RETENTION)
    assert {item["expires_at"]["N"] for item in double.items.values()} == {from_then}


def test_rejecting_a_command_twice_makes_one_entry(dynamodb: "DynamoDBClient", journal_table: str) -> None:
    journal = journal_on(dynamodb, journal_table)
    for moment in (NOW, NOW + 1):
        named = {"id": "order-1", "command": "send_sms"}
        journal.reject(Rejection("text", "is empty"), key="k", account=ACCOUNT, command=named, now=moment)
    (item,) = dynamodb.scan(TableName=journal_table)["Items"]
    assert json.loads(item.pop("command")["S"]) == {"id": "order-1", "command": "send_sms"}
    assert json.loads(item.pop("outcome")["S"]) == {"field": "text", "problem": "is empty"}
    assert item == {
        "pk": {"S": "rejection#k"},
        "sk": {"S": "rejection"},
        "entry": {"S": "rejection"},
        "provider": {"S": "zoom_connect"},
        "account": {"S": ACCOUNT},
        "recorded_at": {"S": "2026-11-22T08:00:00.000+00:00"},
        "expires_at": {"N": str(int(NOW) + RETENTION)},
    }


# --- many at once ----------------------------------------------------------------------------------------------------


class Counting(Dynamo):
    """Counts transactions and their sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def transact_write_items(self, **asked: Any) -> dict[str, Any]:
        self.sizes.append(len(asked["TransactItems"]))
        return super().transact_write_items(**asked)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (99, [99]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])],
)
def test_many_are_claimed_in_as_few_transactions_as_can_be(count: int, sizes: list[int]) -> None:
    double = Counting()
    claim, denied = journal_on(double).claim(commands(count), NOW)
    assert denied == {}
    assert double.sizes == sizes
    assert {item["claim"]["S"] for item in double.items.values()} == {claim}
    assert len(double.items) == count


def test_long_texts_are_claimed_in_transactions_that_dynamodb_takes() -> None:
    double = Counting()
    claim, denied = journal_on(double).claim([command(f"order-{n}", text="😀" * 10_000) for n in range(100)], NOW)
    assert denied == {}
    assert double.sizes == [74, 26]
    assert {item["claim"]["S"] for item in double.items.values()} == {claim}


@pytest.mark.parametrize("taken", [[0], [99], [100], [249], [5, 105, 205], list(range(0, 250, 3)), list(range(250))])
def test_of_many_those_that_are_taken_are_left_out_and_no_other(taken: list[int]) -> None:
    double = Dynamo()
    everything = commands(250)
    first, _ = journal_on(double).claim([everything[number] for number in taken], NOW)
    claim, denied = journal_on(double).claim(everything, NOW)
    assert set(denied) == {everything[number].id for number in taken}
    assert {record.claim for record in denied.values() if isinstance(record, Record)} == {first}
    assert sum(item["claim"]["S"] == claim for item in double.items.values()) == 250 - len(taken)


def test_many_are_finished_with_their_links() -> None:
    double = Counting()
    journal = journal_on(double)
    everything = commands(120)
    claim, _ = journal.claim(everything, NOW)
    double.sizes.clear()
    journal.finish([finish(it, claim, message_id=f"id-{it.id}") for it in everything], NOW)
    assert double.sizes == [100, 100, 40]
    assert {it["state"] for it in double.texts("command#").values()} == {"succeeded"}
    links = double.texts(f"link#zoom_connect#{ACCOUNT}#")
    assert {name: it["token"] for name, it in links.items()} == {f"id-{it.id}": it.token for it in everything}


@pytest.mark.parametrize("lost", [[0], [1, 2], [0, 50, 99], list(range(99))])
def test_what_somebody_else_settled_does_not_keep_the_others_from_being_finished_or_released(lost: list[int]) -> None:
    double = Dynamo()
    journal = journal_on(double)
    everything = commands(100)
    claim, _ = journal.claim(everything, NOW)
    settled = [everything[number] for number in lost]
    journal.finish([finish(it, claim, State.FAILED) for it in settled], NOW)
    journal.release(everything, claim)
    states = [double.texts("command#")[it.token]["state"] for it in everything]
    assert states == ["failed" if it in settled else "waiting" for it in everything]

    again, _ = journal.claim([it for it in everything if it not in settled], NOW)
    journal.finish([finish(it, again) for it in everything], NOW)
    states = [double.texts("command#")[it.token]["state"] for it in everything]
    assert states == ["failed" if it in settled else "succeeded" for it in everything]


def test_of_those_who_take_over_a_dead_attempt_at_once_one_has_it() -> None:
    double = Dynamo()
    journal_on(double).claim([command()], NOW)
    dead = journal_on(double).read("order-1")
    assert dead is not None
    everybody = Barrier(8, timeout=10)

    def take_over(_: int) -> str | None:
        everybody.wait()
        return journal_on(double).take_over(command(), dead, NOW + LEASE)

    with ThreadPoolExecutor(8) as pool:
        taken = [claim for claim in pool.map(take_over, range(8)) if claim is not None]
    found = journal_on(double).read("order-1")
    assert found is not None
    assert taken == [found.claim]
    assert found.lease_until == NOW + 2 * LEASE


def test_of_those_who_claim_at_once_one_has_each() -> None:
    double = Dynamo()
    everybody = Barrier(4, timeout=10)
    everything = commands(150)

    def claim(number: int) -> tuple[str, set[str]]:
        everybody.wait()
        mine = everything[::-1] if number % 2 else everything
        name, denied = journal_on(double).claim(mine, NOW)
        return name, {it.id for it in mine} - set(denied)

    with ThreadPoolExecutor(4) as pool:
        shares = dict(pool.map(claim, range(4)))
    assert sorted(name for share in shares.values() for name in share) == sorted(it.id for it in everything)
    for name, share in shares.items():
        assert {it["command_id"]["S"] for it in double.items.values() if it["claim"]["S"] == name} == share


# --- what fails ------------------------------------------------------------------------------------------------------


class Failing(Dynamo):
    """Takes a step of a plan at each transaction: an error, before or after the work; or None."""

    def __init__(self, plan: Iterable[tuple[Exception, bool] | None]) -> None:
        super().__init__()
        self.plan = iter(plan)

    def transact_write_items(self, **asked: Any) -> dict[str, Any]:
        step = next(self.plan, None)
        if step is None:
            return super().transact_write_items(**asked)
        error, after = step
        if after:
            super().transact_write_items(**asked)
        raise error


def transaction_of(*codes: str) -> ClientError:
    return cancelled([{"Code": code} for code in codes])


THROTTLED = client_error("ThrottlingException", "TransactWriteItems")
NO_ANSWER = ReadTimeoutError(endpoint_url="https://dynamodb")
CONFLICT = transaction_of("TransactionConflict", "None")
ERRORS: tuple[Case[ClientError | BotoCoreError, str], ...] = (
    Case("throttled", THROTTLED, "ThrottlingException"),
    Case(
        "throughput", client_error("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"
    ),
    Case("a server error", client_error("InternalServerError", status=500), "InternalServerError"),
    Case("denied", client_error("AccessDeniedException"), "AccessDeniedException"),
    Case("no such table", client_error("ResourceNotFoundException"), "ResourceNotFoundException"),
    Case("in progress", client_error("TransactionInProgressException"), "TransactionInProgressException"),
    Case("not valid", client_error("ValidationException"), "ValidationException"),
    Case("a conflict, for ever", CONFLICT, "TransactionConflict"),
    Case("throttled inside", transaction_of("ThrottlingError", "None"), "ThrottlingError"),
    Case("a condition and worse", transaction_of("ConditionalCheckFailed", "ThrottlingError"), "ThrottlingError"),
    Case("no reasons", cancelled([]), "TransactionCanceled"),
    Case("out of reach", EndpointConnectionError(endpoint_url="https://dynamodb"), "EndpointConnectionError"),
    Case("slow to connect", ConnectTimeoutError(endpoint_url="https://dynamodb"), "ConnectTimeoutError"),
    Case("no answer", NO_ANSWER, "ReadTimeoutError"),
    Case("no credentials", NoCredentialsError(), "NoCredentialsError"),
)
VERBS: dict[str, Callable[[CommandJournal], Any]] = {
    "claim": lambda journal: journal.claim([command("a"), command("b")], NOW),
    "take_over": lambda journal: journal.take_over(command(), Record(State.SENDING, "", "c", 0, {}), NOW),
    "finish": lambda journal: journal.finish([finish(command(), "c")], NOW),
    "release": lambda journal: journal.release([command()], "c"),
    "reject": lambda journal: journal.reject(Rejection("", "x"), key="k", account="", command={}, now=NOW),
}


@pytest.mark.parametrize("verb", VERBS)
@table("case", ERRORS)
def test_a_journal_that_fails_says_so(case: Case[ClientError | BotoCoreError, str], verb: str) -> None:
    journal = journal_on(Failing([(case.given, False)] * 30))
    with pytest.raises(JournalUnavailableError) as caught:
        VERBS[verb](journal)
    assert str(caught.value) == case.expected
    assert caught.value.__cause__ is case.given
    assert not any(marked in repr(caught.value) for marked in (TEXT, NUMBER))


@pytest.mark.parametrize("error", [THROTTLED, NO_ANSWER], ids=["throttled", "no answer"])
def test_a_journal_that_can_not_be_read_says_so(error: Exception) -> None:
    class Unreadable(Dynamo):
        def get_item(self, **_asked: Any) -> dict[str, Any]:
            raise error

    with pytest.raises(JournalUnavailableError):
        journal_on(Unreadable()).read("order-1")


@pytest.mark.parametrize("verb", VERBS)
def test_another_transaction_in_the_way_is_waited_out(verb: str) -> None:
    double = Failing([(CONFLICT, False)] * (MAX_TRIES - 1))
    VERBS[verb](journal_on(double))
    assert next(double.plan, "used up") == "used up"


@pytest.mark.parametrize("after", [False, True], ids=["before the work", "after the work"])
@pytest.mark.parametrize("failures", [1, 2])
def test_what_became_of_commands_is_written_all_the_same(*, after: bool, failures: int) -> None:
    """Nobody else knows it: it is tried again."""
    double = Failing([])
    journal = journal_on(double)
    everything = commands(60)
    claim, _ = journal.claim(everything, NOW)
    double.plan = iter([(NO_ANSWER, after), (THROTTLED, False)][:failures])
    journal.finish([finish(it, claim, message_id=f"id-{it.id}") for it in everything], NOW)
    assert {it["state"] for it in double.texts("command#").values()} == {"succeeded"}
    assert len(double.texts("link#")) == 60


def test_what_was_claimed_before_the_journal_failed_is_released() -> None:
    """Else it would be unknown after its lease, and nothing was sent."""
    double = Failing([None, (THROTTLED, False)])
    with pytest.raises(JournalUnavailableError, match="ThrottlingException"):
        journal_on(double).claim(commands(150), NOW)
    assert {it["state"] for it in double.texts("command#").values()} == {"waiting"}
    assert len(double.items) == 100
    _, denied = journal_on(double).claim(commands(150), NOW)
    assert denied == {}


def test_a_claim_whose_answer_was_lost_is_released() -> None:
    double = Failing([(NO_ANSWER, True)])
    with pytest.raises(JournalUnavailableError):
        journal_on(double).claim(commands(3), NOW)
    assert {it["state"] for it in double.texts("command#").values()} == {"waiting"}


def test_a_claim_releases_nothing_of_another_claim() -> None:
    double = Failing([])
    other, _ = journal_on(double).claim([command("a")], NOW)
    double.plan = iter([None, (NO_ANSWER, True)])  # "a" is in the way; then the answer is lost
    with pytest.raises(JournalUnavailableError):
        journal_on(double).claim([command("a"), command("b")], NOW)
    states = {it["command_id"]: (it["state"], it.get("claim")) for it in double.texts("command#").values()}
    assert states == {"a": ("sending", other), "b": ("waiting", None)}
