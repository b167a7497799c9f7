"""HTTP clients: one for everything, and a bare one for questions to this machine."""
