"""Commands given from a terminal: put on the queue that every other system uses, and watched in the journal."""

import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from hookline.command_journal import COMMAND, FINAL, State
from hookline.commands import Rejection, command_token, read_command
from hookline_cli import accounts
from hookline_cli.errors import CommandError
from hookline_cli.stack import Stack

POLL_SECONDS = 0.2
MAX_KEYS = 100
PART = 100
"""Messages of a batch that go onto the queue together."""

OUTPUTS = {"zoom_connect": "ZoomConnect", "zorya": "Zorya"}
"""What a provider is called in the stack's outputs."""

type Document = dict[str, Any]
type Entry = Mapping[str, Any]


def invoke(stack: Stack, document: Document) -> Document:
    """Do a command now, by a direct invocation, and return what became of it.

    Raises:
        CommandError: it can't be understood, or the function failed.
    """
    _check(document)
    answer = stack.functions.invoke(
        FunctionName=stack.outputs[f"Send{_output(stack, document)}Function"], Payload=json.dumps(document).encode()
    )
    said: Document = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CommandError(f"the function failed: {said.get('errorType')}")
    return said


def submit(stack: Stack, document: Document) -> None:
    """Put a command on its provider's queue.

    Raises:
        CommandError: it can't be understood; names the field.
    """
    _check(document)
    stack.sqs.send_message(
        QueueUrl=stack.outputs[f"{_output(stack, document)}CommandsUrl"], MessageBody=json.dumps(document)
    )


def show(stack: Stack, command_id: str) -> Document:
    """Say what is known of a command.

    Raises:
        CommandError: nothing is.
    """
    found = read_entries(stack, [command_id])
    if command_id not in found:
        raise CommandError(
            f"nothing is known of a command {command_id}: it still waits in its queue, was rejected (see the events), "
            "or is older than the journal's retention"
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
    stack: Stack, command_ids: Sequence[str], seconds: float, progress: Callable[[int], None] = lambda _done: None
) -> dict[str, str]:
    """Wait until what becomes of commands is known.

    Args:
        stack: whose journal.
        command_ids: the commands.
        seconds: how long at the most.
        progress: is told how many are done.

    Returns:
        Their states by id: `waiting` for one that is not in the journal yet.
    """
    deadline = time.monotonic() + seconds
    states: dict[str, str] = {}
    while True:
        open_ids = [command_id for command_id in command_ids if State(states.get(command_id, "waiting")) not in FINAL]
        entries = read_entries(stack, open_ids)
        states |= {command_id: str(entries.get(command_id, {}).get("state", "waiting")) for command_id in open_ids}
        done = sum(State(state) in FINAL for state in states.values())
        progress(done)
        if done == len(command_ids) or time.monotonic() > deadline:
            return states
        time.sleep(POLL_SECONDS)


def read_batch(path: Path, name: str) -> list[Document]:
    """Read a batch's messages from a CSV file: the columns `to` and `text`, and if they are there `id`, `reference`.

    A message without an id gets one from what is in it, so that the same file gives the same ids: a batch can be run
    again, and nothing is sent twice.

    Raises:
        CommandError: the file can't be read, or a column is missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        raise CommandError(f"{path} can't be read: {error}") from None
    if not rows:
        raise CommandError(f"{path} holds no messages")
    missing = {"to", "text"} - set(rows[0])
    if missing:
        raise CommandError(f"{path} has no column {min(missing)}: the first line names the columns")
    seen: Counter[str] = Counter()
    return [_message(row, name, seen) for row in rows]


def batch_commands(messages: Sequence[Document], name: str, account: str, send_at: str | None) -> Iterator[Document]:
    """Make the batch commands of messages: parts that fit a message of the queue."""
    for start in range(0, len(messages), PART):
        part = list(messages[start : start + PART])
        digest = hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        document = {"command": "send_sms_batch", "id": f"{name}/{digest}", "account": account, "messages": part}
        yield document if send_at is None else {**document, "send_at": send_at}


def move(stack: Stack, source: str, target: str) -> int:
    """Move every message of a dead-letter queue to where it is worked on again. Returns how many there were."""
    moved = 0
    while messages := stack.sqs.receive_message(
        QueueUrl=source, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=60
    ).get("Messages", []):
        for message in messages:
            stack.sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            stack.sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
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
    return queues


def count(stack: Stack, queue_url: str) -> int:
    """Say about how many messages a queue holds."""
    answer = stack.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def _message(row: Mapping[str, str | None], name: str, seen: Counter[str]) -> Document:
    fields = {key: row[key] or "" for key in ("to", "text", "reference") if row.get(key)}
    content = json.dumps(fields, sort_keys=True)
    seen[content] += 1  # the same message twice in a file is meant twice
    digest = hashlib.sha256(f"{content}{seen[content]}".encode()).hexdigest()[:20]
    return {"id": row.get("id") or f"{name}/{digest}", **fields}


def _check(document: Document) -> None:
    try:
        read_command(document)
    except Rejection as rejection:
        raise CommandError(str(rejection)) from None


def _output(stack: Stack, document: Mapping[str, Any]) -> str:
    """Say what the provider of a command's account is called in the stack's outputs."""
    try:
        provider = accounts.read(stack, str(document["account"]))["provider"]
    except ClientError as error:
        raise CommandError(f"the account can't be read: {error}") from error
    return OUTPUTS[str(provider)]
