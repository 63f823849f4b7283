"""Which pull request is meant: `OWNER/REPO#N`, or the address of its page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reviewer.errors import ConfigurationError
from reviewer.settings import GITHUB_API

_SHORT: Final = re.compile(r"([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100})#([0-9]{1,9})")
_PATH: Final = re.compile(r"/([A-Za-z0-9-]{1,39})/([A-Za-z0-9._-]{1,100})/pull/([0-9]{1,9})(?:/[a-z0-9/]{0,100})?")


@dataclass(frozen=True, slots=True)
class Target:
    """A pull request; `repository` is `owner/name`."""

    repository: str
    number: int

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


def parse_target(text: str, *, api_url: str) -> Target:
    """Return the pull request that a text names; ConfigurationError for any other text.

    An address has to be one of the host that `api_url` belongs to, because the token is sent there.
    """
    text = text.strip()
    match = _SHORT.fullmatch(text)
    if match is None and "://" in text:
        parts = urlsplit(text)
        match = _PATH.fullmatch(parts.path.rstrip("/"))
        if match is not None and parts.netloc.lower() != web_host(api_url):
            raise ConfigurationError(
                f"{parts.netloc} is not the host of GITHUB_API_URL={api_url}",
                remedy=f"For GitHub Enterprise Server set GITHUB_API_URL=https://{parts.netloc}/api/v3.",
            )
    if match is None or int(match[3]) == 0:
        raise ConfigurationError(
            f"{text!r} names no pull request", remedy="Write OWNER/REPO#NUMBER, or paste the address of its page."
        )
    return Target(f"{match[1]}/{match[2]}", int(match[3]))


def web_host(api_url: str) -> str:
    """Return the host (with its port) of the pages that belong to an API address."""
    return "github.com" if api_url == GITHUB_API else urlsplit(api_url).netloc.lower()
