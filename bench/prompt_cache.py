"""Prompts that provider caches can use: which share of a review's input is a prefix that other units have too.

A real code base (Werkzeug and Flask, as installed) gets a change of convention all over, so that there are twenty
units and more. The pipeline plans the review as it does for anybody; what is measured is the bytes that the
wire protocols would send. The named alternative is the same content with the unit before the shared part.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from policies.load import load_policy
from policies.words import Payment, Tier
from reviewer.change.parse import parse_diff
from reviewer.context.tokens import count_tokens
from reviewer.git.commit import GitSnapshot
from reviewer.models.model import Candidate, Prompt
from reviewer.models.protocols import protocol_of
from reviewer.models.table import shipped_table
from reviewer.models.wire import Ask
from reviewer.prompts.about import About
from reviewer.steps.context import ReviewContext
from reviewer.steps.plan_units import gatherer_of, plan_units
from reviewer.steps.prepare import prepare
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import decide_scope

UNITS = 20
UNIT_TOKENS = (6000, 1000)
CHECK = re.compile(r"^( +)if (not )?(\w+(?:\.\w+)*)(?: is None)?:$", re.MULTILINE)
PACKAGES = ("werkzeug", "flask")
PROTOCOLS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}
# Shorter prefixes are not cached by OpenAI and Anthropic.
SMALLEST_CACHED = 1024


class Everything:
    """Every tier is served by one model."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    def candidate(self, _tier: Tier) -> Candidate:
        return self._candidate


def run() -> dict[str, object]:
    """Measure shares of tokens, 0 to 1, and whether two plannings give the same bytes.

    `units_of_6000` is the shipped policy, where diffs fill most of a prompt; `units_of_1000` cuts smaller.
    """
    with tempfile.TemporaryDirectory() as folder:
        git_dir, base, head = _repository(Path(folder))
        report: dict[str, object] = {}
        for size in UNIT_TOKENS:
            first = _prompts(git_dir, base, head, size)
            report[f"units_of_{size}"] = _measure(first)
        again = _prompts(git_dir, base, head, UNIT_TOKENS[-1])
    report["byte_stable"] = {
        protocol: [_wire(prompt, protocol) for prompt in first] == [_wire(prompt, protocol) for prompt in again]
        for protocol in PROTOCOLS
    }
    return report


def _measure(prompts: Sequence[Prompt]) -> dict[str, object]:
    texts = [prompt.text for prompt in prompts]
    return {
        "units": len(prompts),
        "input_tokens": sum(map(count_tokens, texts)),
        "shared_part_tokens": sorted({count_tokens(prompt.shared) for prompt in prompts}),
        "share_in_a_prefix_seen_before": _seen_share(texts, least=0),
        "share_read_from_cache": _seen_share(texts, least=SMALLEST_CACHED),
        "share_with_the_unit_first": _seen_share([_unit_first(prompt) for prompt in prompts], least=0),
    }


def _seen_share(texts: Sequence[str], *, least: int) -> float:
    """Tokens of prompts that begin as an earlier prompt did, for at least so many tokens, by all tokens."""
    seen = 0
    for index, text in enumerate(texts):
        longest = max((_common(text, earlier) for earlier in texts[:index]), key=len, default="")
        tokens = count_tokens(longest)
        seen += tokens if tokens >= least else 0
    return round(seen / sum(map(count_tokens, texts)), 3)


def _common(text: str, other: str) -> str:
    size = min(len(text), len(other))
    return text[: next((index for index in range(size) if text[index] != other[index]), size)]


def _unit_first(prompt: Prompt) -> str:
    """The same content with what differs first, as a prompt that nobody ordered for caches has it."""
    return "\n\n".join(part for part in (prompt.unit, prompt.system, prompt.shared) if part)


def _wire(prompt: Prompt, protocol: str) -> bytes:
    provider = PROTOCOLS[protocol]
    candidate = replace(CANDIDATE, provider=provider, protocol=protocol)
    return (
        protocol_of(candidate).write(Ask(prompt, candidate, shipped_table().dialect(provider), "schema")).encoded()
    )


CANDIDATE = Candidate(
    Tier.EFFICIENT, "openai", "gpt-6-luna", Payment.OWN_KEY, "openai", "https://example.org", 400_000, 16_000
)


def _prompts(git_dir: Path, base: str, head: str, unit_tokens: int) -> list[Prompt]:
    diff = _git(git_dir, "diff", "--no-color", "--no-ext-diff", base, head)
    policy = replace(load_policy(), unit_tokens=unit_tokens)
    request = ReviewRequest(
        parse_diff(diff, base=base, head=head), About(title="Tighten checks", body="One check per module.")
    )
    with GitSnapshot.open(git_dir, head) as new, GitSnapshot.open(git_dir, base) as old:
        scope = decide_scope(request.change, policy, head=new, base=old)
        context = ReviewContext(policy, Everything(CANDIDATE), new, old)
        prepared = prepare(request, scope, context)
        plans = plan_units(prepared, gatherer_of(prepared, context), context)
        return [plan.prompt for plan in islice(plans, UNITS)]


def _repository(folder: Path) -> tuple[Path, str, str]:
    work = folder / "work"
    for package in PACKAGES:
        root = _root(package)
        for source in sorted(root.rglob("*.py")):
            target = work / package / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    _git(work, "init", "--quiet")
    base = _commit(work, "base")
    for file in sorted(work.rglob("*.py")):
        file.write_text(_edit(file.read_text(encoding="utf-8")), encoding="utf-8")
    return work / ".git", base, _commit(work, "head")


def _edit(text: str) -> str:
    """Tighten every check of a module, as a change of convention over a whole code base does."""
    return CHECK.sub(r"\1if \2isinstance(\3, object) and \3 is not False:", text)


def _root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout


def _commit(work: Path, message: str) -> str:
    _git(work, "add", "--all")
    _git(work, "commit", "--quiet", "--no-verify", "-m", message)
    return _git(work, "rev-parse", "HEAD").strip()


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
