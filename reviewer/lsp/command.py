"""`kilo-review lsp`: serve an editor over standard input and output."""

from __future__ import annotations

import argparse
from typing import Final

from reviewer.errors import ConfigurationError
from reviewer.local.arguments import add_models
from reviewer.settings import Settings

INSTALL: Final = "pip install 'kilo-review[lsp]'"
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
    settings = Settings.from_environ()
    try:
        from reviewer.lsp.serve import serve  # noqa: PLC0415 - the library is an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol", "cattrs", "attrs"):
            raise
        raise ConfigurationError(f"the language server is an extra that is not installed: {INSTALL}") from None
    return serve(options, settings)
