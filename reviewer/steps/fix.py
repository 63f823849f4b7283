"""Make a fix of one finding, and check it: it is offered only where every check holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from policies.words import Tier
from reviewer.change.lines import split_lines
from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.context.secret_paths import is_secret_path
from reviewer.evidence.run import run_analysers
from reviewer.findings.fix import Edit, FixRefused, apply_edits, patch_of, read_edits
from reviewer.findings.model import Finding
from reviewer.findings.syntax import is_judged, still_parses
from reviewer.findings.verify import Outcome, apply_verdicts, read_verdicts
from reviewer.git.snapshot import Snapshot
from reviewer.git.with_files import WithFiles
from reviewer.models.model import Call, Prompt, Stage
from reviewer.prompts.change_in_code import render_in_code
from reviewer.prompts.fence import fenced
from reviewer.prompts.fix import build_fix
from reviewer.prompts.redact import is_dotenv, redact_lines
from reviewer.prompts.verification import build_verification
from reviewer.steps.context import ReviewContext
from reviewer.steps.side_question import ask_aside

# Lines shown on each side of the finding and of each place that it rests on, and how many such places.
LINES_AROUND: Final = 60
MAX_PLACES: Final = 4
_PLACE: Final = re.compile(r"(?<![^\s:])([^\s:]+):(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Fix:
    """What came of asking for a fix. `refused` is why it is not offered, "" where it is; `held` are the checks that
    held, in words, also where a later one did not.
    """

    edits: tuple[Edit, ...] = ()
    patch: str = ""
    held: tuple[str, ...] = ()
    refused: str = ""
    calls: tuple[Call, ...] = ()


def make_fix(finding: Finding, context: ReviewContext, tier: Tier) -> Fix:
    """Ask for a fix of a finding at the head, and check it. Never raises for what a model does."""
    head = context.head
    files = _files(finding, head) if head else {}
    if head is None or finding.path not in files:
        return Fix(refused="the file of the finding cannot be shown to a model")
    tier = min(max(tier, context.policy.min_tier), context.policy.max_tier)
    said = ask_aside(build_fix(finding, shown=_numbered(finding, files)), Stage.FIX, context, tier=tier)
    if said.text is None:
        return Fix(refused=said.missing, calls=said.calls)
    held: list[str] = []
    calls = list(said.calls)
    edits: tuple[Edit, ...] = ()
    try:
        edits = read_edits(said.text)
        after = apply_edits(edits, files)
        held.append("it applies to the head")
        held.append(_parsed(files, after))
        patch = patch_of(files, after)
        change = parse_diff(patch.encode("utf-8", "surrogateescape"))
        held.append(_analysed(change, WithFiles(head, after), context))
        held.append(_refuted(finding, change, context, tier, calls))
    except FixRefused as refusal:
        return Fix(edits, held=tuple(held), refused=str(refusal), calls=tuple(calls))
    return Fix(edits, patch, tuple(held), calls=tuple(calls))


def _files(finding: Finding, head: Snapshot) -> Mapping[str, bytes]:
    """Return the files that the model may change: the finding's, and those that it rests on."""
    named = [match[1] for text in finding.evidence for match in _PLACE.finditer(text)]
    wanted = [path for path in dict.fromkeys((finding.path, *named)) if not is_secret_path(path)]
    return head.read_many(wanted[:MAX_PLACES])


def _numbered(finding: Finding, files: Mapping[str, bytes]) -> str:
    """Return the lines around the places of a finding, numbered, without secrets."""
    places: dict[str, list[int]] = {path: [] for path in files}
    places[finding.path].append(finding.line)
    for text in finding.evidence:
        for match in _PLACE.finditer(text):
            if match[1] in places:
                places[match[1]].append(int(match[2]))
    out: list[str] = []
    for path, at in places.items():
        lines = split_lines(files[path].decode("utf-8", "replace"))
        clean, _count = redact_lines(lines, path=path, dotenv=is_dotenv(path))
        out.append(f"### {path}")
        out += [
            f"{number} {line}"
            for number, line in enumerate(clean, start=1)
            if any(abs(number - place) <= LINES_AROUND for place in at)
        ]
    return "\n".join(out)


def _parsed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    broken = [path for path, data in after.items() if not still_parses(path, before[path], data)]
    if broken:
        raise FixRefused(f"{', '.join(broken)} would not parse any more")
    unjudged = [path for path in after if not is_judged(path)]
    return f"brackets balance in {', '.join(unjudged)}" if unjudged else "every file that it changes still parses"


def _analysed(change: Change, fixed: Snapshot, context: ReviewContext) -> str:
    evidence = run_analysers(change, fixed, tools=context.policy.analysers)
    if evidence.findings:
        first = evidence.findings[0]
        raise FixRefused(f"an analyser objects to it ({first.source}: {first.title})")
    ran = [run.tool for run in evidence.runs if not run.error]
    return f"analysers find nothing new ({', '.join(ran)})" if ran else "no analyser ran on it"


def _refuted(finding: Finding, change: Change, context: ReviewContext, tier: Tier, calls: list[Call]) -> str:
    """Ask whether the finding still holds in the fixed code; only a line that shows it false counts."""
    hunks = tuple(hunk for file in change.files for hunk in file.hunks)
    shown = fenced("diff", render_in_code(Unit("", hunks, "")))
    said = ask_aside(_question(finding, shown), Stage.VERIFICATION, context, tier=tier)
    calls += said.calls
    if said.text is None:
        raise FixRefused(f"the fixed code could not be checked: {said.missing}")
    verdicts = [each for each in read_verdicts(said.text) or () if each.outcome is Outcome.FALSE]
    if not apply_verdicts([finding], verdicts, shown=shown).refuted:
        raise FixRefused("asked again about the fixed code, the model does not show that the finding is gone")
    return "asked again about the fixed code, the model shows that the finding is gone"


def _question(finding: Finding, shown: str) -> Prompt:
    return build_verification([finding], shown=shown)
