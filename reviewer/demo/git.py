"""Run git for the simulator and the sample: our own configuration only, no prompt, no hooks, local files only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reviewer.errors import GitFailed

TIMEOUT_SECONDS: Final = 120.0

# safe.directory is only honoured from a file that a repository cannot write, so it cannot be given with -c.
GLOBAL_CONFIG: Final = """\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tautocrlf = false
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[diff]
\talgorithm = myers
"""


def environment(config: Path) -> dict[str, str]:
    """Return the environment of a git process that reads no configuration but `config`."""
    return {
        "PATH": os.defpath + ":/usr/local/bin",
        "HOME": str(config.parent),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "file",
    }


class Git:
    """A git that runs in one repository; `root` holds the configuration file that replaces the user's."""

    def __init__(self, root: Path, repository: Path | None = None) -> None:
        self.root = root
        self.repository = repository
        self.config = root / "gitconfig"
        if not self.config.exists():
            root.mkdir(parents=True, exist_ok=True)
            self.config.write_text(GLOBAL_CONFIG, encoding="utf-8")

    def at(self, repository: Path) -> Git:
        """Return the same git in another repository."""
        return Git(self.root, repository)

    def run(
        self,
        *args: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> bytes:
        """Run a git command and return its standard output; GitFailed carries git's own words."""
        where = ["-C", str(self.repository)] if self.repository else []
        try:
            done = subprocess.run(
                ["git", *where, *args],
                input=stdin,
                stdin=None if stdin is not None else subprocess.DEVNULL,
                capture_output=True,
                env={**environment(self.config), **(env or {})},
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            raise GitFailed("git is not installed, or not on PATH: install git") from None
        except subprocess.TimeoutExpired:
            raise GitFailed(f"git {args[0]} took longer than {timeout:.0f} s") from None
        if done.returncode:
            detail = done.stderr.decode("utf-8", "replace").strip()
            raise GitFailed(
                f"git {args[0]} failed: {detail or done.returncode}", status=done.returncode, detail=detail
            )
        return done.stdout

    def text(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run a git command and return its output as stripped text."""
        return self.run(*args, stdin=stdin, env=env).decode("utf-8", "replace").strip()

    def commit_of(self, revision: str) -> str | None:
        """Return the full commit id of a revision, None where there is none."""
        try:
            return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except GitFailed:
            return None
