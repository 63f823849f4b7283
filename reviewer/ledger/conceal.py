"""Secrets are taken out of what is stored: the ledger is given a function that knows them."""

from __future__ import annotations

import json
from collections.abc import Callable

Conceal = Callable[[str], str]


def nothing(text: str) -> str:
    """Return the text as it is, where no secret is known."""
    return text


def conceal_json(text: str, conceal: Conceal) -> str:
    """Take the secrets out of a JSON document; text that is no JSON is treated as a whole.

    Value by value: a secret with a quote or a line end in it is spelt otherwise in JSON. Names of fields are ours.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return conceal(text)
    found: list[bool] = []

    def walk(value: object) -> object:
        if isinstance(value, str):
            kept = conceal(value)
            found.append(kept != value)
            return kept
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {name: walk(item) for name, item in value.items()}
        return value

    without = walk(document)
    return json.dumps(without) if any(found) else text
