"""The event of a GitHub Actions run, read from the environment and the file that the runner wrote.

https://docs.github.com/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reviewer.ci.target import Target
from reviewer.errors import ConfigurationError
from reviewer.settings import Runner

# Runs with the repository's secrets on a change that anybody may have written.
REFUSED: Final = "pull_request_target"
MAX_EVENT_BYTES: Final = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunnerEvent:
    """What started the run. `from_fork`: the change comes from another repository, so the token cannot write."""

    target: Target
    name: str
    from_fork: bool


def read_event(runner: Runner) -> RunnerEvent:
    """Return the pull request of the run's event; ConfigurationError says what is missing and what to do."""
    name, file = runner.event, runner.event_file
    if not name or not file:
        raise ConfigurationError(
            "this is no run of GitHub Actions: GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are not set",
            remedy="From a terminal: kilo-review pr OWNER/REPO#NUMBER. In other CI: kilo-review local --base REV.",
        )
    if name == REFUSED:
        raise ConfigurationError(
            "pull_request_target runs with the repository's secrets on code from anybody",
            remedy="Use `on: pull_request`; forks are then reviewed without secrets. For forks with a model, "
            "install the GitHub App.",
        )
    event = _read(Path(file))
    pull = event.get("pull_request")
    if not isinstance(pull, Mapping):
        raise ConfigurationError(
            f"the event {name} has no pull request", remedy="Run it `on: pull_request` (types opened, synchronize)."
        )
    try:
        base, head = pull["base"]["repo"], pull["head"].get("repo") or {}
        target = Target(str(base["full_name"]), int(pull["number"]))
        return RunnerEvent(target, name, from_fork=head.get("id") != base["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigurationError(
            f"{file} is not an event of a pull request as GitHub writes it", remedy="Do not change the event file."
        ) from None


def _read(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > MAX_EVENT_BYTES:
            raise ConfigurationError(f"{file} is larger than {MAX_EVENT_BYTES:,} bytes")
        event = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"GITHUB_EVENT_PATH: cannot read {file}: {type(error).__name__}",
            remedy="Run this step on the runner itself, or hand the event file into its container.",
        ) from None
    return event if isinstance(event, Mapping) else {}
