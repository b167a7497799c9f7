"""Talking over us: how soon our voice is silent, how often it interrupts itself, what becomes of the words, what it costs."""

from bench.barge_in.figures import measure

__all__ = ["measure"]
