"""Hold a request and its answer to an OpenAPI 3.0 description."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

URI = "urn:openapi"


def as_json_schema(node: Any) -> Any:
    """Turn OpenAPI 3.0's `nullable` into JSON Schema; examples are left out so that nothing in them is read."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    turned = {
        key: as_json_schema(value) if key != "$ref" else f"{URI}{value}"
        for key, value in node.items()
        if key not in ("example", "examples", "nullable", "discriminator", "xml", "externalDocs")
        or (isinstance(value, dict) and key in ("example",) and "type" in value)
    }
    if node.get("nullable") is True:
        if "enum" in turned and None not in turned["enum"]:
            turned["enum"] = [*turned["enum"], None]
        if isinstance(turned.get("type"), str):
            turned["type"] = [turned["type"], "null"]
        elif "type" not in turned:
            return {"anyOf": [turned, {"type": "null"}]}
    return turned


class Description:
    """A description that answers what is wrong with a request or an answer."""

    def __init__(self, path: Path) -> None:
        self.document = as_json_schema(json.loads(path.read_text(encoding="utf-8")))
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        self.registry: Registry[Any] = Registry().with_resource(URI, resource)
        self.templates = {
            template: re.compile("^" + re.sub(r"\\\{(\w+)\\\}", self._segment, re.escape(template)) + "$")
            for template in self.document["paths"]
        }

    @staticmethod
    def _segment(match: re.Match[str]) -> str:
        # These take slashes: a path of a file, a ref, two refs.
        return "(.+)" if match[1] in ("path", "ref", "basehead") else "([^/]+)"

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """Return the template and operation of a path: the one with the most fixed text."""
        found = [
            template
            for template, pattern in self.templates.items()
            if pattern.match(path) and method.lower() in self.document["paths"][template]
        ]
        assert found, f"{method} {path} is not in the description"
        best = max(found, key=lambda template: len(re.sub(r"\{\w+\}", "", template)))
        return best, self.document["paths"][best][method.lower()]

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix(f"{URI}#/").split("/"):
                target = target[part]
            node = target
        return node

    @cache  # noqa: B019 - one description lives as long as the run
    def validator(self, key: str) -> Draft202012Validator:
        return Draft202012Validator(json.loads(key), registry=self.registry, format_checker=FormatChecker())

    def _errors(self, schema: Any, value: Any, where: str) -> list[str]:
        return [
            f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in self.validator(json.dumps(schema)).iter_errors(value)
        ]

    def check(
        self, method: str, path: str, *, body: Any, status: int, media_type: str, answer: Any
    ) -> tuple[str, list[str]]:
        """Return the template, and every way in which the exchange breaks the description."""
        template, operation = self.operation(method, path)
        problems: list[str] = []
        content = self.resolve(operation.get("requestBody", {})).get("content", {})
        if body is not None and content and status < 400:
            problems += self._errors(content["application/json"]["schema"], body, "request")
        responses = operation["responses"]
        if str(status) not in responses:
            # Authentication and rate limits apply everywhere; the description leaves them out of most routes.
            if status not in (401, 403, 404, 422, 429):
                problems.append(f"response: {status} is not among {sorted(responses)}")
            return template, problems
        content = self.resolve(responses[str(status)]).get("content", {})
        kind = media_type.split(";", maxsplit=1)[0]
        if answer is not None and kind == "application/json" and "application/json" in content:
            problems += self._errors(content["application/json"]["schema"], answer, "response")
        elif answer is None and content and status not in (204, 304) and "json" in kind:
            problems.append(f"response: {status} has no body")
        return template, problems
