"""VoiceMode: an MCP server that lets an agent speak with a person and hear the answer."""

__version__ = "0.1.0"
