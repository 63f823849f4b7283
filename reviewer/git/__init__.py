"""Read git: one way to start a command, blobs, commits, search."""
