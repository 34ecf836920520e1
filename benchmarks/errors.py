"""What can go wrong with a benchmark other than its numbers."""


class BenchmarkError(Exception):
    """It can't be run, or what it runs does not do what it should; the text says what to do."""
