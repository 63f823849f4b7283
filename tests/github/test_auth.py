from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from reviewer.errors import ConfigurationError, NotFound, PermissionMissing
from reviewer.github.auth import PUBLISH_PERMISSIONS, READ_PERMISSIONS, AppAuth
from reviewer.settings import Secret
from tests.github.lab import REPOSITORY, Lab, lab


def test_the_jwt_is_rs256_issued_a_minute_ago_and_ends_within_ten(shop: Lab) -> None:
    token = shop.auth.jwt()
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    claims = jwt.decode(token, shop.simulator.app.public_key, algorithms=["RS256"])
    now = time.time()
    assert 55 <= now - claims["iat"] <= 70
    assert 0 < claims["exp"] - now <= 600
    assert claims["exp"] - claims["iat"] <= 600
    assert claims["iss"] == str(shop.simulator.app.id)


def test_the_identity_names_the_bot_account_exactly(shop: Lab) -> None:
    identity = shop.auth.check()
    assert identity.login == "kilo-review[bot]"
    assert identity.id == shop.simulator.app.id
    assert identity.permissions["checks"] == "write"


def test_a_token_is_cached_and_narrowed_to_repository_and_permissions(shop: Lab) -> None:
    repo_id = shop.simulator.repository(REPOSITORY).id
    first = shop.auth.installation_token(
        shop.installation_id, repository_ids=(repo_id,), permissions=READ_PERMISSIONS
    )
    again = shop.auth.installation_token(
        shop.installation_id, repository_ids=(repo_id,), permissions=READ_PERMISSIONS
    )
    assert again is first
    assert first.permissions == READ_PERMISSIONS
    other = shop.auth.installation_token(shop.installation_id, permissions=PUBLISH_PERMISSIONS)
    assert other.token.reveal() != first.token.reveal()
    assert len(shop.sent("POST", "access_tokens")) == 2


def test_a_token_that_runs_out_within_five_minutes_is_not_handed_out(tmp_path: Path) -> None:
    offset = timedelta(0)
    with lab(tmp_path, clock=lambda: datetime.now(UTC) + offset) as shop:
        first = shop.auth.installation_token(shop.installation_id)
        offset = timedelta(minutes=56)
        # GitHub's own clock still takes our JWT: the skew is corrected by its Date header.
        second = shop.auth.installation_token(shop.installation_id)
        assert second.token.reveal() != first.token.reveal()


@pytest.mark.parametrize("seconds", [-60, 60, 3600, -3600])
def test_a_clock_that_is_off_still_signs_in(tmp_path: Path, seconds: int) -> None:
    with lab(tmp_path, clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds)) as shop:
        assert shop.auth.identity().slug == "kilo-review"


def test_a_revoked_token_is_replaced_once_in_the_middle_of_a_job(shop: Lab) -> None:
    gh = shop.github()
    gh.pull_request(REPOSITORY, shop.number)
    shop.simulator.revoke_tokens()
    assert gh.pull_request(REPOSITORY, shop.number).number == shop.number
    assert len(shop.sent("POST", "access_tokens")) == 2


def test_reviews_that_begin_at_once_ask_for_each_token_and_for_the_identity_a_few_times_at_most(shop: Lab) -> None:
    repo_id = shop.simulator.repository(REPOSITORY).id

    def begin(turn: int) -> str:
        assert shop.auth.identity().login == "kilo-review[bot]"
        permissions = (READ_PERMISSIONS, PUBLISH_PERMISSIONS)[turn % 2]
        token = shop.auth.installation_token(
            shop.installation_id, repository_ids=(repo_id,), permissions=permissions
        )
        return token.token.reveal()

    shop.auth.identity()
    with ThreadPoolExecutor(16) as threads:
        tokens = list(threads.map(begin, range(64)))
    assert len(set(tokens)) == 2
    assert len(shop.sent("POST", "access_tokens")) == 2
    assert len([it for it in shop.simulator.state.seen if it.path == "/app"]) == 1


def test_of_many_that_are_refused_with_one_token_one_asks_for_the_next(shop: Lab) -> None:
    clients = [shop.github() for _ in range(8)]
    for gh in clients:
        gh.pull_request(REPOSITORY, shop.number)
    shop.simulator.revoke_tokens()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda gh: gh.pull_request(REPOSITORY, shop.number), clients))
    assert len(shop.sent("POST", "access_tokens")) < 1 + len(clients)


def test_a_key_of_another_app_is_a_configuration_error_with_the_remedy(shop: Lab, tmp_path: Path) -> None:
    from reviewer.demo.simulator.registry import key_pair

    stranger = AppAuth(str(shop.simulator.app.id), Secret(key_pair()[0]), shop.simulator.url, now=Lab.now)
    with pytest.raises(ConfigurationError, match="GITHUB_PRIVATE_KEY") as raised:
        stranger.check()
    assert "PRIVATE KEY-----" not in str(raised.value)


def test_a_damaged_key_never_shows_in_the_error() -> None:
    text = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0LWtleS1ib2R5\n-----END RSA PRIVATE KEY-----\n"
    auth = AppAuth("1", Secret(text), "http://127.0.0.1:9", now=Lab.now)
    with pytest.raises(ConfigurationError, match="cannot sign") as raised:
        auth.jwt()
    assert "c2VjcmV0" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_unknown_app_id_says_which_setting_to_change(shop: Lab) -> None:
    auth = AppAuth("999", Secret(shop.simulator.app.private_key), shop.simulator.url, now=Lab.now)
    with pytest.raises(ConfigurationError, match="GITHUB_APP_ID"):
        auth.check()


def test_an_unreachable_github_is_a_configuration_error_at_start_up(shop: Lab) -> None:
    auth = AppAuth("1", Secret(shop.simulator.app.private_key), "http://127.0.0.1:9", now=Lab.now, timeout=1)
    with pytest.raises(ConfigurationError, match="GITHUB_API_URL"):
        auth.check()


@pytest.mark.parametrize("url", ["api.github.com", "ftp://github.com", "https://user@host", "https://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="GITHUB_API_URL"):
        AppAuth("1", Secret("x"), url, now=Lab.now)


def test_an_app_that_is_not_installed_there_is_not_found(shop: Lab) -> None:
    with pytest.raises(NotFound, match="not installed"):
        shop.auth.installation_token(424242)


def test_a_permission_that_was_not_granted_is_left_out_and_named_when_it_is_needed(tmp_path: Path) -> None:
    granted = {"metadata": "read", "contents": "read", "pull_requests": "write"}
    with lab(tmp_path, permissions=granted) as shop:
        gh = shop.github(PUBLISH_PERMISSIONS)
        pr = gh.pull_request(REPOSITORY, shop.number)
        with pytest.raises(PermissionMissing) as raised:
            gh.create_check_run(REPOSITORY, {"name": "x", "head_sha": pr.head_sha, "status": "in_progress"})
        assert raised.value.permission == "checks: write"
        assert "checks: write" in str(raised.value)


def test_a_repr_of_anything_here_shows_no_token(shop: Lab) -> None:
    token = shop.auth.installation_token(shop.installation_id)
    assert token.token.reveal() not in repr(token)
