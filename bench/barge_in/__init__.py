"""Barge-in: time until our voice is silent, self-interruptions, accuracy of the transcript, and cost."""

from bench.barge_in.figures import measure

__all__ = ["measure"]
