"""Shared ground of Worldloom: record types, geometry, dynamics, storage, tables and video IO."""
