"""A local stack of the benchmarks' own, brought up for one of them and stopped after it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hookline_cli import local
from hookline_cli.stack import Stack

INSTANCE = "bench"


@contextmanager
def local_stack() -> Iterator[Stack]:
    """Give a running stack, with its stand-in providers and the demonstration's accounts."""
    try:
        yield local.up(INSTANCE, lambda message: print(f"  {message}", file=sys.stderr))
    finally:
        local.down(INSTANCE)
