"""Measurements of the data engine: what recording and appending cost."""
