"""Api: one identity's requests to GitHub, through PyGithub's Requester.

PyGithub's typed objects fetch whatever attribute is missing when it is read, so the number of requests would
depend on the answers; its Requester gives the same transport, authentication and pacing with a request count
that the caller decides.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from reviewer.errors import ConfigurationError, GitHubUnavailable, RateLimited
from reviewer.github.failures import explain
from reviewer.text.secret_address import printable

if TYPE_CHECKING:
    from github.Requester import Requester

TIMEOUT_S: Final = 15
READ_RETRIES: Final = 2
# "make requests … at least one second between" writes: GitHub's best practices for integrators.
WRITE_PAUSE_S: Final = 1.0
PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50
# A renamed or transferred repository answers with one redirect; more than this many in a row is no GitHub.
MAX_REDIRECTS: Final = 3
JSON: Final = "application/vnd.github+json"
DIFF: Final = "application/vnd.github.diff"
API_VERSION: Final = "2022-11-28"
USER_AGENT: Final = "kilo-review"

# Gives the token to use now; `fresh=True` after GitHub refused the last one.
TokenSource = Callable[[bool], str]


def check_url(url: str) -> str:
    """Return the API address without a trailing slash; ConfigurationError unless it is http(s) with a host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ConfigurationError(
            f"GITHUB_API_URL={printable(url)} is not the address of a GitHub API",
            remedy="Use https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise Server.",
        )
    return url.rstrip("/")


