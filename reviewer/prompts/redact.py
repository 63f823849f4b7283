"""Secrets out of everything that may leave the machine. Formats that are certain, and values whose names say so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from reviewer.change.model import Change, FileChange, Hunk, Line
from reviewer.prompts.fence import reveal

PLACEHOLDER: Final = "[redacted]"

# Token formats with a fixed prefix, as their issuers document them.
_TOKENS: Final = re.compile(
    r"""
      gh[pousr]_[A-Za-z0-9]{36,}                       # GitHub
    | github_pat_[A-Za-z0-9_]{50,}
    | glpat-[A-Za-z0-9_-]{20,}                         # GitLab
    | (?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}              # AWS access key id
    | sk-ant-[A-Za-z0-9_-]{20,}                        # Anthropic
    | sk-or-v1-[a-f0-9]{32,}                           # OpenRouter
    | sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}         # OpenAI
    | AIza[A-Za-z0-9_-]{35}                            # Google
    | GOCSPX-[A-Za-z0-9_-]{20,}
    | ya29\.[A-Za-z0-9_-]{20,}
    | xox[abeoprs]-[A-Za-z0-9-]{10,}                   # Slack
    | https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,}
    | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}         # Stripe
    | whsec_[A-Za-z0-9]{24,}
    | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}       # SendGrid
    | npm_[A-Za-z0-9]{36}                              # npm
    | pypi-[A-Za-z0-9_-]{60,}                          # PyPI
    | hf_[A-Za-z0-9]{30,}                              # Hugging Face
    | gsk_[A-Za-z0-9]{40,}                             # Groq
    | xai-[A-Za-z0-9]{40,}                             # xAI
    | dop_v1_[a-f0-9]{64}                              # DigitalOcean
    | shpat_[a-fA-F0-9]{32}                            # Shopify
    | hvs\.[A-Za-z0-9_-]{20,}                          # Vault
    | eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}  # JSON Web Token
    """,
    re.VERBOSE,
)
_PREFIXES: Final = re.compile(
    r"gh[pousr]_|github_pat_|glpat-|A(?:KIA|SIA|BIA|CCA)|sk-|AIza|GOCSPX|ya29|xox|hooks\.slack|[sr]k_|whsec_"
    r"|SG\.|npm_|pypi-|hf_|gsk_|xai-|dop_v1|shpat|hvs\.|eyJ"
)
# The password of an address with one in it.
_URL_PASSWORD: Final = re.compile(r"(://[^\s/:@'\"]+:)([^\s/@'\"]{3,})(@)")
# password = "..." and the like; short or plainly made-up values stay, they tell the reader something.
_NAMED: Final = re.compile(
    r"(?i)((?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|client[_-]?secret"
    r"|connection[_-]?string)[\w-]*[\"']?\s*(?:=|:|=>|:=)\s*)([\"'])([^\"'\s]{8,})(\2)"
)
_NAMED_HINT: Final = re.compile(
    r"(?i)passw|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|connection"
)
# Every match of the expressions above holds one of these; looking for plain text costs a tenth of an expression.
_MARKS: Final = (
    *(
        "://",
        "PRIVATE KEY",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "AKIA",
        "ASIA",
        "ABIA",
    ),
    *(
        "ACCA",
        "sk-",
        "AIza",
        "GOCSPX",
        "ya29",
        "xox",
        "hooks.slack",
        "sk_",
        "rk_",
        "whsec_",
        "SG.",
        "npm_",
        "pypi-",
    ),
    *("hf_", "gsk_", "xai-", "dop_v1", "shpat", "hvs.", "eyJ"),
)
_MARK_WORDS: Final = (
    *("passw", "pwd", "secret", "connection", "apikey", "api_key", "api-key", "accesskey", "access_key"),
    *("access-key", "privatekey", "private_key", "private-key", "authtoken", "auth_token", "auth-token"),
)
_EXAMPLE: Final = re.compile(
    r"(?i)example|placeholder|changeme|your[_-]|xxxx|<.*>|\$\{|\{\{|%\(|^env[.:]|redacted|\*{4}"
)
_DOTENV: Final = re.compile(r"^(\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*)(\S.*)$")
_KEY_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_SHOWN: Final = re.compile(r"PRIVATE KEY(?: BLOCK)?-----\s{0,80}[A-Za-z0-9+/=]{32}")
_KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/=\\n\"', ]{16,}")
# At the end of a line that was cut: a token's beginning, a named value without its closing quote, a key's body.
_CUT_OFF: Final = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|(?:AKIA|ASIA|ABIA|ACCA)(?=[A-Z2-7])|sk-(?=[\w-]{8})|AIza|GOCSPX-|ya29\.|xox[abeoprs]-"
    r"|[sr]k_(?:live|test)_|whsec_|npm_|pypi-|hf_|gsk_|xai-|dop_v1_|shpat_|hvs\.|eyJ)[\w.-]{4,}$"
    r"|((?i:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|client[_-]?secret)"
    r"[\w-]*[\"']?\s*(?:=|:|=>|:=)\s*[\"'])[^\"'\s]{4,}$"
    r"|^[A-Za-z0-9+/=]{40,}$"
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A change in which every certain secret is replaced by PLACEHOLDER, and how many there were."""

    change: Change
    count: int


