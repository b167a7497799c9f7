"""Does the reply come as soon as the person stops, and not before? Both sides of turn-taking, measured at once."""
