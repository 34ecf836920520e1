"""How the stand-in can misbehave, and what decides on it. The table for people is the package's docstring."""

import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from simulators.common import Chaos


class Mode(StrEnum):
    """One way to behave, by the name it has in headers, in tables and on the command line."""

    OK = "ok"
    SLOW = "slow"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_AFTER = "reset_after"
    CLOSE_AFTER = "close_after"
    ERROR = "500"
    ERROR_AFTER = "500_after"
    UNAUTHORISED = "401"
    FORBIDDEN = "403"
    TOO_MANY = "429"
    GARBAGE = "garbage"
    GARBAGE_BEFORE = "garbage_before"
    BROKEN = "broken"
    NO_TXID = "no_txid"
    CODE = "code"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  # the name of a mode
    REJECTED = "rejected"
    AT_ONCE = "at_once"
    DUPLICATE = "duplicate"
    DUPLICATE_NEW = "duplicate_new"
    OUT_OF_ORDER = "out_of_order"
    EARLY = "early"
    FAILED = "failed"
    NO_CALLBACK = "no_callback"
    LATE = "late"
    UNREPORTED = "unreported"
    REPLY = "reply"


type Modes = Mapping[Mode, float | None]
"""Modes with the number that each may carry, `slow=0.5`; what the number means is the mode's own affair."""

LATER_MODES = (
    Mode.DUPLICATE,
    Mode.DUPLICATE_NEW,
    Mode.OUT_OF_ORDER,
    Mode.EARLY,
    Mode.FAILED,
    Mode.NO_CALLBACK,
    Mode.LATE,
    Mode.UNREPORTED,
    Mode.REPLY,
)
"""These decide on what comes after an answer; any of them go together."""

ANSWER_MODES = tuple(mode for mode in Mode if mode not in {Mode.OK, Mode.SLOW, *LATER_MODES})
"""These decide on the answer to a request: at most one."""

QUESTION_MODES = tuple(mode for mode in ANSWER_MODES if mode not in {Mode.NO_TXID, Mode.REJECTED, Mode.AT_ONCE})
"""Those of them that a question or a log-in knows."""

BEFORE = frozenset(
    {
        Mode.TIMEOUT_BEFORE,
        Mode.ERROR,
        Mode.UNAUTHORISED,
        Mode.FORBIDDEN,
        Mode.TOO_MANY,
        Mode.GARBAGE_BEFORE,
        Mode.CODE,
        Mode.EXPIRED_TOKEN,
        Mode.REJECTED,
    }
)
"""The modes in which nothing is accepted; in the rest of `ANSWER_MODES` everything is."""

NUMBERS: Mapping[str, Mode] = {
    "990200": Mode.GARBAGE,
    "990201": Mode.GARBAGE_BEFORE,
    "990202": Mode.BROKEN,
    "990203": Mode.NO_TXID,
    "990205": Mode.EXPIRED_TOKEN,
    "990206": Mode.REJECTED,
    "990207": Mode.AT_ONCE,
    "990209": Mode.CODE,
    "990401": Mode.UNAUTHORISED,
    "990403": Mode.FORBIDDEN,
    "990429": Mode.TOO_MANY,
    "990500": Mode.ERROR,
    "990501": Mode.ERROR_AFTER,
    "990601": Mode.SLOW,
    "990602": Mode.TIMEOUT_BEFORE,
    "990603": Mode.TIMEOUT_AFTER,
    "990604": Mode.RESET_AFTER,
    "990605": Mode.CLOSE_AFTER,
    "990701": Mode.DUPLICATE,
    "990702": Mode.DUPLICATE_NEW,
    "990703": Mode.OUT_OF_ORDER,
    "990704": Mode.EARLY,
    "990705": Mode.FAILED,
    "990706": Mode.NO_CALLBACK,
    "990707": Mode.LATE,
    "990708": Mode.UNREPORTED,
    "990801": Mode.REPLY,
}
"""A number's last six digits to its mode: a person can try each from a command line."""

