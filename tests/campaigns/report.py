"""The table of a campaign, as text and as the page docs/explanation/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.campaigns.rows import ROWS, SUITE
from tests.campaigns.trials import Figures, Trial, figures

HEAD = (
    "row",
    "fault",
    "database",
    "trials",
    "lost",
    "duplicated",
    "other faults",
    "bound at 95 %",
    "taken up, p50 / p95",
    "published, p50 / p95",
    "judged again",
)


def table(trials: Sequence[Trial]) -> str:
    """Return the figures as text in columns."""
    lines = [HEAD, *(_cells(*each) for each in _groups(trials))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join(text)


def _groups(trials: Sequence[Trial]) -> list[tuple[str, str, list[Trial]]]:
    keys = sorted({(int(trial.row[1:]), trial.row, trial.database) for trial in trials})
    return [
        (row, database, [trial for trial in trials if (trial.row, trial.database) == (row, database)])
        for _, row, database in keys
    ]


def _cells(row: str, database: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    sums = figures(trials)
    # K1 kills the web process and waits for the clock; the target of T1 is a worker's.
    workers = figures([trial for trial in trials if trial.case != "K1"])
    fault = ROWS[row].fault if row in ROWS else SUITE[row][0]
    many = f"{sums.trials}" if sums.count == sums.trials else f"{sums.count} in {sums.trials}"
    return (
        row,
        fault,
        database,
        many,
        str(sums.lost),
        str(sums.doubled),
        str(_others(trials)),
        "" if sums.bound is None else f"{sums.bound:.2%}".replace("%", " %"),
        _spread(workers.resumed),
        _spread(workers.published),
        f"{sums.again}, {sums.again_bad} bad" if sums.again else "",
    )


def _others(trials: Sequence[Trial]) -> int:
    return sum(bool(trial.problems) and not (trial.lost or trial.doubled) and not trial.void for trial in trials)


def _spread(values: tuple[float | None, float | None]) -> str:
    middle, high = values
    return "" if middle is None or high is None else f"{middle:.1f} / {high:.1f} s"


INTRO = """# Reliability: what was killed, stopped and lost, and what came of it

A review that was accepted is published once, or its pull request says why not. `make faults` attacks that
promise with real parts: `kilo-review serve` with its web process, clock, worker and Redis, a
ledger in SQLite and one in PostgreSQL, git over HTTP, and a simulated GitHub and a simulated provider behind
sockets. GitHub's lists lag 0, 1, 2 and 3 s behind its writes in turn. Each pull request is judged when its
review is published and again 100 s later: the same three comments, one review, one summary, one concluded check
run; and the provider's bill lies between what the ledger knows and that plus what it holds as unconfirmed.

    make faults                                   # hours; goes on where it was stopped
    make faults ARGS="--rows T1 T2 --minutes 30 --lanes 2"
    make faults-short                             # some minutes
    make faults ARGS=--report                     # only the table of what is known

`TEST_DATABASE_URL` names the PostgreSQL server; each service gets a database of its own there, which is dropped
afterwards. The trials are lines of JSON in `build/faults.jsonl`; delete the file to begin anew.

Bounds are of the true rate of failure at 95 % confidence: the rule of three where nothing failed (3/N),
Wilson's interval where something did. "Taken up" is the time from the fault until somebody goes on with the
work (in T4 until every process had ended, in T5 until the queue was whole, in T9 until the last event was
taken; K1, which kills the web process and waits for the clock, only in the table of points); "published" is the
time until the review is there. A trial whose fault did not happen, because the point was not passed in time, is
void and counts for nothing.

K1 to K12 are seen from outside: a request that arrives at GitHub or at the provider, a row that appears in the
ledger, a process that appears under the worker. K1: the row is in the ledger, the job not on the queue (web
process and Redis are killed). K2: the worker has just taken the job. K3: it asks for a token. K4: it fetches
the commits. K5: it has read the threads. K6: its first model request has arrived. K7: in the middle of a
streamed answer. K8: an answer is paid and kept, the next is on its way. K9: the review is about to be stored.
K10, K11, K12: review, summary, check run are stored and the answer is not read.
"""
BLOCKS = {"full": "## The campaign", "short": "## The short run"}


def page(old: str, trials: Sequence[Trial], *, short: bool) -> str:
    """Return the page with the block of this kind of run replaced; the other kind's block is kept from `old`."""
    kind = "short" if short else "full"
    blocks = {name: _block(old, name) for name in BLOCKS} | {kind: _block_of(trials, kind)}
    parts = [f"<!-- {name} -->\n{blocks[name]}\n<!-- end of {name} -->\n" for name in BLOCKS if blocks[name]]
    return INTRO + "\n" + "\n".join(parts)


