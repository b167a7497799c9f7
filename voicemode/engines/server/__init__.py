"""The local speech servers: OpenAI-compatible HTTP over the engines."""
