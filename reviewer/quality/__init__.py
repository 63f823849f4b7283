"""`kilo-review bench`: review pull requests whose problems are known, and count what was found at which price."""
