"""Removing everything that VoiceMode put on a machine, and nothing else."""
