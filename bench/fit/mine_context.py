"""Mine multi-file commits of any repositories into rows for `context_recall --rows`: code that was not tuned on.

    python -m bench.fit.mine_context --mirrors DIR --repo owner/name [--repo …] [--each N] [--without FILE …]
                                 [--hidden-only] > rows.jsonl

A row is a commit whose subject says that it fixes something and that changes 2 to 17 files, two of them code and no
tests; `hidden` is one of these that is in the base too, drawn at random but the same every time (a test that is
missing is found by its name, and is shown for other reasons); `needed` are the names that added lines of code call,
or write with a capital, and that the head's tree defines in one or two places, none of them in the file that uses
them. They need universal-ctags on PATH, so that what counts as a definition is told by another program than ours;
`--hidden-only` leaves them out. Commits of the `--without` files are passed over.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

from bench.context_recall import change_of, find_mirror, load_context
from reviewer.context.words import worth_looking_up
from reviewer.errors import KiloReviewError
from reviewer.git.git import run_git
from reviewer.syntax.languages import family_of, language_of
from reviewer.syntax.test_paths import is_test_path

COMMITS: Final = 6000
FEWEST, MOST = 2, 17
PLACES: Final = 2
_FIX: Final = re.compile(r"\b(?:fix\w*|bug|correct(?:s|ed)?|regression|repair\w*)\b", re.IGNORECASE)
_NAME: Final = re.compile(r"\b(?:[A-Z][\w$]*|[a-z_$][\w$]*(?=\s*\())")
_STRING: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|//.*|(?<!\S)#.*|/\*.*?\*/|^\s*\*.*")
_KINDS: Final = frozenset(
    (
        *("class", "function", "method", "func", "interface", "struct", "type", "enum", "trait", "alias", "talias"),
        *("singletonMethod", "macro", "typedef", "object", "union"),
    )
)


def commits_of(git_dir: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield (base, head, subject, changed paths) of single-parent commits that say they fix something."""
    log = run_git(
        [
            *("log", "--no-merges", f"--max-count={COMMITS}", "--no-renames", "--name-only", "-z"),
            "--format=%x01%x02%H%x02%P%x02%s%x02",
        ],
        git_dir=git_dir,
    )
    for record in log.decode("utf-8", "replace").split("\x01\x02")[1:]:
        head, parents, subject, names = record.split("\x02", 3)
        paths = [name for name in names.strip("\0\n").split("\0") if name]
        if " " in parents or not parents or not _FIX.search(subject) or not FEWEST <= len(paths) <= MOST:
            continue
        if sum(map(_is_code, paths)) >= FEWEST:
            yield parents, head, subject, paths


def _is_code(path: str) -> bool:
    return language_of(path) is not None and not is_test_path(path)


def tags_of(git_dir: Path, commit: str) -> Mapping[str, list[dict[str, Any]]]:
    """Return the definitions of a commit's tree by name, as ctags sees them."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "tree.tar")
        archive.write_bytes(run_git(["archive", "--format=tar", commit], git_dir=git_dir))
        tree = Path(folder, "tree")
        tree.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", tree], check=True)
        output = subprocess.run(
            ["ctags", "-R", "--links=no", "--fields=+neK", "--output-format=json", "-f", "-", "."],
            cwd=tree,
            check=True,
            capture_output=True,
        ).stdout
    for line in output.splitlines():
        tag = json.loads(line.decode("utf-8", "replace"))
        if tag.get("kind") in _KINDS and "line" in tag:
            place = {"path": tag["path"].removeprefix("./"), "kind": tag["kind"], "line": tag["line"]}
            found[tag["name"]].append({**place, "end": tag.get("end", tag["line"])})
    return found


def needed_of(git_dir: Path, base: str, head: str) -> list[dict[str, Any]]:
    """Return names that added lines call or write with a capital and that few other files define."""
    tags = tags_of(git_dir, head)
    needed: dict[str, dict[str, Any]] = {}
    for hunk in change_of(git_dir, base, head).hunks:
        if language_of(hunk.path) is None:
            continue
        for line in hunk.added:
            for name in _NAME.findall(_STRING.sub(" ", line.text)):
                places = tags.get(name, [])
                near = [place for place in places if family_of(place["path"]) == family_of(hunk.path)]
                if not 1 <= len(near) <= PLACES or not worth_looking_up(name) or name in needed:
                    continue
                if not any(place["path"] == hunk.path for place in near):
                    needed[name] = {"name": name, "used_in": hunk.path, "defs": near}
    return list(needed.values())


def rows_of(
    git_dir: Path, repo: str, *, each: int, without: AbstractSet[str] = frozenset(), hidden_only: bool = False
) -> Iterator[dict[str, Any]]:
    dice = random.Random(repo)
    commits = list(commits_of(git_dir))
    dice.shuffle(commits)
    made = 0
    for base, head, subject, paths in commits:
        if made == each:
            return
        if head in without:
            continue
        tree = run_git(["ls-tree", "-r", "-z", "--name-only", base], git_dir=git_dir).decode("utf-8", "replace")
        there = set(tree.split("\0"))
        try:
            known = {file.path for file in change_of(git_dir, base, head).files if file.hunks}
            could = sorted(path for path in paths if _is_code(path) and path in there and path in known)
            if not could or len(known) < FEWEST:
                continue
            needed = [] if hidden_only else needed_of(git_dir, base, head)
        except KiloReviewError:
            # A diff of bytes that are no text, or an object that a partial clone does not hold.
            continue
        made += 1
        row = {"repo": repo, "base": base, "head": head, "hidden": dice.choice(could)}
        yield row if hidden_only else {**row, "subject": subject, "diff_paths": paths, "needed": needed}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fit.mine_context", description=__doc__.splitlines()[0])
    parser.add_argument("--mirrors", required=True, type=Path, help="folder of git mirrors")
    parser.add_argument("--repo", action="append", required=True, help="owner/name; may be repeated")
    parser.add_argument("--each", type=int, default=12, help="rows of each repository")
    parser.add_argument("--without", type=Path, action="append", default=[], help="rows that are there already")
    parser.add_argument("--hidden-only", action="store_true", help="rows without definitions, in no need of ctags")
    options = parser.parse_args(argv)
    without = {row["head"] for file in options.without for row in load_context(file)}
    for repo in options.repo:
        git_dir = find_mirror(options.mirrors, repo)
        if git_dir is None:
            print(f"no mirror of {repo}", file=sys.stderr)
            continue
        mined = rows_of(git_dir, repo, each=options.each, without=without, hidden_only=options.hidden_only)
        for row in mined:
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
