"""Installing a service: an isolated environment, weights, a unit, and the proof that it works."""
