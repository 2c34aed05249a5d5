"""The agent that explores: a navigation mesh gives routes, a small learned policy does the rest."""
