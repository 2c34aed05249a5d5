"""The denoiser's fast path: the same module, with what repeats computed once a prompt or a segment."""
