"""Check the address that the web process is to listen on."""

from __future__ import annotations

import socket

from reviewer.errors import ConfigurationError
from reviewer.settings import Settings


def check_address(settings: Settings) -> None:
    """Raise ConfigurationError for an address that is taken or not ours, before anything is started."""
    try:
        socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
        ).close()
    except (OSError, ValueError) as error:
        # ValueError: a name that no resolver takes.
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise ConfigurationError(
            f"cannot listen on {settings.host} port {settings.port}: {why}",
            remedy="Stop what listens there, or set PORT (and HOST).",
        ) from None
