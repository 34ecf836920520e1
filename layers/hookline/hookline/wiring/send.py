"""What a provider's sender is put together from."""

import logging
import os
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol

import httpx

from hookline.accounts import Accounts, SecretsManagerSource
from hookline.aws import client
from hookline.command_journal import CommandJournal
from hookline.pace import Pace
from hookline.send import CommandQueue, Sender
from hookline.sending import SendingProvider
from hookline.telemetry import Telemetry

TIMEOUT = httpx.Timeout(connect=3.0, write=5.0, read=15.0, pool=3.0)
"""Seconds. Together less than what must be left of an invocation for a call to be begun."""

LEASE_SECONDS = 120.0
"""After this an attempt is surely dead: twice what the template lets a sender run."""

LOOKUP_BURST = 1_000_000
"""Commands come from inside: no account is taken for unknown because others were looked for too often."""


class Context(Protocol):
    """What is used of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds that the invocation may still run."""


def sender(provider: SendingProvider) -> Sender:
    """Build a provider's sender from what the template puts into the environment."""
    for name in ("httpx", "httpcore"):  # they log whole URLs, which can hold credentials
        logging.getLogger(name).setLevel(logging.WARNING)
    journal = client("dynamodb")
    table = os.environ["JOURNAL_TABLE"]
    source = SecretsManagerSource(lambda: client("secretsmanager"), os.environ["ACCOUNTS_PREFIX"])
    retention = int(os.environ["RETENTION_SECONDS"])
    return Sender(
        provider,
        Accounts(source, provider.read_account, time.time, burst=LOOKUP_BURST),
        CommandJournal(journal, table, provider.name, retention, LEASE_SECONDS),
        Pace(journal, table),
        http_client(),
        CommandQueue(client("sqs"), os.environ["COMMAND_QUEUE_URL"], os.environ["DEAD_LETTER_QUEUE_URL"]),
        Telemetry(f"send_{provider.name}"),
    )


def http_client(**options: Any) -> httpx.Client:
    """Make the client that sends requests: it follows nobody, and keeps no account's cookies for another's call."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, cookies=no_cookies, **options)


def handle(sender: Sender, event: object, context: Context) -> dict[str, Any]:
    """Do the commands of an SQS batch, or the one of a direct invocation."""
    seconds = context.get_remaining_time_in_millis() / 1000
    if isinstance(event, Mapping) and "Records" in event:
        return dict(sender.do_batch(event["Records"], seconds))
    return sender.do_now(event, seconds)
