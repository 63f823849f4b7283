"""Test paths: whether a file is a test, and what it is called without the marks of one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_FOLDERS: Final = frozenset(("test", "tests", "__tests__", "spec", "specs", "testing", "testsuite", "e2e", "t"))
_NAME: Final = re.compile(
    r"(?:^test[_-]|[_.-](?:test|tests|spec|e2e)$|(?<=[a-z0-9])(?:Test|Tests|TestCase|Spec|IT)$)"
)


@lru_cache(maxsize=65536)
def is_test_path(path: str) -> bool:
    """Return whether a path is a test by its folders or its name.

    >>> is_test_path("src/io/UndertowTest.java"), is_test_path("lib/contest.py")
    (True, False)
    """
    *folders, name = path.split("/")
    return (
        not _FOLDERS.isdisjoint(folders)
        or _NAME.search(name.partition(".")[0]) is not None
        or ".test." in name
        or ".spec." in name
    )


@lru_cache(maxsize=65536)
def subject_of(path: str) -> str:
    """Return a file's stem without the marks of a test, in lower case.

    >>> subject_of("tests/test_wrappers.py"), subject_of("src/app.spec.ts")
    ('wrappers', 'app')
    """
    return _NAME.sub("", path.rpartition("/")[2].partition(".")[0]).lower()
