"""Record the answers that `kilo-review demo` replays: ask any OpenAI-compatible endpoint what the demo asks.

    python -m tools.record_demo --url http://127.0.0.1:8080/v1 --model NAME --by "NAME of VENDOR"

Runs the demo with the recordings that fit, asks the endpoint what none fits, and runs it again, until a run asks
nothing unknown. What no longer fits is removed at the end. A key is read from the variable that `--key-from` names.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from reviewer.demo import recording
from reviewer.demo.command import add_arguments
from reviewer.demo.model_choice import replay
from reviewer.demo.recorded_model import RecordedModel
from reviewer.demo.run import run_demo
from reviewer.errors import KiloReviewError

# A look-up and a verification follow a first answer, a repair may follow each.
MOST_RUNS: Final = 8
# The name of the answer's form in a verification (reviewer/prompts/verification.py).
VERDICTS: Final = "verdicts"
# A person may answer.
WAIT_SECONDS: Final = 3600
FOLDER: Final = Path(recording.__file__).parent / recording.FOLDER


def main(arguments: list[str]) -> int:
    """Record, and return the exit status."""
    options = _options(arguments)
    FOLDER.mkdir(exist_ok=True)
    if options.fresh:
        _remove(set())
    for number in range(1, MOST_RUNS + 1):
        model = RecordedModel(recording.read_all(FOLDER))
        run_demo(_demo_options(), lambda _folder, server=model: replay(server, "recorded answers, being recorded"))
        wanted = _wanted(model)
        _say(f"run {number}: {len(model.asked)} known, {len(model.unknown)} unknown, {len(wanted)} to ask now")
        if not wanted:
            _remove(model.asked)
            return 0
        if options.dry_run:
            for request in wanted:
                _say(f"  {recording.form_of(request)}: {', '.join(recording.files_of(request))}")
            return 0
        with ThreadPoolExecutor(len(wanted)) as threads:
            for made in threads.map(lambda request: _ask(request, options), wanted):
                _say(f"  {made.write(FOLDER).name}: {made.input_tokens} tokens in, {made.output_tokens} out")
    _say(f"still unknown questions after {MOST_RUNS} runs: the prompts differ from run to run")
    return 1


def _wanted(model: RecordedModel) -> list[Mapping[str, Any]]:
    """Return what to ask now: what is verified is complete only where every other question has its answer."""
    unknown = list(model.unknown.values())
    first = [request for request in unknown if recording.form_of(request) != VERDICTS]
    return first or unknown


def _ask(request: Mapping[str, Any], options: argparse.Namespace) -> recording.Recording:
    key = os.environ.get(options.key_from, "") if options.key_from else ""
    body = {name: value for name, value in request.items() if name not in ("stream", "stream_options")}
    answer = httpx.post(
        f"{options.url.rstrip('/')}/chat/completions",
        json=body | {"model": options.model},
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=WAIT_SECONDS,
    )
    answer.raise_for_status()
    document = answer.json()
    usage = document["usage"]
    return recording.make(
        request,
        document["choices"][0]["message"]["content"],
        (int(usage["prompt_tokens"]), int(usage["completion_tokens"])),
        answered_by=options.by or options.model,
        today=datetime.now(UTC).date(),
    )


def _remove(kept: set[str]) -> None:
    for path in FOLDER.glob("*.json"):
        if path.stem.rpartition("-")[2] not in kept:
            path.unlink()


def _demo_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args(["--quiet", "--json"])
    options.program = [sys.executable, "-m", "kilo_review"]
    return options


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo-record", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--url", required=True, help="the endpoint's address, up to and with /v1")
    parser.add_argument("--model", required=True, help="the model to ask there")
    parser.add_argument("--by", default="", help="who answers, in words, as the demo says it (default: the model)")
    parser.add_argument("--key-from", metavar="VARIABLE", default="", help="the environment variable with the key")
    parser.add_argument("--fresh", action="store_true", help="ask everything again, also what still fits")
    parser.add_argument("--dry-run", action="store_true", help="ask nothing: say what would be asked first")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KiloReviewError, httpx.HTTPError) as error:
        _say(f"demo-record: {error}")
        sys.exit(2)
