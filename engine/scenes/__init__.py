"""Procedural scenes from a seed: plain data, separate from their rendering."""
