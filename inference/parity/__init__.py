"""Does this code give the reference implementation's numbers? Every case of a fixture folder, run and compared."""
