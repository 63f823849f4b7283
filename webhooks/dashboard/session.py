"""Session: who signed in, as an encrypted cookie of limited life, which its holder cannot read."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from reviewer.settings import Secret

SESSION_SECONDS: Final = 8 * 3600
# From the click on "Sign in" until GitHub sends the browser back.
SIGN_IN_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Session:
    """A person with the token that GitHub gave; `csrf` stands in each of our forms."""

    login: str
    token: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in under way: `state` binds the answer to this browser, `verifier` is PKCE's."""

    state: str
    verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> Attempt:
        """Return one that nobody can guess."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """What GitHub compares the verifier with: https://www.rfc-editor.org/rfc/rfc7636#section-4.2."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Cookies:
    """Seal and open both cookies under a key from the client secret: a new secret ends all sessions."""

    def __init__(self, secret: Secret) -> None:
        key = hashlib.scrypt(secret.reveal().encode(), salt=b"kilo-review dashboard", n=2**14, r=8, p=1, dklen=32)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, value: Session | Attempt, now: datetime) -> str:
        """Return the cookie's value."""
        row = {"kind": type(value).__name__, **asdict(value)}
        return self._fernet.encrypt_at_time(json.dumps(row).encode(), int(now.timestamp())).decode()

    def session(self, text: str, now: datetime) -> Session | None:
        """Return the session of a cookie, None for one that is forged, too old or no session."""
        row = self._open(text, SESSION_SECONDS, now)
        return Session(**row) if row.pop("kind", "") == "Session" else None

    def attempt(self, text: str, now: datetime) -> Attempt | None:
        """Return the sign-in of a cookie, None as above."""
        row = self._open(text, SIGN_IN_SECONDS, now)
        return Attempt(**row) if row.pop("kind", "") == "Attempt" else None

    def _open(self, text: str, seconds: int, now: datetime) -> dict[str, str]:
        try:
            found = json.loads(self._fernet.decrypt_at_time(text.encode(), seconds, int(now.timestamp())))
        except (InvalidToken, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
