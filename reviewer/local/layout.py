"""Layout of plain text on a terminal: wrapped to its width under its own indentation, titles bold, details dim."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Final

# A terminal narrower than this is not wrapped for: one word of each line would be left.
NARROWEST: Final = 40
# Lines that are indented this far say why, not what.
DETAIL_INDENT: Final = 4


def print_text(text: str, *, exactly: bool = False) -> None:
    """Write text to standard output; in a pipe or a file, or with `exactly`, without wrapping and colours."""
    text = text.rstrip("\n")
    if exactly or not sys.stdout.isatty():
        sys.stdout.write(f"{text}\n")
        return
    from rich.console import Console  # noqa: PLC0415 - start-up time; it knows NO_COLOR and dumb terminals
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, emoji=False, markup=False)
    if console.no_color:
        # Rich leaves bold in; nothing of it is wanted.
        console = Console(highlight=False, emoji=False, markup=False, color_system=None)
    # Rich takes every dumb terminal to be 80 wide, unless LINES is set too.
    width = shutil.get_terminal_size((console.width, console.height)).columns
    for row, style in laid_out(text, width=width):
        console.print(Text(row, style=style), soft_wrap=True)


def laid_out(text: str, *, width: int) -> Iterator[tuple[str, str]]:
    """Yield rows with their styles; what a line has over `width` goes under it, indented, and no word is cut."""
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        style = "bold" if not indent else "dim" if indent >= DETAIL_INDENT else ""
        for row in _wrapped(line, width, indent):
            yield row, style


def _wrapped(line: str, width: int, indent: int) -> list[str]:
    if width < NARROWEST or len(line) <= width:
        return [line]
    return textwrap.wrap(
        line[indent:],
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )
