"""Weights: which there are, where they come from, and which suit this machine."""
