"""Write the tables of docs/reference/analysers.md from the shipped rules: `python tools/analysers_page.py`."""

from __future__ import annotations

import sys
import tomllib
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- rules -->", "<!-- end of rules -->"
PAGE = ROOT / "docs" / "reference" / "analysers.md"


def tables() -> str:
    """Return a table of the rules of each language or tool, in Markdown."""
    import yaml

    from reviewer.evidence.builtin import builtin_rules
    from reviewer.evidence.model import Rule
    from reviewer.evidence.patterns import pattern_rules
    from reviewer.evidence.rules import rules

    folder = Path(str(resources.files("reviewer.evidence")))
    groups: list[tuple[str, dict[str, Rule]]] = []
    for path in sorted((folder / "patterns").glob("*.yml")):
        names = [row["id"] for row in yaml.safe_load_all(path.read_text("utf-8"))]
        groups.append((f"ast-grep: {path.stem}", {name: pattern_rules()[name] for name in names}))
    for kind, rows in tomllib.loads((folder / "builtin.toml").read_text("utf-8")).items():
        groups.append((f"builtin: {kind}", {name: builtin_rules()[name] for name in rows}))
    groups += [(tool, dict(known)) for tool, known in rules().items()]
    parts = []
    for title, known in groups:
        parts.append(f"### {title} ({len(known)})\n\n| rule | severity | what it says |\n| --- | --- | --- |")
        parts[-1] += "".join(
            f"\n| `{name}` | {rule.severity.name.lower()} | {rule.title.replace('|', chr(92) + '|')} |"
            for name, rule in known.items()
        )
    return "\n\n".join(parts)


def page(text: str) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = text.partition(START)
    _old, _, after = rest.partition(END)
    return f"{before}{START}\n\n{tables()}\n\n{END}{after}"


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
