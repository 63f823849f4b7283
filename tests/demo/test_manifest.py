from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import requests

from tests.demo.world import World

MANIFEST = {
    "name": "My Reviews",
    "url": "https://example.com",
    "hook_attributes": {"url": "https://example.com/webhooks/github"},
    "redirect_url": "http://127.0.0.1:1/setup/done",
    "default_permissions": {"contents": "read", "pull_requests": "write"},
    "default_events": ["pull_request"],
}


def test_a_manifest_becomes_an_app_whose_key_works(world: World) -> None:
    answer = requests.post(
        f"{world.url}/settings/apps/new?state=abc",
        data={"manifest": json.dumps(MANIFEST)},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert (target.path, query["state"]) == ("/setup/done", ["abc"])
    made = requests.post(f"{world.url}/app-manifests/{query['code'][0]}/conversions", timeout=10)
    assert made.status_code == 201
    app = made.json()
    assert app["permissions"] == MANIFEST["default_permissions"]
    who = world.call("GET", "/app", token=world.jwt(key=app["pem"], issuer=app["id"]))
    assert who.json()["slug"] == "my-reviews"
    again = requests.post(f"{world.url}/app-manifests/{query['code'][0]}/conversions", timeout=10)
    assert again.status_code == 404


def test_a_broken_manifest_is_refused(world: World) -> None:
    for text in ("no json", "{}", "[]"):
        answer = requests.post(f"{world.url}/settings/apps/new", data={"manifest": text}, timeout=10)
        assert answer.status_code == 422
