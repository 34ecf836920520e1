"""What the stand-in knows: who may call, what it accepted, what that cost, and how it is to behave."""

import random
import string
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from simulators.common import Chaos, Ledger
from simulators.zorya.callbacks import ZONE, Callbacks, CallbackSettings, Transaction
from simulators.zorya.modes import Mode, Modes, NumberModes

DEFAULT_UNREPORTED_S = 5.0
_LETTERS = string.ascii_letters + string.digits

type Money = Annotated[Decimal, Field(ge=0)]


class Settings(BaseModel):
    """Money, the report and tokens. Amounts are in MXN."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    balance: Decimal = Decimal(1_000_000)
    """What every client has at the start, together."""
    sms_cost: Money = Decimal("0.2900")
    """Of a segment."""
    lookup_cost: Money = Decimal("0.1160")
    top_up_fee: Money = Decimal("0.01")
    campaigns: Mapping[str, Money] = Field(default_factory=lambda: {"campaignTest1": Decimal("20.00")})
    """What a campaign's top-up is worth."""
    report_after_s: float = Field(0.0, ge=0)
    """How long the report does not have a top-up yet."""
    reported_status: int | None = None
    """What the report says of a top-up that is done, where that is not 103; the document's example has 0."""
    token_life_s: float = Field(86_400.0, ge=0)
    single_token: bool = False
    """A log-in makes the client's older tokens invalid."""


class Token(NamedTuple):
    """A token, whose it is, and until when it is good."""

    client: str
    until: float


class Tokens:
    """Tokens and log-ins.

    Args:
        credentials: passwords by client ID; None lets in whoever brings both.
        clock: seconds since the epoch, UTC.
    """

    def __init__(self, credentials: Mapping[str, str] | None, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self.logins = 0
        self.refused = 0

    @property
    def live(self) -> int:
        """How many tokens are good now."""
        return sum(token.until > self._clock() for token in self._tokens.values())

    def log_in(self, client: str, password: str, settings: Settings) -> str | None:
        """Make a token; None where the password is wrong."""
        known = self._credentials is None and client and password
        if not known and (self._credentials is None or self._credentials.get(client) != password):
            self.refused += 1
            return None
        self.logins += 1
        if settings.single_token:
            self._tokens = {text: token for text, token in self._tokens.items() if token.client != client}
        text = f"token-{random.SystemRandom().getrandbits(96):024x}"
        self._tokens[text] = Token(client, self._clock() + settings.token_life_s)
        return text

    def check(self, text: str) -> str | int:
        """Return whose a token is, or the code for one that is not good."""
        token = self._tokens.get(text)
        if token is None:
            return -204
        return token.client if token.until > self._clock() else -205

    def expire(self, text: str) -> None:
        """Let a token's time be over now."""
        if text in self._tokens:
            self._tokens[text] = self._tokens[text]._replace(until=self._clock())

    def revoke(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def reset(self) -> None:
        """Be as at the start."""
        self.revoke()
        self.logins = self.refused = 0


class State:
    """The stand-in's memory.

    Args:
        ledger: the file of what was accepted; None keeps it in memory.
        callbacks: where callbacks go, for clients that have no settings of their own.
        settings: money, the report, tokens.
        credentials: passwords by client ID; None lets in whoever brings both.
        clock: seconds since the epoch, UTC.

    Attributes:
        spent: what was spent so far, refunds taken off.
    """

    def __init__(
        self,
        *,
        ledger: Path | None,
        callbacks: CallbackSettings,
        settings: Settings,
        credentials: Mapping[str, str] | None,
        clock: Callable[[], float],
    ) -> None:
        self.clock = clock
        self.ledger = Ledger(ledger)
        self.tokens = Tokens(credentials, clock)
        self.callbacks = Callbacks(clock, self.new_id, self.refund)
        self.numbers = NumberModes()
        self.chaos = Chaos()
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.settings = settings
        self.default_callbacks = callbacks
        self.client_callbacks: dict[str, CallbackSettings] = {}
        self.transactions: dict[str, Transaction] = {}
        self.spent = sum((Decimal(row["spent"]) for row in self.ledger.rows), Decimal(0))
        self._first = (settings, callbacks)

    async def reset(self) -> None:
        """Be as at the start; only the ledger's numbers go on."""
        await self.callbacks.reset()
        self.ledger.clear()
        self.spent = Decimal(0)
        self.tokens.reset()
        self.numbers.clear()
        self.chaos = Chaos()
        self.calls.clear()
        self.settings, self.default_callbacks = self._first
        self.client_callbacks.clear()
        self.transactions.clear()

    def new_id(self) -> str:
        """Make a txID as the document's are: twenty letters and digits, then the day."""
        chance = random.SystemRandom()
        return "".join(chance.choices(_LETTERS, k=20)) + self.now().strftime("%Y%m%d")

    def now(self) -> datetime:
        """Return the time in Mexico City."""
        return datetime.fromtimestamp(self.clock(), ZONE)

    def balance(self) -> Decimal:
        """Return what is left."""
        return self.settings.balance - self.spent

    def accept(self, transaction: Transaction, row: Mapping[str, Any]) -> None:
        """Take a message or a top-up: into the ledger, paid for."""
        self._enter(transaction.kind, transaction.id, transaction.client, transaction.msisdn, transaction.cost, row)
        self.remember(transaction)

    def remember(self, transaction: Transaction) -> None:
        """Let questions know of a transaction, from the moment that the report does."""
        later = transaction.modes.get(Mode.UNREPORTED, 0.0)
        transaction.visible_at = self.clock() + self.settings.report_after_s
        transaction.visible_at += DEFAULT_UNREPORTED_S if later is None else later
        transaction.status_at = transaction.accepted_at
        self.transactions[transaction.id] = transaction

    def accept_lookup(self, client: str, msisdn: str, row: Mapping[str, Any]) -> str:
        """Take a look-up: into the ledger, paid for. Returns its txID."""
        transaction_id = self.new_id()
        self._enter("lookup", transaction_id, client, msisdn, self.settings.lookup_cost, row)
        return transaction_id

    def refund(self, transaction: Transaction) -> None:
        """Give back what a top-up that failed has cost."""
        row = {"path": "", "mode": "", "request_id": "", "amount": str(transaction.amount)}
        self._enter("refund", transaction.id, transaction.client, transaction.msisdn, -transaction.cost, row)

    def callbacks_of(self, client: str) -> CallbackSettings:
        """Return where a client's callbacks go, and how."""
        return self.client_callbacks.get(client, self.default_callbacks)

    def transaction(self, **fields: Any) -> Transaction:
        """Make a transaction of now, with a txID of its own."""
        modes: Modes = fields.pop("modes")
        settings = self.callbacks_of(fields["client"])
        return Transaction(
            id=self.new_id(), accepted_at=self.clock(), modes=modes, settings=settings, **{"status": 100, **fields}
        )

    def _enter(
        self, kind: str, transaction_id: str, client: str, msisdn: str, spent: Decimal, more: Mapping[str, Any]
    ) -> None:
        row = {"kind": kind, "txID": transaction_id, "clientID": client, "msisdn": msisdn, "spent": format(spent, "f")}
        self.ledger.append([{**row, **more, "accepted_at": self.clock()}])
        self.spent += spent
