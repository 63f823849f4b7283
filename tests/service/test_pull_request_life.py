"""The whole life of one pull request, with a model that says the same things in other words at every push."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from reviewer.demo.simulator.state import ReviewComment
from reviewer.ledger.keys import ReviewState
from tests.demo.world import commit, git
from tests.service.rig import BOT, REPOSITORY, Rig, rig
from tests.simulators.behaviour import Behaviour, Say

POLICY = "[review]\nanalysers = []\n\n[sensitive]\nlearned = false\n\n[triggers]\nmax_reviews_per_hour = 100\n"


@dataclass(frozen=True)
class Issue:
    """A line that is wrong, and what the model says of it, each time something else."""

    line: str
    severity: str
    words: tuple[tuple[str, str], ...]


DIVISION = Issue(
    "    return price / count",
    "high",
    (
        ("Division by zero for an empty order", "count is 0 for an order without items, so mean() raises."),
        ("mean() divides by zero when count is 0", "An order that has no items has a count of 0 and raises here."),
        (
            "ZeroDivisionError where an order is empty",
            "With no items count is 0, and price / count raises an error.",
        ),
    ),
)
INDEX = Issue(
    "    return items[len(items)]",
    "high",
    (
        ("Index past the end of the list", "items[len(items)] is one past the last item and raises IndexError."),
        ("last() reads one past the last item", "The index len(items) is always out of range: use -1."),
        ("IndexError for every list", "len(items) is no valid index of items, so this raises for any list."),
    ),
)
LEAK = Issue(
    "    handle = open(name)",
    "medium",
    (
        ("The file is never closed", "handle is opened here and nothing closes it."),
        ("The handle from open() leaks", "Nothing closes the file handle that is opened here; use with."),
        ("open() without close", "The opened file handle is not closed when load() returns."),
    ),
)
TAX = Issue(
    "    total = total - tax",
    "high",
    (
        ("Tax is subtracted where it is owed", "gross() should add the tax to the total, not subtract it."),
        ("gross() subtracts the tax", "The gross total is the total with the tax added; here tax is subtracted."),
        ("The sign of the tax is wrong", "tax is taken off the total although gross means with the tax added."),
    ),
)
ISSUES = (DIVISION, INDEX, LEAK, TAX)
NIT = ("`Orders.` says little", "The module's docstring could say what an order is.")

ORDERS = f'"""Orders."""\n\n\ndef mean(price, count):\n{DIVISION.line}\n\n\ndef last(items):\n{INDEX.line}\n'
REPORT = f'"""Reports."""\n\n\ndef load(name):\n{LEAK.line}\n    return handle.read()\n'
GROSS = f'"""Tax."""\n\n\ndef gross(total, tax):\n{TAX.line}\n    return total\n'


@dataclass
class Chatty:
    """The scripted model. It finds every issue whose line is added, in other words each time, and nits of late."""

    asked: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    nits: bool = False

    def __call__(self, body: Any) -> Behaviour:
        if "verdicts" in json.dumps(body.get("response_format", "")):
            return Say('{"verdicts": []}')
        prompt = json.dumps(body, ensure_ascii=False)
        lines = [line for message in body["messages"] for line in _text(message).split("\n")]
        self.asked.append("\n".join(lines))
        found, path = [], ""
        for line in lines:
            path = line[4:] if line.startswith("### ") else path
            for issue in ISSUES:
                if line.partition(" ")[2] == f"+{issue.line}" or line == f"+{issue.line}":
                    title, text = issue.words[self.told[issue.line] % len(issue.words)]
                    self.told[issue.line] += 1
                    found.append(_finding(path, issue.line, issue.severity, title, text))
            if self.nits and '+"""Orders."""' in line:
                found.append(_finding(path, '"""Orders."""', "low", *NIT))
        assert prompt
        return Say(json.dumps({"findings": found, "needs": [], "uncertain": False}))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content or ())


def _finding(path: str, quote: str, severity: str, title: str, body: str) -> dict[str, object]:
    more = {"evidence": [], "category": "bug", "suggestion": None, "confidence": 0.95}
    return {"path": path, "line": 0, "quote": quote, "title": title, "body": body, "severity": severity, **more}


@dataclass
class Life:
    """One pull request, its branch, and what the model was asked since the last look."""

    service: Rig
    model: Chatty
    number: int
    branch: str

    def work(self) -> list[str]:
        """Let the review of what was done run; return the questions that the model got."""
        assert self.service.simulator.hooks.wait()
        before = len(self.model.asked)
        self.service.work(only=self.number)
        assert self.service.row(self.number).state is ReviewState.PUBLISHED, self.service.row(self.number).error
        return self.model.asked[before:]

    def push(self, files: Mapping[str, str | bytes | None]) -> list[str]:
        self.service.push(self.number, files)
        return self.work()

    def force(self, revision: str) -> list[str]:
        self.service.simulator.push(REPOSITORY, self.branch, source=self.service.source, revision=revision)
        return self.work()

    def threads(self) -> dict[str, ReviewComment]:
        """The first comment of each thread of ours, by the issue's line."""
        roots = [row for row in self.service.shown(self.number).inline if row.in_reply_to is None]
        found: dict[str, ReviewComment] = {}
        for root in roots:
            (issue,) = (issue for issue in ISSUES if any(f" {title}**" in root.body for title, _ in issue.words))
            assert issue.line not in found, f"told twice: {root.body}"
            found[issue.line] = root
        return found

    def replies(self, root: ReviewComment) -> list[str]:
        rows = self.service.simulator.review_comments(REPOSITORY, self.number)
        return [row.body for row in rows if row.in_reply_to is root]

    def resolved_by_us(self) -> set[str]:
        return {
            line
            for line, root in self.threads().items()
            if root.resolved_by is not None and root.resolved_by.login == BOT
        }

    @property
    def check(self) -> str | None:
        return self.service.shown(self.number).check.conclusion

    @property
    def summary(self) -> str:
        return self.service.shown(self.number).summary


