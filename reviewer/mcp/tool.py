"""Tool: what a client may call, with the schemas of what goes in and comes out; and the call itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from policies.words import Strategy
from reviewer.mcp.cancellation import Cancellation
from reviewer.mcp.kept import KeptReviews
from reviewer.mcp.roots import Roots
from reviewer.settings import Settings
from reviewer.steps.progress import Progress


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the server was started with. `most` is the most that any review may cost, None for policy's limit."""

    model: str = ""
    strategy: Strategy | None = None
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What all calls of one server share."""

    settings: Settings
    roots: Roots
    defaults: Defaults
    reviews: KeptReviews


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: its arguments, which fit the schema, who hears of progress, and whether it is still wanted."""

    service: Service
    given: Mapping[str, Any]
    watch: Callable[[Progress], None]
    cancellation: Cancellation


@dataclass(frozen=True, slots=True)
class Tool:
    """`input` is a JSON Schema, `output` the record of the result. `read_only`: keeps and costs nothing."""

    name: str
    title: str
    description: str
    input: Mapping[str, Any]
    output: type
    run: Callable[[ToolCall], Mapping[str, Any]]
    read_only: bool
    # Whether it talks to GitHub or to a model.
    open_world: bool = False


def input_schema(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return the schema of arguments; a name that is not in it is refused."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
