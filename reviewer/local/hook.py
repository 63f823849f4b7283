"""`kilo-review hook`: a git pre-push hook that reviews what is about to be pushed, beside a hook that is there."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.git.git import git_program
from reviewer.local.repository import Repository, find_repository

MARK: Final = "# kilo-review pre-push hook"
CHAINED: Final = "pre-push.before-kilo-review"
# The hook is plain sh: git for Windows brings one too. "$0" finds the chained hook wherever hooks live. The program
# is named by its path, for the environment that it is installed in is seldom active during a push.
_SCRIPT: Final = """\
#!/bin/sh
{mark}: reviews what is about to be pushed. `kilo-review hook uninstall` removes it.
# Skip it once with: git push --no-verify
program={program}
lines=$(cat)
give() {{ if [ -n "$lines" ]; then printf '%s\\n' "$lines"; fi; }}
before="$(dirname "$0")/{chained}"
if [ -x "$before" ]; then
  give | "$before" "$@" || exit $?
fi
[ -n "$lines" ] || exit 0
[ -x "$program" ] || program=$(command -v kilo-review) || {{
  echo "kilo-review: not found, this push is not reviewed; install the hook again" >&2
  exit {missing}
}}
give | "$program" hook run {options} --remote="$1"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `kilo-review hook`."""
    parser.add_argument(
        "action", choices=("install", "uninstall", "status", "run"), help="run is what the installed hook calls"
    )
    parser.add_argument(
        "--fail-on",
        choices=("critical", "high", "medium", "low"),
        default="high",
        help="lowest severity that stops the push (default: high)",
    )
    parser.add_argument(
        "--on-error",
        choices=("allow", "block"),
        default="allow",
        help="what happens to the push when it cannot be reviewed (default: allow, with one line)",
    )
    parser.add_argument("--max-cost", metavar="USD", default="", help="most that one push may cost")
    parser.add_argument("--remote", metavar="NAME", default="", help="for run: what git calls the remote")


def main(options: argparse.Namespace) -> int:
    """Run one action; exit status 1 from `status` where no hook works, and from `run` to stop the push."""
    repository = find_repository(Path.cwd())
    # A wrong amount is refused now, not at the next push.
    if options.max_cost:
        from reviewer.jobs.policy import run_limit  # noqa: PLC0415 - loads the policy

        run_limit(options.max_cost)
    if options.action == "run":
        # The review is a large import; install and status answer at once.
        from reviewer.local.push import review_push  # noqa: PLC0415
        from reviewer.local.pushed_ref import read_pushed  # noqa: PLC0415

        return review_push(repository, read_pushed(sys.stdin.read()), options)
    folder = hooks_folder(repository)
    hook = folder / "pre-push"
    if options.action == "status":
        return _status(hook)
    if options.action == "uninstall":
        return _uninstall(hook)
    if not folder.resolve().is_relative_to(repository.common_dir.resolve()):
        _say(
            f"core.hooksPath is set: the hook goes to {folder} and runs for every repository that uses that folder"
        )
    return _install(hook, script(options))


def script(options: argparse.Namespace) -> str:
    """Return the hook's text for the options it was installed with."""
    words = [f"--fail-on={options.fail_on}", f"--on-error={options.on_error}"]
    if options.max_cost:
        words.append(shlex.quote(f"--max-cost={options.max_cost}"))
    program = shlex.quote(str(installed_program()))
    missing = 0 if options.on_error == "allow" else 1
    return _SCRIPT.format(mark=MARK, chained=CHAINED, program=program, missing=missing, options=" ".join(words))


def installed_program() -> Path:
    """Return the program's own path, beside the Python that runs it."""
    return Path(sys.executable).parent / ("kilo-review.exe" if os.name == "nt" else "kilo-review")


def hooks_folder(repository: Repository) -> Path:
    """Return where git looks for hooks: `core.hooksPath`, else the common folder of all worktrees.

    Unlike a review, this asks git with the user's own configuration: the hook must lie where git will run it.
    """
    # The path may be relative to the work tree, and may come from the user's or the system's configuration.
    asked = subprocess.run(
        [git_program(), "rev-parse", "--git-path", "hooks"],
        cwd=repository.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        return repository.common_dir / "hooks"
    return (repository.root / asked.stdout.strip()).resolve()


def _install(hook: Path, text: str) -> int:
    hook.parent.mkdir(parents=True, exist_ok=True)
    before = hook.with_name(CHAINED)
    if hook.exists() and MARK not in hook.read_text("utf-8", "replace"):
        if before.exists():
            raise ConfigurationError(
                f"{before} is in the way of keeping your hook", remedy="Move one of the two, then install again."
            )
        hook.rename(before)
        _say(f"your own hook is kept as {before.name} and runs first")
    hook.write_text(text, "utf-8")
    hook.chmod(0o755)
    _say(f"installed {hook}; it runs on every push, `git push --no-verify` skips it once")
    return 0


def _uninstall(hook: Path) -> int:
    if not _ours(hook):
        _say("no hook of kilo-review is installed here")
        return 0
    hook.unlink()
    before = hook.with_name(CHAINED)
    if before.exists():
        before.rename(hook)
        _say("removed; your own hook is back in its place")
    else:
        _say("removed")
    return 0


def _status(hook: Path) -> int:
    if not _ours(hook):
        _say(f"not installed ({hook})")
        return 1
    chained = hook.with_name(CHAINED).exists()
    named = next((row for row in hook.read_text("utf-8", "replace").split("\n") if row.startswith("program=")), "")
    program = Path("".join(shlex.split(named.removeprefix("program="))))
    if named and not os.access(program, os.X_OK) and shutil.which("kilo-review") is None:
        _say(f"{hook} is installed, and its program {program} is gone: no push is reviewed; install the hook again")
        return 1
    _say(f"installed: {hook}{', after your own hook' if chained else ''}")
    return 0


def _ours(hook: Path) -> bool:
    return hook.is_file() and MARK in hook.read_text("utf-8", "replace")


def _say(text: str) -> None:
    print(f"kilo-review: {text}", file=sys.stderr)  # noqa: T201