def redact(text: str) -> tuple[str, int]:
    """Return text with secrets replaced, and how many were; line numbers stay."""
    lines, count = redact_lines(text.split("\n"))
    return "\n".join(lines), count


def has_token(text: str) -> bool:
    """Tell whether a text holds a token of a known format or a private key; a key's first line alone is none."""
    return bool(_PREFIXES.search(text) and _TOKENS.search(text)) or bool(_KEY_SHOWN.search(text))


def redact_lines(lines: list[str], *, dotenv: bool = False) -> tuple[list[str], int]:
    """Redact line by line, key blocks across lines; `dotenv` hides every value of a KEY=value file."""
    if not dotenv and not _worth_a_look("\n".join(lines)):
        return lines, 0
    out, count, in_key = [], 0, False
    for line in lines:
        if in_key or _KEY_BEGIN.search(line):
            fresh, found, in_key = _key_line(line, inside=in_key)
        elif dotenv and (match := _DOTENV.match(line)):
            fresh, found = f"{match[1]}{PLACEHOLDER}", 1
        else:
            fresh, found = _one(line)
        out.append(fresh)
        count += found
    return out, count


def _worth_a_look(text: str) -> bool:
    """Tell whether a text can hold a secret at all: nearly all hunks are told apart here, whole, at little cost."""
    folded = text.casefold()
    return any(mark in text for mark in _MARKS) or any(word in folded for word in _MARK_WORDS)


def _key_line(line: str, *, inside: bool) -> tuple[str, int, bool]:
    begin, end = _KEY_BEGIN.search(line), _KEY_END.search(line)
    if begin and not inside:
        if end:
            return f"{line[: begin.end()]}{PLACEHOLDER}{line[end.start() :]}", 1, False
        rest = line[begin.end() :]
        return f"{line[: begin.end()]}{PLACEHOLDER if rest.strip() else rest}", 1, True
    if end:
        return line, 0, False
    # A key that never ends hides no more than what looks like one.
    return (PLACEHOLDER, 0, True) if _KEY_BODY.search(line) or not line.strip() else (line, 0, False)


def _one(line: str) -> tuple[str, int]:
    count = 0

    def hide(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return PLACEHOLDER

    def hide_value(match: re.Match[str]) -> str:
        nonlocal count
        if _EXAMPLE.search(match[3]):
            return match[0]
        count += 1
        return f"{match[1]}{match[2]}{PLACEHOLDER}{match[4]}"

    def hide_password(match: re.Match[str]) -> str:
        nonlocal count
        if _EXAMPLE.search(match[2]):
            return match[0]
        count += 1
        return f"{match[1]}{PLACEHOLDER}{match[3]}"

    if _PREFIXES.search(line):
        line = _TOKENS.sub(hide, line)
    if "://" in line:
        line = _URL_PASSWORD.sub(hide_password, line)
    if _NAMED_HINT.search(line):
        line = _NAMED.sub(hide_value, line)
    return line, count


def is_dotenv(path: str) -> bool:
    """True for a file whose values are secrets by its name (.env, .env.local, prod.env), not for an example."""
    name = PurePosixPath(path).name
    example = any(word in name for word in ("example", "sample", "template", "dist"))
    return not example and (name == ".env" or name.startswith(".env.") or name.endswith(".env"))


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
        clean, found = redact_lines(texts, dotenv=dotenv)
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
    short, cut = _CUT_OFF.subn(lambda match: f"{match[1] or ''}{PLACEHOLDER}", clean)
    return short, count + cut


def _with_texts(hunk: Hunk, texts: list[str]) -> Hunk:
    lines = (
        Line(old.old_no, old.new_no, old.kind, text, old.no_newline)
        for old, text in zip(hunk.lines, texts, strict=True)
    )
    return replace(hunk, lines=tuple(lines))
