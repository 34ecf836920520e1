"""Commands given from a terminal: what is said before anything is given, and a batch that was interrupted."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from hookline.command_journal import CommandJournal, Finish, State
from hookline.commands import SendSmsBatch, read_command
from hookline.providers.zoom_connect.rest import SENDING
from hookline_cli import accounts, batches, commands, main
from hookline_cli.batches import Line
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack
from tests.cases import Case, table
from tests.cli.conftest import Hookline
from tests.samples import ACCOUNT, SECRET

DAY = 86_400
NOW = 1_795_334_400.0
CREDENTIALS = {"email": "you@example.com", "token": "marked-token-of-the-command-line"}


@pytest.fixture
def stack(aws: None, journal_table: str, monkeypatch: pytest.MonkeyPatch) -> Stack:  # noqa: ARG001
    """A stack of which there are a journal, the queues and one account that can send: nobody works on what is given."""
    made = Stack("hookline-moto", boto3.Session())
    name = uuid.uuid4().hex

    def queue(what: str) -> str:
        return str(made.sqs.create_queue(QueueName=f"{name}-{what}")["QueueUrl"])

    made.__dict__["outputs"] = {
        "AccountsPrefix": f"/hookline/{name}/accounts/",
        "JournalTable": journal_table,
        "ZoomConnectCommandsUrl": queue("commands"),
        "ZoomConnectCommandDeadLettersUrl": queue("command-dead-letters"),
        "SendZoomConnectFunction": f"{name}-send-zoom-connect:live",
        "PublishDeadLettersUrl": queue("publish-dead-letters"),
        "LaterQueueUrl": queue("later"),
        "SubscriptionDeadLettersUrl": queue("events-dead-letters"),
        "SubscriptionQueueUrl": queue("events"),
    }
    document = {"provider": "zoom_connect", "signing_secrets": [SECRET], "credentials": CREDENTIALS, "settings": {}}
    accounts.add(made, ACCOUNT, document)
    monkeypatch.setattr(main, "find", lambda _name: made)
    return made


def given(stack: Stack) -> list[dict[str, Any]]:
    """Take what was put on the command queue."""
    url = stack.outputs["ZoomConnectCommandsUrl"]
    documents = []
    while messages := stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            documents.append(json.loads(message["Body"]))
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return documents


def do(stack: Stack, document: Mapping[str, Any], state: State = State.SUCCEEDED) -> None:
    """Write down that a command was done, as its sender does."""
    command = read_command(document)
    singles = command.split() if isinstance(command, SendSmsBatch) else [command]
    outlet = commands.find_outlet(stack, ACCOUNT)
    checked = [SENDING.check(single, outlet.account, NOW) for single in singles]
    journal = CommandJournal(stack.dynamodb, stack.outputs["JournalTable"], "zoom_connect", 30 * DAY, 120)
    claim, denied = journal.claim(checked, NOW)
    assert denied == {}
    journal.finish([Finish(command, claim, state, {"why": "test"}) for command in checked], NOW)


def csv_of(tmp_path: Path, *lines: str) -> str:
    file = tmp_path / "messages.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def number(at: int) -> str:
    return f"+2773{at % 10}{100_000 + at:06}"


def rows(count: int) -> list[str]:
    return ["to,text", *(f"{number(at)},Hello number {at}" for at in range(count))]


# --- a batch ---------------------------------------------------------------------------------------------------------


def test_a_batch_that_was_interrupted_goes_on_where_it_stopped(
    hookline: Hookline, stack: Stack, tmp_path: Path
) -> None:
    words = ("batch", csv_of(tmp_path, *rows(110)), "--account", ACCOUNT, "--seconds", "0", "--json")
    said = hookline(*words)
    assert said.code == 1
    assert "not all are done: run it again to go on" in said.words
    assert json.loads(said.out) == {"messages": 110, "begun_before": 0, "waiting": 110}
    first = given(stack)
    assert [len(document["messages"]) for document in first] == [100, 10]

    do(stack, first[1] | {"messages": first[1]["messages"][:6]})
    do(stack, first[1] | {"messages": first[1]["messages"][6:]}, State.UNKNOWN)
    summary = {"messages": 110, "begun_before": 10, "waiting": 100, "succeeded": 6, "unknown": 4}
    assert json.loads(hookline(*words).out) == summary
    assert given(stack) == [first[0]], "the same ids, so that whichever comes first is the only one"


def test_a_batch_that_is_done_gives_nothing(hookline: Hookline, stack: Stack, tmp_path: Path) -> None:
    words = ("batch", csv_of(tmp_path, *rows(3)), "--account", ACCOUNT, "--seconds", "0", "--json")
    hookline(*words)
    [document] = given(stack)
    do(stack, document)
    said = hookline(*words)
    assert (said.code, json.loads(said.out)) == (0, {"messages": 3, "begun_before": 3, "succeeded": 3})
    assert given(stack) == []


def test_ids_are_made_of_what_is_in_a_line_and_not_of_its_place(tmp_path: Path) -> None:
    one, other = "+27725551234,hello,", "+27725551235,hello,"
    head = "to,text,reference"
    first = batches.read_batch(Path(csv_of(tmp_path, head, one, other, one)), "may")
    second = batches.read_batch(Path(csv_of(tmp_path, head, other, one, "", one)), "may")
    ids = [line.message["id"] for line in first]
    assert len(set(ids)) == 3, "the same line twice is meant twice"
    assert [line.message["id"] for line in second] == [ids[1], ids[0], ids[2]]
    june = batches.read_batch(Path(csv_of(tmp_path, head, one)), "june")
    assert june[0].message["id"] not in ids


def test_a_file_may_name_its_ids_and_references(hookline: Hookline, stack: Stack, tmp_path: Path) -> None:
    file = csv_of(
        tmp_path, "\ufeffreference,id,to,text,else", "r 1,order-1,+27725551234,Héllo ✓,x", ",,+27725551235,Hi,"
    )
    hookline("batch", file, "--account", ACCOUNT, "--name", "spring/1", "--seconds", "0")
    [document] = given(stack)
    first, second = document["messages"]
    assert first == {"id": "order-1", "to": "+27725551234", "text": "Héllo ✓", "reference": "r 1"}
    assert second.keys() == {"id", "to", "text"}
    assert second["id"].startswith("spring/1/")
    assert document["id"].startswith("spring/1/")


@table(
    "case",
    [
        Case("no such file", None, "can't be read: No such file or directory"),
        Case("nothing in it", [""], "has no column text: the first line names the columns"),
        Case("no heads", ["+27725551234,hello"], "has no column text"),
        Case("no column to", ["number,text", "+27725551234,hello"], "has no column to"),
        Case("heads alone", ["to,text"], "holds no messages"),
        Case("a column twice", ["to,text,to", "+27725551234,hello,+27725551235"], "has the column to twice"),
        Case("another twice", ["to,text,id,id", "+27725551234,hello,a,b"], "has the column id twice"),
        Case("quotes without end", ["to,text", '+27725551234,"hello'], "can't be read: unexpected end of data"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(
    hookline: Hookline, stack: Stack, tmp_path: Path, case: Case[list[str] | None, str]
) -> None:
    file = str(tmp_path / "none.csv") if case.given is None else csv_of(tmp_path, *case.given)
    said = hookline("batch", file, "--account", ACCOUNT)
    assert said.code == 1
    assert said.words.startswith("hookline: ")
    assert case.expected in said.words
    assert given(stack) == []


@table(
    "case",
    [
        Case("no number", "+2712,hello,,", "line 3: to is no valid phone number with its country code"),
        Case("no text", "+27725551234,,,", "line 3: text is empty"),
        Case("columns missing", "+27725551234", "line 3: text Field required"),
        Case("columns too many", "+27725551234,hello,,,x", "line 3: has more columns than the first line"),
        Case("no id", "+27725551234,hello,two words,", "line 3: id String should match pattern"),
        Case("an id that another line has", "+27725551234,hello,first,", "line 3: id is that of line 2 too"),
        Case("an id of something else", "+27725551234,hello,done,", "line 3: id was used before, for something else"),
        Case("a long reference", f"+27725551234,hello,,{'x' * 201}", "line 3: reference String should have at most"),
    ],
)
def test_a_line_that_cannot_be_sent_is_named_and_nothing_is_given(
    hookline: Hookline, stack: Stack, tmp_path: Path, case: Case[str, str]
) -> None:
    do(stack, {"command": "send_sms", "id": "done", "account": ACCOUNT, "to": "+27725551234", "text": "another"})
    file = csv_of(tmp_path, "to,text,id,reference", "+27725551233,hello,first,", case.given)
    said = hookline("batch", file, "--account", ACCOUNT)
    assert said.code == 1
    assert "nothing is sent: mend these lines, or leave them out with --skip" in said.words
    assert case.expected in said.words
    assert given(stack) == []


def test_of_many_bad_lines_the_first_are_named(hookline: Hookline, stack: Stack, tmp_path: Path) -> None:
    said = hookline("batch", csv_of(tmp_path, "to,text", *["nobody,hello"] * 50), "--account", ACCOUNT)
    assert said.words.count("line ") == main.MAX_SHOWN
    assert said.words.endswith("and 30 more")
    assert given(stack) == []


def test_a_repeat_after_its_time_is_no_mistake(hookline: Hookline, stack: Stack, tmp_path: Path) -> None:
    """A file that was given with a time that is over by now: what was begun in time is looked up, and not refused."""
    at = "2026-11-22T12:00:00+02:00"
    file = csv_of(tmp_path, *rows(2))
    messages = [line.message for line in batches.read_batch(Path(file), "messages")]
    [document] = batches.batch_commands(messages, "messages", ACCOUNT, at)
    do(stack, document)
    said = hookline("batch", file, "--account", ACCOUNT, "--send-at", at, "--json")
    assert (said.code, json.loads(said.out)) == (0, {"messages": 2, "begun_before": 2, "succeeded": 2})


@pytest.mark.parametrize("name", ["", "-x", "two words", "x" * 61, "ü"])
def test_a_name_that_no_id_can_begin_with_is_refused(
    hookline: Hookline, stack: Stack, tmp_path: Path, name: str
) -> None:
    said = hookline("batch", csv_of(tmp_path, *rows(1)), "--account", ACCOUNT, "--name", name)
    assert (said.code, said.words.startswith("hookline: --name: ")) == (1, True)
    assert given(stack) == []


@table(
    "case",
    [
        Case("as it is", "may.csv", "may"),
        Case("blanks and accents", "Kliënte van Mei.csv", "Kli-nte-van-Mei"),
        Case("nothing that an id can begin with", "...csv", "batch"),
        Case("long", f"{'x' * 100}.csv", "x" * 60),
    ],
)
def test_a_file_names_its_batch(case: Case[str, str]) -> None:
    assert batches.batch_name(Path(case.given), None) == case.expected


def test_a_part_of_a_batch_fits_a_message_of_the_queue() -> None:
    messages = [{"id": f"a/{at}", "to": "+27725551234", "text": "✓" * 670} for at in range(120)]
    parts = list(batches.batch_commands(messages, "a", ACCOUNT, None))
    assert [message for part in parts for message in part["messages"]] == messages
    assert len(parts) > 2
    assert max(len(json.dumps(part)) for part in parts) < 256 * 1024
    assert len({part["id"] for part in parts}) == len(parts)


# --- one -------------------------------------------------------------------------------------------------------------


def test_a_moment_too_far_ahead_is_refused(hookline: Hookline, stack: Stack) -> None:
    said = hookline("send", "+27725551234", "hello", "--account", ACCOUNT, "--send-at", "2046-01-01T10:00:00+02:00")
    assert (said.code, said.words) == (1, "hookline: send_at: is more than a year ahead")
    assert given(stack) == []


def test_what_waits_is_said_to_wait(hookline: Hookline, stack: Stack) -> None:
    words = ("send", "+27 72 555 1234", "hello", "--account", ACCOUNT, "--seconds", "0", "--id", "one")
    said = hookline(*words, "--reference", "r", "--campaign", "c")
    assert said.code == 1
    assert "nothing is known of a command one: it still waits in its queue" in said.words
    assert said.words.endswith("Look again with `hookline commands show one`")
    common = {"command": "send_sms", "id": "one", "account": ACCOUNT, "to": "+27 72 555 1234", "text": "hello"}
    assert given(stack) == [{**common, "reference": "r", "campaign": "c"}]


LOOK = "look again with `hookline commands show one`"


@table(
    "case",
    [
        Case("done", (State.SUCCEEDED, {}), (0, "")),
        Case("kept until its time", (State.SCHEDULED, {}), (0, "")),
        Case(
            "refused",
            (State.FAILED, {"code": "400", "text": "no credits", "facts": {}}),
            (1, "hookline: it is failed: 400 no credits"),
        ),
        Case("unknown", (State.UNKNOWN, {"why": "ReadTimeout"}), (1, "hookline: it is unknown: ReadTimeout")),
        Case(
            "taken back",
            (State.CANCELLED, {}),
            (1, f"hookline: it is cancelled: {LOOK}"),
        ),
        *(
            Case(
                state.value,
                (state, {}),
                (1, f"hookline: it is not sent yet, and waits for its turn: {LOOK}"),
            )
            for state in (State.WAITING, State.SENDING)
        ),
    ],
)
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_sending_ends_well_only_where_it_was_done(
    hookline: Hookline,
    stack: Stack,
    option: tuple[str, ...],
    case: Case[tuple[State, dict[str, Any]], tuple[int, str]],
) -> None:
    document = {"command": "send_sms", "id": "one", "account": ACCOUNT, "to": "+27725551234", "text": "hello"}
    do(stack, document)
    state, outcome = case.given
    [key] = stack.dynamodb.scan(TableName=stack.outputs["JournalTable"])["Items"]
    stack.dynamodb.update_item(
        TableName=stack.outputs["JournalTable"],
        Key={"pk": key["pk"], "sk": key["sk"]},
        UpdateExpression="SET #s = :s, #o = :o",
        ExpressionAttributeNames={"#s": "state", "#o": "outcome"},
        ExpressionAttributeValues={":s": {"S": state.value}, ":o": {"S": json.dumps(outcome)}},
    )
    said = hookline(*("send", "+27725551234", "hello", "--id", "one", "--account", ACCOUNT, "--seconds", "0", *option))
    assert (said.code, said.words) == case.expected
    assert state.value in said.out


def test_a_command_without_an_id_gets_one_that_nobody_has(hookline: Hookline, stack: Stack) -> None:
    for _ in range(2):
        hookline("send", "+27725551234", "hello", "--account", ACCOUNT, "--seconds", "0")
    ids = {document["id"] for document in given(stack)}
    assert len(ids) == 2


def test_what_is_known_of_a_command_is_shown(hookline: Hookline, stack: Stack) -> None:
    do(stack, {"command": "send_sms", "id": "one", "account": ACCOUNT, "to": "+27725551234", "text": "hello"})
    assert json.loads(hookline("commands", "show", "one", "--json").out) == {
        "id": "one",
        "command": "send_sms",
        "account": ACCOUNT,
        "state": "succeeded",
        "changed_at": "2026-11-22T08:00:00.000+00:00",
        "outcome": {"why": "test"},
    }
    said = hookline("commands", "show", "other")
    assert (said.code, said.words.startswith("hookline: nothing is known of a command other")) == (1, True)


def test_an_account_of_a_provider_that_takes_no_commands_is_said_so(hookline: Hookline, stack: Stack) -> None:
    accounts.add(stack, "acme-mx", {"provider": "zorya", "signing_secrets": [SECRET], "settings": {}})
    for words in (("send", "+525555501423", "hola"), ("balance",)):
        said = hookline(*words, "--account", "acme-mx")
        assert (said.code, said.words) == (
            1,
            "hookline: acme-mx is an account at zorya, which takes no commands here",
        )


@table(
    "case",
    [
        Case("no JSON", "{", "broken can't be used: its secret is not JSON"),
        Case("a list", "[]", "broken can't be used: its secret is not a JSON object"),
        Case("nobody's", '{"provider": "pigeon"}', "broken is an account at pigeon, which takes no commands here"),
        Case("no settings", '{"provider": "zoom_connect", "settings": [1]}', "broken can't send: "),
        Case("credentials", '{"provider": "zoom_connect", "credentials": [1]}', "broken can't send: credentials.email"),
    ],
)
def test_an_account_that_cannot_be_used_is_said_to_be_so(
    hookline: Hookline, stack: Stack, tmp_path: Path, case: Case[str, str]
) -> None:
    stack.secrets.create_secret(Name=stack.outputs["AccountsPrefix"] + "broken", SecretString=case.given)
    for words in (("send", "+27725551234", "hello"), ("balance",), ("batch", csv_of(tmp_path, *rows(1)))):
        said = hookline(*words, "--account", "broken")
        assert (said.code, said.words.startswith(f"hookline: {case.expected}")) == (1, True)
    assert given(stack) == []


def test_a_text_that_is_none_is_refused(hookline: Hookline, stack: Stack) -> None:
    said = hookline("send", "+27725551234", "a\udcffb", "--account", ACCOUNT, "--seconds", "0")
    assert said.code == 1
    assert said.words.startswith("hookline: text: ")
    assert given(stack) == []


def test_a_command_that_the_provider_does_not_have_is_refused(stack: Stack) -> None:
    document = {"command": "look_up_carrier", "id": "l", "account": ACCOUNT, "number": "+27725551234"}
    with pytest.raises(CommandError, match="command: zoom_connect has no look_up_carrier"):
        commands.submit(stack, document)
    with pytest.raises(CommandError, match="account: must be said"):
        commands.submit(stack, {"command": "get_balance", "id": "b"})


def test_waiting_ends_when_all_is_known(stack: Stack) -> None:
    for name in ("one", "two"):
        do(stack, {"command": "send_sms", "id": name, "account": ACCOUNT, "to": "+27725551234", "text": "hello"})
    done: list[int] = []
    assert commands.wait(stack, ["one", "two"], 60, done.append) == {"one": "succeeded", "two": "succeeded"}
    assert done == [2]


def test_more_commands_are_looked_up_than_one_call_takes(stack: Stack) -> None:
    messages = [{"id": f"many/{at}", "to": number(at), "text": "hello"} for at in range(250)]
    do(stack, {"command": "send_sms_batch", "id": "many", "account": ACCOUNT, "messages": messages[::25]})
    found = commands.read_entries(stack, [str(message["id"]) for message in messages])
    assert found.keys() == {message["id"] for message in messages[::25]}


# --- dead letters ----------------------------------------------------------------------------------------------------


@table("case", [Case("none", 0, "0"), Case("some", 3, "3"), Case("more than one call gives", 23, "23")])
@pytest.mark.timeout(60)
def test_dead_letters_are_put_back_to_work(hookline: Hookline, stack: Stack, case: Case[int, str]) -> None:
    bodies = {f"body {at}" for at in range(case.given)}
    for body in bodies:
        stack.sqs.send_message(QueueUrl=stack.outputs["PublishDeadLettersUrl"], MessageBody=body)
    said = hookline("dead-letters", "redrive", "publish")
    assert (said.code, said.out.strip()) == (0, f"{case.expected} put back to work")
    assert commands.count(stack, stack.outputs["PublishDeadLettersUrl"]) == 0
    assert commands.count(stack, stack.outputs["LaterQueueUrl"]) == case.given


@pytest.mark.timeout(60)
def test_what_comes_back_while_dead_letters_are_moved_stays(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what is no command does: its sender puts it there again at once."""
    dead, queue = stack.outputs["ZoomConnectCommandDeadLettersUrl"], stack.outputs["ZoomConnectCommandsUrl"]
    for at in range(3):
        stack.sqs.send_message(QueueUrl=dead, MessageBody=f"no command {at}")
    put = stack.sqs.send_message

    def and_back(**asked: Any) -> Any:
        put(QueueUrl=dead, MessageBody=asked["MessageBody"])
        return put(**asked)

    monkeypatch.setattr(stack.sqs, "send_message", and_back)
    assert commands.move(stack, dead, queue) == 3
    assert (commands.count(stack, queue), commands.count(stack, dead)) == (3, 3)


