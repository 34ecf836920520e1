"""Providers: a folder each, of data and pure functions that know nothing of AWS."""
