"""Benchmarks: each prints a ratio against a stated limit (``python -m benchmarks``)."""
