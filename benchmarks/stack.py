"""Callbacks through the local stack: how many a second arrive in the subscription queue, and how long one takes."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

import httpx

from benchmarks.errors import BenchmarkError
from benchmarks.frame import Section, Table, spread
from benchmarks.local_stack import local_stack
from hookline_cli import accounts, demo, subscriber
from hookline_cli.callbacks import SPEAKERS, Callback
from hookline_cli.stack import Stack

CALLBACKS = 600
CALLERS = 8
SINGLE = 25
SECONDS = 180

HOW = f"""\
The whole stack on the embedded emulator, roles enforced: HTTP to the API, the receiving function, the journal, its
stream, `publish`, the bus, its rule, the subscription queue. {CALLBACKS} delivery reports by {CALLERS} callers at once,
each answered 200 before the caller sends its next; then {SINGLE}, one at a time, from request to event. The emulator is
one Python process and the functions run beside it on the same cores: these numbers say what a laptop does, not what
AWS does."""


def run() -> Section:
    """Measure on a stack of its own."""
    with local_stack() as stack:
        provider = "zoom_connect"
        account = demo.account_of(provider)
        document = accounts.read(stack, account)
        speaker = SPEAKERS[provider]

        def made() -> tuple[str, Callback]:
            fields = speaker.fields("delivery-report")
            return fields["messageId"], speaker.make(account, document, "delivery-report", fields, now=time.time())

        _through(stack, [made() for _ in range(CALLERS)])  # the copies of the functions are up
        accepted, arrived = _through(stack, [made() for _ in range(CALLBACKS)])
        latencies = []
        for _ in range(SINGLE):
            message_id, callback = made()
            start = time.perf_counter()
            callback.send(stack)
            _await(stack, {message_id})
            latencies.append(time.perf_counter() - start)
    latency = spread(seconds * 1000 for seconds in latencies)
    rows = [
        ("callbacks a second, answered 200", f"{CALLBACKS / accepted:.0f}"),
        ("callbacks a second, in the queue", f"{CALLBACKS / arrived:.0f}"),
        ("from request to event, ms", latency.text(0)),
    ]
    return Section("Through the local stack", HOW, [Table("", ("", ""), rows)], [])


def _through(stack: Stack, callbacks: list[tuple[str, Callback]]) -> tuple[float, float]:
    """Send callbacks; return the seconds until all were answered, and until all had arrived."""
    start = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as callers:
        parts = list(batched((callback for _, callback in callbacks), -(-len(callbacks) // CALLERS), strict=False))
        list(callers.map(lambda part: _send_all(stack, part), parts))
    accepted = time.perf_counter() - start
    _await(stack, {message_id for message_id, _ in callbacks})
    return accepted, time.perf_counter() - start


def _send_all(stack: Stack, callbacks: tuple[Callback, ...]) -> None:
    with httpx.Client(timeout=60) as http:
        for callback in callbacks:
            url, headers = stack.wire(f"{stack.api_url}{callback.path}")
            answer = http.post(
                f"{url}?{callback.query}",
                content=callback.body,
                headers={"content-type": callback.content_type, **headers},
            )
            if answer.status_code != httpx.codes.OK:
                raise BenchmarkError(f"a callback was answered {answer.status_code}")


def _await(stack: Stack, message_ids: set[str]) -> None:
    missing = set(message_ids)
    deadline = time.monotonic() + SECONDS
    while missing:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{len(missing)} events did not arrive within {SECONDS} s")
        missing -= {event["data"].get("message_id") for event in subscriber.receive(stack)}
