"""The error of a question that no model answered."""

from __future__ import annotations

from collections.abc import Sequence

from reviewer.errors import (
    ConfigurationError,
    KiloReviewError,
    ModelUnavailable,
    PermanentError,
    PolicyRefused,
    RateLimited,
)
from reviewer.models.faults import FaultKind, ProviderFault, one_line
from reviewer.models.model import Candidate
from reviewer.models.table import shipped_table


def error_of(
    faults: Sequence[tuple[Candidate, ProviderFault]], *, waits: Sequence[float], notes: Sequence[str]
) -> KiloReviewError:
    """Return the error that says most: a passing fault first, since it can be cured by waiting.

    `waits` are the seconds until breakers let a probe through; `notes` what else happened on the way.
    """
    passing = [(candidate, fault) for candidate, fault in faults if fault.passing]
    if passing or waits:
        return _passing(passing, waits, notes)
    if not faults:
        return PermanentError("; ".join(notes) or "no model could be asked")
    candidate, fault = faults[-1]
    text = one_line(f"{candidate.name} {fault}", limit=400)
    if fault.kind is FaultKind.POLICY:
        return PolicyRefused(text, rule="refused-by-provider")
    if fault.kind is FaultKind.KEY_REFUSED:
        provider = shipped_table().providers.get(candidate.provider)
        variable = provider.key if provider else "KILO_REVIEW_MODEL_KEY"
        return ConfigurationError(text, remedy=f"Check {variable}.")
    if fault.kind in (FaultKind.NOT_FOUND, FaultKind.REDIRECT, FaultKind.ADDRESS_REFUSED):
        return ConfigurationError(text, remedy="Check the model's name and the base URL; see `kilo-review models`.")
    return PermanentError(text)


def _passing(
    passing: Sequence[tuple[Candidate, ProviderFault]], waits: Sequence[float], notes: Sequence[str]
) -> KiloReviewError:
    later = [fault.retry_after for _, fault in passing if fault.retry_after is not None]
    retry_after = min((*later, *waits), default=None)
    if not passing:
        return ModelUnavailable("; ".join(notes), retry_after=retry_after)
    candidate, fault = passing[-1]
    text = one_line(f"{candidate.name} {fault}", limit=400)
    if all(found.kind is FaultKind.RATE_LIMITED for _, found in passing):
        return RateLimited(text, retry_after=retry_after)
    return ModelUnavailable(text, retry_after=retry_after)
