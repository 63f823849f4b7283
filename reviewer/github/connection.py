"""Connections of PyGithub, and of its HTTP library, to judged addresses; redirects are left to us."""

from __future__ import annotations

import socket
from functools import cache
from typing import Any

import requests
from github import Requester as pygithub  # noqa: N813 - the module of that name
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError

from reviewer.egress import resolve


class _Judged(HTTPConnection):
    """A connection whose name is resolved once and judged; TLS still asks for the name."""

    def _new_conn(self) -> socket.socket:
        try:
            addresses = resolve(self.host, self.port or self.default_port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        written = self._dns_host
        last: Exception = OSError("the name has no address")
        for address in addresses:
            self._dns_host = address
            try:
                return super()._new_conn()
            except Exception as error:  # noqa: BLE001 - the next address is tried, the last error is raised
                last = error
            finally:
                self._dns_host = written
        raise last


class _JudgedTls(_Judged, HTTPSConnection):
    """The same under TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Judged


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _JudgedTls


class _Adapter(requests.adapters.HTTPAdapter):
    """A `requests` adapter whose direct connections are judged; a proxy resolves names by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def judged_session() -> requests.Session:
    """Return a session for single requests to other addresses than the API's; pass `allow_redirects=False`."""
    session = requests.Session()
    # Set, or a .netrc of the machine would add credentials.
    session.auth = pygithub.Requester.noopAuth
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=0))
    return session


def _prepare(connection: Any) -> None:
    connection.adapter = _Adapter(
        max_retries=connection.retry, pool_connections=connection.pool_size, pool_maxsize=connection.pool_size
    )
    connection.session.mount(f"{connection.protocol}://", connection.adapter)


def _answer(response: Any) -> Any:
    """Hand a 301 on as a 308, the same to us: PyGithub follows a 301 by itself and drops the query, and with it the
    page that is asked for.
    """
    if response.status == 301:
        response.status = 308
    return response


class _Plain(pygithub.HTTPRequestsConnectionClass):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prepare(self)

    def getresponse(self) -> Any:
        return _answer(super().getresponse())


class _Tls(pygithub.HTTPSRequestsConnectionClass):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _prepare(self)

    def getresponse(self) -> Any:
        return _answer(super().getresponse())


@cache
def use_judged_connections() -> None:
    """Make every Requester of this process connect as above."""
    pygithub.Requester.injectConnectionClasses(_Plain, _Tls)
    # Injected classes are closed after each request, which no setting changes; these may stay open.
    pygithub.Requester._Requester__persist = True  # type: ignore[attr-defined]
