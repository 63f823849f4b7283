"""What a process writes into its log."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reviewer.jobs.log_fields import current_fields, log_fields
from reviewer.processes.logs import MOST_LETTERS, LogFormatter, printer
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.settings import Settings

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


# --- fields, JSON, secrets -------------------------------------------------------------------------------------

SECRET = "hk-Zk39xQ7pLm2VtR8wYb5N"
FORMS = (SECRET, SECRET[::-1], SECRET.encode().hex(), base64.b64encode(SECRET.encode()).decode())


def line(message: str, *args: object, as_json: bool, error: BaseException | None = None) -> str:
    trace = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("reviewer.jobs.run", logging.WARNING, "", 0, message, args, trace)
    return LogFormatter("worker", OwnSecrets([SECRET]), as_json=as_json).format(record)


def test_a_line_names_the_review_and_the_delivery_that_it_belongs_to():
    with log_fields(review="7", repository="acme/shop", delivery="d-1", head=""):
        assert line("waits", as_json=False).endswith(
            "worker WARNING waits [review=7 repository=acme/shop delivery=d-1]"
        )
        said = json.loads(line("waits %d s", 3, as_json=True))
    assert {name: said[name] for name in ("process", "level", "message", "review", "delivery")} == {
        "process": "worker", "level": "WARNING", "message": "waits 3 s", "review": "7", "delivery": "d-1",
    }  # fmt: skip
    assert "head" not in said
    assert current_fields() == {}


def test_a_thread_names_no_work_but_that_of_its_own_context():
    seen: dict[str, dict[str, str]] = {}

    def look(name: str) -> None:
        seen[name] = dict(current_fields())

    with log_fields(review="7"), log_fields(delivery="d-1"):
        thread = threading.Thread(target=look, args=("other",))
        thread.start()
        thread.join()
        look("own")
    assert seen == {"other": {}, "own": {"review": "7", "delivery": "d-1"}}


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_no_line_holds_a_secret_of_ours(as_json: bool, form: str):
    with pytest.raises(ValueError) as caught:
        int(f"the answer was {form}")
    said = line("a library said %s", form, as_json=as_json, error=caught.value)
    with log_fields(repository=form):
        said += line("x", as_json=as_json)
    assert form not in said
    assert "Traceback" in said
    assert "the answer was" in said


@pytest.mark.parametrize("as_json", [True, False])
def test_a_message_cannot_forge_a_line_of_its_own(as_json: bool):
    said = line("one\n2026-12-01T00:00:00Z web INFO forged\r\u2028x", as_json=as_json)
    assert len(said.splitlines()) == 1


def test_what_a_library_puts_into_its_message_is_cut():
    assert len(line("%s", "word " * 10_000, as_json=True)) < MOST_LETTERS + 500


def test_lines_for_people_are_json_where_the_log_is(capsys: pytest.CaptureFixture[str]):
    settings = {form: Settings(Path("s"), Path("c"), "sqlite:///x", log_format=form) for form in ("text", "json")}
    printer(settings["text"], "serve")("ready    here")
    printer(settings["json"], "serve")("ready    here")
    plain, as_json = capsys.readouterr().err.splitlines()
    assert plain == "ready    here"
    assert json.loads(as_json)["message"] == "ready    here"
