"""What ast-grep and the linters of single languages print, read into Hits. Pure: bytes in, records out."""

from __future__ import annotations

import re
from typing import Final

from reviewer.evidence.hits import Hit, as_json
from reviewer.evidence.patterns import code_of

_OXLINT_CODE: Final = re.compile(r"[\w-]+\(([\w/-]+)\)")


def read_ast_grep(output: bytes) -> tuple[Hit, ...]:
    """Read `ast-grep scan --json=stream`: one JSON object a line; the message is left to the rule."""
    hits = []
    for text in output.splitlines():
        row = as_json(text, "ast-grep", dict)
        first, last = row["range"]["start"]["line"] + 1, row["range"]["end"]["line"] + 1
        hits.append(Hit("ast-grep", code_of(row["ruleId"]), row["file"], first, last, ""))
    return tuple(hits)


def read_oxlint(output: bytes) -> tuple[Hit, ...]:
    """Read `oxlint --format json`; the first label is where the hit is."""
    hits = []
    for row in as_json(output, "oxlint", dict)["diagnostics"]:
        code = _OXLINT_CODE.fullmatch(row.get("code") or "")
        if code is None or not row["labels"]:
            continue
        line = row["labels"][0]["span"]["line"]
        hits.append(Hit("oxlint", code[1], row["filename"], line, line, row["message"], url=row.get("url") or ""))
    return tuple(hits)


def read_shellcheck(output: bytes) -> tuple[Hit, ...]:
    """Read `shellcheck --format json1`."""
    return tuple(
        Hit(
            tool="shellcheck",
            code=f"SC{row['code']}",
            path=row["file"],
            line=row["line"],
            end_line=row["endLine"],
            message=row["message"],
            url=f"https://www.shellcheck.net/wiki/SC{row['code']}",
        )
        for row in as_json(output, "shellcheck", dict)["comments"]
    )


def read_hadolint(output: bytes) -> tuple[Hit, ...]:
    """Read `hadolint --format json`; what shellcheck says of a RUN line counts as shellcheck's rule."""
    return tuple(
        Hit("hadolint", row["code"], row["file"], row["line"], row["line"], row["message"])
        for row in as_json(output, "hadolint", list)
    )


def read_squawk(output: bytes) -> tuple[Hit, ...]:
    """Read `squawk --reporter json`; of a file that is not PostgreSQL's SQL nothing is kept."""
    rows = as_json(output, "squawk", list)
    foreign = {row["file"] for row in rows if row["rule_name"] == "syntax-error"}
    return tuple(
        Hit(
            tool="squawk",
            code=row["rule_name"],
            path=row["file"],
            line=row["line"] + 1,
            end_line=max(row["line"], row.get("line_end") or 0) + 1,
            message=row["message"],
            url=f"https://squawkhq.com/docs/{row['rule_name']}",
        )
        for row in rows
        if row["file"] not in foreign
    )
