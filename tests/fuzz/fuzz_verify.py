"""Throws requests of every kind at the receivers, and looks that none raises and none is taken that was not signed.

    python -m tests.fuzz.fuzz_verify --inputs 1000000 --seed 1 --provider zoom_connect

An input is an HTTP API event: a signed callback as it is, one changed at random in one to four places, one signed with
a wrong secret, random bytes, or a random shape. It goes through the whole `Receiver`, with a journal in memory. What
is taken must read exactly as something that was signed. The same seed gives the same inputs.

Exits 1 where an input raised, was taken wrongly, or a signed callback was refused; prints how each ended.
"""

import argparse
import base64
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

from hookline.accounts import Accounts
from hookline.callbacks import CallbackProvider, ReceivingAccount, Verified
from hookline.journal import Written
from hookline.receive import Receiver
from hookline.telemetry import Telemetry
from tests.doubles import always
from tests.http_api import FORM, JSON, Event, body_of
from tests.samples import ACCOUNT, NOW

POOL = 400
"""How many signed callbacks the changed ones are made from."""

MAX_FAILURES = 5
"""After so many the run ends."""

CONTENT_TYPES = (FORM, JSON, "application/jwt", "text/plain", "multipart/form-data; boundary=x", "json form", "", None)


class Target(Protocol):
    """What a provider supplies to be fuzzed. An instance is made anew for each run."""

    provider: CallbackProvider
    account: ReceivingAccount
    tokens: Sequence[bytes]
    """Pieces of this provider's requests, worth putting in anywhere."""

    def signed(self, random: Random, *, well: bool) -> Event:
        """Make a callback for `ACCOUNT` that is good at `NOW`; signed with a wrong secret where not `well`."""

    def meaning(self, verified: Verified) -> Hashable:
        """Say what a verified callback says: all of it, its identity and its kind too."""


class Parts(NamedTuple):
    """What of an event can be changed."""

    query: bytes
    body: bytes
    content_type: str | None
    headers: Mapping[str, str]
    path: Mapping[str, str]
    route_key: str


class Failure(NamedTuple):
    """An input that did not end as it should."""

    number: int
    problem: str
    event: Event


class Outcome(NamedTuple):
    """How a run ended: how many inputs ended in each way, and what went wrong."""

    results: Counter[str]
    failures: list[Failure]
    seconds: float


class _Silent(Telemetry):
    """Telemetry that only remembers the last result."""

    result = ""

    def count(
        self, name: str, amount: float = 1, *, dimensions: dict[str, str] | None = None, **fields: str | float | None
    ) -> None:
        del amount, fields
        if name == "callbacks":
            self.result = (dimensions or {})["result"]


class _Journal:
    """Keeps the last callback that was taken."""

    taken: Verified | None = None

    def store_callback(self, verified: Verified, **_arguments: Any) -> Written:
        self.taken = verified
        return Written.STORED


