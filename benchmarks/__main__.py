"""Runs the benchmarks, prints their tables and writes results.md.

python -m benchmarks                  all of them
python -m benchmarks receive init     some of them

A benchmark is a module of this package with a function `run` that returns a `benchmarks.frame.Section`; its name
stands in `BENCHMARKS`.
"""

import argparse
import importlib
import sys
from typing import cast

from benchmarks import report
from benchmarks.errors import BenchmarkError
from benchmarks.frame import Section

BENCHMARKS = ("receive", "init", "stack", "send")
ALL = "all"


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Side by side with others; see results.md."
    )
    parser.add_argument("name", nargs="*", choices=(*BENCHMARKS, ALL), default=ALL, help="default: all")
    names = parser.parse_args().name
    try:
        for name in BENCHMARKS if ALL in names else names:
            print(f"{name} …", flush=True)
            section = cast("Section", importlib.import_module(f"benchmarks.{name}").run())
            report.show(section)
            report.save(name, section)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(f"\nwritten: {report.RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
