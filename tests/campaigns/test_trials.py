"""What a campaign writes down, goes on with, and says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.campaigns.lanes import tasks
from tests.campaigns.report import page, table
from tests.campaigns.rows import ROWS
from tests.campaigns.trials import Results, Trial, bound, figures, quantile


def trial(number: int = 0, **more: object) -> Trial:
    known = {
        "id": f"t{number}",
        "row": "T1",
        "case": "K2",
        "database": "sqlite",
        "lag": 0.0,
        "commit": "abc",
        "at": "2026-12-01T00:00:00+00:00",
        "load": 1.0,
        "resumed": 1.0,
        "published": 2.0,
    }
    return Trial(**(known | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("failures", "trials", "percent"), [(0, 240, 1.25), (0, 3000, 0.1), (0, 2, 100.0)])
def test_no_failure_is_bounded_by_the_rule_of_three(failures: int, trials: int, percent: float) -> None:
    assert bound(failures, trials) == pytest.approx(percent / 100)


def test_nothing_tried_has_no_bound() -> None:
    assert bound(0, 0) is None


@given(st.integers(1, 500), st.data())
def test_a_bound_lies_above_the_rate_and_grows_with_it(trials: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(1, trials))
    found = bound(failures, trials)
    assert found is not None
    assert failures / trials <= found <= 1
    assert found >= (bound(failures - 1, trials) or 0) or failures == 1


@given(st.lists(st.floats(0, 1000), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_trials_are_read_back_with_what_the_second_look_found(tmp_path: Path) -> None:
    results = Results(tmp_path / "new" / "trials.jsonl")
    results.add(trial(1))
    results.add(trial(2, problems=["lost: nothing"], lost=True))
    results.judged_again("t1", [], 101.0)
    first, second = results.read()
    assert (first.again, first.again_after) == ([], 101.0)
    assert (second.again, second.problems, second.lost) == (None, ["lost: nothing"], True)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_line_that_was_cut_off_loses_no_other(tmp_path: Path, cut: int) -> None:
    results = Results(tmp_path / "trials.jsonl")
    results.add(trial(1))
    whole = results.path.read_bytes()
    results.path.write_bytes(whole + whole[:cut])
    results.add(trial(3))
    assert [known.id for known in results.read()] == ["t1", "t3"]


def test_what_was_done_is_not_done_again_and_what_was_void_is() -> None:
    everything = tasks(["T1"], ["sqlite", "postgresql"], [], short=False)
    assert len(everything) == 2 * 12 * ROWS["T1"].repeats
    done = [trial(number) for number in range(3)]
    left = tasks(["T1"], ["sqlite", "postgresql"], [*done, trial(9, void="not struck")], short=False)
    assert len(left) == len(everything) - 3
    assert sum((task.case, task.database) == ("K2", "sqlite") for task in left) == ROWS["T1"].repeats - 3


def test_every_case_is_tried_once_before_any_is_tried_twice_and_with_every_lag() -> None:
    left = tasks(["T1"], ["sqlite"], [], short=False)
    assert {task.case for task in left[:12]} == set(ROWS["T1"].cases)
    assert {task.lag for task in left if task.case == "K10"} == {0.0, 1.0, 2.0, 3.0}


def test_the_cases_of_the_short_run_are_cases_of_some_length() -> None:
    for row in ROWS.values():
        if row.name not in ("T6", "T19"):
            assert set(row.short) <= set(row.cases), row.name


def test_void_trials_count_for_nothing_and_a_failure_at_the_second_look_counts() -> None:
    sums = figures([trial(1), trial(2, void="not struck"), trial(3, again=["reviews: 2"])])
    assert (sums.trials, sums.void, sums.bad, sums.again, sums.again_bad) == (2, 1, 1, 1, 1)


def test_the_page_says_what_failed_and_what_was_not_run() -> None:
    text = page("", [trial(1), trial(2, problems=["comments: []"], lost=True, case="K7")], short=False)
    assert "| T1 |" in text
    assert "T1 K7, sqlite, list lag 0 s: comments: []" in text
    assert "T2, postgresql: 0 of 20 times each of 11 cases" in text
    assert "commit `abc` (2 trials)" in text


def test_a_short_run_leaves_the_campaign_on_the_page() -> None:
    long = page("", [trial(1, commit="long")], short=False)
    both = page(long, [trial(1, commit="brief")], short=True)
    assert "`long`" in both
    assert "`brief`" in both
    assert page(both, [trial(1, commit="brief")], short=True) == both


def test_the_table_has_a_line_for_each_row_and_database() -> None:
    text = table([trial(1), trial(2, database="postgresql"), trial(3, row="T5", count=1000)])
    assert [line.split()[0] for line in text.splitlines()] == ["row", "T1", "T1", "T5"]
    assert "1000 in 1" in text


def test_a_death_of_the_web_process_is_counted_but_not_among_the_times_of_workers() -> None:
    text = table([trial(1, resumed=1.0), trial(2, case="K1", resumed=500.0)])
    assert "1.0 / 1.0 s" in text
    assert text.splitlines()[1].split("sqlite")[1].split()[0] == "2"
