"""Commands given from a terminal: put on the queue that every other system uses, and watched in the journal."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hookline.command_journal import COMMAND, FINAL, NEWS, State
from hookline.commands import BaseCommand, Rejection, SendSmsBatch, command_token, read_command
from hookline.errors import AccountSettingsError
from hookline.send import USED
from hookline.sending import SendingAccount, SendingProvider
from hookline_cli import accounts
from hookline_cli.errors import CommandError
from hookline_cli.sending import SENDERS
from hookline_cli.stack import Stack

POLL_SECONDS = 0.2
MAX_KEYS = 100
MOVE_SECONDS = 60
"""How long a dead letter that is being moved is hidden from others."""

OUTPUTS = {"zoom_connect": "ZoomConnect", "zorya": "Zorya"}
"""What a provider is called in the stack's outputs."""

type Document = dict[str, Any]
type Entry = Mapping[str, Any]


class Outlet(NamedTuple):
    """Where an account's commands go.

    Attributes:
        provider: the account's provider.
        account: the account, as its sender knows it.
        queue: the URL of the command queue.
        function: the sender's alias.
    """

    provider: SendingProvider
    account: SendingAccount[Any]
    queue: str
    function: str

    def check(self, document: Document, now: float) -> BaseCommand:
        """Read a command as its sender does.

        Raises:
            Rejection: the sender would refuse it.
        """
        command = read_command(document)
        if command.kind not in self.provider.kinds and command.kind != SendSmsBatch.kind:
            raise Rejection("command", f"{self.provider.name} has no {command.kind}")
        return self.provider.check(command, self.account, now)


class Checked(NamedTuple):
    """A command that its sender would take: its outlet, and its entry in the journal where it was begun before."""

    outlet: Outlet
    entry: Entry | None


def find_outlet(stack: Stack, name: str) -> Outlet:
    """Find where an account's commands go.

    Raises:
        CommandError: there is no such account, its provider takes no commands, or it can't send as it is.
    """
    document = accounts.read(stack, name)
    provider = SENDERS.get(str(document.get("provider")))
    output = OUTPUTS.get(str(document.get("provider")), "")
    if provider is None or f"{output}CommandsUrl" not in stack.outputs:
        raise CommandError(f"{name} is an account at {document.get('provider')}, which takes no commands here")
    try:
        account = provider.read_account(name, document)
    except AccountSettingsError as error:
        raise CommandError(f"{name} can't send: {error}") from None
    return Outlet(provider, account, stack.outputs[f"{output}CommandsUrl"], stack.outputs[f"Send{output}Function"])


def check(stack: Stack, document: Document) -> Checked:
    """Find a command's outlet, and refuse what its sender would refuse, before anybody has to wait for it.

    Raises:
        CommandError: names the field, and says why.
    """
    if not isinstance(document.get("account"), str):
        raise CommandError("account: must be said")
    outlet = find_outlet(stack, document["account"])
    entry = read_entries(stack, [str(document.get("id"))]).get(str(document.get("id")))
    try:
        command = outlet.check(document, time.time())
    except Rejection as rejection:
        if rejection.field == "send_at" and entry is not None:
            return Checked(outlet, entry)  # it may have been given in time: the sender knows
        raise CommandError(str(rejection)) from None
    if entry is not None and entry["digest"] != command.digest:
        raise CommandError(str(Rejection("id", USED)))
    return Checked(outlet, entry)


def invoke(stack: Stack, document: Document) -> Document:
    """Do a command now, by a direct invocation, and return what became of it.

    Raises:
        CommandError: it would be refused, or the function failed.
    """
    return call(stack, check(stack, document).outlet.function, document)


def call(stack: Stack, function: str, document: Document) -> Document:
    """Call a function of a stack, and return its answer.

    Raises:
        CommandError: it failed.
    """
    answer = stack.functions.invoke(FunctionName=function, Payload=json.dumps(document).encode())
    said: Document = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CommandError(f"the function failed: {said.get('errorType')}")
    return said


def say(said: Mapping[str, Any]) -> str:
    """Say in words why what was answered to a direct invocation, or stands in the journal, is no success."""
    outcome = said.get("outcome", {})
    match said["state"]:
        case "rejected":
            return f"{said['field']}: {said['problem']}" if said.get("field") else str(said["problem"])
        case "failed":
            words = [outcome.get("code"), outcome.get("text")]
            return f"it failed: {' '.join(word for word in words if word) or 'the provider did not say why'}"
        case "waiting":
            why, after = said.get("why", "it was not sent yet"), said.get("retry_after")
            return f"nothing was asked of the provider: {why}; try again" + (f" in {after:.0f} s" if after else "")
        case "unknown":
            return f"nobody knows what became of it: {outcome.get('why', 'no answer')}"
        case state:
            return f"it is {state}"


def submit(stack: Stack, document: Document) -> Outlet:
    """Put a command on its provider's queue, and return its outlet.

    Raises:
        CommandError: it would be refused: names the field, and says why.
    """
    outlet = check(stack, document).outlet
    put(stack, outlet, document)
    return outlet


