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
from hookline.calls import Caller
from hookline.command_journal import CommandJournal
from hookline.command_queue import CommandQueue
from hookline.pace import Pace
from hookline.reports import Reports
from hookline.schedules import Schedules
from hookline.send import Sender
from hookline.sending import SendingAccount, SendingProvider
from hookline.stops import Stops
from hookline.telemetry import Telemetry
from hookline.tokens import Tokens

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
    journal = client("dynamodb")
    table = os.environ["JOURNAL_TABLE"]
    telemetry = Telemetry(f"send_{provider.name}")
    settled = provider.settling.kinds if provider.settling else frozenset()
    return Sender(
        provider,
        accounts(provider),
        CommandJournal(journal, table, provider.name, int(os.environ["RETENTION_SECONDS"]), LEASE_SECONDS, settled),
        Pace(journal, table),
        caller(provider, telemetry),
        CommandQueue(client("sqs"), os.environ["COMMAND_QUEUE_URL"], os.environ["DEAD_LETTER_QUEUE_URL"]),
        Stops(journal, table, provider.name),
        telemetry,
        schedules=None if provider.native_schedule else _schedules(),
        reports=Reports(lambda: client("s3"), os.environ["REPORTS_BUCKET"]) if "REPORTS_BUCKET" in os.environ else None,
    )


def accounts(provider: SendingProvider) -> Accounts[SendingAccount[Any]]:
    """Build what finds a provider's accounts."""
    source = SecretsManagerSource(lambda: client("secretsmanager"), os.environ["ACCOUNTS_PREFIX"])
    return Accounts(source, provider.read_account, time.time, burst=LOOKUP_BURST)


def caller(provider: SendingProvider, telemetry: Telemetry) -> Caller:
    """Build what calls a provider, with its access tokens where it wants any."""
    for name in ("httpx", "httpcore"):  # they log whole URLs, which can hold credentials
        logging.getLogger(name).setLevel(logging.WARNING)
    http = http_client()
    if provider.log_in is None:
        return Caller(provider, http, telemetry)
    tokens = Tokens(client("dynamodb"), os.environ["TOKENS_TABLE"], provider, http, telemetry)
    return Caller(provider, http, telemetry, tokens)


def _schedules() -> Schedules:
    return Schedules(
        client("scheduler"),
        os.environ["SCHEDULE_PREFIX"],
        os.environ["COMMAND_QUEUE_ARN"],
        os.environ["DEAD_LETTER_QUEUE_ARN"],
        os.environ["SCHEDULER_ROLE_ARN"],
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
