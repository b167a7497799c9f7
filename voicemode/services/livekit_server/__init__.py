"""LiveKit's server as a service: its program, its configuration, the proof that it works."""
