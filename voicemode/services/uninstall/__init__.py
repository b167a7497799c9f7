"""Removing what VoiceMode put on a machine, and nothing else."""
