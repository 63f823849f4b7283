"""app.yml asks for what the code uses: not less, or it fails, and not more, or nobody installs it."""

from __future__ import annotations

from typing import Any

import pytest

from reviewer.jobs import run as service
from tests.shared import ROOT
from webhooks import github_permission, triggers
from webhooks.manifest import EVENT_PERMISSIONS, PERMISSIONS, manifest

RANK = {"read": 1, "write": 2}


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra `analysers`")
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "app.yml").read_text())
    return loaded


def test_the_permissions_are_those_of_the_tokens_that_the_code_asks_for(written: dict[str, Any]):
    used: dict[str, str] = {}
    tokens = (service.READ_PERMISSIONS, service.WRITE_PERMISSIONS, github_permission.PERMISSIONS)
    for permissions in (*tokens, EVENT_PERMISSIONS):
        for name, level in permissions.items():
            used[name] = max(used.get(name, level), level, key=RANK.__getitem__)
    assert written["default_permissions"] == used
    assert dict(PERMISSIONS) == used


def test_the_events_are_those_that_triggers_reads(written: dict[str, Any]):
    assert sorted(written["default_events"]) == sorted(triggers.EVENTS)


def test_a_command_in_the_procfile_is_a_command_of_the_program():
    from kilo_review import COMMANDS

    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert set(lines) == {"release", "web", "worker", "clock"}
    for line in lines.values():
        assert line.rpartition("kilo-review ")[2] in COMMANDS


def test_the_file_and_the_set_up_page_ask_for_the_same(written: dict[str, Any]):
    asked = manifest(name=written["name"], public_url="https://example.com", redirect_url="x")
    del asked["redirect_url"]
    assert asked == written
