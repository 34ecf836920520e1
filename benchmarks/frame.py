"""What every benchmark shares: rounds that interleave, ratios within a round, and the shape of a result.

Machines are noisy, and other work comes and goes: a case is only ever compared with another one of the same round.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

type Samples = Mapping[str, Sequence[float]]
"""What was measured, a list a case; the lists' positions are the rounds."""


class Table(NamedTuple):
    """A table of a result; every row has a text for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Aim(NamedTuple):
    """What we want, what came of it."""

    wanted: str
    got: str
    met: bool


class Section(NamedTuple):
    """The result of one benchmark.

    Attributes:
        title: a heading.
        how: what was measured, and how, for somebody who wants to argue with it.
        tables: the numbers.
        aims: what they should be.
    """

    title: str
    how: str
    tables: Sequence[Table]
    aims: Sequence[Aim]


class Spread(NamedTuple):
    """A list of measurements in three numbers."""

    median: float
    least: float
    most: float

    def text(self, digits: int) -> str:
        """Write it as `median [least, most]`."""
        return f"{self.median:.{digits}f} [{self.least:.{digits}f}, {self.most:.{digits}f}]"


def spread(samples: Iterable[float]) -> Spread:
    """Sum up measurements."""
    there = list(samples)
    return Spread(statistics.median(there), min(there), max(there))


def ratio(samples: Samples, case: str, reference: str) -> Spread:
    """Compare two cases, round by round."""
    return spread(one / other for one, other in zip(samples[case], samples[reference], strict=True))


def cpu_time(cases: Mapping[str, Callable[[], object]], *, rounds: int, batch_seconds: float) -> Samples:
    """Measure the CPU time of calls: A B C, A B C, … in this process.

    As timeit does, the garbage collector is off while the clock runs; it runs between batches.

    Args:
        cases: by name, what to call.
        rounds: how many batches of each.
        batch_seconds: about how long one batch is to take; each case's number of calls is found in a warm-up.

    Returns:
        Seconds of one call, an average a batch.
    """
    gc.collect()
    gc.freeze()  # what is there stays there: the collections between batches need not look at it
    numbers = {name: _calls_in(call, batch_seconds) for name, call in cases.items()}
    samples: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            samples[name].append(_batch(call, numbers[name]) / numbers[name])
    gc.unfreeze()
    return samples


def _calls_in(call: Callable[[], object], seconds: float) -> int:
    number = 1
    while (taken := _batch(call, number)) < seconds:
        number = max(number * 2, int(number * seconds / max(taken, 1e-6)))
    return number


def _batch(call: Callable[[], object], number: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        for _ in repeat(None, number):
            call()
        return time.process_time() - start
    finally:
        gc.enable()