class Api:
    """Requests under one token source. Writes are sent once; reads are retried at most READ_RETRIES times.

    Raises GitHubUnavailable (no answer, 5xx), RateLimited (with the wait; until it is over every further call
    raises at once, without a request), PermissionMissing, NotFound, RequestRejected, ConfigurationError.
    After GitHubUnavailable on a write GitHub may have stored it all the same: look before sending again.
    A redirect (a repository that was renamed) is followed on GitHub's own host with the same method and body;
    one to any other address is refused, since it would be handed the token.
    `fence` is called right before a write is sent, after any pause, and raises where it must not be.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        now: Callable[[], datetime],
        app: bool = False,
        timeout: int = TIMEOUT_S,
        write_pause: float = WRITE_PAUSE_S,
        fence: Callable[[], object] = lambda: None,
    ) -> None:
        self.url = check_url(url)
        self._source = token
        self._now = now
        self._app = app
        self._timeout = timeout
        self._write_pause = write_pause
        self._fence = fence
        self._written = float("-inf")
        self._blocked_until: datetime | None = None
        self._token = ""
        self._reads: Requester | None = None
        self._writes: Requester | None = None
        self.requests = 0
        self.last_date = ""  # the Date header of the last refused answer: GitHub's clock

    def get(
        self,
        path: str,
        *,
        doing: str,
        params: Mapping[str, Any] | None = None,
        accept: str = JSON,
        needs: str = "",
    ) -> Any:
        """Return the JSON answer of a GET; a non-JSON media type arrives as text."""
        _, data = self._request("GET", path, params=params, accept=accept, doing=doing, needs=needs)
        if accept != JSON:
            return data.get("data", "") if isinstance(data, dict) else (data or "")
        return data

    def get_with_headers(
        self, path: str, *, doing: str, params: Mapping[str, Any] | None = None, needs: str = ""
    ) -> tuple[Mapping[str, Any], Any]:
        """Return the headers (names in lower case) and the JSON answer of a GET."""
        return self._request("GET", path, params=params, doing=doing, needs=needs)

    def send(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, *, doing: str, needs: str = ""
    ) -> Any:
        """Send a write once and return its JSON answer."""
        _, data = self._request(verb, path, body=body, doing=doing, needs=needs)
        return data

    def pages(
        self,
        path: str,
        *,
        doing: str,
        params: Mapping[str, Any] | None = None,
        key: str = "",
        needs: str = "",
        max_pages: int = MAX_PAGES,
    ) -> list[Any]:
        """Return the rows of every page, up to `max_pages`; `key` names the list inside an object answer."""
        rows: list[Any] = []
        for page in range(1, max_pages + 1):
            headers, data = self._request(
                "GET",
                path,
                params={**(params or {}), "per_page": PAGE_SIZE, "page": page},
                doing=doing,
                needs=needs,
            )
            batch = (data or {}).get(key, []) if key else (data or [])
            rows.extend(batch)
            link = headers.get("link", "")
            more = 'rel="next"' in link if link else len(batch) >= PAGE_SIZE
            if not more:
                break
        return rows

    def graphql(self, query: str, variables: Mapping[str, Any], *, doing: str, needs: str = "") -> Any:
        """Return `data` of a GraphQL answer; its errors become ours."""
        _, answer = self._request(
            "POST",
            self._graphql_url(),
            body={"query": query, "variables": dict(variables)},
            doing=doing,
            needs=needs,
        )
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors:
            status = {"NOT_FOUND": 404, "FORBIDDEN": 403, "RATE_LIMITED": 429}.get(str(errors[0].get("type")), 422)
            raise explain(
                status, {}, {"message": errors[0].get("message", "")}, doing=doing, needs=needs, now=self._now()
            )
        return answer["data"]

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        for requester in (self._reads, self._writes):
            if requester is not None:
                requester.close()
        self._reads = self._writes = None

    def _graphql_url(self) -> str:
        # Enterprise Server: REST under /api/v3, GraphQL under /api/graphql.
        return self.url.removesuffix("/v3") + "/graphql"

    def _request(
        self,
        verb: str,
        path: str,
        *,
        doing: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        accept: str = JSON,
        needs: str = "",
    ) -> tuple[dict[str, Any], Any]:
        self._hold_back(doing)
        status, headers, data = self._once(verb, path, params, body, accept, doing, fresh=False)
        if status == 401:
            # A token can be revoked or run out between two requests: one new one, once.
            status, headers, data = self._once(verb, path, params, body, accept, doing, fresh=True)
        for _redirect in range(MAX_REDIRECTS):
            if not 300 <= status < 400:
                break
            target = self._redirected(headers, doing)
            # The address that GitHub names carries the parameters already.
            asked = None if "?" in target else params
            status, headers, data = self._once(verb, target, asked, body, accept, doing, fresh=False)
        if 300 <= status < 400:
            raise GitHubUnavailable(f"GitHub redirected {MAX_REDIRECTS} times in a row when asked to {doing}")
        if status >= 400:
            error = explain(status, headers, data, doing=doing, needs=needs, now=self._now())
            if isinstance(error, RateLimited):
                self._blocked_until = self._now() + timedelta(seconds=error.retry_after or 0)
            raise error
        return headers, data

    def _once(
        self,
        verb: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        accept: str,
        doing: str,
        *,
        fresh: bool,
    ) -> tuple[int, dict[str, Any], Any]:
        import requests  # noqa: PLC0415 - slow, and only needed with the first request

        requester = self._requester(write=verb != "GET", fresh=fresh)
        if verb != "GET":
            self._before_write()
        self.requests += 1
        try:
            status, headers, output = requester.requestJson(
                verb,
                path,
                parameters=dict(params or {}),
                headers={"Accept": accept},
                input=dict(body) if body is not None else None,
            )
            data = _decoded(output, whole=accept == JSON and status < 300)
        except (requests.RequestException, OSError) as error:
            host, cause = urlsplit(self.url).hostname, type(innermost(error)).__name__
            raise GitHubUnavailable(
                f"no answer from {host} when asked to {doing} ({cause}). Is GITHUB_API_URL right, "
                "and may this machine reach it?"
            ) from None
        except (ValueError, RuntimeError, AssertionError) as error:
            # A redirect to elsewhere: a proxy's page, not GitHub.
            raise GitHubUnavailable(
                f"{urlsplit(self.url).hostname} did not answer as GitHub does when asked to {doing} "
                f"({type(error).__name__}). Is GITHUB_API_URL right?"
            ) from None
        if status >= 400:
            self.last_date = str(headers.get("date", ""))
        return status, headers, data

    def _redirected(self, headers: Mapping[str, Any], doing: str) -> str:
        """Return the address of a redirect; GitHubUnavailable where it is not on GitHub's own host."""
        here = urlsplit(self.url)
        target = urlsplit(urljoin(f"{self.url}/", str(headers.get("location", ""))))
        if (target.scheme, target.netloc) != (here.scheme, here.netloc) or not headers.get("location"):
            raise GitHubUnavailable(
                f"{here.hostname} redirected to {target.hostname or 'nowhere'} when asked to {doing}: that is "
                "not followed, since the App's token would go with it. Is GITHUB_API_URL right?"
            )
        return target.geturl()

    def own(self, url: str, what: str) -> str:
        """Return an address that GitHub named; GitHubUnavailable unless it is on GitHub's own host."""
        here, there = urlsplit(self.url), urlsplit(url)
        # https://api.github.com clones from https://github.com; an Enterprise Server has one host for both.
        if there.scheme != here.scheme or there.netloc not in (here.netloc, here.netloc.removeprefix("api.")):
            raise GitHubUnavailable(
                f"{here.hostname} names {printable(url)} as {what}: not its own host, and the token would go "
                "there. Is GITHUB_API_URL right?"
            )
        return url

    def _before_write(self) -> None:
        """Keep the pause between two writes, then call the fence: a lease may run out during the pause."""
        wait = self._written + self._write_pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._fence()
        self._written = time.monotonic()

    def _hold_back(self, doing: str) -> None:
        if self._blocked_until is None:
            return
        left = (self._blocked_until - self._now()).total_seconds()
        if left > 0:
            raise RateLimited(f"GitHub asked to wait {left:.0f} s more before we {doing}", retry_after=left)
        self._blocked_until = None

    def _requester(self, *, write: bool, fresh: bool) -> Requester:
        token = self._source(fresh)
        if token != self._token or self._reads is None or self._writes is None:
            self.close()
            self._reads, self._writes = self._connect(token, retry=True), self._connect(token, retry=False)
            self._token = token
        return self._writes if write else self._reads

    def _connect(self, token: str, *, retry: bool) -> Requester:
        from github.Requester import Requester  # noqa: PLC0415 - 0.4 s of import: not for `--help`
        from urllib3 import Retry  # noqa: PLC0415

        from reviewer.github.connection import use_judged_connections  # noqa: PLC0415

        use_judged_connections()
        # At DEBUG it writes whole answers into the log, and one of them is an installation token.
        logging.getLogger("github.Requester").setLevel(logging.WARNING)
        return Requester(
            auth=_auth(token, app=self._app),
            base_url=self.url,
            timeout=self._timeout,
            user_agent=USER_AGENT,
            per_page=PAGE_SIZE,
            verify=True,
            # PyGithub's GithubRetry repeats POSTs after a 5xx, and meets a 403 that asks to wait by sleeping in
            # the worker or by asking again at once. So: a write goes out once, a limit goes back to the queue.
            retry=Retry(
                total=READ_RETRIES,
                backoff_factor=0.2,
                backoff_max=2,
                status_forcelist=(500, 502, 503, 504),
                allowed_methods=frozenset({"GET"}),
                respect_retry_after_header=False,
                raise_on_status=False,
            )
            if retry
            else None,
            pool_size=None,
            seconds_between_requests=None,
            # Kept above: the fence is called after the pause.
            seconds_between_writes=None,
            api_version=API_VERSION,
        )


def _auth(token: str, *, app: bool) -> Any:
    """Return PyGithub's authentication; None, for public repositories, without a token."""
    from github import Auth  # noqa: PLC0415 - as in `_connect`

    if not token:
        return None
    return Auth.AppAuthToken(token) if app else Auth.Token(token)


def _decoded(output: object, *, whole: bool) -> Any:
    """Return the JSON of an answer, None for an empty one.

    A text that is no JSON comes as `{"data": text}`; ValueError where `whole` says that it had to be JSON.
    """
    if not output:
        return None
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else str(output)
    try:
        return json.loads(text)
    except ValueError:
        if whole:
            raise
        return {"data": text}


def innermost(error: BaseException) -> BaseException:
    """Return the first cause of an error: "ConnectionRefusedError" says more than "ConnectionError"."""
    seen: BaseException = error
    while (inner := seen.__cause__ or seen.__context__) is not None and inner is not seen:
        seen = inner
    return seen
