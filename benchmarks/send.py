"""Commands to Zoom Connect: through the local stack, with and without coalescing; and the CPU that a message costs."""

import json
import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import batched
from typing import Any

import httpx
from zoomconnect_sdk.client import Client as SdkClient  # type: ignore[import-untyped]  # it has no types

from benchmarks.errors import BenchmarkError
from benchmarks.frame import Aim, Section, Table, ratio, spread
from benchmarks.local_stack import local_stack
from hookline.accounts import Accounts
from hookline.calls import Caller
from hookline.command_journal import CommandJournal
from hookline.command_queue import CommandQueue
from hookline.pace import Pace
from hookline.providers.zoom_connect.rest import SENDING
from hookline.send import Sender
from hookline.stops import Stops
from hookline.telemetry import Telemetry
from hookline_cli import accounts, commands, demo
from hookline_cli.stack import Stack

COMMANDS = 1000
CPU_ROUNDS = 7
CPU_COMMANDS = 200
SECONDS = 300
LIKE_NOBODY = 10_000
"""Segments a second: the pace is not what is measured."""

HOW = f"""\
Through the local stack: {COMMANDS} `send_sms` waiting on the command queue, until the stand-in
has accepted all; coalescing on is `max_batch` 100, off is `max_batch` 1; calls are counted by the stand-in provider.
CPU: `time.process_time` of this process for {CPU_COMMANDS} messages, in turns, {CPU_ROUNDS} rounds: Hookline's sender
with batches of 100 as the queue hands them over (claims, request, outcomes; DynamoDB is the emulator over HTTP), and
`zoomconnect-sdk` 0.0.3 sending one by one, both to the same stand-in over plain HTTP."""


def run() -> Section:
    """Measure on a stack of its own."""
    with local_stack() as stack:
        account = demo.account_of("zoom_connect")
        rows: list[tuple[str, str, str]] = []
        calls_a_message = {}
        for title, most in (("coalescing on", 100), ("coalescing off", 1)):
            document = accounts.read(stack, account)
            document["settings"] |= {"max_batch": most, "max_per_second": LIKE_NOBODY}
            accounts.store(stack, account, document)
            time.sleep(61 if rows else 0)  # running copies use an account as they read it for a minute
            rate, calls = _through(stack, account, document["settings"]["base_url"])
            calls_a_message[title] = calls
            rows.append((title, f"{rate:.0f}", f"{calls:.3f}"))
        cpu = _cpu(stack, account)
    on = calls_a_message["coalescing on"]
    tables = [
        Table("Through the local stack", ("", "commands a second", "provider calls a command"), rows),
        Table(
            "CPU of a message",
            ("", "ms of CPU", "x zoomconnect-sdk"),
            [
                (name, spread(value * 1000 for value in cpu[name]).text(2), ratio(cpu, name, SDK).text(2))
                for name in (HOOKLINE, SDK)
            ],
        ),
    ]
    least = ratio(cpu, HOOKLINE, SDK).median
    aims = [
        Aim("at most 0.05 provider calls a message when a thousand wait", f"{on:.3f}", on <= 0.05),
        Aim("less CPU a message than zoomconnect-sdk one by one", f"{least:.2f} x", least < 1),
    ]
    return Section("Commands to Zoom Connect", HOW, tables, aims)


HOOKLINE = "Hookline"
SDK = "zoomconnect-sdk"


def _through(stack: Stack, account: str, base_url: str) -> tuple[float, float]:
    name = uuid.uuid4().hex[:8]
    documents = [_command(f"{name}/{number}", account) for number in range(COMMANDS)]
    calls, last = int(_ask(base_url, "requests")["total"]), _last_accepted(base_url)
    url = stack.outputs["ZoomConnectCommandsUrl"]
    _let_wait(stack, url, waiting=True)
    for part in batched(documents, 10, strict=False):
        entries: Any = [{"Id": str(n), "MessageBody": json.dumps(document)} for n, document in enumerate(part)]
        stack.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    start = time.perf_counter()
    _let_wait(stack, url, waiting=False)
    while (accepted := len(_ask(base_url, f"ledger?since={last}")["rows"])) < COMMANDS:
        if time.perf_counter() - start > SECONDS:
            raise BenchmarkError(f"only {accepted} of {COMMANDS} were sent in {SECONDS} s")
        time.sleep(0.5)  # the stand-in is asked: whoever polls the journal slows down what is measured
    seconds = time.perf_counter() - start
    states = commands.wait(stack, [document["id"] for document in documents], 60)
    if set(states.values()) != {"succeeded"}:
        raise BenchmarkError(f"not all were sent: {sorted(set(states.values()))}")
    return COMMANDS / seconds, (int(_ask(base_url, "requests")["total"]) - calls) / COMMANDS


