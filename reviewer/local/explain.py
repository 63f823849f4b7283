"""`kilo-review explain`: the value of each stage, before a cent is spent."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reviewer.change.model import Change
from reviewer.context.model import ContextItem
from reviewer.errors import ConfigurationError
from reviewer.git.snapshot import Snapshot
from reviewer.local import stages
from reviewer.local.arguments import add_models, add_selection, open_selection
from reviewer.local.documents import EstimateDocument
from reviewer.local.explained import Explained
from reviewer.local.layout import print_text
from reviewer.local.report import SARIF_SCHEMA, as_notice
from reviewer.local.selection import Selected
from reviewer.settings import Settings
from reviewer.steps.request import ReviewRequest

if TYPE_CHECKING:
    pass

STAGES: Final = ("change", "units", "context", "route", "prompt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stage", choices=STAGES, help="which stage's value to print")
    add_selection(parser)
    add_models(parser)
    parser.add_argument(
        "--diff", metavar="FILE", help="a unified diff instead of a repository; - for standard input"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def main(options: argparse.Namespace) -> int:
    """Print a stage; spends nothing and contacts only a local server for its list of models."""
    settings = Settings.from_environ()
    with ExitStack() as stack:
        if options.diff:
            _refuse_selection(options)
            request, head, base = ReviewRequest(_read_diff(options.diff), private=True), None, None
        else:
            selected = stack.enter_context(open_selection(options, settings))
            request, head, base = request_to_explain(selected), selected.head, selected.base
        explained = explain(options, settings, request, head=head, base=base)
    text: Callable[[Explained], str] = _TEXT[options.stage]
    if options.format == "json":
        sys.stdout.write(json.dumps(_JSON[options.stage](explained), indent=2, ensure_ascii=False) + "\n")
    else:
        print_text(text(explained), exactly=options.stage == "prompt")
    return 0


def explain(
    options: argparse.Namespace,
    settings: Settings,
    request: ReviewRequest,
    *,
    head: Snapshot | None,
    base: Snapshot | None,
) -> Explained:
    """Go through the pipeline up to the prompts."""
    from policies.words import Strategy  # noqa: PLC0415 - with the rest of what a plan needs
    from reviewer.jobs.models import open_models  # noqa: PLC0415
    from reviewer.jobs.policy import effective_policy  # noqa: PLC0415
    from reviewer.models.meter import NullMeter  # noqa: PLC0415
    from reviewer.steps.context import ReviewContext  # noqa: PLC0415
    from reviewer.steps.estimate import plan_review  # noqa: PLC0415

    if options.offline:
        settings = replace(settings, offline=True)
    policy = effective_policy(settings, base=base, private=True)
    models = open_models(
        settings,
        policy,
        NullMeter(),
        private=True,
        model=options.model,
        strategy=Strategy(options.strategy) if options.strategy else None,
        discover_local=not settings.provider_keys and not settings.model_url,
    )
    request = replace(request, strategy=Strategy(options.strategy) if options.strategy else None)
    return Explained(
        request.change,
        plan_review(request, ReviewContext(policy, models.client, head, base)),
        models.reason,
        bare=head is None,
    )


def print_estimate(options: argparse.Namespace, settings: Settings, selected: Selected) -> int:
    """Print what a review would ask and about what it would cost (`--dry-run`)."""
    explained = explain(options, settings, request_to_explain(selected), head=selected.head, base=selected.base)
    text = stages.route_text(explained)
    if options.format == "json":
        _write_json(route_json(explained))
    elif options.format == "sarif":
        # Nothing was looked for: a run without results that says what it would have been.
        driver = {"name": "kilo-review", "rules": []}
        run = {"tool": {"driver": driver}, "results": [], "properties": {"estimate": route_json(explained)}}
        _write_json({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})
    elif options.format == "markdown":
        fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall("`+", text)), default=0))
        sys.stdout.write(f"{fence}text\n{text}\n{fence}\n")
    elif options.format == "github":
        sys.stdout.write(as_notice("kilo-review: what would be asked", text) + "\n")
    else:
        print_text(text)
    return 0


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def request_to_explain(selected: Selected) -> ReviewRequest:
    """Return the request for a selection, to be explained."""
    return ReviewRequest(selected.change, private=True, untouched=selected.untouched, notices=selected.notices)


def _refuse_selection(options: argparse.Namespace) -> None:
    """A diff is the whole change: a selection beside it would be ignored without a word."""
    named = [
        f"--{name}" for name in ("staged", "unpushed", "base", "head", "commit", "repo") if getattr(options, name)
    ]
    if named or options.pathspecs:
        also = named[0] if named else "a path"
        raise ConfigurationError(f"--diff and {also} exclude each other", remedy="Name one of them.")


def _read_diff(name: str) -> Change:
    from reviewer.change.parse import parse_diff  # noqa: PLC0415 - only here

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {name}: {error.strerror}", remedy="Name a unified diff.") from None
    return parse_diff(data)


def _change_json(explained: Explained) -> dict[str, Any]:
    change, prepared = explained.change, explained.planned.prepared
    return {
        "base": change.base,
        "head": change.head,
        "files": [
            {
                "path": file.path,
                "old_path": file.old_path,
                "status": file.status.value,
                "additions": file.additions,
                "deletions": file.deletions,
                "hunks": [hunk.header for hunk in file.hunks],
                "binary": file.binary,
            }
            for file in change.files
        ],
        "skipped": [
            {"path": skip.path, "reason": skip.reason} for skip in explained.planned.prepared.scope.skipped
        ],
        "redacted": prepared.redacted,
    }


def _units_json(explained: Explained) -> list[dict[str, Any]]:
    return [
        {
            "unit": unit.identity,
            "risk": round(unit.risk, 3),
            "reason": unit.reason,
            "hunks": [{"path": hunk.path, "header": hunk.header} for hunk in unit.hunks],
        }
        for unit in explained.planned.prepared.units
    ]


def _context_json(explained: Explained) -> dict[str, Any]:
    planned = explained.planned
    return {
        "units": [
            {
                "unit": plan.unit.identity,
                "paths": list(plan.unit.paths),
                "budget": choice.budget if (choice := planned.choices.get(plan.unit.identity)) else 0,
                "around": [_item_json(item) for item in plan.around.beside(plan.unit.hunks)],
                "shared": [_item_json(item) for item in plan.shared],
                "items": [_item_json(item) for item in plan.items],
                "left_out": choice.left_out if choice else 0,
                "next": [_item_json(item) for item in choice.next] if choice else [],
            }
            for plan in planned.plans
        ],
        "limits": [
            {"limit": item.limit.name.lower(), "most": item.most, "left_out": item.left_out, "where": item.where}
            for item in planned.limits
        ],
    }


def _item_json(item: ContextItem) -> dict[str, Any]:
    return {
        "path": item.path,
        "start_line": item.start_line,
        "end_line": item.end_line,
        "kind": item.kind.value,
        "reason": item.reason,
        "symbol": item.symbol,
        "tokens": item.tokens,
        "text": item.text,
    }


def route_json(explained: Explained) -> EstimateDocument:
    """Return who would be asked about each unit and about what that costs, as plain JSON values."""
    from reviewer.context.tokens import count_tokens  # noqa: PLC0415 - only where tokens are counted

    known = explained.planned.estimate.unknown == 0
    return {
        "units": [
            {
                "unit": plan.route.unit,
                "paths": list(plan.route.paths),
                "tier": plan.route.tier.label,
                "model": plan.route.model,
                "sensitivity": round(plan.route.sensitivity, 3),
                "reasons": list(plan.route.reasons),
                "prompt_tokens": count_tokens(plan.prompt.text),
                "max_output_tokens": plan.prompt.max_output_tokens,
                "likely_usd": float(cost.likely) if plan.candidate and not cost.unknown else None,
            }
            for plan, cost in zip(explained.planned.plans, explained.planned.each, strict=True)
        ],
        "estimate_usd": {
            "low": float(explained.planned.estimate.low),
            "likely": float(explained.planned.estimate.likely) if known else None,
            "high": float(explained.planned.estimate.high) if known else None,
        },
        "reason": explained.candidate_reason,
    }


def _prompt_json(explained: Explained) -> list[dict[str, Any]]:
    return [
        {
            "unit": plan.unit.identity,
            "model": plan.route.model,
            "system": plan.prompt.system,
            "shared": plan.prompt.shared,
            "text": plan.prompt.unit,
            "version": plan.prompt.version,
            "redacted": plan.redacted,
        }
        for plan in explained.planned.plans
    ]


_TEXT: Final[dict[str, Callable[[Explained], str]]] = {
    "change": stages.change_text,
    "units": stages.units_text,
    "context": stages.context_text,
    "route": stages.route_text,
    "prompt": stages.prompt_text,
}
_JSON: Final[dict[str, Callable[[Explained], Any]]] = {
    "change": _change_json,
    "units": _units_json,
    "context": _context_json,
    "route": route_json,
    "prompt": _prompt_json,
}
