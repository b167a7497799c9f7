"""Installing a service: an isolated environment, weights, a unit, and a proof that it works."""
