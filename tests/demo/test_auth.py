from __future__ import annotations

import base64
from datetime import timedelta

import jwt
import pytest
import requests

from reviewer.demo.simulator.auth import credentials
from reviewer.demo.simulator.registry import key_pair
from tests.demo.world import FULL_NAME, World

R = f"/repos/{FULL_NAME}"


def ask(world: World, authorization: str, path: str = "/app") -> requests.Response:
    return requests.get(world.url + path, headers={"Authorization": authorization}, timeout=20)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Bearer abc", "abc"),
        ("token abc", "abc"),
        ("Basic " + base64.b64encode(b"x-access-token:abc").decode(), "abc"),
        ("Basic not base64!", ""),
        ("Digest abc", ""),
        ("", ""),
    ],
)
def test_a_token_is_read_from_every_scheme_that_github_takes(header: str, value: str) -> None:
    assert credentials(header) == value


def test_a_jwt_of_the_app_is_taken(world: World) -> None:
    answer = ask(world, f"Bearer {world.jwt()}")
    assert answer.status_code == 200
    assert answer.json()["id"] == world.simulator.app.id


def test_a_jwt_signed_by_another_key_is_refused(world: World) -> None:
    private, _ = key_pair()
    answer = ask(world, f"Bearer {world.jwt(key=private)}")
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_an_unsigned_jwt_is_refused(world: World) -> None:
    token = jwt.encode({"iss": str(world.simulator.app.id), "iat": 1, "exp": 9_999_999_999}, "", algorithm="none")
    assert ask(world, f"Bearer {token}").status_code == 401


def test_an_hmac_jwt_made_with_the_public_key_is_refused(world: World) -> None:
    # Made by hand: the library refuses to sign with a public key.
    import hashlib
    import hmac

    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    now = int(world.simulator.state.now().timestamp())
    head = part('{"alg":"HS256","typ":"JWT"}')
    claims = part(f'{{"iss":"{world.simulator.app.id}","iat":{now},"exp":{now + 60}}}')
    signed = f"{head}.{claims}"
    digest = hmac.new(world.simulator.app.public_key.encode(), signed.encode(), hashlib.sha256).digest()
    token = f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    assert ask(world, f"Bearer {token}").status_code == 401


@pytest.mark.parametrize(
    ("issued", "life", "words"),
    [
        (60, 300, "'Issued at' claim"),
        (-900, 600, "'Expiration time' claim ('exp') must be"),
        (0, 900, "too far in the future"),
    ],
    ids=["issued in the future", "expired", "longer than ten minutes"],
)
def test_a_jwt_whose_times_do_not_hold_is_refused(world: World, issued: int, life: int, words: str) -> None:
    answer = ask(world, f"Bearer {world.jwt(issued=issued, life=life)}")
    assert answer.status_code == 401
    assert words in answer.json()["message"]


def test_an_unknown_app_is_not_found(world: World) -> None:
    answer = ask(world, f"Bearer {world.jwt(issuer=7)}")
    assert (answer.status_code, answer.json()["message"]) == (404, "Integration not found")


def test_an_installation_token_cannot_act_as_the_app_and_the_app_cannot_read_code(world: World) -> None:
    assert ask(world, f"Bearer {world.token()}").status_code == 401
    assert ask(world, f"Bearer {world.jwt()}", R).status_code == 403
    assert ask(world, "", R).status_code == 401
    assert ask(world, "Bearer ghs_unknown", R).json()["message"] == "Bad credentials"


def test_a_narrowed_token_can_do_no_more_than_it_was_given(world: World) -> None:
    token = world.token(permissions={"contents": "read"}, repositories=["shop"])
    assert world.call("GET", f"{R}/contents/shop", token=token).status_code == 200
    refused = world.call("POST", f"{R}/issues/1/comments", {"body": "x"}, token=token)
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    assert "issues=write" in refused.headers["X-Accepted-GitHub-Permissions"]


def test_a_token_for_one_repository_does_not_see_another(world: World) -> None:
    world.simulator.create_repository("acme/other", private=True)
    token = world.token(repositories=["shop"])
    assert world.call("GET", "/repos/acme/other", token=token).status_code == 404
    assert world.call("GET", "/repos/acme/other").status_code == 200


def test_tokens_end_after_an_hour_by_revocation_and_with_a_suspension(world: World) -> None:
    state = world.simulator.state
    token = world.token()
    state.tokens[token].expires_at -= timedelta(hours=1)
    assert world.call("GET", R, token=token).status_code == 401
    token = world.token()
    assert world.simulator.revoke_tokens() >= 1
    assert world.call("GET", R, token=token).status_code == 401
    token = world.token()
    world.installation.suspended_at = state.now()
    try:
        assert world.call("GET", R, token=token).status_code == 403
        path = f"/app/installations/{world.installation.id}/access_tokens"
        assert world.call("POST", path, {}, token=world.jwt()).status_code == 403
    finally:
        world.installation.suspended_at = None
