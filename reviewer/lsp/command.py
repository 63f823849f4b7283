"""`kilo-review lsp`: serve an editor over standard input and output."""

from __future__ import annotations

import argparse
from typing import Final

from reviewer.local.arguments import add_models
from reviewer.settings import Settings

EXAMPLES: Final = (
    "kilo-review lsp                     what an editor starts; see docs/how-to/editors.md",
    "kilo-review lsp --max-cost 0.05     a review of a model costs five cents at most",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_models(parser)
    # Editors add it to the command line of every server; standard input and output are all there is.
    parser.add_argument("--stdio", action="store_true", help="the only transport, and the default")


def main(options: argparse.Namespace) -> int:
    """Serve until the editor leaves; 0 where it said so before (`shutdown`), else 1, as the protocol asks."""
    from reviewer.lsp.serve import serve  # noqa: PLC0415 - the library is an extra, which `--help` does not need

    return serve(options, Settings.from_environ())
