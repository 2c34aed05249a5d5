"""Benchmarks: what was measured, on what, with which command. Nothing here is estimated."""