def put(stack: Stack, outlet: Outlet, document: Document) -> None:
    """Put a command on an outlet's queue, as it is."""
    stack.sqs.send_message(QueueUrl=outlet.queue, MessageBody=json.dumps(document))


def show(stack: Stack, command_id: str) -> Document:
    """Say what is known of a command.

    Raises:
        CommandError: nothing is.
    """
    found = read_entries(stack, [command_id])
    if command_id not in found:
        raise CommandError(
            f"nothing is known of a command {command_id}: it still waits in its queue, was rejected (see the events), "
            f"or is older than the journal's retention. Look again with `hookline commands show {command_id}`"
        )
    entry = found[command_id]
    return {
        "id": command_id,
        "command": entry["kind"],
        "account": entry["account"],
        "state": entry["state"],
        "changed_at": entry["recorded_at"],
        "outcome": json.loads(entry.get("outcome", "{}")),
    }


def follow(stack: Stack, outlet: Outlet, command_id: str, seconds: float) -> Document:
    """Wait for what becomes of a command that was given, and say what is known of it, as `show` does.

    Raises:
        CommandError: nothing is; says so where that is because its account is stopped.
    """
    name = outlet.account.name
    states = wait(stack, [command_id], seconds, until=NEWS)
    if states[command_id] == State.WAITING:
        stop = accounts.find_stop(stack, name, outlet.provider.name)
        if stop is not None:
            raise CommandError(
                f"{command_id} waits in its queue: the account {name} is stopped since {stop.at} by {stop.who}: "
                f"{stop.why}. It is done once the account goes on: `hookline accounts go-on {name}`"
            )
    return show(stack, command_id)


def read_entries(stack: Stack, command_ids: Sequence[str]) -> dict[str, Entry]:
    """Read commands' entries from the journal, as plain values, by id; those that are there."""
    table = stack.outputs["JournalTable"]
    of_key = {f"{COMMAND}#{command_token(command_id)}": command_id for command_id in command_ids}
    found: dict[str, Entry] = {}
    keys: list[Any] = [{"pk": {"S": key}, "sk": {"S": COMMAND}} for key in of_key]
    while keys:
        part, keys = keys[:MAX_KEYS], keys[MAX_KEYS:]
        answer: Any = stack.dynamodb.batch_get_item(RequestItems={table: {"Keys": part, "ConsistentRead": True}})
        for item in answer["Responses"].get(table, []):
            entry = {name: next(iter(value.values())) for name, value in item.items()}
            found[of_key[str(entry["pk"])]] = entry
        keys += answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return found


def wait(
    stack: Stack,
    command_ids: Sequence[str],
    seconds: float,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    until: Collection[State] = FINAL,
) -> dict[str, str]:
    """Wait until what becomes of commands is known.

    Args:
        stack: whose journal.
        command_ids: the commands.
        seconds: how long at the most.
        progress: is told how many are done.
        until: the states that are waited for. `NEWS` has `scheduled` too, which lasts until a command's `send_at`.

    Returns:
        Their states by id: `waiting` for one that is not in the journal yet.
    """
    deadline = time.monotonic() + seconds
    states: dict[str, str] = {}
    while True:
        open_ids = [command_id for command_id in command_ids if State(states.get(command_id, "waiting")) not in until]
        entries = read_entries(stack, open_ids)
        states |= {command_id: str(entries.get(command_id, {}).get("state", "waiting")) for command_id in open_ids}
        done = sum(State(state) in until for state in states.values())
        progress(done)
        if done == len(command_ids) or time.monotonic() > deadline:
            return states
        time.sleep(POLL_SECONDS)


def move(stack: Stack, source: str, target: str) -> int:
    """Move the messages of a dead-letter queue to where they are worked on again, and return how many there were.

    What comes back to the dead-letter queue in the meantime stays there.
    """
    began = time.time()
    moved = 0
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=source,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            VisibilityTimeout=MOVE_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = answer.get("Messages", [])
        old = [message for message in messages if int(message["Attributes"]["SentTimestamp"]) / 1000 <= began]
        for message in old:
            stack.sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            stack.sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        for message in messages:
            if message not in old:
                stack.sqs.change_message_visibility(
                    QueueUrl=source, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
        moved += len(old)
        if not old:
            return moved


def dead_letter_queues(stack: Stack) -> dict[str, tuple[str, str]]:
    """Name the dead-letter queues: each with its URL and that of the queue that its messages go back to."""
    outputs = stack.outputs
    queues = {
        "publish": (outputs["PublishDeadLettersUrl"], outputs["LaterQueueUrl"]),
        "events": (outputs["SubscriptionDeadLettersUrl"], outputs["SubscriptionQueueUrl"]),
    }
    for provider, name in OUTPUTS.items():
        if f"{name}CommandsUrl" in outputs:
            queues[f"{provider.replace('_', '-')}-commands"] = (
                outputs[f"{name}CommandDeadLettersUrl"],
                outputs[f"{name}CommandsUrl"],
            )
    if "SettleDeadLettersUrl" in outputs:
        queues["settle"] = (outputs["SettleDeadLettersUrl"], outputs["SettleCallbacksUrl"])
    return queues


def count(stack: Stack, queue_url: str) -> int:
    """Say about how many messages a queue holds."""
    answer = stack.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
