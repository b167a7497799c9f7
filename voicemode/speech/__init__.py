"""Speech providers: interfaces and implementations."""
