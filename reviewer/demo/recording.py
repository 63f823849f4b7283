"""Recording: one answer of a model that was kept, found again by the content of the request that it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from reviewer.errors import ConfigurationError
from reviewer.models.table import shipped_table

FOLDER: Final = "recorded"
# The provider of policies/defaults/models.toml that stands for recorded answers.
PROVIDER: Final = "recorded"
# What of a request decides which answer fits it: who is asked, what, and in which form.
KEYED: Final = ("model", "messages", "response_format")
RECORD_ANEW: Final = "make demo-record"


@dataclass(frozen=True, slots=True)
class Recording:
    """One request's digest and its answer.

    `form` is the name of the answer's schema and `files` the paths of the diff that it is about, for people.
    `prompt_version` digests instructions and schema, `answered_by` says in words who or what answered.
    """

    key: str
    form: str
    files: tuple[str, ...]
    asked_as: str
    prompt_version: str
    answered_by: str
    recorded: str
    input_tokens: int
    output_tokens: int
    answer: str

    def write(self, folder: Path) -> Path:
        """Write the recording as a JSON file of its own."""
        path = folder / f"{self.form}-{self.key}.json"
        document = asdict(self) | {"files": list(self.files)}
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return path


def key_of(request: Mapping[str, Any]) -> str:
    """Return the digest of what a request asks: the same question has it, whatever its limits and transport."""
    asked = {name: request.get(name) for name in KEYED}
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def form_of(request: Mapping[str, Any]) -> str:
    """Return the name of the answer's schema, such as "review" or "verification"."""
    return str(_schema(request).get("name", "answer"))


def version_of(request: Mapping[str, Any]) -> str:
    """Return a digest of the instructions and the schema of a request."""
    system = [row.get("content") for row in request.get("messages", ()) if row.get("role") == "system"]
    text = json.dumps([system, _schema(request).get("schema")], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def files_of(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths that the diff of a request names."""
    text = "\n".join(str(row.get("content")) for row in request.get("messages", ()))
    diff = text.rpartition("<diff ")[2].partition("</diff ")[0]
    heads = (line[4:] for line in diff.splitlines() if line.startswith("### "))
    return tuple(
        dict.fromkeys(head for head in heads if not head.startswith(("also changed", "this is", "no test")))
    )


def make(
    request: Mapping[str, Any], answer: str, usage: tuple[int, int], *, answered_by: str, today: date
) -> Recording:
    """Make the recording of an answer; `usage` is the tokens in and out that were counted."""
    return Recording(
        key=key_of(request),
        form=form_of(request),
        files=files_of(request),
        asked_as=str(request.get("model", "")),
        prompt_version=version_of(request),
        answered_by=answered_by,
        recorded=today.isoformat(),
        input_tokens=usage[0],
        output_tokens=usage[1],
        answer=answer,
    )


def shipped_folder() -> Traversable:
    """Return the folder of the package with the recordings for the sample."""
    return resources.files("reviewer.demo").joinpath(FOLDER)


def read_all(folder: Traversable | Path) -> tuple[Recording, ...]:
    """Read every recording of a folder; ConfigurationError names a file that is none."""
    found = []
    files = sorted(folder.iterdir(), key=lambda item: item.name) if folder.is_dir() else []
    for file in files:
        if not file.name.endswith(".json"):
            continue
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            found.append(Recording(**(row | {"files": tuple(row["files"])})))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{file.name} is no recording: {type(error).__name__}", remedy=f"Record anew: {RECORD_ANEW}"
            ) from None
    return tuple(found)


def described(recordings: Iterable[Recording]) -> str:
    """Say in one line who answered, when, and at which list prices the tokens are shown."""
    rows = tuple(recordings)
    by = ", ".join(dict.fromkeys(row.answered_by for row in rows))
    dates = sorted({row.recorded for row in rows})
    when = " to ".join(dict.fromkeys((*dates[:1], *dates[-1:])))
    listed = (shipped_table().model(PROVIDER, asked) for asked in sorted({row.asked_as for row in rows}))
    prices = " and ".join(model.priced_as for model in listed if model is not None)
    return f"recorded answers of {by}, {when}" + (f", at the list prices of {prices}" if prices else "")


def misfit(request: Mapping[str, Any], recordings: Iterable[Recording]) -> str:
    """Say that no recording fits a request, what has changed, and how to record anew."""
    rows = [row for row in recordings if row.form == form_of(request)]
    if not rows:
        what = f"there is none for a {form_of(request)!r} question"
    elif version_of(request) not in {row.prompt_version for row in rows}:
        what = "the instructions or the answer's form have changed since"
    else:
        what = "the sample, its context or an earlier answer has changed since"
    about = ", ".join(files_of(request)[:3]) or "this question"
    return f"no recording fits the question about {about}: {what}. Record anew: {RECORD_ANEW}"


def _schema(request: Mapping[str, Any]) -> Mapping[str, Any]:
    form = request.get("response_format")
    schema = form.get("json_schema") if isinstance(form, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}
