"""Side by side with others: the receiving path, a function's start. `python -m benchmarks`; see `__main__`."""
