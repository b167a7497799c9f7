"""Turn-taking: pure decisions about whose turn it is, from audio and other evidence."""
