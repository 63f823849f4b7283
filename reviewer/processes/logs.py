"""Set up the log of a process: our own lines at the level that was asked for, other people's from WARNING on.

Libraries log what must not be kept: httpx whole addresses, PyGithub whole answers, the Markdown parser every token.
"""

from __future__ import annotations

import logging
from typing import Final

from reviewer.settings import Settings

OURS: Final = ("policies", "reviewer", "webhooks")


def log_format(process: str) -> str:
    """Return the format of a process's log lines."""
    return f"%(asctime)s {process} %(levelname)s %(message)s"


def configure_logging(settings: Settings, process: str) -> None:
    """Send the log to stderr, each line with the time and the name of the process."""
    logging.basicConfig(level=logging.WARNING, format=log_format(process))
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    # Its retries are ours to report.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
