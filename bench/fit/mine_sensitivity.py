"""Find commits that fixed, introduced or have nothing to do with a vulnerability, to train on: labels, not diffs.

    python -m bench.fit.mine_sensitivity --mirrors DIR --repo owner/name >> bench/data/sensitivity_commits.tsv

A fix names a CVE or GHSA identifier in its message, or a vulnerability in its subject, and changes source. What
introduced it is the commit that most of the lines were from that the fix removed (SZZ: Śliwerski, Zimmermann and
Zeller, MSR 2005). Routine commits are any others whose message has no word of security. Which commits are taken of
a repository does not depend on chance. Prints one commit a line: repository, commit, label, how it was found.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.context_recall import find_mirror, mirrors_or_say
from policies.conventions import is_source
from policies.features import is_code
from reviewer.change.model import Change, LineKind
from reviewer.change.parse import parse_diff
from reviewer.errors import KiloReviewError
from reviewer.git.git import run_git

SINCE: Final = "2011-01-01"
NAMED_FIXES: Final = 30
WORDED_FIXES: Final = 15
INTRODUCED: Final = 23
ROUTINE: Final = 30
MOST_LINES: Final = 2000
# More identifiers than these in one message, or a message this long, is a release or a merge of many.
MOST_IDENTIFIERS: Final = 3
MOST_MESSAGE: Final = 5000
BLAMED_SPANS: Final = 6
BLAMED_LINES: Final = 60

_IDENTIFIER: Final = re.compile(r"CVE-\d{4}-\d{3,}|GHSA-\w{4}-\w{4}-\w{4}", re.IGNORECASE)
_WORDED: Final = re.compile(
    r"\b(XSS|CSRF|XSRF|SSRF|XXE|ReDoS|RCE|(sql|command|header|code|html|log|crlf) injection"
    r"|(path|directory) traversal|remote code execution|use[- ]after[- ]free|double free"
    r"|(heap|stack|buffer|integer)[- ](buffer[- ])?overflow|(out[- ]of[- ]bounds|oob) (read|write|access)"
    r"|privilege escalation|(auth|authentication|authorization|permission|access control) bypass|timing attack"
    r"|prototype pollution|open redirect|session fixation|clickjacking|zip ?slip|deseriali[sz]ation|vulnerab\w+"
    r"|SECURITY-\d+|security (fix|issue|hole|bug|problem)|denial of service"
    r"|(credential|information) (leak|disclosure))\b",
    re.IGNORECASE,
)
_OF_SECURITY: Final = re.compile(
    r"secur|vuln|cve|xss|inject|overflow|exploit|bypass|csrf|dos\b|sanit|escap|malicious|travers|race|uninit"
    r"|use.after|fuzz|leak",
    re.IGNORECASE,
)
_NO_FIX: Final = re.compile(
    r"changelog|release|bump|version|^merge|upgrade|update .* to |depend|docs?:|vendor|documentation|backport"
    r"|revert|test",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, its first parent and its message."""

    sha: str
    parent: str
    subject: str
    message: str
    merge: bool


def commits_of(git_dir: Path) -> list[Commit]:
    """Return the commits of all branches since SINCE, in the order of their names: like a draw, but repeatable."""
    log = run_git(
        ["log", "--all", f"--since={SINCE}", "-z", "--format=%H%x02%P%x02%s%x02%b"], git_dir=git_dir, timeout=300
    )
    found = []
    for record in log.decode("utf-8", "replace").split("\0"):
        parts = record.strip("\n").split("\x02", 3)
        if len(parts) == 4 and parts[1]:
            sha, parents, subject, body = parts
            found.append(Commit(sha, parents.split()[0], subject, f"{subject} {body}", " " in parents))
    return sorted(found, key=lambda commit: commit.sha)


def diff_of(git_dir: Path, parent: str, sha: str) -> Change | None:
    """Return the change of a commit, None where it is too large, empty or cannot be read."""
    try:
        diff = run_git(
            ["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", parent, sha], git_dir=git_dir
        )
        change = parse_diff(diff, base=parent, head=sha)
    except KiloReviewError:
        return None
    changed = sum(line.kind is not LineKind.CONTEXT for hunk in change.hunks for line in hunk.lines)
    return change if 0 < changed <= MOST_LINES else None


