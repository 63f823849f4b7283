"""The linters of single languages, run for real: what they find, what may not steer them, which is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.evidence import tools as tools_module
from reviewer.evidence.hits import AnalyserUnreadable
from reviewer.evidence.linters import read_ast_grep, read_hadolint, read_oxlint, read_shellcheck, read_squawk
from reviewer.evidence.run import Evidence, run_analysers
from reviewer.evidence.sandbox import FILE_LIMIT
from tests.evidence.snippets import Files, added

LANGUAGES = ("ast-grep", "oxlint", "shellcheck", "hadolint", "squawk", "builtin")
BAD = {
    "a.ts": "const o = { a: 1, b: 2, a: 3 };\nconst v = eval(o);\n",
    "a.sh": '#!/bin/bash\nrm -rf "$ROOT"/*\n',
    "web/Dockerfile": "FROM debian:12\nWORKDIR app\nUSER app\n",
    "db/migrations/1.sql": "ALTER TABLE orders ADD COLUMN region text NOT NULL;\n",
    "deploy/a.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  hostPID: true\n  hostPID: true\n",
}
FOUND = {
    ("a.ts", 1, "oxlint:no-dupe-keys"),
    ("a.ts", 2, "oxlint:no-eval"),
    ("a.sh", 2, "shellcheck:SC2115"),
    ("web/Dockerfile", 2, "hadolint:DL3000"),
    ("db/migrations/1.sql", 1, "squawk:adding-required-field"),
    ("deploy/a.yaml", 5, "builtin:yaml-duplicate-key"),
    ("deploy/a.yaml", 4, "ast-grep:k8s-host-namespace"),
}


def analyse(files: dict[str, str], tools: tuple[str, ...] = LANGUAGES) -> Evidence:
    return run_analysers(added(files), Files(files), tools=tools)


def found(evidence: Evidence) -> set[tuple[str, int, str]]:
    return {(item.path, item.line, item.source) for item in evidence.findings}


def test_each_linter_finds_its_planted_defect_and_is_named_as_its_reader():
    evidence = analyse(BAD)
    assert found(evidence) >= FOUND
    assert all(run.error == "" for run in evidence.runs), evidence.runs
    assert evidence.read == {
        "a.ts": ("ast-grep", "oxlint"),
        "a.sh": ("ast-grep", "shellcheck"),
        "web/Dockerfile": ("hadolint", "builtin"),
        "db/migrations/1.sql": ("squawk", "builtin"),
        "deploy/a.yaml": ("ast-grep", "builtin"),
    }


def test_neither_configuration_nor_a_comment_of_the_repository_silences_them():
    silenced = {
        "a.ts": "/* eslint-disable */\n/* oxlint-disable */\n// ast-grep-ignore\n" + BAD["a.ts"],
        "a.sh": "#!/bin/bash\n# shellcheck disable=SC2115,all\n" + BAD["a.sh"].partition("\n")[2],
        "web/Dockerfile": "# hadolint global ignore=DL3000\n# hadolint ignore=DL3000\n" + BAD["web/Dockerfile"],
        "db/migrations/1.sql": "-- squawk-ignore-file\n-- squawk-ignore adding-required-field\n"
        + BAD["db/migrations/1.sql"],
        "deploy/a.yaml": "# ast-grep-ignore\n" + BAD["deploy/a.yaml"].replace("\n", "\n# ast-grep-ignore\n", 3),
        ".oxlintrc.json": '{"ignorePatterns": ["**"]}',
        ".eslintignore": "**\n",
        ".shellcheckrc": "disable=all\n",
        ".hadolint.yaml": "ignored: [DL3000]\n",
        ".squawk.toml": "excluded_rules = ['adding-required-field']\n",
        "sgconfig.yml": "ruleDirs: []\n",
        ".gitignore": "*\n",
    }
    assert {(path, source) for path, _line, source in found(analyse(silenced))} >= {
        (path, source) for path, _line, source in FOUND
    }


def test_a_linter_that_is_not_installed_is_told_and_reads_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tools_module, "beside_python", lambda _name: None)
    evidence = analyse(BAD)
    assert {run.tool: run.error for run in evidence.runs} == {
        **dict.fromkeys(LANGUAGES[:-1], "not installed"),
        "builtin": "",
    }
    assert set(evidence.read.values()) == {("builtin",)}


def test_a_linter_without_a_file_of_its_language_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tools_module, "beside_python", lambda _name: None)
    assert [run.error for run in analyse({"a.lua": "x = 1\n"}).runs] == [""] * len(LANGUAGES)


def test_sql_that_is_not_postgresql_gets_nothing_from_squawk():
    files = {"migrations/1.sql": "ALTER TABLE `orders` ADD COLUMN `r` int(11) NOT NULL AUTO_INCREMENT;\n"}
    assert analyse(files, ("squawk",)).findings == ()


def test_two_hits_of_one_rule_are_two_findings():
    findings = analyse({"a.go": "package a\n\nfunc f() {\n\tos.Chmod(a, 0777)\n\tos.Chmod(b, 0777)\n}\n"}).findings
    assert [item.line for item in findings] == [4, 5]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "a = [" * 3_000,
        "a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 300)),
        "&a [" + "*a," * 1000,
        "\0" * 1000,
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1") * 100,
        "x" * (FILE_LIMIT // 8),
    ],
    ids=["parentheses", "brackets", "deep", "aliases", "zero bytes", "no characters", "one long line"],
)
def test_a_hostile_file_costs_its_own_findings_at_most(text: str):
    files = {f"bad.{suffix}": text for suffix in ("go", "yaml", "tf")} | {"ok/Dockerfile": "FROM debian:latest\n"}
    evidence = analyse(files, ("ast-grep", "builtin"))
    assert ("ok/Dockerfile", 1, "builtin:docker-unpinned") in found(evidence)


@pytest.mark.parametrize("read", [read_ast_grep, read_oxlint, read_shellcheck, read_hadolint, read_squawk])
@pytest.mark.parametrize("output", [b"error: no", b"7", b"{"])
def test_another_output_than_the_documented_one_is_no_report(read: object, output: bytes):
    with pytest.raises(AnalyserUnreadable):
        read(output)  # type: ignore[operator]


def test_every_file_of_rules_is_shipped():
    folder = Path(tools_module.__file__).parent
    assert {path.name for path in folder.iterdir()} >= {"rules.toml", "builtin.toml", "patterns"}
