"""Speech providers: their interfaces, and those we have."""
