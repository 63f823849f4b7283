"""Model calls: the only user of httpx."""
