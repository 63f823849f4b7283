"""Take secrets out of everything that may leave the machine: known formats, values whose names say so, keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from reviewer.change.model import Change, FileChange, Hunk, Line
from reviewer.prompts.fence import reveal
from reviewer.prompts.linear import expression
from reviewer.prompts.secret_names import may_hold_names, named_spans, names_next_value, next_value_spans
from reviewer.prompts.secret_rules import rules, token_spans

PLACEHOLDER: Final = "[redacted]"
# Characters of a line that are judged and shown: people write no longer one, and no prompt has room for it.
LONGEST_LINE: Final = 20_000

_DOTENV: Final = re.compile(r"^(\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*)(\S.*)$")
_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_SHOWN: Final = r"PRIVATE KEY(?: BLOCK)?-----\s{0,80}[A-Za-z0-9+/=]{32}"
_KEY_HEADER: Final = re.compile(r"(?:Proc-Type|DEK-Info|Comment|Version|Hash): ")
_KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/]{1,15}={0,2}")
_KEY_RUN: Final = re.compile(r"[A-Za-z0-9+/=]{16}")
# What stands around the lines of a key in a string, a comment or a list.
_AROUND_KEY: Final = " \t\r\"'`,;+()|#*/\\"
# At the end of a line that was cut: a token's beginning, a named value without its closing quote, a key's body.
_CUT_OFF: Final = (
    r"\b((?:gh[pousr]_|github_pat_|glpat-|(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]|sk-[\w-]{8}|AIza|GOCSPX-|ya29\."
    r"|xox[abeoprs]-|[sr]k_(?:live|test)_|whsec_|npm_|pypi-|hf_|gsk_|xai-|dop_v1_|shpat_|hvs\.|eyJ)[\w.-]{4,})$"
    r"|(?i:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|client[_-]?secret)"
    r"[\w-]*[\"']?\s*(?:=|:|=>|:=)\s*[\"']([^\"'\s]{4,})$"
    r"|^([A-Za-z0-9+/=]{40,})$"
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A change in which every certain secret is replaced by PLACEHOLDER, and how many there were."""

    change: Change
    count: int


def redact(text: str, path: str = "") -> tuple[str, int]:
    """Return text with secrets replaced, and how many were; line numbers stay. `path` names the file it is from."""
    lines, count = redact_lines(text.split("\n"), path=path)
    return "\n".join(lines), count


def has_token(text: str) -> bool:
    """Tell whether a text holds a token of a known format or a private key; a key's first line alone is none."""
    words = rules().words.found(text)
    if words and any(True for line in text.split("\n") for _span in token_spans(line, words, own_only=True)):
        return True
    return "PRIVATE KEY" in text and bool(expression(_KEY_SHOWN).search(text))


def redact_tokens(text: str) -> str:
    """Return text without tokens of a known format; what stands around them, quotes and braces too, stays."""
    words = rules().words.found(text)
    if not words:
        return text
    lines = text.split("\n")
    return "\n".join(_hide(line, [*token_spans(line, words, own_only=True)])[0] for line in lines)


def redact_lines(lines: list[str], *, path: str = "", dotenv: bool = False) -> tuple[list[str], int]:
    """Redact line by line, key blocks across lines; `dotenv` hides every value of a KEY=value file.

    Of a line longer than LONGEST_LINE the rest is left out, and the line says so.
    """
    lines = [_shortened(line) if len(line) > LONGEST_LINE else line for line in lines]
    whole = "\n".join(lines)
    words = rules().words.found(whole)
    named = may_hold_names(whole)
    if not (dotenv or words or named or "PRIVATE KEY" in whole):
        return lines, 0
    config = is_config(path)
    out, count, in_key, named_above = [], 0, False, False
    for line in lines:
        fresh, found = line, 0
        if dotenv and (match := _DOTENV.match(line)):
            fresh, found = f"{match[1]}{PLACEHOLDER}", 1
        elif words or named:
            spans = [*token_spans(line, words)] if words else []
            if named:
                spans += named_spans(line, config=config)
                spans += next_value_spans(line) if named_above else ()
                named_above = names_next_value(line)
            fresh, found = _hide(line, spans)
        if in_key or "PRIVATE KEY" in fresh:
            fresh, more, in_key = _key_line(fresh, inside=in_key)
            found += more
        out.append(fresh)
        count += found
    return out, count


def _shortened(line: str) -> str:
    """Return the beginning of a line that no person wrote, and how much of it is left out; the whole is shorter."""
    kept = line[: LONGEST_LINE - 100]
    return f"{kept}[{len(line) - len(kept):,} more characters of this line are left out]"


