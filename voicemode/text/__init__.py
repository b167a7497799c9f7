"""Text processing: written to spoken text, sentences, spoken commands, and the completeness of a text."""
