"""The README shows what `make demo` prints, and the pages that it leaves up lead somewhere."""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.links import Page, crawl
from tests.demo.test_run import NO_LONGER_FITS, start

README = Path(__file__).parent.parent.parent / "README.md"
GAP = "[...]"
# What differs from run to run, and what stands for it.
MASKS = (
    (r"\b\d+(?:\.\d+)? m?s\b", "0 s"),
    (r"127\.0\.0\.1:\d+|\bport \d+", "PORT"),
    (r"^ +(?=0 s)", ""),
    (r"\b[0-9]+\.[0-9]+\.[0-9][0-9a-z.]*", "VERSION"),
)


def masked(line: str) -> str:
    """Return a line without times, ports and versions."""
    for pattern, text in MASKS:
        line = re.sub(pattern, text, line)
    return line.rstrip()


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[str, str, dict[str, Page], list[str]]]:
    """What `make demo ARGS=--keep` prints and says, and the pages that it leaves up."""
    with tempfile.TemporaryDirectory(prefix="krd-", dir="/tmp") as name:
        process = start(Path(name), "--keep", "--timeout", "100")
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("The page: "):
                break
        address = re.search(r"http://\S+", said[-1])
        assert address is not None, "".join(said)
        try:
            pages, wrong = crawl(address[0])
        finally:
            process.send_signal(signal.SIGINT)
            printed, rest = process.communicate(timeout=40)
        assert process.returncode == 0, rest
        yield printed, "".join(said), pages, wrong


def test_the_readme_shows_what_the_demo_prints(kept: tuple[str, str, dict[str, Page], list[str]]) -> None:
    printed, said, _, _ = kept
    assert "no recording fits" not in said, NO_LONGER_FITS
    block = re.search(r"^```\n( +\d+\.\d s  GitHub.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    on_the_way = set(map(masked, said.splitlines()))
    rest = [masked(line) for line in printed.splitlines() if masked(line)]
    for shown in filter(None, map(masked, block[1].splitlines())):
        # Questions are asked at the same time, so their lines have no order.
        if shown.strip() == GAP or shown in on_the_way:
            continue
        assert shown in rest, f"the demo does not print this line, or not here: {shown}"
        rest = rest[rest.index(shown) + 1 :]


def test_every_link_on_the_pages_of_the_demo_leads_somewhere(
    kept: tuple[str, str, dict[str, Page], list[str]],
) -> None:
    _, _, pages, wrong = kept
    assert wrong == []
    pull = "/acme/storefront/pull/1"
    tabs = {pull, f"{pull}/commits", f"{pull}/checks", f"{pull}/files"}
    assert tabs <= {re.sub(r"^http://[^/]+", "", url) for url in pages}


def test_the_terminal_and_every_page_say_that_the_answers_are_recorded(
    kept: tuple[str, str, dict[str, Page], list[str]],
) -> None:
    printed, said, pages, _ = kept
    assert "Recorded: no model was asked now." in printed
    assert "recorded answers of" in said
    assert all("Recorded: no model was asked now." in page.text for page in pages.values())
