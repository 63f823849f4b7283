"""Which files of a tree are searched: what git is told to pass over, and the same of a path."""

from __future__ import annotations

from typing import Final

# Long lines and no code: what they match is never worth showing, and they fill the output.
_SUFFIXES: Final = (
    *(".min.js", ".min.css", ".map", ".svg", ".snap", ".lock", ".ipynb", ".po", ".csv", ".pack"),
    *(".pb.go", ".bundle.js"),
)
_NAMES: Final = ("package-lock.json", "pnpm-lock.yaml", "go.sum")
# Generated documentation repeats every name of the code on its own pages, and comes before `src/` in the output.
_PAGES: Final = ("html", "htm")
_PAGE_FOLDERS: Final = ("docs", "doc", "javadoc", "javadocs", "apidocs", "api-docs", "site")
EXCLUDED: Final = tuple(
    f":(exclude,top,glob)**/{name}"
    for name in (
        *(f"*{end}" for end in _SUFFIXES),
        *_NAMES,
        *(f"{folder}/**/*.{end}" for folder in _PAGE_FOLDERS for end in _PAGES),
    )
)


def is_searched(path: str) -> bool:
    """Tell by its path whether a file is searched at all."""
    folder, _, name = path.rpartition("/")
    page = name.endswith(tuple(f".{end}" for end in _PAGES)) and not set(_PAGE_FOLDERS).isdisjoint(
        folder.split("/")
    )
    return not path.endswith(_SUFFIXES) and name not in _NAMES and not page
