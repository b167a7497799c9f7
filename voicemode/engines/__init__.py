"""Our own speech engines, as servers of the OpenAI audio API."""