def labelled(git_dir: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (commit, label, how it was found) of one repository."""
    commits = commits_of(git_dir)
    parents = {commit.sha: commit for commit in commits}
    # The same fix on several branches counts once.
    seen: set[object] = set()
    introduced = 0
    for how, most, chosen in (
        ("identifier", NAMED_FIXES, [(c, ids[0]) for c in commits if (ids := identifiers(c))]),
        ("words", WORDED_FIXES, [(c, c.sha) for c in commits if worded(c)]),
    ):
        taken = 0
        for commit, name in chosen:
            if taken == most:
                break
            change = diff_of(git_dir, commit.parent, commit.sha) if name not in seen else None
            if change is None or not has_source(change) or (shape := shape_of(change)) in seen:
                continue
            seen |= {name, shape}
            taken += 1
            yield commit.sha, "security_fix", how
            origin = origin_of(git_dir, commit, change) if introduced < INTRODUCED else None
            if origin in parents and origin not in seen and not parents[origin].merge:
                before = diff_of(git_dir, parents[origin].parent, origin)
                if before is not None and has_source(before):
                    seen.add(origin)
                    introduced += 1
                    yield origin, "vuln_intro", "szz"
    taken = 0
    for commit in commits:
        if taken == ROUTINE:
            break
        if commit.merge or commit.sha in seen or _OF_SECURITY.search(commit.message):
            continue
        if diff_of(git_dir, commit.parent, commit.sha) is not None:
            taken += 1
            yield commit.sha, "routine", "any"


def identifiers(commit: Commit) -> list[str]:
    """Return the advisories that a fix names; none for releases, merges of many and the like."""
    if _NO_FIX.search(commit.subject) or len(commit.message) > MOST_MESSAGE:
        return []
    found = [name.upper() for name in _IDENTIFIER.findall(commit.message)]
    return found if len(set(found)) <= MOST_IDENTIFIERS else []


def worded(commit: Commit) -> bool:
    """Tell whether the subject speaks of a vulnerability, where the message names no advisory."""
    speaks = _WORDED.search(commit.subject) and not _NO_FIX.search(commit.subject)
    return bool(speaks) and not commit.merge and not _IDENTIFIER.search(commit.message)


def has_source(change: Change) -> bool:
    """Tell whether a change touches source: no tests or prose, and no dependency or configuration alone."""
    return any(is_source(file.path) and is_code(file.path) and file.hunks for file in change.files)


def shape_of(change: Change) -> tuple[object, ...]:
    return tuple(
        (hunk.path, tuple(line.text for line in hunk.lines if line.kind is not LineKind.CONTEXT))
        for hunk in change.hunks
    )


def origin_of(git_dir: Path, fix: Commit, change: Change) -> str | None:
    """Return the commit that most of the lines are from that a fix removes."""
    spans = []
    for hunk in change.hunks:
        removed = [line.old_no for line in hunk.removed if line.old_no]
        if removed and is_code(hunk.path) and len(removed) < BLAMED_LINES:
            spans.append((hunk.path, removed[0], removed[-1]))
    votes: Counter[str] = Counter()
    for path, first, last in spans[:BLAMED_SPANS]:
        try:
            blamed = run_git(
                ["blame", "-l", "-s", "-w", f"-L{first},{last}", fix.parent, "--", path],
                git_dir=git_dir,
                timeout=25,
            )
        except KiloReviewError:
            continue
        votes.update(line.split()[0].lstrip(b"^").decode() for line in blamed.splitlines() if line)
    return next((sha for sha, _ in votes.most_common(1) if len(sha) == 40), None)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.fit.mine_sensitivity", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--mirrors", default="", help="folder of git mirrors (default: KILO_REVIEW_MIRRORS)")
    parser.add_argument("--repo", action="append", required=True, metavar="OWNER/NAME")
    options = parser.parse_args(argv)
    mirrors = mirrors_or_say(options.mirrors)
    if mirrors is None:
        return 2
    for repo in options.repo:
        git_dir = find_mirror(mirrors, repo)
        if git_dir is None:
            print(f"{repo}: no mirror", file=sys.stderr)
            continue
        counts: Counter[str] = Counter()
        for sha, label, how in labelled(git_dir):
            counts[label] += 1
            print(repo, sha, label, how, sep="\t", flush=True)
        print(f"{repo}: {dict(counts)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
