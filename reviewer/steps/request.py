"""ReviewRequest: everything that the pipeline is asked with, whichever front door it came through."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.words import Strategy
from reviewer.change.model import Change
from reviewer.findings.earlier import EarlierFinding
from reviewer.findings.memory import Memory
from reviewer.findings.model import Skipped
from reviewer.prompts.about import About


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """One change to review. `strategy` is what a command or flag asked for, None for policy's.

    `earlier` is what the pull request already shows, `told` what only its summary told, and `memory` what earlier
    reviews saw of its code. `untouched` are changed files that were never read
    (credentials, over a size), each with its reason. `criteria` say what the change is to do, in the words of
    whoever asked for it: hostile prose. `only` are the paths that the review is kept to, none for the whole change.
    """

    change: Change
    about: About = field(default_factory=About)
    labels: tuple[str, ...] = ()
    private: bool = False
    strategy: Strategy | None = None
    earlier: tuple[EarlierFinding, ...] = ()
    told: tuple[EarlierFinding, ...] = ()
    memory: Memory = field(default_factory=Memory)
    untouched: tuple[Skipped, ...] = ()
    notices: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
