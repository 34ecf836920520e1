"""The stand-in for Zoom Connect that runs with the stack, and accounts that send through it."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from hookline_cli import accounts, demo
from hookline_cli.stack import Stack
from tests.redaction import Kind, mark
from tests.samples import SECRET

type Row = Mapping[str, Any]

CONTROL_SECONDS = 30


class StandIn:
    """The stand-in's own calls; see the docstring of `simulators.zoom_connect`.

    Args:
        base_url: its API's, as it stands in an account's settings.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._control = httpx.Client(
            base_url=base_url.partition("/app/")[0] + "/_simulator", trust_env=False, timeout=CONTROL_SECONDS
        )

    def ledger(self, email: str) -> list[Row]:
        """Return what it accepted for an account, in order."""
        return [row for row in self._get("/ledger")["rows"] if row["email"] == email]

    def calls(self, path: str = "/sms/") -> dict[tuple[str, str], int]:
        """Return how often each call was made to paths that hold `path`, by its last part and how it was treated."""
        listed = [call for call in self._get("/requests")["calls"] if path in call["path"]]
        return {(call["path"].rpartition("/")[2], call["mode"]): call["count"] for call in listed}

    def callbacks(self) -> dict[str, Any]:
        """Return what became of its callbacks."""
        found: dict[str, Any] = self._get("/callbacks")
        return found

    def behave(self, number: str, modes: str, times: int | None = None) -> None:
        """Have it treat a number's next messages so."""
        self._put(f"/numbers/{number.removeprefix('+')}", {"modes": modes, "times": times})

    def misbehave_at_random(self, probabilities: Mapping[str, float], seed: int) -> None:
        """Draw modes at random from now on; none where there are no probabilities."""
        self._put("/chaos", {"seed": seed, "modes": dict(probabilities)} if probabilities else {})

    def call_back(self, email: str, **settings: object) -> None:
        """Set where an account's callbacks go, and how."""
        self._put("/callbacks", {"email": email, **settings})

    def close(self) -> None:
        """Close the connections to it."""
        self._control.close()

    def _get(self, path: str) -> Any:
        answer = self._control.get(path)
        answer.raise_for_status()
        return answer.json()

    def _put(self, path: str, body: Mapping[str, object]) -> None:
        self._control.put(path, json=body).raise_for_status()


class Sender(NamedTuple):
    """An account that can send.

    Attributes:
        account: its name.
        email: what the stand-in knows it by.
    """

    account: str
    email: str

    def command(self, command_id: str | None = None, **fields: object) -> dict[str, Any]:
        """Make a command of this account, a `send_sms` where nothing else is said, of an id that nobody has used."""
        return {
            "command": "send_sms",
            "id": command_id or f"test/{uuid.uuid4().hex}",
            "account": self.account,
            **fields,
        }


def find_stand_in(stack: Stack) -> StandIn:
    """Find the stand-in of a local stack by the demonstration's account."""
    document = accounts.read(stack, demo.account_of("zoom_connect"))
    return StandIn(document["settings"]["base_url"])


def new_sender(stack: Stack, stand_in: StandIn, name: str = "", **settings: object) -> Sender:
    """Add an account that sends through the stand-in and gets its callbacks."""
    account = name or f"sender-{uuid.uuid4().hex[:12]}"
    email, token = f"{account}@example.com", f"marked-token-{uuid.uuid4().hex}"
    mark(Kind.SECRET, token)
    document: dict[str, Any] = {
        "provider": "zoom_connect",
        "signing_secrets": [SECRET],
        "credentials": {"email": email, "token": token},
        "settings": {"base_url": stand_in.base_url, "max_per_second": 1000, **settings},
    }
    accounts.add(stack, account, document)
    callbacks = f"{stack.api_url}/zoom-connect/{account}"
    stand_in.call_back(
        email, reply_url=f"{callbacks}/reply", delivery_report_url=f"{callbacks}/delivery-report", secret=SECRET
    )
    return Sender(account, email)


def of_token(rows: Sequence[Row], token: str) -> list[Row]:
    """Return the rows of a command."""
    return [row for row in rows if row["dataField"] == token]
