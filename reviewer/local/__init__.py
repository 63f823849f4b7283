"""The command line before a push."""
