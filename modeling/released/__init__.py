"""Published files of Matrix-Game 3.0, read by their own names: denoisers, autoencoders, text encoder."""
