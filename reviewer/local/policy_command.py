"""`kilo-review policy`: check a policy file, print its JSON Schema, or show what holds and its origin."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from reviewer.errors import ConfigurationError
from reviewer.local.layout import print_text
from reviewer.settings import Settings, organisation_policy

EXAMPLES = (
    "kilo-review policy check                      the repository's file in this folder",
    "kilo-review policy check org.toml --organisation",
    "kilo-review policy show --format json",
    "kilo-review policy schema > policy.schema.json",
    "kilo-review policy schema --of review > review.schema.json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "check: read a policy file and name every mistake with its line (exit status 2). show: the policy of the "
        "repository that you stand in, at its HEAD, with the layer that each value comes from. schema: the policy "
        "file as JSON Schema, for editors."
    )
    parser.add_argument("action", choices=("check", "schema", "show"))
    parser.add_argument("file", nargs="?", help="the file to check (default: the repository's own)")
    parser.add_argument(
        "--organisation", action="store_true", help="check it as the organisation's file (KILO_REVIEW_POLICY)"
    )
    parser.add_argument(
        "--of",
        choices=("policy", "review"),
        default="policy",
        help="schema: of the policy file (default), or of what `local --format json` writes",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def main(options: argparse.Namespace) -> int:
    """Run `kilo-review policy`; nothing is asked or changed."""
    return {"check": _check, "schema": _schema, "show": _show}[options.action](options)


def _schema(options: argparse.Namespace) -> int:
    from policies.schema import policy_schema  # noqa: PLC0415 - `--help` needs none of it
    from reviewer.local.json_schema import review_schema  # noqa: PLC0415 - as above

    print_text(json.dumps(review_schema() if options.of == "review" else policy_schema(), indent=2))
    return 0


def _check(options: argparse.Namespace) -> int:
    from policies.policy_file import read_policy_file  # noqa: PLC0415 - `--help` needs none of it

    file = Path(options.file) if options.file else _repository_file()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"cannot read {file}: {why}", remedy="Name a policy file (TOML).") from None
    read = read_policy_file(text, from_repository=not options.organisation)
    mistakes = sorted(read.mistakes, key=lambda mistake: mistake.line)
    if options.format == "json":
        rows = [{"file": str(file), "line": mistake.line, "message": mistake.text} for mistake in mistakes]
        print_text(json.dumps(rows, indent=2))
    else:
        for mistake in mistakes:
            print_text(f"{file}:{mistake.line}: {mistake.text}")
        if not mistakes:
            print_text(f"{file}: {len(read.values)} keys, no mistakes")
    return ConfigurationError.exit_code if mistakes else 0


def _repository_file() -> Path:
    from policies.load import REPOSITORY_FILES  # noqa: PLC0415 - as above

    found = next((name for name in REPOSITORY_FILES if Path(name).is_file()), None)
    if found is None:
        raise ConfigurationError(
            f"no {' or '.join(REPOSITORY_FILES)} in this folder",
            remedy="Name the file: kilo-review policy check FILE",
        )
    return Path(found)


def _show(options: argparse.Namespace) -> int:
    rows, notices = policy_in(Path.cwd(), Settings.from_environ())
    if options.format == "json":
        print_text(json.dumps(rows, indent=2))
        return 0
    for key, row in rows.items():
        print_text(f"{key} = {json.dumps(row['value'])}  # {row['origin']}")
    for notice in notices:
        sys.stderr.write(f"note: {notice}\n")
    return 0


def policy_in(start: Path, settings: Settings) -> tuple[dict[str, dict[str, Any]], tuple[str, ...]]:
    """Return every key of the policy of the repository that a folder lies in, at its HEAD, and the notices."""
    from policies.load import load_policy  # noqa: PLC0415 - as above
    from policies.origins import settings_of  # noqa: PLC0415 - as above
    from policies.plain import plain_value  # noqa: PLC0415 - as above
    from reviewer.git.commit import GitSnapshot  # noqa: PLC0415 - as above
    from reviewer.jobs.policy import effective_policy  # noqa: PLC0415 - as above
    from reviewer.local.repository import find_repository  # noqa: PLC0415 - as above

    with ExitStack() as stack:
        repository = find_repository(start)
        born = repository.resolve("HEAD") is not None
        head = stack.enter_context(GitSnapshot.open(repository.git_dir, "HEAD")) if born else None
        effective = effective_policy(settings, base=head, private=False)
    rows = settings_of(load_policy(), organisation_policy(settings), effective)
    known = {row.key: {"value": plain_value(row.value), "origin": row.origin.value} for row in rows}
    return known, effective.notices
