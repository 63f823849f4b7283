"""Mount the read API on the application; who may see what is decided by a function that is handed in."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from flask import Flask, Response, request

from reviewer.errors import ConfigurationError
from reviewer.ledger.books.export import csv_lines, json_lines, plain
from reviewer.ledger.books.visible import OPERATOR, Visible
from reviewer.ledger.database import Database
from reviewer.settings import Secret
from webhooks.api.endpoints import ENDPOINTS, PREFIX, Asked, Endpoint
from webhooks.api.openapi import document

# Takes the headers of a request, returns what its sender may see, None for nobody.
WhoSees = Callable[[Mapping[str, str]], Visible | None]
_JSON: Final = "application/json"


def by_token(token: Secret) -> WhoSees:
    """Return the decision by one bearer token: its holder is the operator. Without a token nobody sees anything."""

    def who(headers: Mapping[str, str]) -> Visible | None:
        given = headers.get("Authorization", "").encode("utf-8", "replace")
        expected = f"Bearer {token.reveal()}".encode()
        return OPERATOR if token and hmac.compare_digest(given, expected) else None

    return who


def mount(app: Flask, db: Database, who: WhoSees, now: Callable[[], datetime]) -> None:
    """Add /api/v1 to the application."""
    for endpoint in ENDPOINTS:
        path = f"{PREFIX}{endpoint.path}".replace("{id}", "<id>")
        app.add_url_rule(path, f"api{endpoint.path}", _view(endpoint, db, who, now))

    @app.get(f"{PREFIX}/openapi.json")
    def openapi() -> Response:
        if who(dict(request.headers)) is None:
            return _refused()
        return Response(json.dumps(document()), content_type=_JSON)


def _view(endpoint: Endpoint, db: Database, who: WhoSees, now: Callable[[], datetime]) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        visible = who(dict(request.headers))
        if visible is None:
            return _refused()
        given = request.args.to_dict()
        unknown = sorted(set(given) - set(endpoint.parameters))
        if unknown:
            return _said(400, "parameter", f"unknown: {', '.join(unknown)[:100]}; see {PREFIX}/openapi.json")
        try:
            return _answer(endpoint, Asked(db, visible, now(), {**given, **path}))
        except ConfigurationError as error:
            return _said(400, "parameter", str(error))

    return view


def _answer(endpoint: Endpoint, asked: Asked) -> Response:
    form = asked.values.get("format", "json")
    if form not in ("json", "csv", "rows"):
        raise ConfigurationError("format cannot be used", remedy="Use json, csv or rows.")
    if form != "json" and endpoint.rows is not None:
        # What cannot be used is found here, before the answer begins.
        _ = asked.window, asked.wanted
        lines = csv_lines(endpoint.rows(asked)) if form == "csv" else json_lines(endpoint.rows(asked))
        kind = "text/csv; charset=utf-8" if form == "csv" else _JSON
        return Response((line.encode("utf-8", "replace") for line in lines), content_type=kind)
    found: Any = endpoint.ask(asked)
    if found is None:
        return _said(404, "not-found", "there is nothing of that name that you may see")
    return Response(json.dumps(plain(found)), content_type=_JSON)


def _refused() -> Response:
    response = _said(401, "token", "send Authorization: Bearer and the token")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _said(status: int, error: str, message: str) -> Response:
    body = json.dumps({"error": error, "message": message}) + "\n"
    return Response(body, status=status, content_type=_JSON)
