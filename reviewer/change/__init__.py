"""From a unified diff to a Change and its units of review."""
