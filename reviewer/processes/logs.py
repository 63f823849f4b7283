"""Set up the log of a process: our own lines at the level that was asked for, other people's from WARNING on.

Libraries log what must not be kept: httpx whole addresses, PyGithub whole answers, the Markdown parser every token.
Each line names the review and the delivery that it belongs to, and passes the filter of our own secrets.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from reviewer.jobs.log_fields import current_fields
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings

OURS: Final = ("policies", "reviewer", "webhooks")
# A longer message is cut: it is a file or an answer that a library put into its text.
MOST_LETTERS: Final = 8000


class LogFormatter(logging.Formatter):
    """Render records as `TIME PROCESS LEVEL message [field=value …]`, or `as_json` as one JSON object a line."""

    def __init__(self, process: str, secrets: OwnSecrets, *, as_json: bool) -> None:
        super().__init__()
        self._process = process
        self._secrets = secrets
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; of a text line, a traceback follows on lines of its own."""
        message = _cut(self._secrets.in_json(" ".join(record.getMessage().splitlines())))
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if record.stack_info:
            trace += "\n" + record.stack_info
        trace = _cut(self._secrets.in_json(trace))
        at = datetime.fromtimestamp(record.created, UTC)
        if self._as_json:
            fields = {
                "time": at.isoformat(timespec="milliseconds"),
                "process": self._process,
                "level": record.levelname,
                "logger": record.name,
                "message": message,
                **{name: self._secrets.in_json(value) for name, value in current_fields().items()},
                **({"traceback": trace} if trace else {}),
            }
            return json.dumps(fields, ensure_ascii=False)
        work = " ".join(f"{name}={value}" for name, value in current_fields().items())
        line = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {self._process} {record.levelname} {message}"
        return line + (f" [{self._secrets.in_json(work)}]" if work else "") + (f"\n{trace}" if trace else "")


def configure_logging(settings: Settings, process: str) -> None:
    """Send the log to stderr, each line with the time, the name of the process and the work that it belongs to."""
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(settings, process))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Python's own warnings would be lines of another form.
    logging.captureWarnings(capture=True)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    # Its retries are ours to report.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def printer(settings: Settings, process: str) -> Callable[[str], None]:
    """Return what prints a line for people to stderr: as it is, or as a JSON object where logs are JSON."""
    formatter = _formatter(settings, process) if settings.log_format == "json" else None

    def say(line: str) -> None:
        if formatter is not None:
            line = formatter.format(logging.LogRecord(__name__, logging.INFO, "", 0, line, None, None))
        print(line, file=sys.stderr, flush=True)  # noqa: T201

    return say


def _formatter(settings: Settings, process: str) -> LogFormatter:
    return LogFormatter(process, OwnSecrets(settings.secrets()), as_json=settings.log_format == "json")


def _cut(text: str) -> str:
    return (
        text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}… ({len(text) - MOST_LETTERS} more letters)"
    )
