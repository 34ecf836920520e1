"""A provider that sends without pause while something happens to the stack, and an account of what came of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Flag
from typing import NamedTuple

from tests.http_api import Event
from tests.stack.inbox import Inbox, of_account
from tests.stack.provider import Provider, is_taken, message_id

PAUSE_SECONDS = 0.02
ATTEMPTS = 50


class Sent(NamedTuple):
    """A callback and every answer that it got; it was sent again until one was 2xx.

    Attributes:
        message_id: the provider's id in it.
        statuses: in order; 0 where no answer came.
        bodies: what was answered with each.
    """

    message_id: str
    statuses: list[int]
    bodies: list[str]


class Traffic:
    """What was sent while something happened.

    Attributes:
        begun: how many callbacks have been on their way.
        sent: those that were taken, or given up.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.sent: list[Sent] = []

    @property
    def refusals(self) -> Counter[tuple[int, str]]:
        """Every answer that was not 2xx: its status and its body, and how often."""
        return Counter(
            (status, body[:120])
            for sent in self.sent
            for status, body in zip(sent.statuses, sent.bodies, strict=True)
            if not is_taken(status)
        )

    def __str__(self) -> str:
        """Say in a line how it went."""
        refused = ", ".join(f"{count} x {status} {body}" for (status, body), count in self.refusals.items())
        return f"{len(self.sent)} callbacks, each taken in the end; not 2xx at first: {refused or 'none'}"


@contextmanager
def traffic(provider: Provider, senders: int) -> Iterator[Traffic]:
    """Send callbacks from so many threads while the block runs, each until it is taken."""
    seen, stop = Traffic(), Flag()

    def send() -> None:
        while not stop.is_set():
            event = provider.callback("reply")
            seen.begun += 1
            seen.sent.append(_send_until_taken(provider, event))
            time.sleep(PAUSE_SECONDS)

    with ThreadPoolExecutor(senders) as threads:
        sending = [threads.submit(send) for _ in range(senders)]
        try:
            yield seen
        finally:
            stop.set()
            for sender in sending:
                sender.result()


def check_that_nothing_is_lost_or_doubled(
    seen: Traffic, provider: Provider, inbox: Inbox, settle: Callable[[], None]
) -> None:
    """Check that every callback was taken in the end, and became one event: the same id, however often it came."""
    given_up = [sent for sent in seen.sent if not is_taken(sent.statuses[-1])]
    assert given_up == []
    settle()
    ids: dict[str, set[str]] = {sent.message_id: set() for sent in seen.sent}
    for event in inbox.now(of_account(provider.account)):
        of = event["detail"]["data"]["message_id"]
        ids.get(of, set()).add(event["detail"]["metadata"]["id"])  # the account may have had others before
    assert {found for found, of in ids.items() if not of} == set(), "lost"
    assert {found for found, of in ids.items() if len(of) > 1} == set(), "doubled"
    assert len(set().union(*ids.values())) == len(seen.sent), "an id for each"


def _send_until_taken(provider: Provider, event: Event) -> Sent:
    sent = Sent(message_id(event), [], [])
    while not sent.statuses or (not is_taken(sent.statuses[-1]) and len(sent.statuses) < ATTEMPTS):
        answer = provider.post(event)
        sent.statuses.append(answer.status)
        sent.bodies.append(answer.body)
        if not is_taken(answer.status):
            time.sleep(0.2)
    return sent
