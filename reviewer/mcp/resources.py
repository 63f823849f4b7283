"""The resources: the policy that holds, the last review, and the JSON Schema of a review."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from reviewer.errors import ConfigurationError, PathRefused
from reviewer.local.json_schema import review_schema
from reviewer.local.policy_command import policy_in
from reviewer.local.report import as_json
from reviewer.mcp.tool import Service


@dataclass(frozen=True, slots=True)
class Resource:
    """A JSON document with an address."""

    uri: str
    name: str
    description: str
    read: Callable[[Service], Any]


def _policy(service: Service) -> dict[str, Any]:
    return {str(folder): _policy_of(service, str(folder)) for folder in service.roots.folders}


def _policy_of(service: Service, path: str) -> dict[str, Any]:
    try:
        folder, _repository = service.roots.repository(path)
        rows, notices = policy_in(folder, service.settings)
    except (ConfigurationError, PathRefused) as error:
        return {"error": str(error)}
    return {"policy": rows, "notices": list(notices)}


def _last(service: Service) -> Any:
    return as_json(service.reviews.get().review)


RESOURCES: Final = (
    Resource(
        "kilo://policy",
        "policy",
        "for each root of the server: every key of the policy that holds at HEAD, with its value and the layer "
        "that set it",
        _policy,
    ),
    Resource(
        "kilo://review/last", "last-review", "the last review of this server, as `--format json` has it", _last
    ),
    Resource(
        "kilo://review/schema",
        "review-schema",
        "the JSON Schema of kilo://review/last and of `--format json`",
        lambda _service: review_schema(),
    ),
)
