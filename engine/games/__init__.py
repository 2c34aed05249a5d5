"""Real games as sources of episodes."""
