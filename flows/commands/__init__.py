"""The verbs of the command line, thin: they read options, call one function and print what it gave."""
