"""`kilo-review mcp`: reviews as tools of the Model Context Protocol."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.local.arguments import add_models
from reviewer.settings import Settings

EXAMPLES: Final = (
    "kilo-review mcp                                    over standard input, for the folder that it starts in",
    "kilo-review mcp --root ~/shop --max-cost 0.50      one folder, fifty cents a review at most",
    "kilo-review mcp --http 127.0.0.1:8765              over HTTP, for this machine",
)
AT_A_TIME: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder whose repositories may be reviewed; repeatable (default: where you stand)",
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="listen there instead of reading standard input; PORT alone: loopback"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="with --http: a name that clients connect to, besides loopback; repeatable",
    )
    parser.add_argument(
        "--at-a-time",
        type=int,
        default=AT_A_TIME,
        metavar="N",
        help=f"how many tools work at once, further calls wait (default: {AT_A_TIME})",
    )
    add_models(parser)


def main(options: argparse.Namespace) -> int:
    """Serve until the client leaves, or a signal ends it."""
    settings = Settings.from_environ()
    if options.offline:
        settings = replace(settings, offline=True)
    if options.at_a_time < 1:
        raise ConfigurationError("--at-a-time is less than 1", remedy="Name how many tools may work at once.")
    if options.allow_host and not options.http:
        raise ConfigurationError(
            "--allow-host goes with --http", remedy="Write --http HOST:PORT --allow-host NAME."
        )
    from reviewer.local.session import wishes_of  # noqa: PLC0415 - `--help` needs none of it
    from reviewer.mcp.http import Door, check_door, parse_address, serve_http  # noqa: PLC0415
    from reviewer.mcp.kept import KeptReviews  # noqa: PLC0415
    from reviewer.mcp.roots import Roots  # noqa: PLC0415
    from reviewer.mcp.tool import Defaults, Service  # noqa: PLC0415

    address = parse_address(options.http) if options.http else None
    door = Door(settings.mcp_token, tuple(options.allow_host))
    if address is not None:
        check_door(address, door)
    roots = Roots([Path(folder) for folder in options.root] or [Path.cwd()])
    wishes = wishes_of(options)
    defaults = Defaults(wishes.model, wishes.strategy, wishes.limit.amount if wishes.limit else None)
    from reviewer.mcp.server import build_server  # noqa: PLC0415 - loads the SDK

    server = build_server(Service(settings, roots, defaults, KeptReviews()), at_a_time=options.at_a_time)
    if address is not None:
        serve_http(server, address, door)
        return 0
    from reviewer.mcp.stdio import serve_stdio  # noqa: PLC0415 - as above

    if sys.stdin.isatty():
        sys.stderr.write("kilo-review: waiting for a client that speaks MCP on standard input; Ctrl-C ends\n")
    serve_stdio(server)
    return 0
