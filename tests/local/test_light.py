"""What a local run must not load: seconds of a start are spent on imports, and a base installation has no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.git_folder import ENV
from tests.local.repo import Scratch
from tests.simulators.provider import KEY, ProviderSimulator

# Of extras, and what they need: never in a local run.
EXTRAS = {
    *("alembic", "flask", "mako", "prometheus_client", "redis", "rq", "sqlalchemy", "waitress", "werkzeug"),
    *("genai_prices", "httpx2", "jsonschema", "pydantic"),
}
# Of the base installation: needed by `pr` and `ci`, or once there is something to show.
LATER = {
    "github",
    "requests",
    "urllib3",
    "jwt",
    "cryptography",
    "nacl",
    "rich",
    "pygments",
    "markdown_it",
    "unidiff",
}
# A clean tree ends before these.
REVIEW = {
    "httpx",
    "httpcore",
    "h11",
    "ssl",
    "sqlite3",
    "tree_sitter",
    "re2",
    "yaml",
    "json_repair",
    "asyncio",
    "uuid",
}
OURS = {
    "policies.policy",
    "policies.rules",
    "reviewer.pipeline",
    "reviewer.prompts",
    "reviewer.models",
    "reviewer.steps",
}

# Prints the modules that are loaded when a socket is connected to, each time, and at the end.
CHILD = """
import json, sys
seen = []
def watch(event, arguments):
    if event == "socket.connect":
        seen.append(sorted(sys.modules))
sys.addaudithook(watch)
import kilo_review
status = kilo_review.main(sys.argv[1:])
print(json.dumps({"status": status, "seen": seen, "end": sorted(sys.modules)}))
"""


def run(root: Path, home: Path, **env: str) -> tuple[int, list[set[str]], set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "local", "--fail-on", "never", "-o", str(home / "out.txt")],
        cwd=root,
        env={**ENV, "HOME": str(home), "KILO_REVIEW_CACHE_DIR": str(home / "cache"), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    return said["status"], [set(names) for names in said["seen"]], set(said["end"])


def test_a_clean_tree_ends_before_anything_of_a_review_is_loaded(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    status, _, loaded = run(scratch.root, tmp_path, KILO_REVIEW_OFFLINE="1")
    assert status == 0
    assert loaded & (EXTRAS | LATER | REVIEW | OURS) == set()


def test_a_review_loads_nothing_of_an_extra_and_no_more_than_it_needs_before_its_first_question(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "def load(path):\n    return open(path).read()\n"})
    scratch.write("a.py", "def load(path, seen=[]):\n    seen.append(path)\n    return open(path).read()\n")
    with ProviderSimulator("openai") as provider:
        status, at_sockets, end = run(
            scratch.root,
            tmp_path,
            KILO_REVIEW_MODEL_URL=provider.base_url,
            KILO_REVIEW_MODEL="instant",
            KILO_REVIEW_MODEL_KEY=KEY,
        )
        questions = [request for request in provider.requests if request.body]
    assert status == 0
    assert questions
    assert end & EXTRAS == set()
    # The last connection is a question's: each of these was loaded by then or is not needed for one.
    assert at_sockets[-1] & LATER == set()
    assert "httpx" in at_sockets[-1]
