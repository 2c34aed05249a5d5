"""Looking at an episode: one page, and a file for the Rerun viewer."""
