"""Acoustic echo: the canceller, its reference, and the level of the echo."""
