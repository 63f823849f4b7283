"""The language server as an editor meets it: a process of its own, a real repository, a provider on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.repo import Scratch
from tests.local.test_hostile import hostile
from tests.lsp.client import PATIENCE, Client
from tests.simulators.behaviour import Hang, Say
from tests.simulators.provider import KEY, ProviderSimulator
from tests.test_pipeline import CLEAN, answer, finding

BAD = "    return total // size + 1"
GOOD = "    return -(-total // size)"
PAGES = f"def pages(total, size):\n{BAD}\n"
EVAL = "a = 1\n\n\ndef f(x):\n    return eval(x)  # 𝒳😀\n"
# A request whose answer comes behind what was sent before it.
QUIET = {"command": "kilo.explain", "arguments": [{"quiet": True}]}
MENDED = "a = 1\n\n\ndef f(x):\n    return int(x)\n"


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"a.py": "a = 1\n", "paging.py": f"def pages(total, size):\n{GOOD}\n", "z.py": "z = 1\n"})
    return made


@pytest.fixture
def provider() -> Iterator[ProviderSimulator]:
    with ProviderSimulator("openai", default=verdict_or(answer(found()))) as running:
        yield running


def found() -> dict[str, Any]:
    return finding("paging.py", BAD, suggestion=GOOD, severity="high")


def verdict_or(text: str) -> Callable[[Any], Say]:
    """Say a text about the code that is wrong and nothing about other code; what is to be verified stands."""
    stands = {"number": 1, "verdict": "stands", "proof": "", "same_as": None, "reason": "it is so"}

    def said(body: Any) -> Say:
        asked = json.dumps(body)
        if "verdict" in asked:
            return Say(json.dumps({"verdicts": [stands]}))
        return Say(text if BAD.strip() in asked else CLEAN)

    return said


def environ(running: ProviderSimulator, **more: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "KILO_REVIEW_OPENAI_BASE_URL": running.base_url, **more}


def rest_of_line(diagnostic: dict[str, Any]) -> list[int]:
    place = diagnostic["range"]
    return [place["start"]["line"], place["start"]["character"], place["end"]["line"], place["end"]["character"]]


def test_a_save_shows_what_analysers_find_follows_edits_and_ends_clean(repo: Scratch, tmp_path: Path):
    repo.write("a.py", EVAL)
    with Client(repo.root, tmp_path / "cache") as client:
        client.open("a.py")
        status = client.saved("a.py")
        assert (status["status"], status["cost"], status["coverage"], status["findings"]) == (
            "analysers-only",
            "0",
            1.0,
            1,
        )
        (shown,) = client.diagnostics("a.py")
        assert (shown["source"], shown["code"], shown["severity"]) == ("kilo-review", "S307", 1)
        assert shown["data"]["origin"] == "analyser"
        assert "literal_eval" in shown["message"]
        # Two astral characters are four units of UTF-16.
        assert rest_of_line(shown) == [4, 4, 4, len("    return eval(x)  # ") + 4]
        hover = client.request(
            "textDocument/hover",
            {"textDocument": {"uri": client.uri("a.py")}, "position": {"line": 4, "character": 9}},
        )
        assert hover["contents"] == {"kind": "plaintext", "value": shown["message"]}
        # Before anything is saved: it moves with its line, and goes with it.
        client.edit("a.py", f"import os\n{EVAL}", 2)
        client.request("workspace/executeCommand", QUIET)
        assert [row["range"]["start"]["line"] for row in client.diagnostics("a.py")] == [5]
        client.edit("a.py", MENDED, 3)
        client.request("workspace/executeCommand", QUIET)
        assert client.diagnostics("a.py") == []
        repo.write("a.py", MENDED)
        assert client.saved("a.py")["findings"] == 0
        assert client.saved("a.py")["text"].endswith("unchanged, $0")
        told = [text for text in client.messages() if "only the analysers run" in text]
        assert len(told) == 1
        assert "KILO_API_KEY" in told[0]
        assert client.close() == 0


def test_a_suggestion_is_applied_as_it_reads_and_the_second_save_costs_nothing(
    repo: Scratch, provider: ProviderSimulator, tmp_path: Path
):
    repo.write("paging.py", PAGES)
    with Client(repo.root, tmp_path / "cache", environ=environ(provider), review={"onSave": "model"}) as client:
        client.open("paging.py")
        status = client.saved("paging.py")
        assert status["status"] == "complete"
        assert float(status["cost"]) > 0
        assert status["sessionCost"] == status["cost"]
        (shown,) = client.diagnostics("paging.py")
        assert (shown["data"]["origin"], shown["code"]) == ("model", "defect")
        ended = [m["params"]["value"] for m in client.seen if m.get("method") == "$/progress"][-1]
        assert ended == {"kind": "end", "message": status["text"]}
        assert "$0.0" in status["text"]
        asked = len(provider.requests)
        assert client.saved("paging.py")["cost"] == "0"
        # Another file changes: the hunk that was paid for is not asked about again.
        repo.write("z.py", "z = 2\n")
        client.saved("z.py")
        assert [BAD.strip() in str(request.body) for request in provider.requests[asked:]] == [False]
        assert len(client.diagnostics("paging.py")) == 1
        first = client.actions("paging.py", 1)[0]
        (change,) = first["edit"]["documentChanges"]
        assert change["textDocument"] == {"uri": client.uri("paging.py"), "version": 1}
        (edit,) = change["edits"]
        assert (edit["newText"], edit["range"]["start"], edit["range"]["end"]) == (
            GOOD,
            {"line": 1, "character": 0},
            {"line": 1, "character": len(BAD)},
        )
        fixed = PAGES.replace(BAD, edit["newText"])
        client.edit("paging.py", fixed, 2)
        repo.write("paging.py", fixed)
        client.saved("paging.py")
        assert client.diagnostics("paging.py") == []
        assert client.actions("paging.py", 1) == []


def test_what_a_model_said_stays_through_a_save_of_the_analysers_and_a_dismissal_for_good(
    repo: Scratch, provider: ProviderSimulator, tmp_path: Path
):
    repo.write("paging.py", PAGES)
    with Client(repo.root, tmp_path / "cache", environ=environ(provider)) as client:
        client.open("paging.py")
        client.saved("paging.py")
        assert provider.requests == []
        (done,) = client.request("workspace/executeCommand", {"command": "kilo.reviewNow", "arguments": []})
        assert done["status"] == "complete"
        asked = len(provider.requests)
        repo.write("z.py", "z = eval('2')\n")
        client.saved("z.py")
        assert len(provider.requests) == asked
        assert [row["data"]["origin"] for row in client.diagnostics("paging.py")] == ["model"]
        dismiss = [a for a in client.actions("paging.py", 1) if a["title"].startswith("Dismiss")]
        assert [a["title"] for a in dismiss] == [
            "Dismiss: it is wrong",
            "Dismiss: it is intended",
            "Dismiss: it is not worth a change",
        ]
        assert client.request("workspace/executeCommand", dismiss[0]["command"]) is True
        assert client.diagnostics("paging.py") == []
        # The new hunk alone is asked about, and what was dismissed is not shown by a server that starts anew.
        client.request("workspace/executeCommand", {"command": "kilo.reviewNow", "arguments": []})
        assert {BAD.strip() in str(request.body) for request in provider.requests[asked:]} == {False}
        assert client.diagnostics("paging.py") == []
    with Client(repo.root, tmp_path / "cache", environ=environ(provider)) as client:
        client.request("workspace/executeCommand", {"command": "kilo.reviewNow", "arguments": []})
        assert (client.diagnostics("paging.py"), len(client.diagnostics("z.py"))) == ([], 1)


def test_a_newer_save_stops_the_older_review_before_it_asks_again(
    repo: Scratch, provider: ProviderSimulator, tmp_path: Path
):
    repo.write("paging.py", PAGES)
    # Longer than this test waits for anything: the second review begins when the first has ended.
    provider.script.append(Hang(PATIENCE * 5))
    with Client(repo.root, tmp_path / "cache", environ=environ(provider), review={"onSave": "model"}) as client:
        client.save("paging.py")
        while not provider.requests:
            client.request("workspace/executeCommand", QUIET)
        repo.write("paging.py", PAGES + "\n\nLAST = 1\n")
        after = client.save("paging.py")
        done = client.wait(
            lambda m: m.get("method") == "kilo/status" and m["params"]["status"] == "complete", after=after
        )
        assert "LAST" not in str(provider.requests[0].body)
        assert all("LAST" in str(r.body) for r in provider.requests[1:] if "verdict" not in str(r.body))
        assert done["params"]["findings"] == 1


def test_a_review_is_stopped_by_command_by_its_progress_and_by_shutdown(
    repo: Scratch, provider: ProviderSimulator, tmp_path: Path
):
    repo.write("paging.py", PAGES)
    with Client(repo.root, tmp_path / "cache", environ=environ(provider)) as client:
        for stop in ("command", "progress", "shutdown"):
            provider.script.append(Hang(PATIENCE * 5))
            before, asked = len(client.seen), len(provider.requests)
            run = client.start("workspace/executeCommand", {"command": "kilo.reviewNow", "arguments": []})
            begun = client.wait(lambda m: m.get("params", {}).get("value", {}).get("kind") == "begin", after=before)
            while len(provider.requests) == asked:
                client.request("workspace/executeCommand", QUIET)
            if stop == "shutdown":
                assert client.close() == 0
                continue
            if stop == "command":
                client.request("workspace/executeCommand", {"command": "kilo.cancel", "arguments": []})
            else:
                client.notify("window/workDoneProgress/cancel", {"token": begun["params"]["token"]})
            assert client.result(run) == []
            assert len(provider.requests) == asked + 1


def test_a_limit_that_bites_is_said_and_the_editors_own_limit_cannot_raise_the_commands(
    repo: Scratch, provider: ProviderSimulator, tmp_path: Path
):
    repo.write("paging.py", PAGES)
    review = {"onSave": "model", "maxCost": 1, "debounceMs": -1}
    with Client(
        repo.root, tmp_path / "cache", "--max-cost", "0.000001", environ=environ(provider), review=review
    ) as client:
        assert client.saved("paging.py")["status"] == "stopped-by-limit"
        assert provider.requests == []
        assert any("a spending limit stopped the review" in text for text in client.messages())
        assert any("kilo.review.debounceMs cannot be -1" in text for text in client.messages())


def test_a_hostile_repository_starts_nothing(tmp_path: Path):
    made, witness = hostile(tmp_path)
    made.write(".kilo/review.toml", "[limits]\nrun = 1000\n")
    with Client(made.root, tmp_path / "cache") as client:
        status = client.saved("a.py")
        assert status["status"] == "analysers-only"
        assert client.close() == 0
    assert not witness.exists()


def test_a_client_that_leaves_without_a_word_ends_the_server(repo: Scratch, tmp_path: Path):
    with Client(repo.root, tmp_path / "cache") as client:
        assert client.process.stdin
        client.process.stdin.close()
        assert client.process.wait(PATIENCE) == 1


def test_a_client_whose_process_is_gone_ends_the_server_though_the_pipe_is_open(repo: Scratch, tmp_path: Path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with Client(repo.root, tmp_path / "cache", more={"processId": gone.pid}) as client:
        assert client.process.wait(PATIENCE) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_file_outside_of_any_repository_is_no_fault_and_a_signal_ends_a_server_that_waits(tmp_path: Path):
    (tmp_path / "x.py").write_text("x = 1\n")
    with Client(tmp_path, tmp_path / "cache") as client:
        client.save("x.py")
        assert client.request("workspace/executeCommand", {"command": "kilo.reviewNow", "arguments": []}) == []
        assert client.messages() == []
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait(PATIENCE) == 143


def test_the_missing_extra_is_one_sentence_with_the_line_that_installs_it(tmp_path: Path):
    (tmp_path / "pygls").mkdir()
    (tmp_path / "pygls" / "__init__.py").write_text("raise ModuleNotFoundError('no', name='pygls')\n")
    done = subprocess.run(
        [sys.executable, "-m", "kilo_review", "lsp"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "needs the extra lsp, which is not installed: pip install 'kilo-review[lsp]'" in done.stderr
