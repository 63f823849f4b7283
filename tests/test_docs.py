"""The documentation is held to the code: links, names, defaults, numbers and tables."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from bench.__main__ import benchmarks
from kilo_review import COMMANDS
from policies.budgets import ALERT_PERCENTS, Scope
from policies.load import load_policy
from policies.words import Check, Style
from reviewer import cli, settings
from reviewer.cli import _parser_of
from reviewer.context.gather import MIN_BUDGET, SHARE_OF_DIFF
from reviewer.context.guidelines import STEP
from reviewer.context.lookup import ANSWER_TOKENS, ANSWERS, SPAN_LINES
from reviewer.errors import BudgetRefused, ConfigurationError, KiloReviewError
from reviewer.jobs.access import OPERATOR_SECONDS
from reviewer.jobs.lease import LEASE
from reviewer.ledger.alerts import MAX_ATTEMPTS
from reviewer.ledger.keys import BACKOFF_FIRST, BACKOFF_LONGEST, MAX_TRIES
from reviewer.ledger.life import LAG
from reviewer.ledger.terms import HOLD
from reviewer.local import command as local
from reviewer.local.worktree import FILE_LIMIT, UNTRACKED_LIMIT
from reviewer.models.retry import MAX_ATTEMPTS as MAX_ATTEMPTS_OF_A_QUESTION
from reviewer.models.slots import HOSTED
from reviewer.processes.redelivery import BATCH
from reviewer.processes.scheduler import QUIET, RECONCILE_SECONDS
from reviewer.processes.worker import MONITORING_SECONDS, STOP_SECONDS, WATCHDOG_SECONDS
from reviewer.prompts.redact import LONGEST_LINE
from reviewer.publish.reviews import MAX_POSTS, MAX_RESENDS
from reviewer.publish.settle import LIST_LAG
from reviewer.queue.review_job import JOB_SECONDS
from tests.test_architecture import modules

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = (
    *sorted(DOCS.rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "skills" / "kilo-review" / "SKILL.md",
)


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@cache
def code(path: Path) -> tuple[str, ...]:
    """Return what stands in code spans and in the lines of code blocks."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^ *```[a-z]*\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(.+)$", rest, re.MULTILINE)
    lines = [line for block in blocks for line in block.split("\n")]
    return (*lines, *indented, *re.findall(r"`([^`\n]+)`", rest))


# --- links and paths -----------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_every_link_leads_to_a_file_and_a_heading(path: Path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git work tree: which files are tracked is not known")
    return done.stdout.split("\n")[:-1]


def test_every_page_that_a_file_names_exists():
    """Also those that messages of the program name."""
    ours = ("policies/", "reviewer/", "webhooks/", "bench/", "tools/", "requirements/", "docs/")
    wrong = []
    for name in tracked():
        in_scope = name.startswith(ours) or "/" not in name
        if not in_scope or "sample" in name or not name.endswith((".py", ".toml", ".md", ".yml", "Makefile")):
            continue
        for found in re.findall(r"(?<![\w/.-])docs/[\w/-]+\.md", page(name)):
            if not (ROOT / found).is_file():
                wrong.append((name, found))
    assert wrong == []


def test_the_index_names_every_page_once_with_a_line():
    rows = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): (.+)$", page("docs/index.md"), re.MULTILINE)
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if path.name != "index.md")
    assert sorted(name for name, _line in rows) == pages
    assert all(line.endswith(".") and len(line) < 120 for _name, line in rows)


# Where a path in a page may stand for a file: from the root, or inside reviewer/ for a page about the code.
ROOTS = (ROOT, ROOT / "reviewer", ROOT / "reviewer" / "findings", DOCS)
OTHERS_FILES = re.compile(
    r"^(?:vendor|node_modules|third_party|src|web|shop|app|a|b|internal|linera|acme|core|examples)/"
)


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=short)
def test_every_file_of_ours_that_a_page_names_exists(path: Path):
    wrong = []
    for span in re.findall(r"`([\w./-]+)`", path.read_text("utf-8")):
        if not re.fullmatch(
            r"(?:tests|policies|reviewer|webhooks|bench|tools|docs|requirements)(?:/[\w.-]+)*/?", span
        ):
            continue
        if "/" in span and not (ROOT / span).exists():
            wrong.append(span)
    assert wrong == []


