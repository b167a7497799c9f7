"""HTTP clients: a general one, and a bare one for requests to this machine."""