def _let_wait(stack: Stack, queue_url: str, *, waiting: bool) -> None:
    """Let nobody take from a queue, or let them again."""
    queue = queue_url.rpartition("/")[2]
    for mapping in stack.functions.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["EventSourceArn"].endswith(f":{queue}"):
            stack.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=not waiting)


def _cpu(stack: Stack, account: str) -> dict[str, list[float]]:
    document = accounts.read(stack, account)
    document["settings"] |= {"max_batch": 100}
    base_url = document["settings"]["base_url"]
    cpu: dict[str, list[float]] = {HOOKLINE: [], SDK: []}
    with _sender(stack, document) as sender:
        sdk = SdkClient(
            base_url=base_url.removesuffix("/api/rest/v1"),
            api_token=document["credentials"]["token"],
            account_email=document["credentials"]["email"],
        )
        for round_number in range(-1, CPU_ROUNDS):  # the first is a warm-up
            taken = {HOOKLINE: _send_by_hookline(sender, account), SDK: _send_by_sdk(sdk)}
            if round_number >= 0:
                for name, seconds in taken.items():
                    cpu[name].append(seconds / CPU_COMMANDS)
    return cpu


def _send_by_hookline(sender: Sender, account: str) -> float:
    name = uuid.uuid4().hex[:8]
    records = [_record(_command(f"{name}/{number}", account)) for number in range(CPU_COMMANDS)]
    start = time.process_time()
    for part in batched(records, 100, strict=False):
        if sender.do_batch(part, 60)["batchItemFailures"]:
            raise BenchmarkError("a message was not sent")
    return time.process_time() - start


def _send_by_sdk(sdk: Any) -> float:
    start = time.process_time()
    for number in range(CPU_COMMANDS):
        if not sdk.send_sms(f"2782{number:07d}", "Your code is on its way.").get("messageId"):
            raise BenchmarkError("a message was not sent")
    return time.process_time() - start


@contextmanager
def _sender(stack: Stack, document: accounts.Document) -> Iterator[Sender]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    table = stack.outputs["JournalTable"]
    with httpx.Client() as http:
        yield Sender(
            SENDING,
            Accounts(lambda _name: document, SENDING.read_account, time.time),
            CommandJournal(stack.dynamodb, table, SENDING.name, 3600, 120),
            Pace(stack.dynamodb, table),
            Caller(SENDING, http, _Silent("bench")),
            CommandQueue(stack.sqs, "", ""),
            Stops(stack.dynamodb, table, SENDING.name),
            _Silent("bench"),
        )


class _Silent(Telemetry):
    """Says nothing: its lines would land among ours."""

    def count(self, name: str, amount: float = 1, **_more: Any) -> None:
        """Count nothing."""


def _command(command_id: str, account: str) -> dict[str, str]:
    number = int(command_id.rpartition("/")[2])
    return {
        "command": "send_sms",
        "id": command_id,
        "account": account,
        "to": f"+2782{number:07d}",
        "text": "Your code is on its way.",
    }


def _record(document: dict[str, str]) -> dict[str, Any]:
    return {
        "messageId": document["id"],
        "receiptHandle": document["id"],
        "body": json.dumps(document),
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def _last_accepted(base_url: str) -> int:
    rows = _ask(base_url, "ledger")["rows"]
    return int(rows[-1]["number"]) if rows else 0


def _ask(base_url: str, what: str) -> Any:
    return httpx.get(base_url.removesuffix("/app/api/rest/v1") + f"/_simulator/{what}", timeout=30).json()
