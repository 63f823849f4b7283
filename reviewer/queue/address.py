"""Find the address of the Redis that holds the queue."""

from __future__ import annotations

from reviewer.errors import ConfigurationError
from reviewer.queue.embedded import REMEDY, running_url
from reviewer.settings import Settings


def queue_url(settings: Settings) -> str:
    """Return the Redis to use: REDIS_URL, else the embedded one of a running `kilo-review serve`."""
    url = settings.redis_url or running_url(settings.state_dir)
    if not url:
        raise ConfigurationError(
            "REDIS_URL is not set and no `kilo-review serve` runs with this state folder", remedy=REMEDY
        )
    return url
