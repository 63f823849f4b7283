"""A finding under any file name, of a content in any encoding, from the work tree to every form of output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from reviewer.git.decode import path_of
from tests.git_folder import ENV
from tests.local.repo import Scratch

PROGRAM = Path(sys.executable).parent / "kilo-review-uncommitted"
NAMES = (
    *("café.py".encode(), b"caf\xe9.py", b"tab\there.py", b'q"uote.py', b"back\\slash.py", b"new\nline.py"),
    *(b" lead.py", b"-dash.py", b"a[1].py", b"d\xe9/x.py", b":colon.py", b"cr\r.py"),
)
LATIN_1 = b"# -*- coding: latin-1 -*-\n# caf\xe9\nimport subprocess\nsubprocess.call('ls %s' % 1, shell=True)\n"


def test_a_finding_is_lost_under_no_name_and_in_no_encoding(tmp_path: Path):
    made = Scratch(tmp_path / "repo")
    made.commit(**{"z.txt": "z\n"})
    for name in NAMES:
        target = made.root / os.fsdecode(name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(LATIN_1)
    made.git("add", "-A")
    expected = {path_of(name) for name in NAMES}
    for form in ("json", "text", "sarif", "markdown", "github"):
        env = {
            **ENV,
            "HOME": str(tmp_path),
            "KILO_REVIEW_CACHE_DIR": str(tmp_path / "c"),
            "KILO_REVIEW_OFFLINE": "1",
        }
        done = subprocess.run(
            [PROGRAM, "--staged", "--format", form], cwd=made.root, env=env, capture_output=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert b"Traceback" not in done.stderr
        if form == "json":
            found = json.loads(done.stdout)["findings"]
            assert {row["path"] for row in found if row["disposition"] == "inline"} == expected
        if form == "sarif":
            results = json.loads(done.stdout)["runs"][0]["results"]
            places = {row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for row in results}
            assert {"caf%E9.py", "caf%C3%A9.py", "d%E9/x.py"} <= places