def _block(old: str, name: str) -> str:
    _, found, rest = old.partition(f"<!-- {name} -->\n")
    return rest.partition(f"\n<!-- end of {name} -->")[0] if found else ""


def _block_of(trials: Sequence[Trial], kind: str) -> str:
    if not trials:
        return f"{BLOCKS[kind]}\n\nNothing was run."
    commits = Counter(trial.commit for trial in trials)
    days = sorted({trial.at[:10] for trial in trials})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    of = ", ".join(f"`{name}` ({count} trials)" for name, count in commits.most_common())
    loads = sorted(trial.load for trial in trials)
    rows = [_cells(*each) for each in _groups(trials)]
    lines = [
        BLOCKS[kind],
        "",
        f"{when}, commit {of}{' (+: with changes not committed)' if any('+' in it for it in commits) else ''}. "
        f"Load average of the machine at the start of a trial: {loads[0]} to {loads[-1]}, "
        f"median {loads[len(loads) // 2]}.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|" + "|".join("--:" if 3 <= column <= 9 else "---" for column in range(len(HEAD))) + "|",
        *("| " + " | ".join(cells) + " |" for cells in rows),
        "",
        _all_kills(trials),
        *_points(trials),
        *_list(
            "Notes of single trials", [f"{it.row} {it.case}, {it.database}: {it.note}" for it in _noted(trials)]
        ),
        *_list("What went wrong", _wrong(trials)),
        *_list("What was not run, or not as often as the table asks", _missed(trials, kind)),
    ]
    return "\n".join(lines)


def _all_kills(trials: Sequence[Trial]) -> str:
    kills = [trial for trial in trials if trial.row in ("T1", "T2", "T18")]
    sums: Figures = figures(kills)
    if sums.bound is None:
        return "No kills."
    return (
        f"All kills together (T1, T2, T18): {sums.trials}, lost {sums.lost}, duplicated {sums.doubled}, any "
        f"problem {sums.bad}: bound {sums.bound:.2%} at 95 %; {sums.again} of them judged again, {sums.again_bad} "
        f"bad; list lag {', '.join(f'{lag:.0f}' for lag in sums.lags)} s; {sums.void} void."
    )


def _points(trials: Sequence[Trial]) -> list[str]:
    """Return the kills of each point, both rows and databases side by side."""
    kills = [trial for trial in trials if trial.row in ("T1", "T2")]
    if not kills:
        return []
    columns = sorted({(trial.row, trial.database) for trial in kills})
    lines = ["", "Kills at each point, and when the work was taken up (p50 / p95):", ""]
    lines.append("| point | " + " | ".join(f"{row} {database}" for row, database in columns) + " |")
    lines.append("|---|" + "--:|" * len(columns))
    for case in ROWS["T1"].cases:
        cells = []
        for row, database in columns:
            sums = figures([it for it in kills if (it.row, it.database, it.case) == (row, database, case)])
            bad = f", {sums.bad} bad" if sums.bad else ""
            cells.append(f"{sums.trials}{bad}: {_spread(sums.resumed)}" if sums.trials else "")
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return lines


def _noted(trials: Sequence[Trial]) -> list[Trial]:
    # T11's note is the path that failed, of use in the file only.
    return [trial for trial in trials if trial.note and trial.row not in ("T4", "T11")]


def _wrong(trials: Sequence[Trial]) -> list[str]:
    found = [
        f"{it.row} {it.case}, {it.database}, list lag {it.lag:.0f} s: {'; '.join(it.problems)[:400]}"
        for it in trials
        if it.problems and not it.void
    ]
    return found + [f"{it.row} {it.case}, judged again: {'; '.join(it.again)[:400]}" for it in trials if it.again]


def _missed(trials: Sequence[Trial], kind: str) -> list[str]:
    made = Counter((it.row, it.case, it.database) for it in trials if not it.void)
    found = []
    for row in ROWS.values():
        cases = row.short if kind == "short" else row.cases
        wanted = 1 if kind == "short" else row.repeats
        if not cases:
            found.append(f"{row.name}: no part of the short run")
        for database in ("sqlite", "postgresql"):
            counts = [made[row.name, case, database] for case in cases]
            if cases and min(counts) < wanted:
                least = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{max(counts)}"
                found.append(f"{row.name}, {database}: {least} of {wanted} times each of {len(cases)} cases")
    if kind == "full":
        found += [f"{name}: not run" for name in SUITE if not any(it.row == name for it in trials)]
        found.append("T17: no campaign of its own; every kill above is held to the provider's books (see the top)")
    return found


def _list(title: str, items: Sequence[str]) -> list[str]:
    return ["", f"{title}:", "", *(f"- {item}" for item in items)] if items else []
