"""`kilo-review explain` on real repositories, through the command line's own entry."""

import io
import json
import re
from pathlib import Path

import pytest

from kilo_review import main
from tests.local.repo import Scratch

PAGING = "def pages(total, size):\n    return -(-total // size)\n"
CALLER = "from paging import pages\n\n\ndef show(total):\n    return pages(total, 10)\n"
STAGES = ("change", "units", "context", "route", "prompt")


@pytest.fixture(autouse=True)
def nobody_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An address where nothing listens: no local server of this machine is asked."""
    for name in ("KILO_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KILO_REVIEW_MODEL_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("KILO_REVIEW_MODEL", "a-model")
    monkeypatch.setenv("KILO_REVIEW_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"paging.py": PAGING, "web/show.py": CALLER, "other.md": "# Notes\n"})
    made.git("tag", "before")
    made.write("paging.py", PAGING.replace("-(-total // size)", "total // size + 1"))
    made.write("other.md", "# Notes\n\nMore.\n")
    made.write("package-lock.json", "{}\n")
    made.commit()
    return made


@pytest.fixture
def explain(scratch: Scratch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str, span: tuple[str, ...] = ("--base", "before", "--head", "main")) -> str:
        where = ("--repo", str(scratch.root)) if span else ()
        assert main(["explain", *words, *where, *span]) == 0
        return capsys.readouterr().out

    return run


def test_the_change_names_sizes_and_what_is_left_out_with_its_reason(explain):
    text = explain("change")
    assert re.match(r"[0-9a-f]{12} → [0-9a-f]{12} · 3 files · \+4 -1\n", text)
    listed, _, left_out = text.partition("left out:\n")
    assert re.search(r"modified +\+1 +-1 +paging\.py", listed)
    assert "package-lock.json" not in listed
    assert re.search(r"  package-lock\.json · .*lock", left_out)


def test_units_say_which_lines_are_read_together(explain):
    text = explain("units")
    assert re.search(
        r"^unit 1 of 2 · 1 hunk in 1 file, \d+ tokens · risk 0\.\d\d · id [0-9a-f]{12}$", text, re.MULTILINE
    )
    assert re.search(r"^  paging\.py\n    line 1 +\+1 +-1", text, re.MULTILINE)


def test_context_says_where_a_snippet_is_from_why_and_how_large_it_is(explain):
    text = explain("context")
    size = (
        r"^unit \d of 2 · paging\.py\n  \d snippets?, [\d,]+ tokens of at most [\d,]+, beside \d+ tokens of diff$"
    )
    assert re.search(size, text, re.MULTILINE)
    assert re.search(r"^  web/show\.py:\d+(-\d+)?\n    caller, [\d,]+ tokens: .*`pages`", text, re.MULTILINE)


def test_the_route_ends_with_the_sum_and_the_price(explain):
    text = explain("route")
    assert "endpoint/a-model" in text
    assert "  free tier · " in text
    assert "documentation only" in text
    assert re.search(
        r"^  prompt [\d,]+ tokens, answer up to [\d,]+ · about \$0\.00, at most \$0\.00$", text, re.MULTILINE
    )
    assert text.splitlines()[-2:-1] == ["2 units: 1 free, 1 efficient"]
    assert text.endswith("nothing was asked\n")


def test_the_instructions_of_the_prompt_are_printed_once(explain):
    text = explain("prompt")
    assert text.count("You review") == 1
    assert "----- instructions: as above" in text
    assert text.count("</diff ") >= 2


@pytest.mark.parametrize("stage", STAGES)
def test_the_json_of_each_stage_is_about_the_same_files(explain, stage: str):
    told = explain(stage, "--format", "json")
    assert "paging.py" in json.dumps(json.loads(told))


def test_the_json_keeps_its_keys(explain):
    change, units, context, route, prompt = (json.loads(explain(stage, "--format", "json")) for stage in STAGES)
    assert set(change) == {"base", "head", "files", "skipped", "redacted"}
    assert [row["path"] for row in change["skipped"]] == ["package-lock.json"]
    assert set(units[0]) == {"unit", "risk", "reason", "hunks"}
    assert set(context) == {"units", "limits"}
    row = {"unit", "paths", "budget", "around", "shared", "items", "left_out", "next"}
    assert set(context["units"][0]) == row
    assert set(route) == {"units", "estimate_usd", "reason"}
    assert set(prompt[0]) == {"unit", "model", "system", "shared", "text", "version", "redacted"}


def test_what_has_no_room_and_which_limits_bit_is_said(scratch: Scratch, explain):
    calls = "".join(f"    total += helper_{number}(total)\n" for number in range(300))
    helpers = "".join(f"def helper_{number}(value):\n    return value + {number}\n\n\n" for number in range(300))
    scratch.commit(**{"helpers.py": helpers, "AGENTS.md": "Be kind.\n"})
    scratch.git("tag", "-f", "before")
    scratch.write("paging.py", f"from helpers import *\n\n\ndef pages(total, size):\n{calls}    return total\n")
    scratch.write("package-lock.json", "{}\n{}\n")
    scratch.commit()
    text = explain("context")
    assert re.search(
        r"^before unit 1 · the same for all, \d+ tokens\n  AGENTS\.md:1\n    guideline, ", text, re.MULTILINE
    )
    assert re.search(
        r"^  no room for \d+ more snippets; the best of them:\n    helpers\.py:\d+", text, re.MULTILINE
    )
    assert re.search(r"^  limit: names looked up for one unit: \d+ at most, \d+ left out$", text, re.MULTILINE)
    told = json.loads(explain("context", "--format", "json"))
    (unit,) = told["units"]
    assert unit["left_out"] > len(unit["next"]) == 3
    assert sum(item["tokens"] for item in unit["items"]) <= unit["budget"]
    assert "unit_names" in {row["limit"] for row in told["limits"]}
    for stage in ("units", "route"):
        assert "1 file left out, see `explain change`: package-lock.json" in explain(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_a_diff_needs_no_repository(explain, scratch: Scratch, tmp_path: Path, stage: str):
    (tmp_path / "a.diff").write_text(scratch.git("diff", "before", "main") + "\n")
    told = explain(stage, "--diff", str(tmp_path / "a.diff"), span=())
    assert "paging.py" in told
    assert ("no snippet, for a bare diff has no repository to look in" in told) is (stage == "context")


def test_a_diff_is_read_from_standard_input(explain, scratch: Scratch, monkeypatch: pytest.MonkeyPatch):
    diff = scratch.git("diff", "before", "main") + "\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(diff.encode())))
    assert explain("change", "--diff", "-", span=()).startswith("the diff · 3 files · +4 -1\n")


def test_an_empty_diff_is_nothing_to_review(explain, tmp_path: Path):
    (tmp_path / "a.diff").write_text("")
    for stage in STAGES[1:]:
        assert explain(stage, "--diff", str(tmp_path / "a.diff"), span=()) == "nothing to review\n"


def test_a_hostile_name_cannot_steer_the_terminal(explain, scratch: Scratch):
    scratch.commit(**{"a\x1b[2J\u202eb.py": "x = 1\n"})
    for stage in STAGES:
        text = explain(stage)
        assert "\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--base", "nowhere"), "'nowhere' is no commit"),
        (("--commit", "main", "--base", "before"), "exclude each other"),
        (("--diff", "absent.diff"), "cannot read absent.diff"),
        (("--diff", "-", "--staged"), "--diff and --staged exclude each other"),
    ],
)
def test_what_cannot_be_used_is_an_error_that_says_so(
    scratch: Scratch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words, says: str
):
    monkeypatch.chdir(scratch.root)
    assert main(["explain", "change", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
    assert "Traceback" not in told.err
