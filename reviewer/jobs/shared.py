"""Shared: what the reviews of one process have in common, opened once and used by all of their threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from reviewer.github.auth import AppAuth
from reviewer.jobs.policy import utc_now
from reviewer.ledger.ledger import Ledger
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings
from reviewer.steps.gates import Gates

# Reviews of one process that prepare and plan at a time. That is work of the processor, of which one process has
# one core, and it holds syntax trees and git's answers: with all reviews at it, each would wait for all.
PLANNING: Final = 2
# Reviews of one process whose analysers run at a time: each starts several programs.
ANALYSING: Final = 2
# Reviews of one process that fetch from GitHub at a time: git unpacks in processes of its own, 10 to 20 MiB each.
FETCHING: Final = 4


class Shared:
    """The ledger's connections, the App's identity and tokens, and the gates of one process. Thread-safe."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.redact = OwnSecrets(settings.secrets())
        self.ledger = Ledger.open(settings.database_url, conceal=self.redact)
        self.gates = Gates(
            planning=threading.BoundedSemaphore(PLANNING),
            analysing=threading.BoundedSemaphore(ANALYSING),
            crowded=True,
        )
        self.fetching = threading.BoundedSemaphore(FETCHING)
        # Held by a review whose earlier tries all ended with their process: one at a time, so that a review that
        # kills its process does not use up the tries of the others.
        self.suspects = threading.Lock()
        self._lock = threading.Lock()
        self._auth: AppAuth | None = None

    def auth(self) -> AppAuth:
        """Return the App's credentials; ConfigurationError names the settings that are missing."""
        with self._lock:
            if self._auth is None:
                self.settings.require_github_app()
                self._auth = AppAuth(
                    self.settings.github_app_id,
                    self.settings.github_private_key,
                    self.settings.github_api_url,
                    now=self.now,
                )
            return self._auth

    def close(self) -> None:
        """Close every connection."""
        self.ledger.close()
        with self._lock:
            if self._auth is not None:
                self._auth.close()
                self._auth = None
