"""Conversation: speak a message and hear the answer, one turn at a time."""
