"""Weights: the available models, their sources, and the choice for this machine."""
