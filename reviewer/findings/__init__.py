"""From an answer to findings, each with its fate."""
