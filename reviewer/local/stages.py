"""Each stage before the first question, as a person reads it: short lines, names once, the why beside the what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from policies.budgets import Estimate, dollars
from reviewer.change.model import FileChange, Hunk
from reviewer.change.render import render_unit
from reviewer.context.model import ContextItem
from reviewer.git.limits import OF_A_UNIT, sentences
from reviewer.prompts.fence import reveal
from reviewer.prompts.snippets import short_reason

if TYPE_CHECKING:
    from reviewer.local.explained import Explained
    from reviewer.steps.plan import Plan

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
    """Return what is reviewed together and why, the riskiest first, and how much of the change is in none."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    prepared = explained.planned.prepared
    total = len(prepared.units)
    if not total:
        return NOTHING
    parts = [
        f"{many(total, 'unit')}, each one question, the riskiest first; risk is 0 to 1, of the worst hunk alone "
        "(`explain route` rates units whole)"
    ]
    for number, unit in enumerate(prepared.units, 1):
        size = f"{many(len(unit.hunks), 'hunk')} in {many(len(unit.paths), 'file')}"
        tokens = many(count_tokens(render_unit(unit, numbered=False)), "token")
        lines = [
            f"unit {number} of {total} · {size}, {tokens} · risk {unit.risk:.2f} · id {unit.identity[:_COMMIT]}"
        ]
        if len(unit.hunks) > 1:
            lines.append(f"  together: {plain(unit.reason)}")
        for path, hunks in groupby(unit.hunks, key=lambda hunk: hunk.path):
            lines += [f"  {plain(path)}", *map(_hunk_line, hunks)]
        parts.append("\n".join(lines))
    if prepared.left_over:
        over = [f"  {', '.join(map(plain, unit.paths))}" for unit in prepared.left_over]
        parts.append("\n".join([f"not reviewed, beyond {total} units (caps.max_units):", *over]))
    return "\n\n".join([*parts, *_not_in_scope(explained)])


