"""The whole product against a simulated GitHub."""