def test_what_is_said_of_dead_letters_can_be_json(hookline: Hookline, stack: Stack) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs["PublishDeadLettersUrl"], MessageBody="x")
    said = hookline("dead-letters", "redrive", "publish", "--json")
    assert (said.code, json.loads(said.out)) == (0, {"queue": "publish", "put_back": 1})


def test_dead_letters_are_counted_by_queue(hookline: Hookline, stack: Stack) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs["SubscriptionDeadLettersUrl"], MessageBody="x")
    assert json.loads(hookline("dead-letters", "list", "--json").out) == {
        "publish": 0,
        "events": 1,
        "zoom-connect-commands": 0,
    }


# --- arithmetic ------------------------------------------------------------------------------------------------------


@table(
    "case",
    [
        Case("plain", "hello", "1 segment, 5 units in gsm-7"),
        Case("of two units", "€" * 80, "1 segment, 160 units in gsm-7"),
        Case("just too long", "x" * 161, "2 segments, 161 units in gsm-7"),
        Case("not GSM", "hi ✓", "1 segment, 4 units in ucs-2, because of ✓"),
        Case("nothing", "", "0 segments, 0 units in gsm-7"),
    ],
)
def test_segments_are_counted(hookline: Hookline, case: Case[str, str]) -> None:
    said = hookline("sms", "count", case.given)
    assert (said.code, said.out.strip()) == (0, case.expected)


def lines_of(*messages: dict[str, Any]) -> list[Line]:
    return [Line(at, message) for at, message in enumerate(messages, start=2)]


def test_problems_are_found_line_by_line(stack: Stack) -> None:
    outlet = commands.find_outlet(stack, ACCOUNT)
    good = {"id": "a", "to": "+27725551234", "text": "hello"}
    lines = lines_of(good, good | {"id": "b", "to": "x"}, good | {"id": "c", "text": "x" * 2000})
    problems = batches.find_problems(lines, outlet, None, {})
    assert [(problem.line, problem.field) for problem in problems] == [(3, "to"), (4, "text")]
    assert [problem.line for problem in batches.find_problems(lines, outlet, "2020-01-01T00:00:00Z", {})] == [2, 3, 4]