def context_text(explained: Explained) -> str:
    """Return the snippets that go with each unit, the most useful first, what they cost, and what did not fit."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    plans = explained.planned.plans
    if not plans:
        return NOTHING
    parts = ["what a model sees beside the diff, the most useful first; sizes in tokens, headings included"]
    before: tuple[ContextItem, ...] = ()
    for number, plan in enumerate(plans, 1):
        if plan.shared and plan.shared != before:
            whom = f"units {number} to {len(plans)}" if number < len(plans) else f"unit {number}"
            size = many(count_tokens(plan.prompt.shared), "token")
            lines = [f"before {whom} · the same for all, {size}"]
            parts.append("\n".join([*lines, *(row for item in plan.shared for row in _item_lines(item, ()))]))
            before = plan.shared
        parts.append("\n".join(_context_lines(explained, number, plan, count_tokens)))
    general = [item for item in explained.planned.limits if item.limit not in OF_A_UNIT]
    if general:
        parts.append("\n".join(["limits that were reached:", *(f"  {plain(line)}" for line in sentences(general))]))
    return "\n\n".join(parts)


def _context_lines(explained: Explained, number: int, plan: Plan, count: Callable[[str], int]) -> list[str]:
    planned = explained.planned
    choice = planned.choices.get(plan.unit.identity)
    total = sum(item.tokens for item in plan.items)
    nothing = "no snippet, for a bare diff has no repository to look in" if explained.bare else "no snippet"
    shown = f"{many(len(plan.items), 'snippet')}, {many(total, 'token')}" if plan.items else nothing
    most = f" of at most {choice.budget:,}" if choice else ""
    diff = count(render_unit(plan.unit, numbered=False))
    lines = [_title(number, planned.plans, plan), f"  {shown}{most}, beside {many(diff, 'token')} of diff"]
    beside = plan.around.beside(plan.unit.hunks)
    if beside:
        where = dict.fromkeys(f"{plain(item.path)}:{item.start_line}-{item.end_line}" for item in beside)
        lines.append(f"  with the functions around the hunks: {', '.join(where)}")
    for item in plan.items:
        lines += _item_lines(item, plan.unit.paths)
    if choice and choice.left_out:
        lines.append(f"  no room for {many(choice.left_out, 'more snippet')}; the best of them:")
        for item in choice.next:
            lines += [f"  {line}" for line in _item_lines(item, plan.unit.paths)]
    reached = [item for item in planned.limits if item.limit in OF_A_UNIT and item.where == plan.unit.identity]
    lines += [f"  limit: {line}" for line in sentences(replace(item, where="") for item in reached)]
    return lines


def _item_lines(item: ContextItem, paths: Sequence[str]) -> list[str]:
    span = f"{item.start_line}" if item.start_line == item.end_line else f"{item.start_line}-{item.end_line}"
    why = plain(short_reason(item, paths))
    return [f"  {plain(item.path)}:{span}", f"    {item.kind.value}, {many(item.tokens, 'token')}: {why}"]


def route_text(explained: Explained) -> str:
    """Return who would be asked about each unit and why, how much would be sent, and about what that costs."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    planned = explained.planned
    plans = planned.plans
    if not plans:
        return NOTHING
    parts = []
    for number, (plan, cost) in enumerate(zip(plans, planned.each, strict=True), 1):
        route = plan.route
        asked = (
            f"  {route.tier.label} tier · {route.model or 'no usable model'} · sensitivity {route.sensitivity:.2f}"
        )
        size = (
            f"  prompt {many(count_tokens(plan.prompt.text), 'token')}, "
            f"answer up to {plan.prompt.max_output_tokens:,}"
        )
        price = f" · {_price(cost)}" if plan.candidate else ""
        reasons = [f"    {plain(reason)}" for reason in route.reasons]
        parts.append("\n".join([_title(number, plans, plan), asked, *reasons, f"{size}{price}"]))
    tiers = sorted(plan.route.tier for plan in plans)
    closing = ", ".join(f"{len(list(group))} {tier.label}" for tier, group in groupby(tiers, key=lambda tier: tier))
    last = [f"{many(len(plans), 'unit')}: {closing}"]
    if explained.candidate_reason:
        last.append(f"analysers only: {explained.candidate_reason}")
    else:
        last.append(f"estimated cost: {planned.estimate}; nothing was asked")
    return "\n\n".join([*parts, *_not_in_scope(explained), "\n".join(last)])


def _price(cost: Estimate) -> str:
    return "price unknown" if cost.unknown else f"about {dollars(cost.likely)}, at most {dollars(cost.high)}"


def _not_in_scope(explained: Explained) -> list[str]:
    """Return a line on the files that no unit holds, for a reader of the units alone."""
    paths = dict.fromkeys(skip.path for skip in explained.planned.prepared.scope.skipped)
    if not paths:
        return []
    return [f"{many(len(paths), 'file')} left out, see `explain change`: {_named(list(paths))}"]


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


def _title(number: int, plans: Sequence[Plan], plan: Plan, more: str = "") -> str:
    paths = plan.unit.paths
    named = _named(paths) if len(paths) == 1 else f"{len(paths)} files: {_named(paths)}"
    return " · ".join(part for part in (f"unit {number} of {len(plans)}", named, more) if part)


def _named(paths: Sequence[str]) -> str:
    """Return one path whole, several by their last parts, the first few of many."""
    short = paths if len(paths) == 1 else [path.rpartition("/")[2] for path in paths]
    rest = f" and {len(paths) - NAMED_PATHS} more" if len(paths) > NAMED_PATHS else ""
    return f"{', '.join(map(plain, short[:NAMED_PATHS]))}{rest}"


def _file_line(file: FileChange) -> str:
    moved = f" (from {plain(file.old_path)})" if file.old_path and file.old_path != file.path else ""
    size = "binary" if file.binary else f"+{file.additions:<6,}-{file.deletions:<6,}"
    return f"  {file.status.value:<9} {size:<14} {plain(file.path)}{moved}"


def _hunk_line(hunk: Hunk) -> str:
    section = plain(hunk.section)
    where = section if len(section) <= SECTION_WIDTH else f"{section[: SECTION_WIDTH - 1]}…"
    return f"    line {hunk.new_start:<6} +{len(hunk.added):<4} -{len(hunk.removed):<4} {where}".rstrip()
