"""Client of the OpenAI audio API."""
