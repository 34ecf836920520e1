"""Commands given from a terminal, against a stack that runs."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hookline.commands import command_token
from hookline_cli import accounts, commands, local
from hookline_cli.stack import Stack
from tests.cli.commands import Said, call
from tests.redaction import Kind, kinds_in
from tests.samples import OTHER_TEXT, SECRET, TEXT
from tests.stack.inbox import Inbox
from tests.stack.stand_in import Sender, StandIn, find_stand_in, new_sender

type Hookline = Callable[..., Said]

DEAD_LETTERS = "ZoomConnectCommandDeadLettersUrl"
NOT_SENT_HERE = "+2772"


@pytest.fixture
def hookline(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Hookline:
    """Run a command for the stack that runs here; whatever it says holds no secret."""
    assert stack.local is not None
    instance = stack.local.instance

    def run(*arguments: str) -> Said:
        said = call(capsys, *arguments, "--stack", instance)
        assert kinds_in(said.out + said.err, [Kind.SECRET]) == set()
        return said

    return run


@pytest.fixture(scope="module")
def stand_in(stack: Stack) -> Iterator[StandIn]:
    found = find_stand_in(stack)
    yield found
    found.close()


@pytest.fixture(scope="module")
def sender(stack: Stack, stand_in: StandIn) -> Sender:
    return new_sender(stack, stand_in)


def json_of(said: Said) -> Any:
    assert (said.code, said.err) == (0, "")
    return json.loads(said.out)


def number(at: int = 0) -> str:
    return f"+2773{at % 10}{100_000 + at:06}"


def new_id() -> str:
    return f"test/{uuid.uuid4().hex}"


def tokens_of(stand_in: StandIn, sender: Sender) -> list[str]:
    return [row["dataField"] for row in stand_in.ledger(sender.email)]


def test_a_message_is_sent_and_its_outcome_said_and_the_same_again_sends_nothing(
    hookline: Hookline, stand_in: StandIn, sender: Sender
) -> None:
    command_id = new_id()
    words = (
        "send",
        number(),
        TEXT,
        "--account",
        sender.account,
        "--id",
        command_id,
        "--reference",
        "by hand",
        "--json",
    )
    said = json_of(hookline(*words))
    assert (said["id"], said["state"], said["account"]) == (command_id, "succeeded", sender.account)
    assert json_of(hookline(*words)) == said
    assert json_of(hookline("commands", "show", command_id, "--json")) == said
    [row] = [row for row in stand_in.ledger(sender.email) if row["dataField"] == command_token(command_id)]
    assert said["outcome"]["facts"]["message_id"] == row["id"]
    assert "succeeded" in hookline("commands", "show", command_id).out


def test_an_id_that_was_used_for_something_else_is_said_before_anything_is_given(
    hookline: Hookline, inbox: Inbox, sender: Sender
) -> None:
    command_id = new_id()
    account = ("--account", sender.account, "--id", command_id)
    assert hookline("send", number(), TEXT, *account).code == 0
    said = hookline("send", number(), OTHER_TEXT, *account)
    assert (said.code, said.words) == (1, "hookline: id: was used before, for something else")
    of_it = inbox.wait(lambda event: (event["detail"]["metadata"]["correlation"] or {}).get("command_id") == command_id)
    assert "command.rejected" not in {event["detail-type"] for event in of_it}


def test_what_would_be_refused_is_said_in_words_at_once(
    hookline: Hookline, stack: Stack, stand_in: StandIn, sender: Sender
) -> None:
    before = tokens_of(stand_in, sender)
    for words, problem in (
        ((NOT_SENT_HERE, TEXT), "to: is no valid phone number with its country code"),
        ((number(), ""), "text: is empty"),
        ((number(), TEXT, "--send-at", "2020-01-01T10:00:00+02:00"), "send_at: is not in the future"),
        ((number(), TEXT, "--send-at", "tomorrow"), "send_at: must be a date and a time"),
        ((number(), TEXT, "--id", "not an id"), "id: String should match pattern"),
        ((number(), TEXT, "--account", "nobody"), "there is no account nobody"),
    ):
        account = () if "--account" in words else ("--account", sender.account)
        said = hookline("send", *words, *account)
        assert said.code == 1
        assert said.words.startswith(f"hookline: {problem}")
        assert said.out == ""
    assert commands.count(stack, stack.outputs["ZoomConnectCommandsUrl"]) == 0
    assert tokens_of(stand_in, sender) == before


def test_an_account_that_cannot_send_is_said_so(hookline: Hookline, stack: Stack) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    accounts.add(stack, name, {"provider": "zoom_connect", "signing_secrets": [SECRET], "settings": {}})
    said = hookline("send", number(), TEXT, "--account", name)
    assert (said.code, said.words) == (
        1,
        f"hookline: {name} can't send: credentials.email: is needed for sending, as a text that is not empty",
    )


def test_a_file_is_sent_once_however_often_it_is_run(
    hookline: Hookline, stand_in: StandIn, sender: Sender, tmp_path: Path
) -> None:
    file = tmp_path / "customers of may.csv"
    lines = [f"{number(at)},Hello number {at},customer {at}" for at in range(120)]
    file.write_text("\n".join(["to,text,reference", *lines]))
    before = len(tokens_of(stand_in, sender))
    words = ("batch", str(file), "--account", sender.account, "--json")
    assert json_of(hookline(*words)) == {"messages": 120, "begun_before": 0, "succeeded": 120}
    assert json_of(hookline(*words)) == {"messages": 120, "begun_before": 120, "succeeded": 120}
    file.write_text("\n".join(["to,text,reference", *lines, f"{number(1)},One more,customer 121"]))
    assert json_of(hookline(*words)) == {"messages": 121, "begun_before": 120, "succeeded": 121}
    sent = tokens_of(stand_in, sender)[before:]
    assert len(sent) == len(set(sent)) == 121
    calls = {row["request_id"] for row in stand_in.ledger(sender.email)[before:]}
    assert len(calls) <= 6


def test_a_file_with_lines_that_cannot_be_sent_sends_nothing_unless_they_are_left_out(
    hookline: Hookline, stand_in: StandIn, sender: Sender, tmp_path: Path
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(f"to,text\n{number(501)},good one\n{NOT_SENT_HERE},bad one\n{number(502)},\n")
    before = len(tokens_of(stand_in, sender))
    words = ("batch", str(file), "--account", sender.account)
    said = hookline(*words)
    assert said.code == 1
    assert "line 3: to is no valid phone number" in said.words
    assert "line 4: text is empty" in said.words
    assert len(tokens_of(stand_in, sender)) == before
    summary = {"messages": 1, "begun_before": 0, "succeeded": 1, "left_out": 2}
    assert json_of(hookline(*words, "--skip", "--json")) == summary
    assert len(tokens_of(stand_in, sender)) == before + 1


def test_a_balance_is_said(hookline: Hookline, sender: Sender) -> None:
    said = hookline("balance", "--account", sender.account)
    assert said.code == 0
    amount, unit = said.out.split()
    assert (float(amount) > 0, unit) == (True, "credits")
    assert json_of(hookline("balance", "--account", sender.account, "--json"))["state"] == "succeeded"


def test_dead_letters_are_put_back_to_work_once(
    hookline: Hookline, stack: Stack, stand_in: StandIn, sender: Sender
) -> None:
    """One that was not to blame is sent; one that is no command comes back, and does not keep the command busy."""
    good, bad = sender.command(to=number(601), text=TEXT), f"no command {uuid.uuid4().hex}"
    for body in (json.dumps(good), bad):
        stack.sqs.send_message(QueueUrl=stack.outputs[DEAD_LETTERS], MessageBody=body)
    assert json_of(hookline("dead-letters", "list", "--json"))["zoom-connect-commands"] == 2
    said = hookline("dead-letters", "redrive", "zoom-connect-commands")
    assert (said.code, said.out.strip()) == (0, "2 put back to work")
    assert commands.wait(stack, [good["id"]], 60) == {good["id"]: "succeeded"}
    assert local.wait_for(lambda: commands.count(stack, stack.outputs[DEAD_LETTERS]) == 1, 30)
    [letter] = stack.sqs.receive_message(QueueUrl=stack.outputs[DEAD_LETTERS], MaxNumberOfMessages=10)["Messages"]
    stack.sqs.delete_message(QueueUrl=stack.outputs[DEAD_LETTERS], ReceiptHandle=letter["ReceiptHandle"])
    assert letter["Body"] == bad
    assert command_token(good["id"]) in tokens_of(stand_in, sender)


def test_a_dead_letter_queue_that_there_is_not_is_said_so(hookline: Hookline) -> None:
    said = hookline("dead-letters", "redrive", "nonsense")
    assert said.code == 1
    assert "there are: publish, events, zoom-connect-commands" in said.words
