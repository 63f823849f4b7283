"""What the user's git configuration says about a work tree: read with git, never acted on by running a program."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platformdirs.unix import Unix

from reviewer.errors import GitFailed
from reviewer.git.git import git_program, run_git

# Keys that decide what git takes for a change. Each is a word, a number or a switch: none names a program.
_SAFE_KEYS: Final = (
    *("core.autocrlf", "core.eol", "core.filemode", "core.symlinks", "core.ignorecase", "core.precomposeunicode"),
    *("core.trustctime", "core.checkstat", "core.sparsecheckout", "core.sparsecheckoutcone", "core.longpaths"),
)
_DRIVER: Final = ("clean", "process")
_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class UserConfig:
    """Effective values by lower-case key: of system, user and repository, as the user's git has them."""

    values: Mapping[str, str] = field(default_factory=dict)

    def passed_on(self) -> tuple[tuple[str, str], ...]:
        """Return the settings that a git command of ours must share with the user's git to see the same changes."""
        rows = [(key, self.values[key]) for key in _SAFE_KEYS if self.values.get(key)]
        # Warnings about line ends go nowhere; a refusal would end the review.
        rows.append(("core.safecrlf", "false"))
        return (*rows, *self.pattern_files())

    def pattern_files(self) -> tuple[tuple[str, str], ...]:
        """Return keys and paths of the files of ignored paths and of attributes, git's own where none is set."""
        return tuple(
            (key, self.values.get(key, str(Path(Unix("git").user_config_dir) / name)))
            for key, name in (("core.excludesfile", "ignore"), ("core.attributesfile", "attributes"))
        )

    def runs_filter(self, name: str) -> bool:
        """Tell whether git would run a program when a file with this `filter` attribute is added."""
        return any(self.values.get(f"filter.{name.lower()}.{kind}") for kind in _DRIVER)

    @property
    def partial(self) -> bool:
        """True for a partial clone: some objects are only on the remote."""
        return bool(self.values.get("extensions.partialclone")) or any(
            key.startswith("remote.") and key.endswith(".promisor") and value == "true"
            for key, value in self.values.items()
        )


def read_user_config(git_dir: Path, root: Path) -> UserConfig:
    """Read the configuration of a repository as the user's own git does; where that fails, the repository's alone.

    `git config --list` starts no program and looks at no file of the work tree.
    """
    command = [
        git_program(),
        "--no-pager",
        f"--git-dir={git_dir.absolute()}",
        "config",
        "--list",
        "--includes",
        "-z",
    ]
    try:
        done = subprocess.run(
            command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_TIMEOUT
        )
        output = done.stdout
    except (OSError, subprocess.SubprocessError):
        try:
            output = run_git(["config", "--local", "--list", "-z"], git_dir=git_dir)
        except GitFailed:
            output = b""
    values = {}
    for row in output.split(b"\0"):
        key, sign, value = row.decode("utf-8", "surrogateescape").partition("\n")
        # Of a key with a name in its middle the name keeps its case in git; no two filters differ in case alone.
        values[key.lower()] = value if sign else "true"
    home = Path.home()
    for key in ("core.excludesfile", "core.attributesfile"):
        if values.get(key, "").startswith("~/"):
            values[key] = str(home / values[key][2:])
    return UserConfig(values)