def test_the_architecture_page_names_only_files_that_exist():
    spans = re.findall(r"`([\w/]+\.(?:py|toml|md))`", page("docs/explanation/architecture.md"))
    assert len(spans) > 60
    folders = (*ROOTS, *(ROOT / folder for folder in ("webhooks", "reviewer/publish", "reviewer/jobs")))
    assert [span for span in spans if not any((folder / span).is_file() for folder in folders)] == []


def test_the_architecture_page_names_only_definitions_that_their_file_has():
    wrong = []
    for name, inside in re.findall(r"`([\w/]+\.py)` \(([^)]+)\)", page("docs/explanation/architecture.md")):
        file = next((folder / name for folder in ROOTS if (folder / name).is_file()), None)
        text = file.read_text("utf-8") if file else ""
        wrong += [(name, word) for word in re.findall(r"`([A-Za-z_]+)`", inside) if word not in text]
    assert wrong == []


# --- commands and options ------------------------------------------------------------------------------------


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield every option of a parser and of its sub-commands that its help shows."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)
        elif action.help != argparse.SUPPRESS:
            yield from action.option_strings


@cache
def options_of(command: str) -> frozenset[str]:
    return frozenset(options(_parser_of(COMMANDS, command, command)))


def words_of(line: str) -> tuple[str, frozenset[str]]:
    """Return the command and the options of a line that runs this program, "" for another line."""
    line = line.partition("#")[0]
    found = re.match(r"\s*(?:\$ )?(?:[\w./-]*/)?(kilo-review(?:-uncommitted)?)(?= |$)(.*)", line)
    if not found:
        return "", frozenset()
    rest = found[2].split()
    command = "local" if found[1].endswith("uncommitted") else next(iter(rest), "")
    return command.partition("|")[0], frozenset(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", found[2]))


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_every_command_line_that_a_page_shows_can_be_parsed(path: Path):
    wrong = []
    for line in code(path):
        command, given = words_of(line)
        if not command or command in ("COMMAND", "help", "completion", "--help", "--version"):
            continue
        if command not in COMMANDS:
            wrong.append(line)
        elif unknown := given - options_of(command) - {"--help", "-h", "--version"}:
            wrong.append(f"{line}: {sorted(unknown)}")
    assert wrong == []


# Options of other programs, and of `/kilo` comments, that pages name by themselves.
OF_OTHERS = {"--stdout", "--no-verify", "--version", "--help"}


def bench_options() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "bench").rglob("*.py"))
    return set(re.findall(r"\"(--[a-z][a-z-]+)\"", text))


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=short)
def test_every_option_that_a_page_names_is_one(path: Path):
    known = {name for command in COMMANDS for name in options_of(command)} | OF_OTHERS | bench_options()
    spans = re.findall(r"`(--[a-z][a-z-]+)[^`]*`", path.read_text("utf-8"))
    assert [name for name in spans if name not in known] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_the_command_line_has_every_argument_and_no_other(command: str):
    text = page("docs/reference/command-line.md")
    section = re.search(rf"^## kilo-review {command}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    shown = set(re.findall(r"`(?:\w+ )?(--?[A-Za-z][a-z-]*)`", section[1]))
    assert shown == options_of(command) - {"-h", "--help", "-V", "--version"}
    assert COMMANDS[command].summary in section[1].lower() or COMMANDS[command].summary[1:] in section[1]


def test_the_exit_statuses_of_the_page_are_those_of_the_program():
    table = page("docs/reference/command-line.md").partition("## Exit status")[2].partition("## ")[0]
    stated = {int(row) for row in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    program = {cli.EXIT_USAGE, cli.EXIT_FAULT, cli.EXIT_INTERRUPTED, cli.EXIT_TERMINATED}
    reviews = {local.EXIT_CLEAN, local.EXIT_FINDINGS, local.EXIT_INCOMPLETE, local.EXIT_LIMIT}
    errors = {KiloReviewError.exit_code, ConfigurationError.exit_code, BudgetRefused.exit_code}
    assert stated == program | reviews | errors
    assert {int(number) for number in re.findall(r"(\d+) [a-z]", cli.EPILOG)} == stated


def test_every_make_target_benchmark_and_test_run_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    for path in PAGES:
        for line in code(path):
            if found := re.match(r"\$? ?make ([a-z-]+)", line):
                assert found[1] in targets, (short(path), line)
            if found := re.search(r"python -m bench ([a-z_]+)", line):
                assert found[1] in benchmarks(), (short(path), line)
            if found := re.search(r"python -m (bench\.[a-z_.]+)", line):
                assert (ROOT / f"{found[1].replace('.', '/')}.py").is_file(), (short(path), line)
            if found := re.search(r"-m pytest ([\w/.]+)(?: -k (\w+))?", line):
                assert (ROOT / found[1]).exists(), (short(path), line)
                tests = [ROOT / found[1]] if found[1].endswith(".py") else (ROOT / found[1]).rglob("test_*.py")
                names = [name for file in tests for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))]
                assert any((found[2] or "") in name for name in names), (short(path), line)


