"""From a Review to what is on GitHub, exactly once."""
