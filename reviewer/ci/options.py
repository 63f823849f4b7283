"""The options that `pr` and `ci` share."""

from __future__ import annotations

import argparse
from dataclasses import replace

from reviewer.local.arguments import add_models, add_outcome
from reviewer.settings import Settings


def add_review_options(parser: argparse.ArgumentParser) -> None:
    """Add models, money and what decides the exit status."""
    add_models(parser)
    add_outcome(parser)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings, offline where the options say so."""
    settings = Settings.from_environ()
    return replace(settings, offline=True) if options.offline else settings
