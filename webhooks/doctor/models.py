"""Check the models: that one can be used, and that every provider with a key answers and takes it."""

from __future__ import annotations

from collections.abc import Iterator

from reviewer.models.catalogue import catalogue
from reviewer.models.model import Candidate
from reviewer.models.reach import unreachable
from reviewer.models.table import ENDPOINT, shipped_table
from reviewer.settings import Settings, organisation_policy
from webhooks.doctor.outcome import Outcome, broken, ok


def check_models(settings: Settings) -> Iterator[Outcome]:
    """Ask each provider of a usable model for its list of models: nothing is billed."""
    found = catalogue(settings, organisation_policy(settings).providers, private=True, discover_local=True)
    usable = [entry.candidate for entry in found if entry.usable]
    if not usable:
        yield broken(
            "models",
            "no model can be used for a private repository",
            "Set KILO_API_KEY or a provider's key, or start a local server; `kilo-review models` says why not.",
        )
        return
    for candidate in {candidate.provider: candidate for candidate in usable}.values():
        name = _name(candidate)
        key = _key(candidate, settings)
        why = unreachable(candidate, key, offline=settings.offline)
        row = shipped_table().providers.get(candidate.provider)
        variable = row.key if row and row.key else "KILO_REVIEW_MODEL_KEY"
        if why:
            remedy = f"Correct {variable}" if "key" in why else f"Check the way to {candidate.base_url}"
            yield broken("models", f"{name} {why}", f"{remedy}; `kilo-review models` lists what is set up.")
        else:
            count = sum(other.provider == candidate.provider for other in usable)
            yield ok("models", f"{name} answers, {count} usable model{'s' if count > 1 else ''}")


def _name(candidate: Candidate) -> str:
    row = shipped_table().providers.get(candidate.provider)
    return row.name if row else "your endpoint"


def _key(candidate: Candidate, settings: Settings) -> str:
    if candidate.provider == ENDPOINT:
        return settings.model_key.reveal()
    key = settings.provider_keys.get(candidate.provider)
    return key.reveal() if key else ""
