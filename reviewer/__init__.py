"""The review itself."""