# --- settings ------------------------------------------------------------------------------------------------


def read_by_settings() -> set[str]:
    """Return the names of the environment variables in settings.py; a provider's place in one is written out."""
    tree = ast.parse(page("reviewer/settings.py"))
    texts = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = {text for text in texts if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*", text) and len(text) > 3}
    return (names - {"GIT_INDEX_FILE", *settings.LOG_LEVELS}) | {"KILO_REVIEW_<PROVIDER>_BASE_URL"}


def test_the_page_of_settings_has_every_variable_and_no_other():
    rows = re.findall(r"^\| (`[^|]+) \|", page("docs/reference/settings.md"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_<>]+)`", row)} == read_by_settings()


DEFAULTS = {
    "KILO_REVIEW_MIRROR_LIMIT": ("mirror_limit", "GiB"),
    "KILO_REVIEW_MIRROR_REPOSITORY_LIMIT": ("mirror_repository_limit", "GiB"),
    "KILO_REVIEW_BODY_LIMIT": ("body_limit", "MiB"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_of_the_settings_has_the_default_that_its_row_states(name: str):
    field, unit = DEFAULTS[name]
    stated = re.search(rf"^\| `{name}` \|[^|]+\| (\d+) {unit}", page("docs/reference/settings.md"), re.MULTILINE)
    assert stated is not None
    value = getattr(settings.Settings.from_environ({}), field)
    assert value == int(stated[1]) * settings.MIB * (1024 if unit == "GiB" else 1)


# Variables that are not the program's: the shell's, git's, Ollama's, and those of tests and campaigns.
OTHERS = {"NO_COLOR", "GIT_INDEX_FILE", "OLLAMA_CONTEXT_LENGTH", "DIR"}


def of_the_tests() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    return set(re.findall(r"(?:TEST|KILO_REVIEW|HOSTILE|THOROUGH)[A-Z_]*", text))


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=short)
def test_every_variable_that_a_page_names_is_read_somewhere(path: Path):
    known = read_by_settings() | OTHERS | of_the_tests()
    text = " ".join(code(path))
    named = set(
        re.findall(r"\b((?:KILO|GITHUB|TEST|OLLAMA)_[A-Z_]+|[A-Z]+_API_KEY|DATABASE_URL|REDIS_URL)\b", text)
    )
    providers = {f"KILO_REVIEW_{name.upper()}_BASE_URL" for name in settings.PROVIDER_KEYS.values()}
    assert named - known - providers - {"KILO_REVIEW_"} == set()


# --- App, policy, numbers ------------------------------------------------------------------------------------


def test_the_install_page_lists_the_permissions_and_events_of_the_app():
    text, app = page("docs/how-to/install.md"), yaml.safe_load(page("app.yml"))
    rows = dict(re.findall(r"^\| (\w+): (\w+) \|", text, re.MULTILINE))
    assert rows == app["default_permissions"]
    line = re.search(r"^Events: (.+?)\. ", text, re.MULTILINE)
    assert line is not None
    events = {name.lower().replace(" ", "_") for name in re.findall(r"\*([^*]+)\*", line[1])}
    assert events == set(app["default_events"])


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_every_policy_that_a_page_shows_can_be_used(path: Path):
    for block in re.findall(r"^```toml\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        tomllib.loads(block)
        assert load_policy(organisation=block).notices == ()


def test_the_scopes_of_limits_on_the_pages_are_those_of_the_code():
    listed = re.search(r'scope = "[\w-]+" +# ([\w| -]+)$', page("docs/reference/policy.md"), re.MULTILINE)
    assert listed is not None
    assert [word.strip() for word in listed[1].split("|")] == [scope.value for scope in Scope]
    for scope in Scope:
        assert f'scope = "{scope.value}"' in page("docs/how-to/budgets.md")


def test_the_shipped_limits_on_the_pages_are_those_of_the_defaults():
    shipped = {(limit.scope, limit.outsiders): limit.amount for limit in load_policy().limits}
    run, pull_request = shipped[Scope.RUN, False], shipped[Scope.PULL_REQUEST, False]
    person, outsider = shipped[Scope.USER_DAY, False], shipped[Scope.USER_DAY, True]
    repository = shipped[Scope.REPOSITORY_DAY, False]
    assert len(shipped) == 5
    budgets = " ".join(page("docs/how-to/budgets.md").split())
    assert (
        f"{run:.0f} US dollars a run, {pull_request:.0f} a pull request, {person:.0f} a person and UTC day "
        f"({outsider:.0f} for an outsider) and {repository:.0f} a repository and UTC day"
    ) in budgets
    policy = " ".join(page("docs/reference/policy.md").split())
    assert (
        f"{run} a run, {pull_request} a pull request, {person} a person and day ({outsider} for an outsider) and "
        f"{repository} a repository and day"
    ) in policy


def test_the_policy_page_names_every_check_of_an_answer():
    text = page("docs/reference/policy.md")
    assert [check.value for check in Check if f"`{check.value}`" not in text] == []


WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 10: "ten"}
# Page, and a sentence of it with the numbers that hold.
NUMBERS = (
    ("how-to/budgets.md", f"expires after {HOLD.seconds // 60} minutes"),
    ("how-to/budgets.md", f"is tried again, {WORDS[MAX_ATTEMPTS]} times"),
    ("how-to/budgets.md", "At {}, {} and {} % of a limit".format(*ALERT_PERCENTS)),
    ("explanation/context.md", f"cut at {SHARE_OF_DIFF:.0%}".replace("%", " %") + " of the diff's own tokens"),
    ("explanation/context.md", f"{MIN_BUDGET:,} at least"),
    ("explanation/context.md", f"in steps of {STEP} tokens"),
    ("explanation/context.md", f"whole where it fits in {ANSWER_TOKENS:,} tokens"),
    ("explanation/context.md", f"{WORDS[ANSWERS]} answers a unit"),
    ("explanation/prompts.md", f"up to {WORDS[ANSWERS]} answers"),
    ("explanation/prompts.md", f"may now be {SPAN_LINES} long"),
    (
        "explanation/how-it-works.md",
        f"{MIN_BUDGET:,} tokens, or {SHARE_OF_DIFF:.0%}".replace("%", " %") + " of the diff's own",
    ),
    ("explanation/review-life.md", f"({LAG.seconds} seconds at most)"),
    ("explanation/review-life.md", f"({LIST_LAG:g} seconds)"),
    (
        "explanation/review-life.md",
        f"running --> parked: the {('', 'first', 'second', 'third')[MAX_TRIES]} try failed",
    ),
    ("explanation/faults.md", f"the lease runs out after {LEASE.seconds} s"),
    ("explanation/faults.md", f"looks every {RECONCILE_SECONDS:g} s"),
    ("explanation/faults.md", f"alone for {QUIET.seconds} s after queueing"),
    ("explanation/faults.md", f"asked for at {BATCH} a minute"),
    ("explanation/faults.md", f"waits {OPERATOR_SECONDS / 60:g} minutes at a time"),
    (
        "explanation/faults.md",
        f"from {BACKOFF_FIRST.seconds} s up to {BACKOFF_LONGEST.seconds // 60} min at a time",
    ),
    ("explanation/faults.md", f"at most {MAX_POSTS} posts in all"),
    ("explanation/faults.md", f"sent again {('', 'once', 'twice')[MAX_RESENDS]}, then later"),
    ("explanation/faults.md", f"at most {WORDS[MAX_ATTEMPTS_OF_A_QUESTION]} attempts of a question"),
    ("explanation/faults.md", f"parked after {MAX_TRIES}"),
    ("how-to/scale.md", f"at a time, and a process {HOSTED} of one provider"),
    ("how-to/operate.md", f"gives its reviews {STOP_SECONDS:g} s to finish"),
    ("how-to/operate.md", f"its deadline ({JOB_SECONDS // 60} minutes)"),
    ("how-to/operate.md", f"stand still for {WATCHDOG_SECONDS:g} s"),
    ("explanation/faults.md", f"mark of the running job after {MONITORING_SECONDS + 60} s"),
    (
        "how-to/uncommitted.md",
        f"up to {UNTRACKED_LIMIT // settings.MIB} MiB, each file up to {FILE_LIMIT // settings.MIB} MiB",
    ),
    ("explanation/security.md", f"to {LONGEST_LINE:,} characters"),
    ("reference/policy.md", ", ".join(f"{style.threshold:g}".lstrip("0") for style in Style)),
)


