"""The wheel as a user gets it: the base alone in a fresh environment reviews; `make install-test` runs this."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

import pytest

from bench.install_size import build_wheel
from tests.git_folder import ENV
from tests.local.repo import Scratch
from tests.simulators.provider import KEY, ProviderSimulator

ROOT = Path(__file__).parent.parent
# Of a base installation: `make install-size` says what it is.
MOST_PACKAGES, MOST_MEGABYTES = 32, 120
pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the base alone; skipped where no index has its packages."""
    folder = tmp_path_factory.mktemp("install")
    venv.create(folder / "venv", with_pip=True)
    pip = [folder / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run(
        [*pip, "--retries", "1", "--timeout", "15", "hatchling"], capture_output=True, check=False
    ).returncode:
        pytest.skip("no package index is reachable: pip cannot install hatchling")
    subprocess.run([folder / "venv" / "bin" / "pip", "uninstall", "--quiet", "--yes", "hatchling"], check=True)
    venv.create(folder / "venv", with_pip=True, clear=True)
    subprocess.run([*pip, str(build_wheel(ROOT, folder / "wheel"))], check=True)
    return folder


def run(home: Path, *words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [home / "venv" / "bin" / "kilo-review", *words],
        cwd=cwd,
        env={**ENV, "HOME": str(home), "KILO_REVIEW_CACHE_DIR": str(home / "cache"), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_base_is_small(home: Path):
    pip = [home / "venv" / "bin" / "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(pip, capture_output=True, check=True).stdout)
    names = {row["name"] for row in listed} - {"pip", "setuptools", "wheel"}
    files = [path for path in (home / "venv" / "lib").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    own = [path for path in files if not {"pip", "setuptools", "pkg_resources"} & set(path.parts)]
    assert len(names) <= MOST_PACKAGES, sorted(names)
    assert sum(path.stat().st_size for path in own) <= MOST_MEGABYTES * 1_000_000


def test_it_reviews_a_change_with_a_model(home: Path, tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("a.py", "a = 2\n")
    with ProviderSimulator("openai") as provider:
        model = {"KILO_REVIEW_MODEL_URL": provider.base_url, "KILO_REVIEW_MODEL": "x", "KILO_REVIEW_MODEL_KEY": KEY}
        done = run(home, "local", cwd=scratch.root, **model)
        assert [request for request in provider.requests if request.body]
    assert (done.returncode, done.stderr) == (0, "")


def test_its_other_commands_work_or_name_the_extra(home: Path, tmp_path: Path):
    (tmp_path / "p.toml").write_text('[review]\nstyle = "strict"\n')
    assert run(home, "--help", cwd=tmp_path).returncode == 0
    assert run(home, "--version", cwd=tmp_path).stdout.startswith("kilo-review ")
    assert run(home, "policy", "check", "p.toml", cwd=tmp_path).returncode == 0
    serve = run(home, "serve", cwd=tmp_path)
    assert (serve.returncode, "pip install 'kilo-review[app]'" in serve.stderr) == (2, True)


def test_the_line_that_it_names_installs_the_extra_without_a_release(home: Path, tmp_path: Path):
    pip = [home / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "kilo-review[app]"], check=True, cwd=tmp_path)
    serve = run(home, "serve", cwd=tmp_path)
    assert (serve.returncode, "GITHUB_APP_ID" in serve.stderr) == (2, True)
