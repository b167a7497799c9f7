"""Conversation: saying something and hearing the answer, one turn at a time."""
