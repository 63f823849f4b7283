"""The arguments of a tool as the options of the command that does the same."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from policies.words import Strategy
from reviewer.ci.options import add_review_options
from reviewer.errors import ConfigurationError
from reviewer.local import command as local
from reviewer.mcp.tool import Defaults

UNCOMMITTED, STAGED, UNPUSHED, SINCE, BRANCH, COMMIT = (
    *("uncommitted", "staged", "unpushed"),
    *("since", "branch", "commit"),
)
_WITH_REVISION: Final = (SINCE, BRANCH, COMMIT)
SELECTION: Final[Mapping[str, Any]] = {
    "path": {
        "type": "string",
        "description": "folder in the repository: absolute, or relative to the server's first root; may be left "
        "out where the server has one root",
    },
    "what": {
        "enum": [UNCOMMITTED, STAGED, UNPUSHED, SINCE, BRANCH, COMMIT],
        "default": UNCOMMITTED,
        "description": "uncommitted: staged, unstaged and untracked. unpushed: commits that the upstream does not "
        "have. since: all since the merge base with `revision`, the work tree included. branch: the commits of "
        "HEAD since the merge base with `revision`. commit: the commit `revision`.",
    },
    "revision": {
        "type": "string",
        "description": "for since, branch and commit: any revision of git, such as main",
    },
    "paths": {
        "type": "array",
        "items": {"type": "string"},
        "description": "only these, relative to `path`; git's pathspecs",
    },
}
MODELS: Final[Mapping[str, Any]] = {
    "strategy": {"enum": [word.value for word in Strategy], "description": "how dear models may be"},
    "model": {"type": "string", "description": "PROVIDER/MODEL: one model instead of a strategy"},
}
SPENDING: Final[Mapping[str, Any]] = {
    "budget": {
        "type": "number",
        "minimum": 0,
        "description": "the most that this review may cost, in US dollars; a review that it ends says so",
    },
    "after_last": {
        "type": "boolean",
        "default": False,
        "description": "true in each later round of a loop of fixing and reviewing: a finding of an earlier round "
        "that is there again ends the loop",
    },
}


def selection_options(given: Mapping[str, Any], folder: Path, defaults: Defaults) -> argparse.Namespace:
    """Return the options of `kilo-review local`; ConfigurationError where a revision is missing or too much."""
    parser = argparse.ArgumentParser()
    local.add_arguments(parser)
    options = parser.parse_args([])
    options.repo, options.pathspecs = str(folder), list(given.get("paths", ()))
    what, revision = given.get("what", UNCOMMITTED), given.get("revision", "")
    if bool(revision) != (what in _WITH_REVISION):
        needs = f"`what` {what} needs a `revision`" if what in _WITH_REVISION else f"{what} takes no `revision`"
        raise ConfigurationError(needs, remedy="Name one, such as main, for since, branch or commit only.")
    options.staged, options.unpushed = what == STAGED, what == UNPUSHED
    if what == COMMIT:
        options.commit = revision
    elif what in (SINCE, BRANCH):
        options.base, options.head = revision, "HEAD" if what == BRANCH else None
    return _with_models(options, given, defaults)


def pull_request_options(given: Mapping[str, Any], defaults: Defaults) -> argparse.Namespace:
    """Return the options of `kilo-review pr` without a target."""
    parser = argparse.ArgumentParser()
    add_review_options(parser)
    return _with_models(parser.parse_args([]), given, defaults)


def _with_models(options: argparse.Namespace, given: Mapping[str, Any], defaults: Defaults) -> argparse.Namespace:
    options.model = given.get("model", "") or ("" if given.get("strategy") else defaults.model)
    options.strategy = given.get("strategy") or (defaults.strategy.value if defaults.strategy else None)
    budget = limit_of(given, defaults)
    options.max_cost = "" if budget is None else format(budget, "f")
    return options


def limit_of(given: Mapping[str, Any], defaults: Defaults) -> Decimal | None:
    """Return the smaller of the caller's budget and the server's, None where neither is set."""
    # By way of its text, so that 0.1 is ten cents exactly.
    budget = Decimal(str(given["budget"])) if "budget" in given else None
    known = [amount for amount in (budget, defaults.most) if amount is not None]
    return min(known, default=None)
