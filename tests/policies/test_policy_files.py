"""Forty policy files of a repository, good and bad: told by line and remedy, and held to the schema."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from policies.keys import KEYS
from policies.load import load_policy
from policies.policy import Policy
from policies.policy_file import read_policy_file
from policies.schema import policy_schema

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy.schema.json"
SCHEMA = Draft202012Validator(policy_schema())

GOOD = [
    "",
    "# nothing but a comment\n",
    'strategy = "efficient"\n',
    'model = "openai/gpt-6-luna"\n',
    'min_tier = "efficient"\nmax_tier = "balanced"\n',
    '[review]\nstyle = "strict"\nfail_on = "critical"\nmin_severity = "medium"\n',
    '[review]\nanalysers = ["ruff"]\nlookups = 0\nmax_inline = 5\n',
    '[triggers]\non = ["opened", "command"]\nignore_authors = ["ann"]\n',
    '[triggers]\nskip_labels = ["wip", "no review"]\nskip_titles = ["WIP*", "chore(deps): *"]\n',
    '[triggers]\ncommand_permission = "maintain"\nmax_reviews_per_hour = 1\n',
    '[paths]\ninclude = ["src/**"]\nexclude = ["src/old/"]\n',
    '[paths]\nalways = ["deploy/**"]\nskip_generated = true\n',
    '[sensitive]\nthreshold = 0.25\npaths = ["auth/**"]\nwords = ["ledger"]\n',
    '[routing.paths]\n"docs/**" = "free"\n"core/**" = "frontier"\n',
    '[[checks]]\nname = "down"\ntext = "Every migration has a down step."\npaths = ["db/**"]\ngate = true\n',
    "[caps]\nmax_units = 5\nmax_seconds = 60\n",
    '[money]\nat_limit = "stop"\nlimit_conclusion = "action_required"\n',
    '[[limits]]\nscope = "run"\namount = "0.50"\n\n[[limits]]\nscope = "user-day"\namount = 2\nalerts = [80]\n',
    '[providers]\nforbid-training = true\nlocations = ["eu"]\n',
    '[providers.private]\nallow-models = ["openai/*"]\nmax-retention-days = 0\n',
]
# Text, the line that is named, words of the mistake and its remedy, and whether a JSON Schema can see it too.
BAD = [
    ('[review]\nstile = "strict"\n', 2, "did you mean `review.style`?", True),
    ('\n\n[review]\nstyle = "loud"\n', 4, "write one of strict, balanced, lenient", True),
    ("[review]\nmax_inline = 101\n", 2, "a whole number from 0 to 100", True),
    ("[review]\nmax_inline = true\n", 2, "a whole number from 0 to 100", True),
    ('[review]\nmin_severity = "never"\n', 2, "critical", True),
    ('[review]\nanalysers = ["pylint"]\n', 2, "allowed: ruff, bandit", True),
    ('[triggers]\ndrafts = "yes"\n', 2, "write true or false", True),
    ('[triggers]\nskip_titles = ["***"]\n', 2, "not stars alone", False),
    ('[triggers]\nskip_titles = "WIP*"\n', 2, "write a list of texts", True),
    ('[triggers]\nskip_labels = [""]\n', 2, "write 1 to 50 characters", True),
    ("[triggers]\nmax_reviews_per_author_day = 5\n", 2, "only the organisation's policy may set it", False),
    ('[paths]\nexclude = ["!a"]\n', 2, "negation", False),
    ("[sensitive]\nthreshold = 2\n", 2, "a number from 0 to 1", True),
    ("[sensitive]\npatterns = ['(a+)+$']\n", 2, "only the organisation's policy may set it", False),
    ('[routing.paths]\n"docs/**" = "cheap"\n', 1, "'docs/**'", True),
    ('[[checks]]\nname = "down"\n', 1, "text must be a text of 1 to 500", True),
    ('[[limits]]\nscope = "week"\namount = 1\n', 1, "must be one of run", True),
    ('[providers]\nbase_url = "https://evil.example"\n', 1, "can name no endpoint", True),
    ('[providers]\napi_key = "sk-1"\n', 1, "can name no key", True),
    ("strategy = \n", 1, "not valid TOML", False),
]


def test_there_are_forty_files() -> None:
    assert (len(GOOD), len(BAD)) == (20, 20)


@pytest.mark.parametrize("text", GOOD)
def test_a_good_file_is_read_without_a_word_and_the_schema_takes_it(text: str) -> None:
    read = read_policy_file(text, from_repository=True)
    assert read.mistakes == []
    SCHEMA.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", [text for text in GOOD if "=" in text])
def test_a_good_file_changes_the_policy(text: str) -> None:
    before, after = load_policy(), load_policy(repository=text)
    changed = {field.name for field in fields(Policy) if getattr(before, field.name) != getattr(after, field.name)}
    # Two of the files state what is shipped beside what they change.
    assert changed - {"notices"}


@pytest.mark.parametrize(("text", "line", "words", "seen"), BAD)
def test_a_bad_file_names_its_line_and_the_remedy_and_the_rest_of_it_holds(
    text: str, line: int, words: str, *, seen: bool
) -> None:
    more = f"{text}\n[caps]\nmax_units = 7\n"
    (mistake,) = read_policy_file(more, from_repository=True).mistakes
    assert (mistake.line, words in mistake.text) == (line, True), mistake
    assert load_policy(repository=more).max_units == 7
    if seen:
        assert not SCHEMA.is_valid(tomllib.loads(text))


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads(PAGE.read_text(encoding="utf-8")) == policy_schema(), (
        "run `kilo-review policy schema > docs/reference/policy.schema.json`"
    )


def test_the_schema_has_every_key_and_the_defaults_are_valid() -> None:
    schema = policy_schema()
    Draft202012Validator.check_schema(schema)
    for name in KEYS:
        here = schema
        for part in name.split("."):
            here = here["properties"][part]
        assert "type" in here, name
    shipped = Path(__file__).parents[2] / "policies" / "defaults" / "default.toml"
    SCHEMA.validate(tomllib.loads(shipped.read_text(encoding="utf-8")))