_KEY_DIGITS = 6
_PIECE = re.compile(r"\s*([a-z0-9_]+)\s*(?:[=:]\s*(-?[0-9.]+)\s*)?")
DEFAULT_DELAY_S = 2.0
"""How long `slow` waits before it answers."""


class UnknownModeError(ValueError):
    """A mode was asked for that does not exist, or two that exclude each other."""


class Plan(NamedTuple):
    """How one request will be treated.

    Attributes:
        answer: `ok` or one of `ANSWER_MODES`.
        amount: the number that came with it.
        delay_s: seconds from accepting to answering.
        later: the modes of what comes after the answer.
    """

    answer: Mode = Mode.OK
    amount: float | None = None
    delay_s: float = 0.0
    later: Modes = MappingProxyType({})

    @property
    def label(self) -> str:
        """Its name in counts and in the ledger, for example `slow,garbage,late`."""
        names = [Mode.SLOW] if self.delay_s else []
        names += [self.answer] if self.answer is not Mode.OK else []
        return ",".join([*names, *sorted(self.later)] or [Mode.OK])


def read_modes(text: str) -> Modes:
    """Read `slow=0.5,garbage` or `code:-209`; an empty text asks for nothing.

    Raises:
        UnknownModeError: no such mode, a number that is none, or two modes that both decide on the answer.
    """
    modes: dict[Mode, float | None] = {}
    for piece in filter(str.strip, text.split(",")):
        match = _PIECE.fullmatch(piece)
        try:
            name, amount = match.groups() if match else (piece, None)
            modes[Mode(name)] = float(amount) if amount else None
        except ValueError as error:
            raise UnknownModeError(f"no mode, or no number after it: {piece.strip()}") from error
    if sum(mode in ANSWER_MODES for mode in modes) > 1:
        raise UnknownModeError("at most one mode can decide on the answer")
    return modes


class NumberModes:
    """The modes that numbers ask for: `NUMBERS`, and what was set for a whole number."""

    def __init__(self) -> None:
        self._set: dict[str, tuple[Modes, int | None]] = {}

    def put(self, msisdn: str, modes: Modes, times: int | None) -> None:
        """Set a number's modes for its next requests, `times` of them; None: for all."""
        self._set[_digits(msisdn)] = (modes, times)

    def remove(self, msisdn: str) -> None:
        """Undo `put`."""
        self._set.pop(_digits(msisdn), None)

    def clear(self) -> None:
        """Undo every `put`."""
        self._set.clear()

    def take(self, msisdn: str) -> Modes:
        """Return the modes of one request about a number, and count it."""
        digits = _digits(msisdn)
        modes, times = self._set.get(digits, (None, None))
        if modes is None:
            mode = NUMBERS.get(digits[-_KEY_DIGITS:])
            return {} if mode is None else {mode: None}
        if times is not None:
            self._set[digits] = (modes, times - 1)
            if times <= 1:
                del self._set[digits]
        return modes


def make_plan(asked: Modes, of_number: Modes, chaos: Chaos, known: Collection[Mode]) -> Plan:
    """Decide how a request is treated: by its header, else by its number, else at random.

    Args:
        asked: what its header says.
        of_number: what its number says.
        chaos: draws where neither says anything.
        known: the modes of `ANSWER_MODES` that this request knows; the others are as `ok`.
    """
    modes = asked or of_number or _draw(chaos, known)
    answer = next((mode for mode in modes if mode in known), Mode.OK)
    delay_s = modes.get(Mode.SLOW, 0.0)
    return Plan(
        answer=answer,
        amount=modes.get(answer),
        delay_s=DEFAULT_DELAY_S if delay_s is None else delay_s,
        later={mode: amount for mode, amount in modes.items() if mode in LATER_MODES},
    )


def _draw(chaos: Chaos, known: Iterable[Mode]) -> Modes:
    if not chaos.probabilities:
        return {}
    answer = chaos.choose(list(known))
    names = [*([answer] if answer else []), *chaos.each([Mode.SLOW, *LATER_MODES])]
    return {Mode(name): None for name in names}


def _digits(msisdn: str) -> str:
    return "".join(character for character in msisdn if character.isdigit())
