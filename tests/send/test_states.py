"""What a sender does with a command, by what the journal says of it; and with each kind of answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx
import pytest

from hookline.command_journal import CommandJournal, Finish, State
from hookline.command_queue import MAX_RECEIVES
from hookline.commands import SendSms, command_token, read_command
from hookline.outcomes import NotSent
from hookline.send import MAX_RESENDS
from hookline.sending import SendingProvider
from tests.cases import Case, table
from tests.samples import ACCOUNT, NOW, NUMBER, TEXT
from tests.send.dynamo import as_client
from tests.send.toy import TOY, balance, done, is_open, not_sent, refused
from tests.send.world import LEASE, RETENTION, TABLE, World, send_sms, sequence

BALANCE = {"command": "get_balance", "id": "order-1", "account": ACCOUNT}
TOP_UP = {"command": "top_up", "id": "order-1", "account": ACCOUNT, "to": f"+{NUMBER}", "amount": "20.00"}
RESEND = {ACCOUNT: {"on_unknown": "resend"}}


def world(
    *answers: Any, accounts: Mapping[str, Mapping[str, Any]] | None = None, provider: SendingProvider = TOY
) -> World:
    """A sender whose provider gives these answers, one request after the other, and no other."""
    return World(provider, httpx.MockTransport(sequence(answers)), accounts=accounts)


def requests(of: World) -> int:
    return of.faults.calls.count("http")


# --- the table in send.py --------------------------------------------------------------------------------------------


def journal_of(of: World) -> CommandJournal:
    return CommandJournal(as_client(of.dynamo), TABLE, TOY.name, RETENTION, LEASE)


def as_sent(document: Mapping[str, Any]) -> Any:
    return read_command(document)


def nothing(_of: World, _document: Mapping[str, Any]) -> None:
    """The command is new."""


def waiting(of: World, document: Mapping[str, Any]) -> None:
    command = as_sent(document)
    journal_of(of).release([command], journal_of(of).claim([command], NOW)[0])


def sending(of: World, document: Mapping[str, Any]) -> None:
    journal_of(of).claim([as_sent(document)], NOW)


def finished(state: State) -> Callable[[World, Mapping[str, Any]], None]:
    def finish(of: World, document: Mapping[str, Any]) -> None:
        command = as_sent(document)
        claim, _ = journal_of(of).claim([command], NOW)
        journal_of(of).finish([Finish(command, claim, state, {"known": True})], NOW)

    finish.__name__ = state.value
    return finish


class Row(NamedTuple):
    """What is found, and the command that comes; and what is there afterwards.

    Attributes:
        before: brings the journal to where it is.
        document: the command.
        later: seconds after which it comes.
        sent: how many requests there are.
        state: the entry's, afterwards.
        again: the seconds after which the message comes again; None where it is done.
        accounts: their settings.
    """

    before: Callable[[World, Mapping[str, Any]], None]
    document: Mapping[str, Any]
    later: float
    sent: int
    state: str
    again: float | None = None
    accounts: Mapping[str, Mapping[str, Any]] | None = None


ROWS = (
    Case("new", Row(nothing, send_sms(), 0, 1, "succeeded"), None),
    Case("waiting", Row(waiting, send_sms(), 0, 1, "succeeded"), None),
    Case("succeeded", Row(finished(State.SUCCEEDED), send_sms(), 9, 0, "succeeded"), None),
    Case("failed", Row(finished(State.FAILED), send_sms(), 9, 0, "failed"), None),
    Case("unknown", Row(finished(State.UNKNOWN), send_sms(), 9, 0, "unknown"), None),
    Case("unknown, resend", Row(finished(State.UNKNOWN), send_sms(), 9, 0, "unknown", None, RESEND), None),
    Case("a question, succeeded", Row(finished(State.SUCCEEDED), BALANCE, 9, 0, "succeeded"), None),
    Case("sending, its lease not over", Row(sending, send_sms(), 0, 0, "sending", LEASE + 1), None),
    Case("sending, its lease just not over", Row(sending, send_sms(), LEASE - 1, 0, "sending", 2), None),
    Case("sending, its lease over", Row(sending, send_sms(), LEASE, 0, "unknown"), None),
    Case("sending, its lease over, resend", Row(sending, send_sms(), LEASE, 1, "succeeded", None, RESEND), None),
    Case("sending, resend, its lease not over", Row(sending, send_sms(), 9, 0, "sending", 112, RESEND), None),
    Case("a question, sending, its lease over", Row(sending, BALANCE, LEASE, 1, "succeeded"), None),
    Case("a question, sending, its lease not over", Row(sending, BALANCE, 0, 0, "sending", LEASE + 1), None),
    Case("a top-up, new", Row(nothing, TOP_UP, 0, 1, "succeeded"), None),
    Case("a top-up, its lease over", Row(sending, TOP_UP, LEASE, 0, "unknown"), None),
    Case("a top-up, its lease over, resend", Row(sending, TOP_UP, LEASE, 0, "unknown", None, RESEND), None),
)


@table("case", ROWS)
def test_what_happens_by_what_is_in_the_journal(case: Case[Row, None]) -> None:
    row = case.given
    said = balance() if row.document["command"] == "get_balance" else done("5a75")
    it = world([said], accounts=row.accounts)
    row.before(it, row.document)
    before = it.entry("order-1")
    it.clock.advance(row.later)
    it.put(row.document)
    again = it.poll()
    assert requests(it) == row.sent
    assert it.state("order-1") == row.state
    assert it.sqs.dead == []
    assert it.rejections() == []
    if row.again is None:
        assert (again, it.sqs.waiting) == ([], [])
    else:
        assert it.sqs.delays == [row.again]
    if row.before.__name__ in {"succeeded", "failed", "unknown"}:
        assert it.entry("order-1") == before


def test_an_interrupted_sms_says_why_it_is_unknown_and_whose_attempt_that_was() -> None:
    it = world()
    sending(it, send_sms())
    died = it.entry("order-1")["claim"]
    it.clock.advance(LEASE)
    it.put(send_sms())
    it.poll()
    assert it.outcome("order-1") == {"why": "interrupted"}
    assert it.entry("order-1")["claim"] != died


@pytest.mark.parametrize("before", [waiting, sending, *map(finished, (State.SUCCEEDED, State.FAILED, State.UNKNOWN))])
@pytest.mark.parametrize("later", [0, LEASE + 1])
def test_the_same_id_with_another_content_is_refused(
    before: Callable[[World, Mapping[str, Any]], None], later: float
) -> None:
    it = world()
    before(it, send_sms())
    entry = it.entry("order-1")
    it.clock.advance(later)
    it.put(send_sms(text="another"))
    assert it.poll() == []
    assert requests(it) == 0
    assert it.entry("order-1") == entry
    ((rejection),) = it.rejections()
    assert (rejection["id"], rejection["field"]) == ("order-1", "id")
    assert "was used before" in rejection["problem"]
    assert it.sqs.dead == []


# --- each kind of answer ---------------------------------------------------------------------------------------------

CONNECT = httpx.ConnectError("refused")
LATE = httpx.ReadTimeout("no answer")


class Answered(NamedTuple):
    """What became of a command.

    Attributes:
        state: its entry's.
        outcome: its entry's; {} where it waits.
        again: seconds after which its message comes again; None where it is done.
        linked: the provider's id that leads to it.
    """

    state: str
    outcome: Mapping[str, Any] = {}
    again: float | None = None
    linked: str | None = None


DONE = {"facts": {"message_id": "5a75"}, "provider_data": {"messageId": "5a75"}}
REFUSED = {"code": "2", "text": "Invalid mobile number", "provider_data": {"code": "2"}}
BALANCE_SAID = {
    "facts": {"balance": {"amount": "33", "currency": None}, "unit": "credits"},
    "provider_data": {"creditBalance": "33"},
}
BACKOFF = 1.0
"""Of a first receive, at a chance of a half."""
OPEN_FACTS = {"facts": {"message_id": "5a75"}}
ANSWERS: tuple[Case[tuple[Mapping[str, Any], Any], Answered], ...] = (
    Case("done", (send_sms(), [done("5a75")]), Answered("succeeded", DONE, None, "5a75")),
    Case("refused", (send_sms(), [refused()]), Answered("failed", REFUSED)),
    Case("not sent", (send_sms(), [not_sent()]), Answered("waiting", {}, BACKOFF)),
    Case("not sent, with a delay", (send_sms(), [not_sent(delay=77)]), Answered("waiting", {}, 77)),
    Case("not sent, for a day", (send_sms(), [not_sent(delay=86_400)]), Answered("waiting", {}, 43_000)),
    Case("open", (send_sms(), [is_open()]), Answered("unknown", {"why": "server_error"})),
    Case(
        "open, with an id",
        (send_sms(), [is_open(facts={"message_id": "5a75"})]),
        Answered("unknown", {"why": "server_error", **OPEN_FACTS}, None, "5a75"),
    ),
    Case("no connection", (send_sms(), CONNECT), Answered("waiting", {}, BACKOFF)),
    Case("slow to connect", (send_sms(), httpx.ConnectTimeout("")), Answered("waiting", {}, BACKOFF)),
    Case("no answer", (send_sms(), LATE), Answered("unknown", {"why": "ReadTimeout"})),
    Case("a reset", (send_sms(), httpx.ReadError("")), Answered("unknown", {"why": "ReadError"})),
    Case("half a request", (send_sms(), httpx.WriteTimeout("")), Answered("unknown", {"why": "WriteTimeout"})),
    Case(
        "a broken answer",
        (send_sms(), httpx.RemoteProtocolError("")),
        Answered("unknown", {"why": "RemoteProtocolError"}),
    ),
    Case("a question, done", (BALANCE, [balance()]), Answered("succeeded", BALANCE_SAID)),
    Case("a question, refused", (BALANCE, [refused()]), Answered("failed", REFUSED)),
    Case("a question, open", (BALANCE, [is_open()]), Answered("waiting", {}, BACKOFF)),
    Case("a question, no answer", (BALANCE, LATE), Answered("waiting", {}, BACKOFF)),
    Case("a question, no connection", (BALANCE, CONNECT), Answered("waiting", {}, BACKOFF)),
    Case(
        "a top-up, done",
        (TOP_UP, [["done", {"facts": {"transaction_id": "77"}, "provider_data": {}}]]),
        Answered("succeeded", {"facts": {"transaction_id": "77"}, "provider_data": {}}, None, "77"),
    ),
    Case("a top-up, open", (TOP_UP, [is_open()]), Answered("unknown", {"why": "server_error"})),
    Case("a top-up, not sent", (TOP_UP, [not_sent()]), Answered("waiting", {}, BACKOFF)),
)


@table("case", ANSWERS)
def test_what_becomes_of_a_command_by_what_the_provider_answers(
    case: Case[tuple[Mapping[str, Any], Any], Answered],
) -> None:
    document, answer = case.given
    it = world(answer)
    it.put(document)
    it.poll()
    links = {name: entry["token"] for name, entry in it.dynamo.texts(f"link#{TOY.name}#{ACCOUNT}#").items()}
    again = it.sqs.delays[0] if it.sqs.waiting else None
    linked = next(iter(links), None)
    assert Answered(it.state("order-1") or "", it.outcome("order-1"), again, linked) == case.expected
    assert set(links.values()) <= {command_token("order-1")}
    assert (requests(it), it.sqs.dead, it.rejections()) == (1, [], [])


def test_a_questions_answer_leads_no_callback_to_the_question() -> None:
    """The message that it was about was sent by another command, and belongs to that."""
    it = world([done("5a75")], [done("5a75", status="delivered")])
    it.put(send_sms("order-1"))
    it.poll()
    it.put({"command": "get_message_status", "id": "question-1", "account": ACCOUNT, "message_id": "5a75"})
    it.poll()
    assert it.state("question-1") == "succeeded"
    links = it.dynamo.texts(f"link#{TOY.name}#{ACCOUNT}#")
    assert links["5a75"]["token"] == command_token("order-1")


# --- resend ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [[is_open()], LATE], ids=["open", "no answer"])
def test_an_sms_that_may_be_sent_twice_is_sent_again(answer: Any) -> None:
    it = world(answer, answer, [done("5a75")], accounts=RESEND)
    it.put(send_sms())
    it.drain()
    assert (requests(it), it.state("order-1"), it.sqs.dead) == (3, "succeeded", [])


def test_an_sms_is_not_sent_again_without_end() -> None:
    it = world(*[LATE] * 20, accounts=RESEND)
    it.put(send_sms())
    it.drain()
    assert (requests(it), it.state("order-1"), it.sqs.dead) == (1 + MAX_RESENDS, "unknown", [])


def test_a_top_up_is_never_sent_again() -> None:
    it = world(LATE, accounts=RESEND)
    it.put(TOP_UP)
    it.drain()
    assert (requests(it), it.state("order-1")) == (1, "unknown")


def test_a_question_is_asked_until_the_queue_gives_up() -> None:
    it = world(*[LATE] * (MAX_RECEIVES + 5))
    it.put(BALANCE)
    it.drain()
    assert (requests(it), it.state("order-1")) == (MAX_RECEIVES, "waiting")
    assert it.dead_ids() == {"order-1"}


# --- calls of many ---------------------------------------------------------------------------------------------------


def test_each_command_of_a_call_has_its_own_outcome() -> None:
    it = world([done("1"), refused(), is_open(), not_sent(delay=30), done("5")])
    it.put(*(send_sms(f"order-{number}") for number in range(5)))
    assert len(it.poll()) == 1
    states = [it.state(f"order-{number}") for number in range(5)]
    assert states == ["succeeded", "failed", "unknown", "waiting", "succeeded"]
    assert it.sqs.delays == [30]
    assert it.counted() == {"succeeded": 2, "failed": 1, "unknown": 1, "not_sent": 1}


def test_a_call_refused_as_a_whole_is_made_again_one_by_one() -> None:
    answers = [[not_sent("bulk_refused", split=True)], [done("1")], [refused()], [done("3")]]
    it = world(*answers)
    it.put(*(send_sms(f"order-{number}") for number in range(3)))
    assert it.poll() == []
    assert [it.state(f"order-{number}") for number in range(3)] == ["succeeded", "failed", "succeeded"]
    assert requests(it) == 4


def test_what_is_refused_alone_as_a_whole_waits() -> None:
    it = world([not_sent("bulk_refused", split=True)])
    it.put(send_sms())
    it.poll()
    assert (requests(it), it.state("order-1")) == (1, "waiting")


def test_an_account_that_was_told_to_wait_makes_no_other_call() -> None:
    accounts = {ACCOUNT: {"max_batch": 1}, "other": {"max_batch": 1}}
    it = world([not_sent(delay=30)], [done("of-another")], accounts=accounts)
    it.put(*(send_sms(f"order-{number}") for number in range(5)), send_sms("other-1", account="other"))
    assert len(it.poll()) == 5
    assert requests(it) == 2
    assert {it.state(f"order-{number}") for number in range(5)} == {"waiting", None}
    assert it.state("other-1") == "succeeded"


def test_an_account_without_a_delay_makes_its_other_calls() -> None:
    it = world(CONNECT, [done("2")], accounts={ACCOUNT: {"max_batch": 1}})
    it.put(send_sms("order-1"), send_sms("order-2"))
    it.poll()
    assert (it.state("order-1"), it.state("order-2")) == ("waiting", "succeeded")


# --- access tokens ---------------------------------------------------------------------------------------------------


def token_world(*answers: Any, tokens: Sequence[Any]) -> tuple[World, list[bool], list[str]]:
    remaining, asked, shown = iter(tokens), [], list[str]()
    answer = sequence(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        shown.append(request.headers["authorization"])
        return answer(request)

    def token(_account: Any, renew: bool) -> Any:  # noqa: FBT001  # as the sender calls it
        asked.append(renew)
        return next(remaining)

    it = World(TOY, httpx.MockTransport(handle))
    it.sender = it.make_sender(token=token)
    return it, asked, shown


def test_a_call_brings_the_accounts_token() -> None:
    it, asked, shown = token_world([done("1")], tokens=["first"])
    it.put(send_sms())
    it.poll()
    assert (asked, shown) == ([False], ["first"])


def test_a_token_that_is_not_accepted_is_renewed_once() -> None:
    stale = [not_sent("token_refused", renew_token=True)]
    it, asked, shown = token_world(stale, [done("1")], tokens=["first", "second"])
    it.put(send_sms())
    it.poll()
    assert (asked, shown, it.state("order-1")) == ([False, True], ["first", "second"], "succeeded")

    it, asked, shown = token_world(stale, stale, tokens=["first", "second"])
    it.put(send_sms())
    it.poll()
    assert (asked, shown, it.state("order-1")) == ([False, True], ["first", "second"], "waiting")


@pytest.mark.parametrize("at", [0, 1])
def test_without_a_token_nothing_is_sent(at: int) -> None:
    tokens: list[Any] = ["first", "second"]
    tokens[at] = NotSent("login_failed", 60)
    it, _, shown = token_world([not_sent("token_refused", renew_token=True)], tokens=tokens)
    it.put(send_sms())
    it.poll()
    assert len(shown) == at
    assert it.state("order-1") == (None, "waiting")[at], "without a token it is not even claimed"
    assert len(it.sqs.waiting) == 1


# --- what is said ----------------------------------------------------------------------------------------------------


def test_what_is_sent_is_the_command_as_it_was_checked() -> None:
    it = world([done("1")])
    it.put(send_sms(to=NUMBER))
    it.poll()
    assert f'"to":"+{NUMBER}"' in it.entry("order-1")["command"]


def test_telemetry_says_what_happened_and_nothing_of_whom() -> None:
    it = world([done("1")], CONNECT)
    it.put(send_sms("order-1"))
    it.poll()
    it.put(send_sms("order-2"))
    it.poll()
    lines = it.telemetry.lines
    assert {"name": "provider_calls", "amount": 1, "provider": TOY.name, "result": "2xx"} in lines
    assert {"name": "provider_calls", "amount": 1, "provider": TOY.name, "result": "ConnectError"} in lines
    (delayed,) = [line for line in lines if line["name"] == "messages_delayed"]
    assert delayed == {
        "name": "messages_delayed", "amount": 1, "provider": TOY.name, "why": "ConnectError", "receives": 1
    }  # fmt: skip
    assert not any(marked in repr(lines) for marked in (NUMBER, TEXT))


def test_a_command_is_printed_without_number_and_text() -> None:
    shown = repr(SendSms.model_validate(send_sms()))
    assert "order-1" in shown
    assert not any(marked in shown for marked in (NUMBER, TEXT))
