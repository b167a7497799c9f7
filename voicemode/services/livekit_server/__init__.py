"""LiveKit's server as a service: its program, its configuration and its proof of work."""
