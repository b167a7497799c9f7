"""A LiveKit room as a transport."""
