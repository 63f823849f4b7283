"""Read answers, check their findings, and decide where each one is shown."""
