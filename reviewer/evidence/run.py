"""Run the analysers over the changed files of a change, and keep what lies on its added lines."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from policies.words import Severity
from reviewer.change.lines import split_lines
from reviewer.change.model import Change, FileStatus
from reviewer.errors import KiloReviewError
from reviewer.evidence.hits import Hit, fix_of
from reviewer.evidence.model import EvidenceRun, Rule
from reviewer.evidence.needed import needed_tools
from reviewer.evidence.rules import rule_for, rules
from reviewer.evidence.sandbox import TIME_LIMIT, execute, is_configuration, lay_out, without_silencers
from reviewer.evidence.tools import LANGUAGE_TOOLS, TOOLS, Tool
from reviewer.findings.fingerprint import fingerprint
from reviewer.findings.model import Finding
from reviewer.findings.suggestion import judge_replacement
from reviewer.git.snapshot import Snapshot
from reviewer.prompts.redact import redact
from reviewer.syntax.test_paths import is_test_path

# A suggestion longer than this is a rewrite, not a fix.
SUGGESTION_LINES: Final = 6
# A hit of this many lines or more counts only where its first line was added.
WIDE_HIT: Final = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the analysers found on added lines. `secrets` are the values found, for redaction; they never print.

    `left_out` names changed files that were not analysed for their size or name. `read` is path -> the analysers of
    its language that read it.
    """

    findings: tuple[Finding, ...] = ()
    runs: tuple[EvidenceRun, ...] = ()
    left_out: tuple[str, ...] = ()
    read: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def run_analysers(
    change: Change,
    head: Snapshot | None,
    *,
    tools: Sequence[str],
    seconds: float = TIME_LIMIT,
    clock: Callable[[], float] = time.monotonic,
) -> Evidence:
    """Analyse the change's files as they are at its head; a tool that fails is reported, never fatal.

    A hit on a line that the change does not add predates it and is not this review's business.
    """
    added = {
        file.path: frozenset(line.new_no for hunk in file.hunks for line in hunk.added if line.new_no)
        for file in change.files
        if file.status is not FileStatus.REMOVED
        and not file.binary
        and not file.is_symlink
        and not file.is_submodule
    }
    wanted = [path for path, lines in added.items() if lines]
    if head is None or not wanted or not tools:
        return Evidence()
    with tempfile.TemporaryDirectory(prefix="kilo-review-evidence-") as scratch:
        texts = head.read_many(wanted)
        chosen = [TOOLS[name] for name in tools if name in TOOLS]
        # All files for the search for secrets; for the others what they read, without what could steer them.
        everything, left_out = _laid_out(texts, Path(scratch, "all"))
        code = {
            path: data if path.endswith((".py", ".pyi")) else without_silencers(data)
            for path, data in texts.items()
            if not is_configuration(path) and any(TOOLS[name].wants(path) for name in LANGUAGE_TOOLS)
        }
        languages, _left = _laid_out(code, Path(scratch, "code"))
        needed = needed_tools(change, texts, [tool.name for tool in chosen])
        with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
            jobs = [
                pool.submit(
                    _run, tool, _tree_for(tool, everything, languages, needed=tool.name in needed), seconds, clock
                )
                for tool in chosen
            ]
            outcomes = [job.result() for job in jobs]
    hits = [hit for outcome in outcomes for hit in outcome.hits]
    findings = _findings(_without_twins(hits), added, texts)
    per_tool = {tool.name: 0 for tool in chosen}
    for finding in findings:
        per_tool[finding.source.partition(":")[0]] += 1
    return Evidence(
        findings=findings,
        runs=tuple(replace(outcome.run, findings=per_tool[outcome.run.tool]) for outcome in outcomes),
        # A commit is not read for files above a size either.
        left_out=tuple(sorted({*left_out, *(path for path in wanted if path not in texts)})),
        read=_read_by(outcomes),
        secrets=tuple(dict.fromkeys(hit.secret for hit in hits if hit.secret)),
    )


