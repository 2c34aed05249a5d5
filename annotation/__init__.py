"""What were the poses, the actions, the words? Reads episodes, writes the tables poses, actions and captions."""