def _hide(line: str, spans: list[tuple[int, int]]) -> tuple[str, int]:
    """Replace the spans of a line; those that overlap are one."""
    out: list[str] = []
    at = count = 0
    for start, end in sorted(spans):
        if end <= at or PLACEHOLDER in line[start:end]:
            continue
        if start >= at:
            out += [line[at:start], PLACEHOLDER]
            count += 1
        at = max(at, end)
    return "".join((*out, line[at:])), count


def _key_line(line: str, *, inside: bool) -> tuple[str, int, bool]:
    """Return a line without what it holds of a private key, how many keys begin in it, and whether one goes on.

    `inside` says that a key began above. A key that never ends hides no more than what looks like one.
    """
    begin = _KEY_BEGIN.search(line)
    if begin is None:
        bare = line.replace("\\n", "").strip(_AROUND_KEY)
        if (inside and not bare) or _KEY_HEADER.match(bare):
            return line, 0, inside
        return (PLACEHOLDER, 0, True) if inside and _KEY_BODY.fullmatch(bare) else (line, 0, False)
    end = _KEY_END.search(line, begin.end())
    rest = line[begin.end() : end.start() if end else len(line)]
    found = _KEY_RUN.search(rest)
    hidden = PLACEHOLDER if found else rest
    return f"{line[: begin.end()]}{hidden}{line[end.start() :] if end else ''}", 1, end is None


def is_dotenv(path: str) -> bool:
    """True for a file whose values are secrets by its name (.env, .env.local, prod.env), not for an example."""
    name = PurePosixPath(path).name
    example = any(word in name for word in ("example", "sample", "template", "dist"))
    return not example and (name == ".env" or name.startswith(".env.") or name.endswith(".env"))


_CONFIG_ENDINGS: Final = (
    ".yml", ".yaml", ".ini", ".cfg", ".conf", ".cnf", ".properties", ".env", ".toml", ".tfvars", ".npmrc",
    ".pypirc",
    ".netrc", ".pgpass", ".my.cnf", ".htpasswd", ".secrets", ".secret", ".credentials", ".envrc",
)  # fmt: skip


def is_config(path: str) -> bool:
    """True for a file of names and values, where an unquoted word is a value."""
    name = PurePosixPath(path).name.lower()
    return name.endswith(_CONFIG_ENDINGS) or name.startswith(".env") or name in ("credentials", "config")


def redact_change(change: Change) -> Redacted:
    """Replace secrets in every line of a change and make invisible characters visible.

    All that follows (prompts, anchors, checks) reads the redacted change, so that a model's quote still finds its
    line and no secret travels further than this function.
    """
    files, count = [], 0
    for file in change.files:
        fresh, found = _redact_file(file)
        files.append(fresh)
        count += found
    return Redacted(replace(change, files=tuple(files)), count)


def _redact_file(file: FileChange) -> tuple[FileChange, int]:
    hunks, count = [], 0
    dotenv = is_dotenv(file.path)
    for hunk in file.hunks:
        texts = [reveal(line.text) for line in hunk.lines]
        clean, found = redact_lines(texts, path=file.path, dotenv=dotenv)
        section, above = _redact_section(hunk.section, dotenv=dotenv)
        count += found + above
        if section != hunk.section:
            hunk = replace(hunk, section=section)  # noqa: PLW2901 - the same hunk without the secret in its header
        if all(fresh == line.text for fresh, line in zip(clean, hunk.lines, strict=True)):
            hunks.append(hunk)
            continue
        hunks.append(_with_texts(hunk, clean))
    return replace(file, hunks=tuple(hunks)), count


def _redact_section(section: str, *, dotenv: bool) -> tuple[str, int]:
    """Redact what stands behind a hunk's second @@: a line of the file too, cut by git at 80 bytes or so.

    A token that is cut has lost the length by which it is known, so its beginning is enough here.
    """
    (clean,), count = redact_lines([reveal(section)], dotenv=dotenv)
    match = expression(_CUT_OFF).search(clean)
    if match is None:
        return clean, count
    group = next(at for at in (1, 2, 3) if match.group(at))
    return f"{clean[: match.start(group)]}{PLACEHOLDER}", count + 1


def _with_texts(hunk: Hunk, texts: list[str]) -> Hunk:
    lines = (
        Line(old.old_no, old.new_no, old.kind, text, old.no_newline)
        for old, text in zip(hunk.lines, texts, strict=True)
    )
    return replace(hunk, lines=tuple(lines))