@pytest.mark.parametrize(("name", "sentence"), NUMBERS)
def test_a_number_of_a_page_is_that_of_the_code(name: str, sentence: str):
    assert sentence in " ".join((DOCS / name).read_text("utf-8").split())


def test_the_settings_page_says_what_cuts_a_prompt():
    """The smallest window of local servers is stated on the page as it stands in the table of models."""
    providers = tomllib.loads(page("policies/defaults/models.toml"))["providers"]
    assert f"{providers['ollama']['context']:,} tokens" in page("docs/reference/settings.md")


# --- figures -------------------------------------------------------------------------------------------------

DATE = re.compile(r"\b\d{1,2} (?:November|December) 2026\b|\b2026-1[12]-\d\d\b")


@pytest.mark.parametrize(
    "name", ["context.md", "faults.md", "performance.md", "prompts.md", "sensitivity-model.md", "architecture.md"]
)
def test_a_page_with_figures_says_when_they_were_measured_and_with_what(name: str):
    text = page(f"docs/explanation/{name}")
    assert DATE.search(text)
    assert re.search(r"`(?:python -m bench|git diff --stat|kilo-review explain)|make (?:bench|faults)", text)


def test_the_demo_in_the_readme_says_when_and_where_it_ran():
    text = page("README.md")
    assert DATE.search(text)
    assert "load average" in text
    assert "[...]" in text, "what is left out of the transcript is marked"


def test_every_module_is_below_a_folder_that_the_architecture_page_names():
    text = page("docs/explanation/architecture.md")
    folders = {
        path.relative_to(ROOT).parts[1]
        for path in modules()
        if short(path).count("/") > 1 and short(path).startswith("reviewer/")
    }
    assert [
        folder for folder in sorted(folders) if f"`{folder}/`" not in text and f"`reviewer/{folder}/`" not in text
    ] == []


def test_the_threat_model_maps_each_incident_and_fault_to_tests_that_exist() -> None:
    text = page("docs/explanation/security.md")
    rows = dict(re.findall(r"^\| ([SH]\d+)[ |](.*)$", text, re.MULTILINE))
    assert sorted(rows) == sorted([*(f"S{n}" for n in range(1, 17)), *(f"H{n}" for n in range(1, 13))])
    for name, row in rows.items():
        cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert cited, f"{name} cites no test"
        for path, test in cited:
            assert f"def {test}(" in page(path), f"{name}: {path} has no {test}"


def test_every_test_file_that_the_security_page_cites_exists() -> None:
    for path in re.findall(r"`(tests/[\w/.]+)`", page("docs/explanation/security.md")):
        assert (ROOT / path).exists(), path