@dataclass(frozen=True, slots=True)
class _Tree:
    """Files laid out below a folder: the name of each there -> its path."""

    folder: Path
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an analyser found, how its run ended, and the files that it read."""

    hits: tuple[Hit, ...]
    run: EvidenceRun
    read: tuple[str, ...] = ()


def _laid_out(files: Mapping[str, bytes], folder: Path) -> tuple[_Tree, tuple[str, ...]]:
    folder.mkdir()
    paths, left_out = lay_out(files, folder)
    return _Tree(folder, paths), left_out


def _tree_for(tool: Tool, everything: _Tree, languages: _Tree, *, needed: bool) -> _Tree:
    """Return the files for an analyser; none where it could find nothing, so that its process is not started."""
    tree = languages if tool.name in LANGUAGE_TOOLS else everything
    return tree if needed else _Tree(tree.folder, {})


def _run(tool: Tool, tree: _Tree, seconds: float, clock: Callable[[], float]) -> _Outcome:
    started = clock()

    def record(error: str = "") -> EvidenceRun:
        return EvidenceRun(tool.name, tool.version(), 0, round((clock() - started) * 1000), error)

    mine = [name for name, path in tree.paths.items() if tool.wants(path)]
    if not mine:
        return _Outcome((), record())
    try:
        if tool.search:
            hits = tool.search({name: (tree.folder / name).read_bytes() for name in mine})
        else:
            home = tree.folder.parent / tool.name
            home.mkdir()
            command = tool.command(mine, home)
            if command is None:
                return _Outcome((), record("not installed"))
            ran = execute(command, cwd=tree.folder, home=home, seconds=seconds)
            if ran.timed_out:
                return _Outcome((), record(f"stopped after {seconds:.0f} s"))
            if ran.status not in tool.accepts:
                return _Outcome((), record(f"exit status {ran.status}: {ran.complaint}"[:200]))
            hits = tool.read(ran.output)
    except (KiloReviewError, OSError, KeyError, TypeError, ValueError) as error:
        return _Outcome((), record(f"{type(error).__name__}: {error}"[:200]))
    read = tuple(tree.paths[name] for name in mine)
    return _Outcome(tuple(_relative(hit, tree) for hit in hits), record(), read)


def _read_by(outcomes: Sequence[_Outcome]) -> Mapping[str, tuple[str, ...]]:
    """Return path -> the analysers of its language that read it, in the order of the table."""
    by: dict[str, tuple[str, ...]] = {}
    for outcome in outcomes:
        for path in outcome.read if outcome.run.tool in LANGUAGE_TOOLS else ():
            by[path] = (*by.get(path, ()), outcome.run.tool)
    return by


def _relative(hit: Hit, tree: _Tree) -> Hit:
    path = PurePosixPath(hit.path)
    if path.is_absolute() and path.is_relative_to(tree.folder.as_posix()):
        path = path.relative_to(tree.folder.as_posix())
    return replace(hit, path=tree.paths.get(path.as_posix(), path.as_posix()))


def _without_twins(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out bandit's word where ruff said the same of the same line."""
    said = {(hit.path, hit.line, hit.code) for hit in hits if hit.tool == "ruff"}
    kept = []
    for hit in hits:
        rule = rule_for(hit.tool, hit.code)
        if rule is None or (rule.same_as and (hit.path, hit.line, rule.same_as) in said):
            continue
        kept.append(hit)
    return kept


def _findings(
    hits: Sequence[Hit], added: Mapping[str, frozenset[int]], texts: Mapping[str, bytes]
) -> tuple[Finding, ...]:
    lines_of: dict[str, list[str]] = {}
    findings: dict[tuple[str, int, str], Finding] = {}
    for hit in hits:
        touched = added.get(hit.path, frozenset())
        # What spans a whole job or function is about its beginning, not about whatever line in it was changed.
        last = hit.line if hit.end_line - hit.line >= WIDE_HIT else hit.end_line
        if not any(number in touched for number in range(hit.line, last + 1)):
            continue
        lines = lines_of.setdefault(hit.path, split_lines(texts[hit.path].decode("utf-8", "replace")))
        key = (hit.path, hit.line, hit.code)
        if key not in findings:
            findings[key] = _with_judged_fix(_finding(hit, lines, touched), texts[hit.path])
    return tuple(sorted(findings.values(), key=lambda found: (found.path, found.line, found.source)))


def _with_judged_fix(finding: Finding, source: bytes) -> Finding:
    """Return the finding with its suggestion as it can be committed: what judges a model's judges an analyser's."""
    if finding.suggestion is None:
        return finding
    lines = (finding.start_line or finding.line, finding.line)
    return replace(finding, suggestion=judge_replacement(finding.suggestion, finding.path, lines, source).text)


def _finding(hit: Hit, lines: Sequence[str], touched: frozenset[int]) -> Finding:
    rule = rule_for(hit.tool, hit.code)
    assert rule is not None  # noqa: S101 - hits without a rule were left out before
    severity = _severity(hit, rule)
    # A comment belongs on a line of the change, even where the statement began above it.
    line = hit.line if hit.line in touched else min(n for n in touched if hit.line <= n <= hit.end_line)
    quote = lines[line - 1] if line <= len(lines) else ""
    fix = fix_of(hit, list(lines))
    usable = fix is not None and fix.end - fix.start < SUGGESTION_LINES
    inside = fix is not None and all(number in touched for number in range(fix.start, fix.end + 1))
    suggestion, start, end = (fix.text, fix.start, fix.end) if fix and usable and inside else (None, line, line)
    if suggestion is not None:
        quote = "\n".join(lines[start - 1 : end])
    body = ". ".join(part for part in (hit.message.rstrip("."), rule.advice) if part)
    # The line of a leaked secret is never repeated anywhere.
    quote, hidden = ("", 0) if hit.secret else redact(quote)
    if suggestion is not None and (hidden or redact(suggestion)[1]):
        suggestion = None
    return Finding(
        path=hit.path,
        line=end,
        start_line=start if start < end else None,
        severity=severity,
        category=rule.category,
        title=rule.title,
        body=body,
        suggestion=suggestion,
        quote=quote,
        source=f"{hit.tool}:{hit.code}",
        fingerprint=fingerprint(hit.path, hit.code if hit.secret else quote, rule.category),
        confidence=None,
    )


def _severity(hit: Hit, rule: Rule) -> Severity:
    """Return how grave a hit is: the rule's severity, of zizmor's own not above it, and low in a test."""
    severity = rule.severity
    if hit.severity is not None:
        # A rule without a row of its own is as grave as the tool says.
        named = hit.code in rules()[hit.tool]
        severity = min(severity, hit.severity) if named else hit.severity
    # What a linter of security says of a test (a shell, no timeout, a fixed password) is seldom worth a push.
    about_security = rule.category.value == "security" or hit.tool == "bandit" or hit.code.startswith("S")
    if about_security and hit.tool not in ("gitleaks", "zizmor") and is_test_path(hit.path):
        return Severity.LOW
    return severity
