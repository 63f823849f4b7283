"""Look whether a provider answers and takes its key, at no cost: by its list of models."""

from __future__ import annotations

from typing import Final

from reviewer.egress import EgressRefused
from reviewer.models.address import refused_url
from reviewer.models.anthropic_messages import VERSION
from reviewer.models.model import Candidate
from reviewer.models.table import shipped_table

SECONDS: Final = 8.0
# Paths of the list of models behind a base URL, and the header of the key, where they differ from OpenAI's.
LISTS: Final = {"anthropic": "/v1/models"}
KEY_HEADERS: Final = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}


def unreachable(candidate: Candidate, key: str, *, offline: bool) -> str:
    """Return why the provider of a model cannot be asked, "" where it answers and does not refuse the key.

    An answer other than a refusal of the key counts as reached: not every server has a list of models.
    """
    import httpx  # noqa: PLC0415 - only where something is asked

    from reviewer.models.client import client_for  # noqa: PLC0415 - as above

    if why := refused_url(candidate.base_url, offline=offline):
        return f"its address {why}"
    url = candidate.base_url.rstrip("/") + LISTS.get(candidate.protocol, "/models")
    try:
        response = client_for(url, offline=offline).get(url, headers=_headers(candidate, key), timeout=SECONDS)
    except EgressRefused as error:
        return str(error)
    except (httpx.HTTPError, ValueError) as error:
        return f"does not answer ({type(error).__name__})"
    if response.status_code in (401, 403):
        return f"refuses the key (HTTP {response.status_code})"
    return f"answers HTTP {response.status_code}" if response.status_code >= 500 else ""


def _headers(candidate: Candidate, key: str) -> dict[str, str]:
    row = shipped_table().providers.get(candidate.provider)
    name = KEY_HEADERS.get(candidate.protocol) or (row.dialect.key_header if row else "authorization")
    headers = {"anthropic-version": VERSION} if candidate.protocol == "anthropic" else {}
    if key:
        headers[name] = f"Bearer {key}" if name == "authorization" else key
    return headers
