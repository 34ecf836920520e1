"""What the stand-in knows: what it accepted, how it is to behave, and for whom its callbacks are."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hookline import sms
from simulators.common import Chaos, Ledger, Row
from simulators.zoom_connect import wire
from simulators.zoom_connect.callbacks import Callbacks, CallbackSettings, Message
from simulators.zoom_connect.modes import Mode, NumberModes, Plan
from simulators.zoom_connect.wire import Result, Sms

CREDITS = 100_000.0


class Caller(NamedTuple):
    """Who made a call, and which: the same in every row of the ledger that it led to."""

    email: str
    path: str
    request_id: str


class State:
    """The stand-in's memory, and what accepting a message is.

    Args:
        ledger: the file of what was accepted; None keeps it in memory.
        callbacks: where callbacks go, for accounts that have no settings of their own.
        clock: seconds since the epoch, UTC.
    """

    def __init__(self, *, ledger: Path | None, callbacks: CallbackSettings, clock: Callable[[], float]) -> None:
        self.ledger = Ledger(ledger)
        self.callbacks = Callbacks(clock, self._new_id)
        self.numbers = NumberModes()
        self.chaos = Chaos()
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.default_settings = callbacks
        self.settings: dict[str, CallbackSettings] = {}
        self._first_settings = callbacks
        self._messages: dict[str, Message] = {}
        self._clock = clock
        self._machine = os.urandom(5).hex()
        self._id_numbers = itertools.count(int.from_bytes(os.urandom(2)))

    async def reset(self) -> None:
        """Be as at the start; only the ledger's numbers go on."""
        await self.callbacks.reset()
        self.ledger.clear()
        self.numbers.clear()
        self.chaos = Chaos()
        self.calls.clear()
        self.default_settings = self._first_settings
        self.settings.clear()
        self._messages.clear()

    def credit_balance(self) -> float:
        """Return what is left, one credit a segment."""
        used: int = sum(row["segments"] for row in self.ledger.rows)
        return CREDITS - used

    def status_of(self, row: Row) -> str:
        """Return the status of a row's message: of its last delivery report, SENT where there are none."""
        message = self._messages.get(row["id"])
        return "SENT" if message is None else message.status

    async def accept(self, caller: Caller, plan: Plan, messages: Sequence[Sms]) -> list[Result]:
        """Take messages: into the ledger, and on the way to their callbacks.

        Returns:
            One result for each, by position, once the callbacks have come that were to come first.
        """
        problems = [_find_problem(plan, at, asked) for at, asked in enumerate(messages)]
        taken = [at for at, problem in enumerate(problems) if problem is None]
        rows = self.ledger.append(self._row(caller, plan, plan.callbacks[at], messages[at]) for at in taken)
        ids: Iterator[str] = iter([row["id"] for row in rows])
        await self._follow(caller.email, rows, [plan.callbacks[at] for at in taken])
        return [Result(next(ids)) if problem is None else Result(None, problem) for problem in problems]

    def _row(self, caller: Caller, plan: Plan, modes: frozenset[Mode], asked: Sms) -> Row:
        return {
            "id": self._new_id(),
            "recipient": asked.recipient,
            "message": asked.message,
            "campaign": asked.campaign,
            "dataField": asked.data_field,
            "dateToSend": asked.date_to_send,
            "segments": sms.count(asked.message or "").segments,
            "email": caller.email,
            "path": caller.path,
            "mode": ",".join([plan.label, *sorted(modes)]),
            "request_id": caller.request_id,
            "accepted_at": self._clock(),
        }

    async def _follow(self, email: str, rows: Sequence[Row], modes: Sequence[frozenset[Mode]]) -> None:
        settings = self.settings.get(email, self.default_settings)
        if settings.delivery_report_url is None and settings.reply_url is None:
            return
        come_first = []
        for row, of_message in zip(rows, modes, strict=True):
            early = Mode.EARLY_REPORT in of_message
            task = self.callbacks.follow(self._message(row, of_message, settings), now=early)
            come_first += [task] if early else []
        await self.callbacks.wait(come_first, settings.early_wait_s)

    def _message(self, row: Row, modes: frozenset[Mode], settings: CallbackSettings) -> Message:
        date = None if row["dateToSend"] is None else wire.read_date(row["dateToSend"])
        send_at = row["accepted_at"] if date is None else max(row["accepted_at"], date.timestamp())
        message = Message(
            id=row["id"],
            recipient=row["recipient"],
            text=row["message"],
            campaign=row["campaign"],
            data_field=row["dataField"],
            send_at=send_at,
            modes=modes,
            settings=settings,
            status="SENT" if send_at == row["accepted_at"] else "SCHEDULED",
        )
        self._messages[message.id] = message
        return message

    def _new_id(self) -> str:
        """Make an id of 24 hex digits as new accounts have them: time, machine, a number."""
        return f"{int(self._clock()):08x}{self._machine}{next(self._id_numbers) % 0x1000000:06x}"


def _find_problem(plan: Plan, at: int, asked: Sms) -> wire.Problem | None:
    if plan.invalid and plan.invalid[at]:
        return wire.INVALID_NUMBER
    return wire.find_problem(asked)
