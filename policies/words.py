"""Enumerations that policy and code share: tiers, severities, strategies, styles, checks, conclusions."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum


class Tier(IntEnum):
    """How capable, and how dear, a model is; ordered."""

    FREE = 0
    EFFICIENT = 1
    BALANCED = 2
    FRONTIER = 3

    @property
    def label(self) -> str:
        """The lower-case word used in configuration, JSON and tables."""
        return self.name.lower()

    @property
    def next_up(self) -> Tier | None:
        """The tier that an escalation goes to, None at the top."""
        return None if self is Tier.FRONTIER else Tier(self + 1)


class Severity(IntEnum):
    """How bad a finding is; ordered, for gates and for the order of presentation."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3

    @property
    def label(self) -> str:
        """The lower-case word used in configuration, JSON and tables."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> Severity:
        """Severity of a word in any case; ValueError for an unknown one."""
        try:
            return cls[word.strip().upper()]
        except KeyError:
            raise ValueError(f"{word!r} is not a severity: critical, high, medium or low") from None


class Strategy(StrEnum):
    """What a user chooses: a ceiling and a floor for routing, or `auto`, which decides per unit."""

    FREE = "free"
    EFFICIENT = "efficient"
    BALANCED = "balanced"
    FRONTIER = "frontier"
    AUTO = "auto"


class Payment(StrEnum):
    """Who is billed for a call: the gateway account, the user's own key, or nobody.

    Nobody pays a local server, nor an answer that was recorded earlier: that one is shown at a list price.
    """

    GATEWAY = "gateway"
    OWN_KEY = "own-key"
    LOCAL = "local"
    RECORDED = "recorded"


class Check(StrEnum):
    """The named quality checks of an answer; a failed one is the only reason to escalate."""

    SCHEMA = "schema"
    ANCHOR = "anchor"
    QUOTE = "quote"
    SUGGESTION_APPLIES = "suggestion-applies"
    SUGGESTION_PARSES = "suggestion-parses"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EMPTY_ON_EVIDENCE = "empty-on-evidence"
    SELF_REPORTED_UNCERTAIN = "self-reported-uncertain"
    VERIFICATION_SPLIT = "verification-split"


class Conclusion(Enum):
    """Check-run conclusions that this App uses, in GitHub's own words."""

    SUCCESS = "success"
    NEUTRAL = "neutral"
    FAILURE = "failure"
    ACTION_REQUIRED = "action_required"
    CANCELLED = "cancelled"


class Style(StrEnum):
    """How sure a finding must be to become an inline comment; the rest stays in the summary."""

    STRICT = "strict"
    BALANCED = "balanced"
    LENIENT = "lenient"

    @property
    def threshold(self) -> float:
        """Lowest score, 0 to 1, of an inline comment."""
        return {"strict": 0.8, "balanced": 0.5, "lenient": 0.3}[self.value]


class AtLimit(StrEnum):
    """What happens when a spending limit leaves no room for the next call."""

    STOP = "stop"
    DEGRADE = "degrade"


class Verify(StrEnum):
    """Which candidates a verification call tries to refute. CRITICAL and HIGH always, unless `never`."""

    ALWAYS = "always"
    POLICY = "policy"
    NEVER = "never"


class Bots(StrEnum):
    """What the opening of a pull request by a bot starts; a command starts a whole review in any case."""

    IGNORE = "ignore"
    ANALYSERS = "analysers"
    REVIEW = "review"
