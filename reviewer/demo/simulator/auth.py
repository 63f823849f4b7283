"""Who is calling: App JWTs and installation tokens, checked the way GitHub checks them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import Final

import jwt

from reviewer.demo.simulator.api import GitHubError
from reviewer.demo.simulator.state import App, State, Token

LONGEST_JWT: Final = timedelta(minutes=10)
# GitHub rounds to seconds and allows for a little drift of its own clock.
DRIFT: Final = timedelta(seconds=5)
TOKEN_LIFE: Final = timedelta(hours=1)
RANK: Final = {"none": 0, "read": 1, "write": 2, "admin": 3}


def credentials(header: str) -> str:
    """Return the token of an Authorization header: Bearer, token, or Basic with the token as password."""
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() in ("bearer", "token"):
        return value
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return password or user
    return ""


def check_jwt(token: str, state: State) -> App:
    """Return the App that signed a JWT; 401 in GitHub's words where it does not hold."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        app = _issuer(claims, state)
        # Times are checked below against the simulator's clock, which tests may shift.
        jwt.decode(
            token,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_iss": False},
        )
    except jwt.InvalidTokenError:
        raise GitHubError(401, "A JSON web token could not be decoded") from None
    now = state.now()
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, (int, float)) or _moment(issued, now) > now + DRIFT:
        raise GitHubError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if not isinstance(expires, (int, float)) or _moment(expires, now) <= now:
        raise GitHubError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires",
        )
    if _moment(expires, now) > now + LONGEST_JWT + DRIFT:
        raise GitHubError(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def _issuer(claims: dict[str, object], state: State) -> App:
    issuer = str(claims.get("iss", ""))
    for app in state.apps.values():
        if issuer in (str(app.id), app.client_id):
            return app
    raise GitHubError(404, "Integration not found")


def _moment(seconds: float, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=now.tzinfo)
    except (OverflowError, ValueError, OSError):
        raise GitHubError(401, "A JSON web token could not be decoded") from None


def check_token(value: str, state: State) -> Token:
    """Return a live installation token; 401 for an unknown, expired or revoked one, 403 when suspended."""
    token = state.tokens.get(value)
    if token is None or token.expires_at <= state.now():
        raise GitHubError(401, "Bad credentials")
    if token.installation.suspended_at is not None:
        raise GitHubError(403, "This installation has been suspended")
    return token


def allows(permissions: dict[str, str], wanted: str) -> bool:
    """True where granted permissions cover `name:level`; every installation may read metadata."""
    name, _, level = wanted.partition(":")
    granted = permissions.get(name, "read" if name == "metadata" else "none")
    return RANK.get(granted, 0) >= RANK[level]


def require(token: Token, permissions: tuple[str, ...]) -> None:
    """Refuse, as GitHub does, a token that holds none of these permissions."""
    if permissions and not any(allows(token.permissions, wanted) for wanted in permissions):
        accepted = "; ".join(wanted.replace(":", "=") for wanted in permissions)
        raise GitHubError(
            403,
            "Resource not accessible by integration",
            headers={"X-Accepted-GitHub-Permissions": accepted},
        )
