"""`kilo-review bench` as a process of its own, against a provider behind a socket."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.answers import object_to
from reviewer.quality.outcome import read_outcomes
from tests.shared import shared
from tests.simulators.behaviour import Behaviour, Say
from tests.simulators.provider import KEY, ProviderSimulator

LIMIT = 3


def run(words: Sequence[str], provider: ProviderSimulator | None, state: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(state), "KILO_REVIEW_CACHE_DIR": str(state / "cache")}
    if provider is not None:
        env |= {"OPENAI_API_KEY": KEY, "KILO_REVIEW_OPENAI_BASE_URL": provider.base_url}
    command = [sys.executable, "-m", "kilo_review", "bench", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)


def answers(body: Any) -> Behaviour:
    """Find something in each file, and as the judge find every pair the same."""
    if body.get("response_format", {}).get("json_schema", {}).get("name") == "same":
        text = body["messages"][-1]["content"]
        text = text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
        pairs = text.rpartition("comment-finding: ")[2].split(", ")
        same = [{"comment": int(pair.split("-")[0]), "finding": int(pair.split("-")[1])} for pair in pairs]
        return Say(json.dumps({"same": same}))
    return object_to(body)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shortest pull requests of the development set."""
    rows = gzip.decompress(shared("data/review-dev.jsonl.gz").read_bytes()).decode().splitlines()
    file = tmp_path_factory.mktemp("set") / "small.jsonl"
    file.write_text("\n".join(sorted(rows, key=len)[:LIMIT]) + "\n", encoding="utf-8")
    return file


def test_a_run_is_counted_resumed_and_replayed_for_nothing(small_set: Path, tmp_path: Path) -> None:
    words = ["run", str(small_set), "--out", str(tmp_path / "a"), "--judge", "efficient", "-f", "json"]
    with ProviderSimulator("openai", default=answers) as provider:
        first = run(words, provider, tmp_path)
        asked = len(provider.requests)
        again = run(words, provider, tmp_path)
        assert len(provider.requests) == asked, "what was reviewed and judged is not asked again"
    assert first.returncode == 0, first.stderr
    (one,) = json.loads(first.stdout)
    assert (one["cases"], one["judged"]) == (LIMIT, LIMIT)
    assert one["findings"] > 0
    assert float(one["cost"]) > 0
    assert one["about"]["spent"].startswith("$0.0")
    assert one["about"]["spent"] != "$0.0000"
    assert json.loads(again.stdout)[0]["about"]["spent"] == "$0.0000"

    # Without any provider, and without a key: every answer comes from the recordings.
    replayed = run([*words, "--replay"], None, tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    (two,) = json.loads(replayed.stdout)
    assert two["about"]["spent"] == "$0.0000"
    for name in ("findings", "matched", "precision", "recall", "cost", "input_tokens", "calls"):
        assert two[name] == one[name], name


def test_the_cap_stops_a_run_which_goes_on_with_more(small_set: Path, tmp_path: Path) -> None:
    words = ["run", str(small_set), "--out", str(tmp_path / "a"), "-q"]
    with ProviderSimulator("openai", default=answers) as provider:
        stopped = run([*words, "--max-cost", "0.0001"], provider, tmp_path)
        assert stopped.returncode == 4
        assert "start again with a larger --max-cost" in stopped.stderr
        assert provider.requests == [], "the first call might have cost more than the cap"
        done = run([*words, "--max-cost", "5"], provider, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "precision" in done.stdout


def test_a_run_that_was_killed_in_the_middle_of_a_line_goes_on(small_set: Path, tmp_path: Path) -> None:
    words = ["run", str(small_set), "--out", str(tmp_path / "a"), "-q"]
    with ProviderSimulator("openai", default=answers) as provider:
        assert run([*words, "--limit", "1"], provider, tmp_path).returncode == 0
        results = tmp_path / "a" / "results.jsonl"
        results.write_text(results.read_text() + '{"case": "x/y#1", "lab', encoding="utf-8")
        asked = len(provider.requests)
        done = run(words, provider, tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(provider.requests) > asked
    assert len(read_outcomes(results)) == LIMIT


def test_two_runs_are_compared_in_every_format(small_set: Path, tmp_path: Path) -> None:
    with ProviderSimulator("openai", default=answers) as provider:
        for name, strategy in (("a", "efficient"), ("b", "frontier")):
            words = ["run", str(small_set), "--out", str(tmp_path / name), "--strategy", strategy, "--label", name]
            assert run([*words, "-q"], provider, tmp_path).returncode == 0
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    page = tmp_path / "board.html"
    told = run(["report", *folders, "--html", str(page)], None, tmp_path)
    assert told.returncode == 0
    assert told.stdout.splitlines()[0].startswith("label")
    assert page.read_text().count("<tr>") == 3
    rows = json.loads(run(["report", *folders, "-f", "json"], None, tmp_path).stdout)
    assert float(rows[1]["cost"]) > float(rows[0]["cost"]), "the frontier costs more for the same change"
    assert "| --- |" in run(["report", *folders, "-f", "markdown"], None, tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "none.json", "--out", "x"], "cannot read none.json"),
        (["report", "none"], "cannot read none/counts.json"),
        (["run", "{set}", "--out", "x", "--pull", "a/b#1"], "has no a/b#1"),
        (["run", "{set}", "--out", "x", "--replay"], "holds no run to replay"),
        (["run", "{set}", "--out", "x", "--max-cost", "much"], "is not an amount"),
        (["run", "{set}", "--out", "x", "--mirrors", "none"], "none is no folder"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(
    words: list[str], says: str, small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run([word.replace("{set}", str(small_set)) for word in words], None, tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
