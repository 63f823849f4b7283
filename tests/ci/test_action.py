"""action.yml, run as a runner runs it: its last step as a script, inputs and token in the environment."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.test_command import WRITE, actions_comments, runner, token, with_model
from tests.git_folder import ENV
from tests.service.rig import Rig

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
REVIEW = ACTION["runs"]["steps"][-1]


def evaluated(text: str, inputs: dict[str, str]) -> str:
    """Replace `${{ inputs.name }}`, the only expressions in the step's variables."""
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], text)


def step(service: Rig, folder: Path, number: int, **given: str) -> subprocess.CompletedProcess[str]:
    inputs = {name: str(row.get("default", "")) for name, row in ACTION["inputs"].items()} | given
    bin_folder = folder / "temp/kilo-review/bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "kilo-review").symlink_to(Path(sys.executable).parent / "kilo-review")
    env: dict[str, Any] = {
        **ENV,
        "HOME": str(folder),
        "RUNNER_TEMP": str(folder / "temp"),
        "KILO_REVIEW_CACHE_DIR": str(folder / "cache"),
        "KILO_REVIEW_POLICY": str(service.settings.policy_file),
        "GITHUB_API_URL": service.simulator.url,
        **runner(service, folder, number),
        **with_model(service),
        **{name: evaluated(value, inputs) for name, value in REVIEW["env"].items()},
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", REVIEW["run"]],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_step_reviews_comments_and_gives_the_status_of_the_program(service: Rig, tmp_path: Path):
    number = service.open()
    done = step(service, tmp_path, number, token=token(service, WRITE), sarif="out put.sarif")
    assert done.returncode == 1, done.stderr
    assert [len(rows) for rows in actions_comments(service, number)] == [3, 1]
    assert (tmp_path / "out put.sarif").is_file()


def test_inputs_are_words_and_never_a_part_of_the_script(service: Rig, tmp_path: Path):
    number = service.open()
    given = {"fail-on": "never", "model": "$(touch owned)`touch owned`", "comments": "false"}
    done = step(service, tmp_path, number, token=token(service, WRITE), **given)
    assert not (tmp_path / "owned").exists()
    assert "$(touch owned)" in done.stderr
    assert actions_comments(service, number) == ([], [])


def test_every_output_is_one_that_the_program_writes(service: Rig, tmp_path: Path):
    step(service, tmp_path, service.open(), token=token(service, WRITE), comments="false")
    written = {line.split("=", 1)[0] for line in (tmp_path / "output").read_text().splitlines()}
    assert set(ACTION["outputs"]) <= written


@pytest.mark.parametrize("given", ACTION["runs"]["steps"], ids=lambda row: row["name"])
def test_no_step_has_an_expression_in_its_script(given: dict[str, Any]):
    assert "${{" not in given["run"]
    assert "uses" not in given
