"""The sample: a small shop's repository, built with git, and a pull request with planted defects and clean changes.

Commit ids are the same on every machine: fixed identities, fixed dates, our own git configuration.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from reviewer.demo.git import Git

FULL_NAME: Final = "acme/storefront"
BASE_BRANCH: Final = "main"
HEAD_BRANCH: Final = "invoices"
TITLE: Final = "Invoices, order export and a summary of the cart"
BODY: Final = """\
Customers can print the invoice of an order, staff can pack orders for the accountant, and the cart shows what
shipping costs: it is free from 60 EUR.

- an invoice for each order, as text
- export as CSV, packed as an archive
- a workflow announces a preview of each pull request
"""
AUTHOR: Final = "mira"
COLLABORATORS: Final = {"mira": "write", "theo": "admin", "guest": "read"}
# 2026-03-02 09:00 UTC, a Monday; one commit an hour.
FIRST_COMMIT: Final = 1_772_442_000


@dataclass(frozen=True, slots=True)
class Planted:
    """A defect of the pull request: the file, a text that only its line holds, and who can find it.

    `finders` names analyser rules ("ruff:S602") or "model".
    """

    path: str
    text: str
    what: str
    finders: tuple[str, ...]

    @property
    def by_analyser(self) -> bool:
        """True where an analyser finds it for certain, at no cost."""
        return any(finder != "model" for finder in self.finders)


PLANTED: Final = (
    Planted("shop/export.py", "shell=True", "a shell command with the user's words", ("ruff:S602", "bandit:B602")),
    Planted("shop/db.py", "WHERE status = '{status}'", "SQL built from input", ("ruff:S608", "bandit:B608")),
    Planted(".github/workflows/preview.yml", "PREVIEW_TOKEN:", "a token in the code", ("gitleaks:github-pat",)),
    Planted(
        ".github/workflows/preview.yml",
        "pull_request.title",
        "a title that runs as shell",
        ("zizmor:template-injection",),
    ),
    Planted(
        ".github/workflows/preview.yml",
        "pull_request_target:",
        "a privileged trigger for foreign code",
        ("zizmor:dangerous-triggers",),
    ),
    Planted("shop/views.py", "/invoice", "an invoice that any customer can read", ("model",)),
    Planted("web/src/tiers.ts", "TIERS.length - 1", "the highest tier is never reached", ("model",)),
    Planted("web/src/cart.ts", "      saveCart(this.lines);", "a promise that nobody awaits", ("model",)),
    Planted("web/src/cart.ts", "splice(index, 1)", "index -1 removes the last line", ("model",)),
)

# Changed, and right: a comment on one of these is a false one.
CLEAN: Final = ("shop/settings.py", "web/src/format.ts", "web/package.json")
# Changed, with nothing planted: what a model says of these is its own opinion.
UNPLANTED: Final = ("shop/invoice.py", "web/src/summary.ts", "web/test/summary.test.ts")
# Changed, and not for a reviewer.
NOT_REVIEWED: Final = ("web/package-lock.json", "web/src/generated/schema.ts")

# (author, message, files of the base commit that it brings): the files that belong together came together.
_HISTORY: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = (
    ("theo", "Start of the shop", ("README.md", "pyproject.toml", "shop/__init__.py", "shop/models.py")),
    ("mira", "Quantity tiers", ("shop/pricing.py", "tests/test_pricing.py", "docs/orders.md")),
    ("theo", "Orders in SQLite, and who may see them", ("shop/db.py", "shop/auth.py", "shop/settings.py")),
    ("theo", "Pages with guards", ("shop/http.py", "shop/guards.py", "shop/app.py", "shop/views.py")),
    ("mira", "A cart for the web", ("web/",)),
    ("theo", "Shipping rates", ("shop/shipping.py",)),
    ("theo", "Test every push", (".github/",)),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The built repository; `base` and `head` are commit ids."""

    path: Path
    base: str
    head: str


def fake_token() -> str:
    """Return a text in the form of a GitHub token, made at run time so that no file of ours holds one."""
    digest = base64.b64encode(hashlib.sha512(b"kilo-review demo").digest()).decode()
    return "_".join(("ghp", "".join(c for c in digest if c.isalnum())[:36]))


def build(folder: Path, git: Git) -> Sample:
    """Build the repository in an empty folder."""
    folder.mkdir(parents=True)
    git = git.at(folder)
    git.run("init", "--quiet", f"--initial-branch={BASE_BRANCH}")
    base, head = _files("base"), _files("head")
    for index, (author, message, prefixes) in enumerate(_HISTORY):
        chosen = {path: text for path, text in base.items() if path.startswith(prefixes)}
        if author == "mira" and "shop/pricing.py" in chosen:
            # Two tiers at first; the third came later, with its test and its line in the documentation.
            chosen = {path: _without_third_tier(text) for path, text in chosen.items()}
        _commit(git, folder, chosen, author, message, index)
    late = {path: base[path] for path in _HISTORY[1][2]}
    _commit(git, folder, late, "mira", "A third tier, for wholesale", len(_HISTORY))
    base_id = git.text("rev-parse", "HEAD")
    git.run("checkout", "--quiet", "-b", HEAD_BRANCH)
    shop = {path: text for path, text in head.items() if path.startswith(("shop/", "tests/", "docs/"))}
    rest = {path: text for path, text in head.items() if path not in shop}
    _commit(git, folder, shop, "mira", "Invoices, and an export for the accountant", len(_HISTORY) + 1)
    _commit(
        git, folder, rest, "mira", "Cart: a summary, and lines can be removed; announce previews", len(_HISTORY) + 2
    )
    return Sample(folder, base_id, git.text("rev-parse", "HEAD"))


def _without_third_tier(text: str) -> str:
    dropped = ('    (200, Decimal("0.15")),', "| 200 pieces | 15 % |")
    kept = "".join(line for line in text.splitlines(keepends=True) if line.rstrip() not in dropped)
    return kept.replace('tier_discount(200) == Decimal("0.15")', 'tier_discount(50) == Decimal("0.10")')


def _files(name: str) -> Mapping[str, str]:
    """Return path -> text of a folder of the package's data, without its `.txt` endings."""
    found: dict[str, str] = {}

    def walk(node: Traversable, prefix: str) -> None:
        for child in sorted(node.iterdir(), key=lambda item: item.name):
            path = f"{prefix}{child.name}"
            if child.is_dir():
                walk(child, f"{path}/")
            else:
                found[path.removesuffix(".txt")] = child.read_text("utf-8").replace("@@TOKEN@@", fake_token())

    walk(resources.files("reviewer.demo").joinpath("sample_files", name), "")
    return found


def _commit(git: Git, folder: Path, files: Mapping[str, str], author: str, message: str, index: int) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    git.run("add", "--all")
    date = f"{FIRST_COMMIT + 3600 * index} +0000"
    identity = {
        "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": f"{author}@example.com",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": author,
        "GIT_COMMITTER_EMAIL": f"{author}@example.com",
        "GIT_COMMITTER_DATE": date,
    }
    git.run("commit", "--quiet", "--message", message, env=identity)
