"""Turn-taking: pure decisions about whose turn it is, from sound and evidence."""
