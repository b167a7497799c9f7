"""Acoustic echo: the canceller, its reference, and how loud the echo is."""
