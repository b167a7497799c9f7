"""VoiceMode's own speech engines, served over the OpenAI audio API."""
