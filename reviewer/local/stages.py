"""Each stage before the first question, as a person reads it: short lines, names once, the why beside the what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from reviewer.change.model import FileChange, Hunk
from reviewer.change.render import render_unit
from reviewer.prompts.fence import reveal

if TYPE_CHECKING:
    from reviewer.local.explain import Explained
    from reviewer.plan import Plan

# How wide a line of the diff may be shown: what is cut is only a pointer to where one is.
SECTION_WIDTH: Final = 64
NAMED_PATHS: Final = 3
NOTHING: Final = "nothing to review"
_COMMIT: Final = 12


def change_text(explained: Explained) -> str:
    """Return the changed files with their sizes, and what is left out with the reason."""
    change, prepared = explained.change, explained.planned.prepared
    added, removed = sum(file.additions for file in change.files), sum(file.deletions for file in change.files)
    span = f"{change.base[:_COMMIT]} → {change.head[:_COMMIT]}" if change.base or change.head else "the diff"
    lines = [f"{span} · {many(len(change.files), 'file')} · +{added:,} -{removed:,}"]
    skipped = prepared.scope.skipped
    whole = {skip.path for skip in skipped if not skip.header}
    lines += [_file_line(file) for file in change.files if file.path not in whole]
    if skipped:
        lines += ["", "left out:"]
        lines += [f"  {plain(f'{skip.path} {skip.header}'.strip())} · {plain(skip.reason)}" for skip in skipped]
    if prepared.redacted:
        taken = f"{many(prepared.redacted, 'secret')} {'is' if prepared.redacted == 1 else 'are'} taken out"
        lines += ["", f"{taken} before anything is sent"]
    return "\n".join(lines)


def units_text(explained: Explained) -> str:
    """Return what is reviewed together and why, the riskiest first."""
    prepared = explained.planned.prepared
    total = len(prepared.units)
    parts = []
    for number, unit in enumerate(prepared.units, 1):
        files = many(len(unit.paths), "file")
        lines = [
            f"unit {number} of {total} · {many(len(unit.hunks), 'hunk')} in {files} · risk {unit.risk:.2f} · "
            f"{unit.identity[:_COMMIT]}"
        ]
        if len(unit.hunks) > 1:
            lines.append(f"  together: {plain(unit.reason)}")
        for path, hunks in groupby(unit.hunks, key=lambda hunk: hunk.path):
            lines += [f"  {plain(path)}", *map(_hunk_line, hunks)]
        parts.append("\n".join(lines))
    if prepared.left_over:
        over = [f"  {', '.join(map(plain, unit.paths))}" for unit in prepared.left_over]
        parts.append("\n".join([f"not reviewed, beyond {total} units (caps.max_units):", *over]))
    return "\n\n".join(parts) or NOTHING


def context_text(explained: Explained) -> str:
    """Return the snippets that go with each unit, the most useful first, and what they cost."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    plans = explained.planned.plans
    parts = []
    shared = count_tokens(plans[0].prompt.shared) if plans and plans[0].prompt.shared else 0
    if shared:
        parts.append(f"before every unit: {many(shared, 'token')} that all share (`explain prompt` shows them)")
    for number, plan in enumerate(plans, 1):
        total = sum(item.tokens for item in plan.items)
        beside = count_tokens(render_unit(plan.unit, numbered=False))
        size = f"{many(len(plan.items), 'snippet')}, {many(total, 'token')}" if plan.items else "no snippet"
        lines = [_title(number, plans, plan, f"{size} beside {beside:,} of diff")]
        for item in plan.items:
            span = (
                f"{item.start_line}" if item.start_line == item.end_line else f"{item.start_line}-{item.end_line}"
            )
            reason = plain(item.reason.replace(f" {item.path}:", " line "))
            lines.append(f"  {plain(item.path)}:{span}")
            lines.append(f"    {item.kind.value}, {many(item.tokens, 'token')}: {reason}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) or NOTHING


def route_text(explained: Explained) -> str:
    """Return who would be asked about each unit and why, and about what that costs."""
    plans = explained.planned.plans
    parts = []
    for number, plan in enumerate(plans, 1):
        route = plan.route
        asked = (
            f"{route.tier.label} tier · {route.model or 'no usable model'} · sensitivity {route.sensitivity:.2f}"
        )
        reasons = [f"    {plain(reason)}" for reason in route.reasons]
        parts.append("\n".join([_title(number, plans, plan, ""), f"  {asked}", *reasons]))
    if not parts:
        return NOTHING
    tiers = sorted(plan.route.tier for plan in plans)
    closing = ", ".join(f"{len(list(group))} {tier.label}" for tier, group in groupby(tiers, key=lambda tier: tier))
    last = [f"{many(len(plans), 'unit')}: {closing}"]
    if explained.candidate_reason:
        last.append(f"analysers only: {explained.candidate_reason}")
    else:
        last.append(f"estimated cost: {explained.planned.estimate}; nothing was asked")
    return "\n\n".join([*parts, "\n".join(last)])


def prompt_text(explained: Explained) -> str:
    """Return the prompts as they would be sent; a part that the unit before had too is not shown again."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    plans = explained.planned.plans
    before: dict[str, str] = {}
    out = []
    for number, plan in enumerate(plans, 1):
        asked = plan.route.model or "no usable model"
        out.append(
            f"===== {_title(number, plans, plan, asked)} · {many(count_tokens(plan.prompt.text), 'token')} ====="
        )
        for name, text in (
            ("instructions", plan.prompt.system),
            ("shared", plan.prompt.shared),
            ("unit", plan.prompt.unit),
        ):
            if not text:
                continue
            size = many(count_tokens(text), "token")
            if before.get(name) == text:
                out.append(f"----- {name}: as above, {size} -----")
            else:
                out.append(f"----- {name}: {size} -----\n{reveal(text)}")
            before[name] = text
    return "\n\n".join(out) or NOTHING


def plain(text: str) -> str:
    """Return text of the change on one line, and such that it cannot steer a terminal."""
    return reveal(text.expandtabs(4)).replace("\n", "\\n").replace("\r", "\\r")


def many(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _title(number: int, plans: Sequence[Plan], plan: Plan, more: str) -> str:
    paths = plan.unit.paths
    named = ", ".join(map(plain, paths[:NAMED_PATHS]))
    rest = f" and {len(paths) - NAMED_PATHS} more" if len(paths) > NAMED_PATHS else ""
    return " · ".join(part for part in (f"unit {number} of {len(plans)}", f"{named}{rest}", more) if part)


def _file_line(file: FileChange) -> str:
    moved = f" (from {plain(file.old_path)})" if file.old_path and file.old_path != file.path else ""
    size = "binary" if file.binary else f"+{file.additions:<6,}-{file.deletions:<6,}"
    return f"  {file.status.value:<9} {size:<14} {plain(file.path)}{moved}"


def _hunk_line(hunk: Hunk) -> str:
    section = plain(hunk.section)
    where = section if len(section) <= SECTION_WIDTH else f"{section[: SECTION_WIDTH - 1]}…"
    return f"    line {hunk.new_start:<6} +{len(hunk.added):<4} -{len(hunk.removed):<4} {where}".rstrip()
