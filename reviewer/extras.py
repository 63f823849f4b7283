"""Which extra of the package brings which library, and what to say where one is missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from reviewer.errors import ConfigurationError

# Module -> extra, of what is imported without a look whether it is there. The first of an extra stands for all.
EXTRA_OF: Final = {
    "flask": "app",
    "mcp": "mcp",
    "pygls": "lsp",
    "lsprotocol": "lsp",
    "jsonschema": "mcp",
    "starlette": "mcp",
    "uvicorn": "mcp",
    "alembic": "app",
    "jinja2": "app",
    "markupsafe": "app",
    "prometheus_client": "app",
    "redis": "app",
    "rq": "app",
    "sqlalchemy": "app",
    "waitress": "app",
    "werkzeug": "app",
}


class MissingExtra(ConfigurationError):
    """A command needs libraries that this installation was made without."""

    def __init__(self, who: str, extra: str) -> None:
        super().__init__(f"{who} needs the extra {extra}, which is not installed: {install(extra)}")
        self.extra = extra


def install(extra: str) -> str:
    """Return the command line that adds an extra to an installation, from PyPI or not: pip reads its metadata."""
    return f"pip install 'kilo-review[{extra}]'"


def require_extra(who: str, extra: str) -> None:
    """Raise MissingExtra where an extra is needed and not installed; "" needs none."""
    if extra and find_spec(next(module for module, of in EXTRA_OF.items() if of == extra)) is None:
        raise MissingExtra(who, extra)


def missing_extra(who: str, error: ModuleNotFoundError) -> MissingExtra | None:
    """Return what to say of an import that failed, None where no extra brings the module: a fault of ours."""
    extra = EXTRA_OF.get((error.name or "").partition(".")[0])
    return None if extra is None else MissingExtra(who, extra)
