"""Turn-taking measured from both sides: delay of the reply after the person stops, and replies that come too early."""
