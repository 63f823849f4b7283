from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.ci.target import Target, parse_target
from reviewer.errors import ConfigurationError
from reviewer.settings import GITHUB_API

ENTERPRISE = "https://ghe.acme.example/api/v3"


@pytest.mark.parametrize(
    ("text", "api"),
    [
        ("acme/shop#12", GITHUB_API),
        (" acme/shop#12\n", GITHUB_API),
        ("https://github.com/acme/shop/pull/12", GITHUB_API),
        ("https://github.com/acme/shop/pull/12/files?w=1#diff-1", GITHUB_API),
        ("https://GitHub.com/acme/shop/pull/12/", GITHUB_API),
        ("https://ghe.acme.example/acme/shop/pull/12", ENTERPRISE),
    ],
)
def test_a_pull_request_is_named_in_short_or_by_its_page(text: str, api: str):
    assert parse_target(text, api_url=api) == Target("acme/shop", 12)


@pytest.mark.parametrize(
    "text",
    ["", "12", "#12", "shop#12", "acme/shop", "acme/shop#0", "acme/shop#x", "acme/../x#1", "-/#1", "a/b#1#2"],
)
def test_any_other_text_gets_the_remedy(text: str):
    with pytest.raises(ConfigurationError, match="Write OWNER/REPO#NUMBER"):
        parse_target(text, api_url=GITHUB_API)


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/acme/shop/pull/12",
        "https://github.com.evil.example/acme/shop/pull/12",
        "https://github.com@evil.example/acme/shop/pull/12",
        "https://ghe.acme.example/acme/shop/pull/12",
    ],
)
def test_a_page_of_another_host_is_never_sent_the_token(text: str):
    with pytest.raises(ConfigurationError, match="is not the host of GITHUB_API_URL"):
        parse_target(text, api_url=GITHUB_API)


@given(st.text(max_size=300))
def test_no_text_is_more_than_refused(text: str):
    try:
        found = parse_target(text, api_url=GITHUB_API)
    except ConfigurationError:
        return
    assert parse_target(str(found), api_url=GITHUB_API) == found