@pytest.fixture
def life(tmp_path: Any) -> Iterator[Life]:
    with rig(tmp_path, policy=POLICY) as service:
        model = Chatty()
        service.reviewer.always = None
        service.provider.default = model
        number = service.open({"shop/orders.py": ORDERS, "shop/report.py": REPORT})
        yield Life(service, model, number, service.simulator.pull(REPOSITORY, number).head_ref)


def of(path: str, questions: list[str]) -> list[str]:
    """The questions that show a file's lines as changed."""
    return [question for question in questions if f"\n### {path}\n" in question]


def test_each_issue_is_told_once_in_the_whole_life_of_a_pull_request(life: Life) -> None:
    service, source = life.service, life.service.source
    assert len(life.work()) == 1
    assert set(life.threads()) == {DIVISION.line, INDEX.line, LEAK.line}
    assert life.check == "failure"

    # Three pushes. The first adds a file: only that is asked about.
    questions = life.push({"shop/tax.py": GROSS})
    assert of("shop/tax.py", questions)
    assert not of("shop/orders.py", questions)
    assert not of("shop/report.py", questions)
    assert "carried over from earlier reviews" in life.summary
    assert set(life.threads()) == {issue.line for issue in ISSUES}
    # The second shifts lines in one file, which is asked about again and answered in other words.
    life.model.nits = True
    questions = life.push(
        {"shop/report.py": REPORT.replace("\n\n\ndef", "\n\nimport os\n\nROOT = os.sep\n\n\ndef")}
    )
    assert of("shop/report.py", questions)
    assert not of("shop/orders.py", questions)
    assert len(life.threads()) == len(ISSUES)
    # The third changes code beside an issue; a nit on lines that were reviewed before is held back.
    shifted = ORDERS + "\n\ndef first(items):\n    return items[0]\n"
    questions = life.push({"shop/orders.py": shifted})
    assert of("shop/orders.py", questions)
    assert len(life.threads()) == len(ISSUES)
    assert "1 held back" in life.summary
    assert NIT[0].strip("`.") not in "".join(row.body for row in service.shown(life.number).inline)

    # A rebase on a base that moved: the same hunks, no question.
    git(source, "checkout", "--quiet", "main")
    commit(source, "main moves", {"docs/guide.md": "# Guide\n"})
    service.simulator.push(REPOSITORY, "main", source=source, revision="main")
    git(source, "checkout", "--quiet", life.branch)
    git(source, "rebase", "--quiet", "main")
    assert life.force(life.branch) == []
    # A force push of the same work as one commit: neither.
    git(source, "reset", "--quiet", "--soft", "main")
    git(source, "commit", "--quiet", "--message", "One commit")
    assert life.force(life.branch) == []
    assert len(life.threads()) == len(ISSUES)
    assert life.check == "failure"

    # Two are fixed, by two commits in one push.
    first = commit(
        source, "Guard", {"shop/orders.py": shifted.replace(DIVISION.line, "    return price / max(count, 1)")}
    )
    second = commit(source, "Add the tax", {"shop/tax.py": GROSS.replace("- tax", "+ tax")})
    life.force(life.branch)
    assert life.resolved_by_us() == {DIVISION.line, TAX.line}
    for line, sha in ((DIVISION.line, first), (TAX.line, second)):
        (reply,) = life.replies(life.threads()[line])
        assert sha[:7] in reply
        assert life.threads()[line].minimized == "OUTDATED"
    assert life.check == "failure"

    # One is dismissed by a reply that says why, and stays away when its code is touched and told in other words.
    service.simulator.reply(
        life.threads()[LEAK.line], "This is by design: the process ends here.", author="octocat"
    )
    moved = REPORT.replace("    return handle.read()", "    text = handle.read()\n    return text")
    questions = life.push({"shop/report.py": moved})
    assert of("shop/report.py", questions)
    assert len(life.threads()) == len(ISSUES)
    assert life.replies(life.threads()[LEAK.line]) == ["This is by design: the process ends here."]
    assert "dismissed before" in life.summary

    # A file is renamed: its lines are the same, and so is what was said of them.
    now = git(source, "show", f"{life.branch}:shop/orders.py") + "\n"
    assert life.push({"shop/orders.py": None, "shop/order_book.py": now}) == []
    assert len(life.threads()) == len(ISSUES)
    assert life.check == "failure"

    # Another base with the same lines, and back: asked about neither time.
    git(source, "branch", "--force", "release", "main")
    service.simulator.push(REPOSITORY, "release", source=source, revision=commit_on(life, "release"))
    service.simulator.retarget(REPOSITORY, life.number, "release")
    assert life.work() == []
    service.simulator.retarget(REPOSITORY, life.number, "main")
    assert life.work() == []

    # The base is merged in: the check moves, nothing is asked.
    git(source, "checkout", "--quiet", "main")
    commit(source, "main moves again", {"docs/more.md": "# More\n"})
    service.simulator.push(REPOSITORY, "main", source=source, revision="main")
    git(source, "checkout", "--quiet", life.branch)
    git(source, "merge", "--quiet", "--no-edit", "main")
    assert life.force(life.branch) == []
    assert life.check == "failure"

    # Closed and reopened.
    service.simulator.act(REPOSITORY, life.number, "closed")
    service.simulator.act(REPOSITORY, life.number, "reopened")
    assert service.simulator.hooks.wait()
    service.work(only=life.number, after=timedelta(0))
    assert life.check == "failure"

    # The rest is fixed: green, and each issue was told once.
    fixed = now.replace(INDEX.line, "    return items[-1]")
    life.push({"shop/order_book.py": fixed})
    assert life.resolved_by_us() == {DIVISION.line, TAX.line, INDEX.line}
    assert life.check == "success"
    assert set(life.threads()) == {issue.line for issue in ISSUES}


def commit_on(life: Life, branch: str) -> str:
    git(life.service.source, "checkout", "--quiet", branch)
    sha = commit(life.service.source, branch, {"RELEASE.md": "1.0\n"})
    git(life.service.source, "checkout", "--quiet", life.branch)
    return sha
