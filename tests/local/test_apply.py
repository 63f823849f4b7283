from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Severity
from reviewer.findings.model import Category, Disposition, Finding, PlacedFinding
from reviewer.local.apply import apply_suggestions, replace_lines


class Reviewed:
    """What was reviewed, by path."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("__", "."): data for name, data in files.items()}

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def suggestion(line: int, text: str, *, start: int | None = None, path: str = "a.py") -> PlacedFinding:
    finding = Finding(
        path=path,
        line=line,
        start_line=start,
        severity=Severity.HIGH,
        category=Category.DEFECT,
        title="t",
        body="b",
        source="ruff:X",
        fingerprint=f"{path}{line}",
        suggestion=text,
    )
    return PlacedFinding(finding, Disposition.INLINE)


def test_accepted_suggestions_are_written_and_others_are_not(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(b"one\ntwo\nthree\n")
    found = [suggestion(1, "ONE"), suggestion(3, "THREE\nFOUR")]
    done = apply_suggestions(
        found, root=tmp_path, head=Reviewed(a__py=b"one\ntwo\nthree\n"), ask=lambda placed: placed.finding.line == 3
    )
    assert (done.written, done.refused) == (1, ())
    assert (tmp_path / "a.py").read_bytes() == b"one\ntwo\nTHREE\nFOUR\n"


def test_several_suggestions_of_one_file_do_not_shift_one_another(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(b"one\ntwo\nthree\n")
    found = [suggestion(1, "A\nB"), suggestion(3, "C")]
    apply_suggestions(found, root=tmp_path, head=Reviewed(a__py=b"one\ntwo\nthree\n"), ask=lambda _: True)
    assert (tmp_path / "a.py").read_bytes() == b"A\nB\ntwo\nC\n"


def test_a_file_that_changed_underneath_is_refused_whole(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(b"one\nTWO\n")
    done = apply_suggestions(
        [suggestion(1, "x")], root=tmp_path, head=Reviewed(a__py=b"one\ntwo\n"), ask=lambda _: True
    )
    assert done.written == 0
    assert "changed since it was reviewed" in done.refused[0]
    assert (tmp_path / "a.py").read_bytes() == b"one\nTWO\n"


def test_overlapping_suggestions_are_written_once(tmp_path: Path):
    (tmp_path / "a.py").write_bytes(b"one\ntwo\n")
    done = apply_suggestions(
        [suggestion(2, "x", start=1), suggestion(2, "y")],
        root=tmp_path,
        head=Reviewed(a__py=b"one\ntwo\n"),
        ask=lambda _: True,
    )
    assert done.written == 1
    assert "overlaps" in done.refused[0]


def test_nothing_is_written_through_a_link(tmp_path: Path):
    (tmp_path / "outside").write_bytes(b"one\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.py").symlink_to(tmp_path / "outside")
    done = apply_suggestions(
        [suggestion(1, "x")], root=tmp_path / "root", head=Reviewed(a__py=b"one\n"), ask=lambda _: True
    )
    assert done.written == 0
    assert (tmp_path / "outside").read_bytes() == b"one\n"


def test_the_line_ends_and_the_mode_of_a_file_stay(tmp_path: Path):
    target = tmp_path / "a.py"
    target.write_bytes(b"one\r\ntwo\r\n")
    target.chmod(0o755)
    apply_suggestions([suggestion(1, "ONE")], root=tmp_path, head=Reviewed(a__py=b"one\ntwo\n"), ask=lambda _: True)
    assert target.read_bytes() == b"ONE\r\ntwo\r\n"
    assert target.stat().st_mode & 0o777 == 0o755


def test_lines_that_are_not_there_are_an_error():
    with pytest.raises(ValueError, match="are not in a text of 1 lines"):
        replace_lines("one\n", 2, 2, "x")


@given(st.lists(st.from_regex(r"[a-z]{0,6}", fullmatch=True), min_size=1, max_size=8), st.data())
def test_every_other_line_stays_as_it_was(lines: list[str], data: st.DataObject):
    start = data.draw(st.integers(1, len(lines)))
    end = data.draw(st.integers(start, len(lines)))
    text = "".join(f"{line}\n" for line in lines)
    fresh = replace_lines(text, start, end, "NEW").split("\n")
    assert fresh[: start - 1] == lines[: start - 1]
    assert fresh[start - 1] == "NEW"
    assert fresh[start:-1] == lines[end:]
