"""What a process writes into its log."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = ("markdown_it", "httpx", "httpcore", "github.Requester", "urllib3.connectionpool", "rq.worker", "root")
PROGRAM = """
import logging, sys
from reviewer.processes.logs import configure_logging
from reviewer.settings import Settings
configure_logging(Settings.from_environ({"LOG_LEVEL": sys.argv[1]}), "web")
for name in sys.argv[2:]:
    logging.getLogger(name).debug("debug of %s", name)
    logging.getLogger(name).info("info of %s", name)
"""


def logged(level: str, *names: str) -> str:
    command = [sys.executable, "-c", PROGRAM, level, *names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_what_libraries_say_below_a_warning_is_never_logged(level: str):
    assert logged(level, *LIBRARIES) == ""


def test_our_own_lines_follow_the_level_and_name_the_process():
    assert " web INFO info of webhooks.receiver" in logged("INFO", "webhooks.receiver")
    assert "debug" not in logged("INFO", "webhooks.receiver")
    assert " web DEBUG debug of reviewer.jobs" in logged("DEBUG", "reviewer.jobs")
    assert logged("ERROR", "reviewer.jobs") == ""
