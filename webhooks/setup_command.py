"""Setup command: `kilo-review setup`, the App from its manifest."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

from reviewer.errors import ConfigurationError
from reviewer.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `kilo-review setup`."""
    parser.add_argument("--url", required=True, help="public address of the web process, https://HOST")
    parser.add_argument(
        "--organisation", default="", help="make the App in an organisation (default: your account)"
    )
    parser.add_argument("--name", default="kilo-review", help="the App's name, which must be free on GitHub")
    parser.add_argument("--output", type=Path, default=Path("kilo-review.env"), help="file for the settings")
    parser.add_argument("--port", type=int, default=0, help="port of the page on this machine (default: any)")


def main(options: argparse.Namespace) -> int:
    """Run `kilo-review setup`."""
    # Imported here: `--help` needs none of it.
    from webhooks.manifest import manifest, pages_url  # noqa: PLC0415
    from webhooks.setup import SetupServer, convert, write_settings  # noqa: PLC0415

    parts = urlsplit(options.url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigurationError(
            f"--url {options.url!r} is no web address",
            remedy="Give the public address of the web process, https://HOST.",
        )
    if options.output.exists():
        raise ConfigurationError(f"{options.output} exists", remedy="Move it away, or name another with --output.")
    settings = Settings.from_environ()
    account = f"/organizations/{options.organisation}" if options.organisation else ""
    server = SetupServer(
        port=options.port,
        action=f"{pages_url(settings.github_api_url)}{account}/settings/apps/new",
        state=secrets.token_urlsafe(24),
        finish=lambda code: convert(settings.github_api_url, code),
    )
    server.manifest = manifest(name=options.name, public_url=options.url, redirect_url=f"{server.url}/created")
    _say(f"Open {server.url} in a browser on this machine. Ctrl-C ends without having made anything.")
    app = server.run()
    write_settings(app, options.output)
    _say(f"The App {app.slug} is made. Its settings are in {options.output}; GitHub shows them only once.")
    _say(f"Install it: {app.html_url}/installations/new")
    _say(f"Then:  set -a; . {options.output}; set +a; kilo-review serve")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress for people
