"""The stand-in for Zorya that runs with the stack, and accounts that send and top up through it."""

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hookline.pace import Pace
from hookline_cli import accounts, demo
from hookline_cli.stack import Stack
from tests.redaction import Kind, mark
from tests.samples import SECRET
from tests.stack.stand_in import Row, Sender, StandIn

ADDRESSES = ("auth_url", "gateway_url", "topup_url")
SENDER = "99999"
CAMPAIGN, CAMPAIGN_AMOUNT = "campaignTest1", "20.00"
"""The campaign that the stand-in knows."""


class ZoryaStandIn(StandIn):
    """The stand-in's own calls; see the docstring of `simulators.zorya`. An account is named by its client ID."""

    def ledger(self, email: str) -> list[Row]:
        """Return what it accepted for a client, in order."""
        return [row for row in self._get("/ledger")["rows"] if row["clientID"] == email]

    def calls(self, path: str = "/") -> dict[tuple[str, str], int]:
        """Return how often each method was called, by the last part of its path and how the call was treated."""
        return super().calls(path)

    def call_back(self, email: str, **settings: object) -> None:
        """Set where a client's callbacks go, and how."""
        self._put("/callbacks", {"clientID": email, **settings})

    def log_ins(self) -> tuple[int, int]:
        """Return how many log-ins there were, and how many more with a wrong password."""
        found: Mapping[str, int] = self._get("/tokens")
        return found["logins"], found["refused"]

    def revoke_tokens(self) -> None:
        """Make every token invalid."""
        self._control.delete("/tokens").raise_for_status()


def find_zorya(stack: Stack) -> ZoryaStandIn:
    """Find the stand-in of a local stack by the demonstration's account."""
    document = accounts.read(stack, demo.account_of("zorya"))
    return ZoryaStandIn(document["settings"]["gateway_url"])


def new_client(
    stack: Stack, stand_in: ZoryaStandIn, name: str = "", *, password: str = "", **settings: object
) -> Sender:
    """Add an account at the stand-in, which sends it its callbacks."""
    account = name or f"zorya-{uuid.uuid4().hex[:12]}"
    client, password = f"client-{account}", password or f"marked-password-{uuid.uuid4().hex}"
    mark(Kind.SECRET, password)
    document: dict[str, Any] = {
        "provider": "zorya",
        "signing_secrets": [SECRET],
        "credentials": {"client_id": client, "secure_password": password},
        "settings": {
            **dict.fromkeys(ADDRESSES, stand_in.base_url),
            "sender": SENDER,
            "max_per_second": 1000,
            **settings,
        },
    }
    accounts.add(stack, account, document)
    callbacks = f"{stack.api_url}/zorya/{account}"
    stand_in.call_back(client, mo_url=f"{callbacks}/mo", mt_url=f"{callbacks}/mt", push_url=callbacks, secret=SECRET)
    return Sender(account, client)


def today() -> str:
    """Return the day that it is in the accounts' time zone."""
    return datetime.fromtimestamp(time.time(), ZoneInfo("America/Mexico_City")).date().isoformat()


def let_callbacks_through(stack: Stack, account: str) -> None:
    """Let what is a callback of nobody's be one now, as if the account had sent nothing for five minutes.

    `publish` holds such callbacks back for 75 s while the answer that says whose they are may still be on its way.
    """
    stack.dynamodb.delete_item(TableName=stack.outputs["JournalTable"], Key=Pace._key(account))
