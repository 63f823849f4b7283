"""StepOutputs: what asking, verifying and the analysers gave, before it is merged."""

from __future__ import annotations

from dataclasses import dataclass, field

from reviewer.evidence.run import Evidence
from reviewer.git.limits import Reached
from reviewer.steps.answer import UnitAnswer
from reviewer.steps.statements import Statements
from reviewer.steps.verify import Verified


@dataclass(frozen=True, slots=True)
class StepOutputs:
    """What the steps before merging gave. `limits` are those of the context engine that were reached."""

    answers: tuple[UnitAnswer, ...] = ()
    verified: Verified = field(default_factory=Verified)
    evidence: Evidence = field(default_factory=Evidence)
    limits: tuple[Reached, ...] = ()
    statements: Statements = field(default_factory=Statements)