class Fuzzer:
    """Makes inputs for one target and judges what becomes of them."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._random = Random(seed)  # noqa: S311  # to be the same each time
        self._journal = _Journal()
        self._telemetry = _Silent("fuzz")
        accounts: Accounts[ReceivingAccount] = Accounts(always({}), always(target.account), lambda: NOW)
        self._receiver = Receiver(target.provider, accounts, self._journal, self._telemetry, lambda: NOW)  # type: ignore[arg-type]
        self._pool = [target.signed(self._random, well=True) for _ in range(POOL)]
        self._parts = [_parts(event) for event in self._pool]
        self._meanings = {target.meaning(taken) for event in self._pool if (taken := self._taken(event)) is not None}
        self._changes: tuple[Callable[[Parts], Parts], ...] = (
            self._flip, self._flip, self._replace, self._put_in, self._put_in, self._cut_out, self._repeat, self._swap,
            self._encode, self._change_case, self._move, self._splice, self._change_type, self._change_path,
        )  # fmt: skip

    def run(self, inputs: int) -> Outcome:
        results: Counter[str] = Counter()
        failures: list[Failure] = []
        started = time.perf_counter()
        for number in range(inputs):
            event, must_be_taken = self._input()
            problem = self._problem_with(event, must_be_taken=must_be_taken)
            results[self._telemetry.result] += 1
            if problem:
                failures.append(Failure(number, problem, event))
                if len(failures) == MAX_FAILURES:
                    break
        return Outcome(results, failures, time.perf_counter() - started)

    def _problem_with(self, event: Event, *, must_be_taken: bool) -> str | None:
        self._telemetry.result = "raised"
        try:
            taken = self._taken(event)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            return f"raised {type(error).__name__}: {error}"
        if taken is None:
            return "was refused though it was signed well" if must_be_taken else None
        return None if self._was_signed(taken) else "was taken though nobody signed it"

    def _taken(self, event: Event) -> Verified | None:
        """Return what the receiver took an event for; None where it took nothing."""
        self._journal.taken = None
        self._receiver(event)
        return self._journal.taken

    def _was_signed(self, taken: Verified) -> bool:
        try:
            return self._target.meaning(taken) in self._meanings
        except Exception:  # noqa: BLE001  # what can't even be read was never signed
            return False

    def _input(self) -> tuple[Event, bool]:
        kind = self._random.random()
        if kind < 0.01:
            return self._random.choice(self._pool), True
        if kind < 0.02:
            return self._target.signed(self._random, well=False), False
        if kind < 0.07:
            return self._random_shape(), False
        if kind < 0.15:
            return _event(self._random_parts()), False
        return self._changed(), False

    def _changed(self) -> Event:
        parts = self._random.choice(self._parts)
        for _ in range(self._random.choice((1, 1, 2, 4))):
            parts = self._random.choice(self._changes)(parts)
        return _event(parts, in_base64=self._random.random() < 0.9)

    # --- whole inputs ------------------------------------------------------------------------------------------------

    def _random_parts(self) -> Parts:
        random = self._random
        model = random.choice(self._parts)
        body = self._of_tokens() if random.random() < 0.5 else random.randbytes(random.randrange(200))
        query = self._of_tokens() if random.random() < 0.5 else random.randbytes(random.randrange(80))
        return model._replace(query=query, body=body, content_type=random.choice(CONTENT_TYPES))

    def _of_tokens(self) -> bytes:
        return b"".join(self._random.choices(self._target.tokens, k=self._random.randrange(12)))

    def _random_shape(self) -> Event:
        event = dict(self._random.choice(self._pool))
        for name in self._random.sample(sorted(event), self._random.randrange(1, 4)):
            event[name] = self._random.choice((None, 0, 1.5, True, "", "x", [], ["x"], {}, {"account": 7}, "\ud800"))
        return event

    # --- changes -----------------------------------------------------------------------------------------------------

    def _in_query_or_body(self, parts: Parts, change: Callable[[bytes], bytes]) -> Parts:
        if parts.body and (not parts.query or self._random.random() < 0.7):
            return parts._replace(body=change(parts.body))
        return parts._replace(query=change(parts.query))

    def _at(self, text: bytes) -> int:
        return self._random.randrange(len(text) + 1)

    def _flip(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            if not text:
                return text
            flipped = bytearray(text)
            flipped[self._random.randrange(len(text))] ^= 1 << self._random.randrange(8)
            return bytes(flipped)

        return self._in_query_or_body(parts, change)

    def _replace(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            place = self._at(text)
            return text[:place] + self._random.randbytes(1) + text[place + 1 :]

        return self._in_query_or_body(parts, change)

    def _put_in(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            place = self._at(text)
            return text[:place] + self._random.choice(self._target.tokens) + text[place:]

        return self._in_query_or_body(parts, change)

    def _cut_out(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            start, end = sorted((self._at(text), self._at(text)))
            return text[:start] + text[end:]

        return self._in_query_or_body(parts, change)

    def _repeat(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            start, end = sorted((self._at(text), self._at(text)))
            return text[:end] + self._random.choice((b"", b"&")) + text[start:end] + text[end:]

        return self._in_query_or_body(parts, change)

    def _swap(self, parts: Parts) -> Parts:
        """Put the `&` or `.` separated pieces into another order."""

        def change(text: bytes) -> bytes:
            separator = b"&" if b"&" in text else b"."
            pieces = text.split(separator)
            self._random.shuffle(pieces)
            return separator.join(pieces)

        return self._in_query_or_body(parts, change)

    def _encode(self, parts: Parts) -> Parts:
        """Write one byte as `%XX`: in a form it reads the same."""

        def change(text: bytes) -> bytes:
            if not text:
                return text
            place = self._random.randrange(len(text))
            return text[:place] + self._random.choice((b"%%%02X", b"%%%02x")) % text[place] + text[place + 1 :]

        return self._in_query_or_body(parts, change)

    def _change_case(self, parts: Parts) -> Parts:
        def change(text: bytes) -> bytes:
            start, end = sorted((self._at(text), self._at(text)))
            return text[:start] + text[start:end].swapcase() + text[end:]

        return self._in_query_or_body(parts, change)

    def _move(self, parts: Parts) -> Parts:
        """Move pieces from the body to the query string."""
        pieces = parts.body.split(b"&")
        place = self._random.randrange(len(pieces) + 1)
        query = b"&".join(filter(None, (parts.query, *pieces[:place])))
        return parts._replace(query=query, body=b"&".join(pieces[place:]))

    def _splice(self, parts: Parts) -> Parts:
        """Put the end of another callback behind the beginning of this one."""
        other = self._random.choice(self._parts)
        return parts._replace(
            body=parts.body[: self._at(parts.body)] + other.body[self._at(other.body) :],
            query=self._random.choice((parts.query, other.query)),
        )

    def _change_type(self, parts: Parts) -> Parts:
        return parts._replace(content_type=self._random.choice(CONTENT_TYPES))

    def _change_path(self, parts: Parts) -> Parts:
        other = self._random.choice(self._parts)
        return parts._replace(path={**other.path, "account": ACCOUNT}, route_key=other.route_key)


def _parts(event: Event) -> Parts:
    headers = dict(event["headers"])
    content_type = headers.pop("content-type", None)
    body = body_of(event)
    return Parts(
        event["rawQueryString"].encode(), body, content_type, headers, event["pathParameters"], event["routeKey"]
    )


def _event(parts: Parts, *, in_base64: bool = True) -> Event:
    headers = dict(parts.headers)
    if parts.content_type is not None:
        headers["content-type"] = parts.content_type
    return {
        "version": "2.0",
        "routeKey": parts.route_key,
        "rawQueryString": parts.query.decode("latin-1"),
        "headers": headers,
        "pathParameters": parts.path,
        "requestContext": {"requestId": "fuzz"},
        "body": base64.b64encode(parts.body).decode() if in_base64 else parts.body.decode("latin-1"),
        "isBase64Encoded": in_base64,
    }


def fuzz(target: Target, inputs: int, seed: int) -> Outcome:
    """Throw a number of inputs at a target."""
    return Fuzzer(target, seed).run(inputs)


def report(name: str, seed: int, outcome: Outcome) -> Iterable[str]:
    """Yield the lines that say how a run ended."""
    inputs = outcome.results.total()
    yield f"{name}: {inputs} inputs, seed {seed}, {outcome.seconds:.1f} s, {inputs / outcome.seconds:.0f} a second"
    for result, count in outcome.results.most_common():
        yield f"  {count:>9}  {result}"
    for failure in outcome.failures:
        yield f"  FAILED at input {failure.number}: it {failure.problem}"
        yield f"    {failure.event!r}"
    yield f"  {len(outcome.failures)} failures"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415  # targets are made of what is above

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=sorted(TARGETS), action="append", help="all of them by default")
    parser.add_argument("--inputs", type=int, default=100_000, help="how many for each provider (100000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs (1)")
    options = parser.parse_args(arguments)
    failed = False
    for name in options.provider or sorted(TARGETS):
        outcome = fuzz(TARGETS[name](), options.inputs, options.seed)
        failed |= bool(outcome.failures)
        sys.stdout.writelines(f"{line}\n" for line in report(name, options.seed, outcome))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
