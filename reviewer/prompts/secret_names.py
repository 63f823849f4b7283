"""Values whose name says that they are secrets, however the file writes names and values. Pure.

`password: x1y2z3w4`, `PASSWORD=…`, `-H 'X-Api-Key: …'`, `<password>…</password>`, `--token …`, `machine … password
…`: a name, something between, a value. The value must look like a secret (`secret_values`) and not like code, a
reference or a placeholder: without those, a test reads as broken.

Names and frames are found by expressions that are linear in the line; a value is read no further than MAX_VALUE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reviewer.prompts.linear import Words, expression
from reviewer.prompts.secret_values import MAX_VALUE, is_config_value, is_password, is_phrase, is_random, is_secret

# Words of which every line with a named secret holds one; looked for in whole texts first.
HINTS: Final = (
    "passw", "pwd", "passphrase", "passcode", "secret", "token", "apikey", "api_key", "api-key", "api.key", "_key",
    "-key", "accesskey", "privatekey", "accountkey", "authkey", "signingkey", "encryptionkey", "masterkey",
    "sharedkey", "signature", "credential", "authorization", "bearer", "_auth", "cookie", "connection", "://",
    "identified by", " -u", " -p", " -a", "user", "_pass", "pass=", "pass:", "&sig=", "?sig=", "requirepass",
    "masterauth", "salt", "session", "dsn", ":5432:", ":3306:", ":*:", "_pw", "-pw", "community", "webhook",
)  # fmt: skip
_HINTS: Final = Words(HINTS)

_STRONG: Final = r"pass(?:word|wd|phrase|code)|pwd|passwd"
_KIND: Final = (
    r"access|private|secret|account|auth|encryption|encrypt|signing|sign|master|shared|service|app|storage|primary"
    r"|license|hmac|aes|jwt|session|cookie|deploy|client|admin|root|ssh|gpg|webhook|stripe|sendgrid"
    r"|openai|subscription"
)
_NAME: Final = (
    rf"(?:{_STRONG}|secret|token|api[ _.-]?key|(?:{_KIND})[_.-]?key|shared[_.-]?access[_.-]?signature|credentials?"
    r"|(?:client|app|consumer|shared|api|signing|webhook)[_.-]?secret|authorization|bearer|_auth|set-cookie|cookie"
    r"|connection[_.-]?string|session[_.-]?id|sessid|salt|requirepass|masterauth|[_-]pass|[_-]pw|^pass"
    r"|\bdsn\b|\bsig\b)"
)
# What may follow inside the name for it still to name the value itself: `SECRET_KEY_BASE`, `PASSWORD_PROD`.
_TAIL: Final = (
    r"(?:[_.-]?(?:key|keys|base|value|val|prod|production|dev|development|staging|live|test|string|str|text|data"
    r"|env|old|new|default|raw|b64|base64|hex|plain|plaintext|primary|secondary|current|previous|backup|main|db"
    r"|\d{1,3})){0,3}"
)
_CLOSE: Final = r"(?:\\?[\"'`])?[\])}]{0,2}"
_TYPE: Final = r"[ \t]{0,4}:[ \t]{0,4}[\w.<>\[\]?|]{1,40}(?:[ \t]\|[ \t]\w{1,20})?[ \t]{1,9}="
_SEPARATOR: Final = rf"(?:{_TYPE}|[ \t]{{0,20}}(?:=>|:=|\?=|\+=|=|:))[ \t]{{0,20}}"
_SCHEME: Final = r"(?:(?:Bearer|Basic|Token|ApiKey|Digest|Key|SharedAccessSignature)[ \t]{1,4})?"
# name = value in every language, and header: value.
_ASSIGNED: Final = rf"(?i)({_NAME}){_TAIL}{_CLOSE}{_SEPARATOR}{_SCHEME}"
# ("name", "value") of a call: define('DB_PASSWORD', '…'), getenv("TOKEN", "…"), setProperty("password", "…").
_PAIR: Final = rf"(?i)({_NAME}){_TAIL}\\?[\"'][ \t]{{0,9}},[ \t]{{0,9}}(?:value[ \t]?[:=][ \t]?)?(\\?[\"'])"
# .password("…"), setPassword("…"), secret("…").
_CALLED: Final = rf"(?i)({_NAME}){_TAIL}\([ \t]{{0,9}}(\\?[\"'])"
# ENV NAME value, --password value, machine … password value, requirepass value.
_SPACED: Final = (
    r"(?i)(?:(?:^|[ \t\"'\[,(])--?|^[ \t]*(?:ENV|ARG|setx|setenv|set(?:[ \t]+-\w+)?)[ \t]+"
    r"|(?:login|user|account)[ \t]+\S{1,80}[ \t]+|^[ \t]*)"
    rf"[\w-]{{0,40}}({_NAME}){_TAIL}(?:[\"'],)?[ \t]{{1,9}}"
)
# <password>…</password>, <add key="Password" value="…"/>, {"name": "API_KEY", "value": "…"}
_ELEMENT: Final = (
    rf"(?i)<(?:[\w.-]{{1,40}}:)?(?:[\w.-]{{0,60}}[_.-])?([\w]{{0,40}}{_NAME}){_TAIL}(?:[ \t][^<>]{{0,200}})?>"
)
_ATTRIBUTE: Final = (
    r"(?i)(?:name|key|id|property)[\"']?[ \t]{0,4}[=:][ \t]{0,4}\\?[\"']?(?:[\w.-]{0,60}?)"
    rf"({_NAME}){_TAIL}\\?[\"']?"
    r"[ \t]{0,4},?[ \t]{0,4}(?:value|default|defaultValue|content)[\"']?[ \t]{0,4}[=:][ \t]{0,4}"
)
_NAMED_ELEMENT: Final = (
    rf"(?i)<\w+[ \t][^<>]{{0,80}}name=[\"'](?:[\w.-]{{0,60}}?)({_NAME}){_TAIL}[\"'][^<>]{{0,80}}>"
)
# The password of an address, the one of curl -u, mysql -p, sshpass -p, redis-cli -a, of a .pgpass line, of SQL.
_FRAMES: Final = (
    r"://[^\s/:@'\"<>]{0,100}:([^\s/@'\"<>]{3,200})@",
    r"(?:^|[\s\"'])(?:-u|--user|--proxy-user|-U)[ =]?[\"']?[\w.@%+-]{1,64}:([^\s\"':]{3,200})",
    r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^|;&]{0,200}?[ \t]-p([^\s\"'-][^\s\"']{3,200})",
    r"\b(?:sshpass|docker login|podman login|az login|ldapsearch|smbclient|helm registry login)\b[^|;&]{0,200}?"
    r"[ \t](?:-p|-w)[ \t]{0,3}[\"']?"
    r"([^\s\"'-][^\s\"']{3,200})",
    r"\bredis-cli\b[^|;&]{0,200}?[ \t](?:-a|--pass)[ \t]{1,3}[\"']?([^\s\"'-][^\s\"']{3,200})",
    r"^[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w*-]{1,64}:[\w.-]{1,64}:(\S{4,200})$",
    r"(?i)\b(?:IDENTIFIED BY|WITH PASSWORD|ENCRYPTED PASSWORD|SET PASSWORD[^'\"]{0,60})[ \t]{1,4}"
    r"[\"']([^\"']{4,200})[\"']",
    r"(?i)ConvertTo-SecureString[ \t]+(?:-String[ \t]+)?[\"']([^\"']{4,200})[\"']",
    r"(?i)\bsnmp-server community[ \t]+(\S{6,100})",
    r"(?i)[?&](?:sig|api_?key|apikey|access_token|auth_token|token|key|secret|client_secret|password|code)="
    r"([A-Za-z0-9%_.~+/=-]{12,400})",
)
_FRAME_HINTS: Final = (
    "://", " -u", "--user", "--proxy-user", " -U", " -p", " -w", " -a", "--pass", ":", "identified by",
    "with password",
    "encrypted password", "set password", "convertto-securestring", "community", "?", "&",
)  # fmt: skip

_FRAME_WORDS: Final = Words(_FRAME_HINTS)
# Tokens that are places in a list or an exchange, and names of types: `NextToken`, `AWS::IAM::AccessKey`.
_NO_SECRET_BEFORE: Final = re.compile(
    r"(?:next|change|request|lock|page|pagination|continuation|idempotency|sync|cancel|csrf|xsrf|public|::\w{0,20})[_-]?$",
    re.IGNORECASE,
)
_UNQUOTED_END: Final = re.compile(r"[\s\"'`<>;,|)}\]]|$")
# `&name=` and `=name` begin another value: what is padded with = ends with it.
_NEXT_PARAMETER: Final = re.compile(r"&[\w.-]{1,40}=|=(?=[\w\"'])")
# A quote, also inside a call that only wraps the text: `[]byte("`, `SecretStr("`.
_OPENING: Final = re.compile(r"(?:[\[\]A-Za-z_.]{1,30}\()?[rRbBuUfF@]{0,2}(\\?[\"'`])")
_SCHEME_BEFORE: Final = re.compile(r"(?:Bearer|Basic|Token|ApiKey|Digest)\s{1,4}", re.IGNORECASE)
_STRONG_NAME: Final = re.compile(_STRONG + r"|[_-]pass|[_-]pw|^pass|requirepass|masterauth", re.IGNORECASE)


def may_hold_names(text: str) -> bool:
    """Tell whether a text can hold a named secret at all: most hunks are told apart here, whole, at little cost."""
    return bool(_HINTS.found(text))


def named_spans(line: str, *, config: bool = False) -> Iterator[tuple[int, int]]:
    """Yield where a line holds a value that its name says is secret.

    `config` is True for a file of names and values, where an unquoted word is a value and no identifier.
    """
    if not may_hold_names(line):
        return
    for match in expression(_ASSIGNED).finditer(line):
        # Not a comparison, a match, a path of C++.
        if line[match.end() : match.end() + 1] in ("=", "~", ":") or _is_no_secret(line, match.start(1)):
            continue
        yield from _value_at(line, match.end(), match.group(1) or "", config=config)
    if "(" in line or "," in line:
        for pattern in (_PAIR, _CALLED):
            for match in expression(pattern).finditer(line):
                yield from _value_at(line, match.start(2), match.group(1) or "", config=False)
    yield from _spaced(line)
    if "<" in line:
        for pattern in (_ELEMENT, _NAMED_ELEMENT):
            for match in expression(pattern).finditer(line):
                yield from _element_at(line, match.end(), match.group(1) or "")
    for match in expression(_ATTRIBUTE).finditer(line):
        yield from _value_at(line, match.end(), match.group(1) or "", config=config)
    yield from _framed(line)


def _spaced(line: str) -> Iterator[tuple[int, int]]:
    for match in expression(_SPACED).finditer(line):
        if not _is_no_secret(line, match.start(1)):
            yield from _value_at(line, match.end(), match.group(1) or "", config=False)


def _is_no_secret(line: str, start: int) -> bool:
    return bool(_NO_SECRET_BEFORE.search(line[max(0, start - 24) : start]))


def names_next_value(line: str) -> bool:
    """Tell whether a line names the value of the next one, as `- name: DB_PASSWORD` above `value: …` does."""
    return bool(expression(_NAMES_NEXT).search(line))


def next_value_spans(line: str) -> Iterator[tuple[int, int]]:
    """Yield where a line that follows such a name holds the value."""
    match = expression(_NEXT_VALUE).search(line)
    if match is not None:
        yield from _value_at(line, match.end(), "password", config=True)


_NAMES_NEXT: Final = (
    rf"(?i)(?:\bname|\bkey)[\"']?[ \t]{{0,4}}[:=][ \t]{{0,4}}[\"']?[\w.-]{{0,60}}{_NAME}{_TAIL}"
    r"[\"']?,?[ \t]{0,9}$"
)
_NEXT_VALUE: Final = r"(?i)^[ \t]*[\"']?(?:value|stringvalue|defaultvalue|default)[\"']?[ \t]{0,4}[:=][ \t]{0,4}"


def _framed(line: str) -> Iterator[tuple[int, int]]:
    if not _FRAME_WORDS.found(line):
        return
    for pattern in _FRAMES:
        for match in expression(pattern).finditer(line):
            value = match.group(1) or ""
            if pattern is _FRAMES[0]:
                ok = is_password(value)
            elif pattern is _FRAMES[-1]:
                ok = is_secret(value, quoted=True, strong=False) and is_random(value)
            else:
                ok = is_secret(value, quoted=True, strong=True)
            if ok:
                yield match.start(1), match.end(1)


def _value_at(line: str, start: int, name: str, *, config: bool) -> Iterator[tuple[int, int]]:
    rest = line[start : start + MAX_VALUE]
    strong = bool(_STRONG_NAME.search(name))
    phrase = "phrase" in name.lower()
    opening = _OPENING.match(rest)
    if opening is not None:
        quote = opening[1]
        begin = start + opening.end()
        end = line.find(quote, begin, begin + MAX_VALUE)
        value = line[begin : end if end >= 0 else begin + MAX_VALUE]
        scheme = _SCHEME_BEFORE.match(value)
        if scheme is not None:
            begin, value = begin + scheme.end(), value[scheme.end() :]
        if is_secret(value, quoted=True, strong=strong) or (phrase and is_phrase(value)):
            yield begin, end if end >= 0 else len(line)
        return
    stop = _UNQUOTED_END.search(rest)
    value = rest[: stop.start() if stop else len(rest)]
    following = _NEXT_PARAMETER.search(value)
    value = value[: following.start()] if following else value
    if rest[len(value) : len(value) + 1] == "<":
        return
    end = start + len(value)
    if is_secret(value, quoted=False, strong=strong) or (config and is_config_value(value, strong=strong)):
        yield start, end if len(value) < MAX_VALUE else _end_of_run(line, end)


def _end_of_run(line: str, start: int) -> int:
    stop = _UNQUOTED_END.search(line, start)
    return stop.start() if stop else len(line)


def _element_at(line: str, start: int, name: str) -> Iterator[tuple[int, int]]:
    end = line.find("<", start, start + MAX_VALUE)
    value = line[start : end if end >= 0 else start + MAX_VALUE]
    lead = len(value) - len(value.lstrip())
    if is_secret(value.strip(), quoted=True, strong=bool(_STRONG_NAME.search(name))):
        yield start + lead, start + len(value.rstrip())
