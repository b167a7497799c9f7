"""Text: what is written becomes what a person says; sentences, commands, and whether a text reads finished."""
