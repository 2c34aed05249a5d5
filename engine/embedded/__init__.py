"""The embedded world: its renderer, what it draws with, and its recorder."""
