"""Numbers and words as a reader sees them: money, tokens, seconds, severities, places. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from policies.words import Payment, Severity
from reviewer.findings.model import Finding
from reviewer.prompts.redact import PLACEHOLDER
from reviewer.publish.escape import code, link

UNKNOWN: Final = "unknown"

_ICONS: Final = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.MEDIUM: "🟡", Severity.LOW: "🔵"}
_PAYERS: Final = {
    Payment.GATEWAY: "gateway",
    Payment.OWN_KEY: "own key",
    Payment.LOCAL: "local",
    Payment.RECORDED: "nobody, recorded",
}


def severity(level: Severity) -> str:
    """Return the sign and the word of a severity; the word carries the meaning, the sign helps the eye."""
    return f"{_ICONS[level]} {level.label.capitalize()}"


def grade(finding: Finding) -> str:
    """Return the sign and the word of a finding's severity, "Ungraded" where the model stated none of the scale."""
    return severity(finding.severity) if finding.graded else "⚪ Ungraded"


def icon(level: Severity) -> str:
    """Return the sign of a severity."""
    return _ICONS[level]


def money(amount: Decimal | None) -> str:
    """Return US dollars short enough for a status line; an unknown price is "unknown", never zero."""
    if amount is None:
        return UNKNOWN
    places = 2 if abs(amount) >= 1 else 4
    short = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    # What costs something must not read as free.
    return exact(amount) if amount and not short else _trimmed(short)


def exact(amount: Decimal | None) -> str:
    """Return US dollars to the millionth, as the ledger has them."""
    if amount is None:
        return UNKNOWN
    rounded = amount.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)
    if amount and not rounded:
        return "< $0.000001"
    return _trimmed(rounded)


def tokens(count: int) -> str:
    """Return a token count with thousands separated."""
    return f"{count:,}"


def short_tokens(count: int) -> str:
    """Return a token count for a status line: 950, 12.3k, 1.2M."""
    if count < 1000:
        return str(count)
    if count < 999_950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1_000_000:.1f}M"


def seconds(milliseconds: int) -> str:
    """Return a duration: 40 ms, 0.8 s, 21 s, 3 min 5 s."""
    if milliseconds < 100:
        return f"{milliseconds} ms"
    whole = milliseconds / 1000
    if whole < 10:
        return f"{whole:.1f} s"
    if whole < 120:
        return f"{whole:.0f} s"
    minutes, rest = divmod(round(whole), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def percent(share: float) -> str:
    """Return a share rounded down: "100 %" is a claim of completeness."""
    return f"{int(max(0.0, min(share, 1.0)) * 100)} %"


def count(number: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    plural = noun if number == 1 else (noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s")
    return f"{number:,} {plural}"


def payer(payment: Payment) -> str:
    """Return who pays, in words."""
    return _PAYERS[payment]


MOST_LINKED: Final = 600


def place(finding: Finding, *, repository_url: str = "", head: str = "") -> str:
    """Return `path:line` as code, linked to the head where the repository's address is known."""
    lines = f"{finding.start_line}-{finding.line}" if _is_range(finding) else str(finding.line)
    shown = code(f"{finding.path}:{lines}")
    # Percent-encoded, a path of thousands of letters fills a comment by itself.
    if not repository_url or not head or PLACEHOLDER in finding.path or len(finding.path) > MOST_LINKED:
        return shown
    return link(shown, f"{repository_url}/blob/{head}/{finding.path}", fragment=_fragment(finding))


def found_by(finding: Finding) -> str:
    """Return who raised a finding: a model's or an analyser's name as code."""
    return code(finding.source.removeprefix("model:"))


def _fragment(finding: Finding) -> str:
    return f"L{finding.start_line}-L{finding.line}" if _is_range(finding) else f"L{finding.line}"


def _is_range(finding: Finding) -> bool:
    return finding.start_line is not None and finding.start_line < finding.line


def _trimmed(amount: Decimal) -> str:
    """Return at least two places, and no zeros after them."""
    whole, _, places = f"{abs(amount):f}".partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}${int(whole):,}.{places.rstrip('0').ljust(2, '0')}"
