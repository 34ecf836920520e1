"""How the stand-in can misbehave, and what decides on it. The table for people is the package's docstring."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
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
    INVALID_NUMBER = "400"
    UNAUTHORISED = "401"
    FORBIDDEN = "403"
    TOO_MANY = "429"
    GARBAGE = "garbage"
    GARBAGE_BEFORE = "garbage_before"
    SHORT_BULK = "short_bulk"
    DUPLICATE = "duplicate"
    DUPLICATE_NEW_NONCE = "duplicate_new_nonce"
    OUT_OF_ORDER = "out_of_order"
    EARLY_REPORT = "early_report"
    FAILED_REPORT = "failed_report"
    NO_REPORT = "no_report"
    REPLY = "reply"


type Modes = Mapping[Mode, float | None]
"""Modes with the number that each may carry, `slow=0.5`; what the number means is the mode's own affair."""

CALLBACK_MODES = (
    Mode.DUPLICATE,
    Mode.DUPLICATE_NEW_NONCE,
    Mode.OUT_OF_ORDER,
    Mode.EARLY_REPORT,
    Mode.FAILED_REPORT,
    Mode.NO_REPORT,
    Mode.REPLY,
)
"""These decide on a message's callbacks; any of them go together."""

ANSWER_MODES = tuple(mode for mode in Mode if mode not in {Mode.OK, Mode.SLOW, *CALLBACK_MODES})
"""These decide on the answer to a request: at most one."""

NUMBERS: Mapping[str, Mode] = {
    "990200": Mode.GARBAGE,
    "990201": Mode.GARBAGE_BEFORE,
    "990202": Mode.SHORT_BULK,
    "990400": Mode.INVALID_NUMBER,
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
    "990702": Mode.DUPLICATE_NEW_NONCE,
    "990703": Mode.OUT_OF_ORDER,
    "990704": Mode.EARLY_REPORT,
    "990705": Mode.FAILED_REPORT,
    "990706": Mode.NO_REPORT,
    "990801": Mode.REPLY,
}
"""A number's last six digits to its mode: a person can try each from a command line."""

_KEY_DIGITS = 6

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
        callbacks: the callback modes of each message, by position.
        invalid: for each message of a bulk call, whether its number is to be refused.
    """

    answer: Mode = Mode.OK
    amount: float | None = None
    delay_s: float = 0.0
    callbacks: Sequence[frozenset[Mode]] = ()
    invalid: Sequence[bool] = ()

    @property
    def label(self) -> str:
        """Its name in counts, for example `slow,garbage`."""
        slow = [Mode.SLOW] if self.delay_s else []
        return ",".join([*slow, self.answer] if self.answer is not Mode.OK else slow or [Mode.OK])


def read_modes(text: str) -> Modes:
    """Read `slow=0.5,garbage`; an empty text asks for nothing.

    Raises:
        UnknownModeError: no such mode, a number that is none, or two modes that both decide on the answer.
    """
    modes: dict[Mode, float | None] = {}
    for piece in text.split(","):
        name, _, amount = (part.strip() for part in piece.partition("="))
        if name:
            try:
                modes[Mode(name)] = float(amount) if amount else None
            except ValueError as error:
                raise UnknownModeError(f"no mode, or no number after it: {piece.strip()}") from error
    if sum(mode in ANSWER_MODES for mode in modes) > 1:
        raise UnknownModeError("at most one mode can decide on the answer")
    return modes


class NumberModes:
    """The modes that recipients' numbers ask for: `NUMBERS`, and what was set for a whole number."""

    def __init__(self) -> None:
        self._set: dict[str, tuple[Modes, int | None]] = {}

    def put(self, msisdn: str, modes: Modes, times: int | None) -> None:
        """Set a number's modes for its next messages, `times` of them; None: for all."""
        self._set[_digits(msisdn)] = (modes, times)

    def remove(self, msisdn: str) -> None:
        """Undo `put`."""
        self._set.pop(_digits(msisdn), None)

    def clear(self) -> None:
        """Undo every `put`."""
        self._set.clear()

    def take(self, recipient: str) -> Modes:
        """Return the modes of one message to a recipient, and count it."""
        digits = _digits(recipient)
        known = self._set.get(digits)
        if known is None:
            mode = NUMBERS.get(digits[-_KEY_DIGITS:])
            return {} if mode is None else {mode: None}
        modes, times = known
        if times is not None:
            if times <= 1:
                del self._set[digits]
            else:
                self._set[digits] = (modes, times - 1)
        return modes


def make_plan(asked: Modes, recipients: Sequence[str], numbers: NumberModes, chaos: Chaos, *, bulk: bool) -> Plan:
    """Decide how a request is treated: by its header, else by its recipients' numbers, else at random."""
    if asked:
        return _plan(asked, [asked] * len(recipients))
    by_item = [numbers.take(recipient) for recipient in recipients]
    invalid = [bulk and Mode.INVALID_NUMBER in modes for modes in by_item]
    decided = _for_request(by_item, bulk=bulk) if any(by_item) else _draw_answer(chaos)
    if chaos.probabilities:
        by_item = [modes or _unweighted(chaos.each(CALLBACK_MODES)) for modes in by_item]
    return _plan(decided, by_item)._replace(invalid=invalid)


def _for_request(by_item: Sequence[Modes], *, bulk: bool) -> Modes:
    """Take the first mode that decides on the answer, and the first `slow`, of what the items ask for."""
    item_only = {Mode.INVALID_NUMBER} if bulk else set()
    asked = [(mode, amount) for modes in by_item for mode, amount in modes.items() if mode not in item_only]
    answers = [pair for pair in asked if pair[0] in ANSWER_MODES]
    delays = [pair for pair in asked if pair[0] is Mode.SLOW]
    return dict(answers[:1] + delays[:1])


def _draw_answer(chaos: Chaos) -> Modes:
    if not chaos.probabilities:
        return {}
    answer = chaos.choose(ANSWER_MODES)
    return _unweighted(([answer] if answer else []) + chaos.each([Mode.SLOW]))


def _unweighted(names: Sequence[str]) -> Modes:
    return {Mode(name): None for name in names}


def _plan(modes: Modes, by_item: Sequence[Modes]) -> Plan:
    answer = next((mode for mode in modes if mode in ANSWER_MODES), Mode.OK)
    delay_s = modes.get(Mode.SLOW, 0.0)
    return Plan(
        answer=answer,
        amount=modes.get(answer),
        delay_s=DEFAULT_DELAY_S if delay_s is None else delay_s,
        callbacks=[frozenset(mode for mode in item if mode in CALLBACK_MODES) for item in by_item],
    )


def _digits(msisdn: str) -> str:
    return "".join(character for character in msisdn if character.isdigit())
