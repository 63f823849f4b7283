"""Git over smart HTTP: `git upload-pack` on the real bare repositories, behind the same tokens. Read only."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reviewer.demo.git import Git, environment

CHUNK: Final = 64 * 1024
SERVICE: Final = "git-upload-pack"


def advertisement(git: Git, git_dir: Path, protocol: str) -> bytes:
    """Return the answer of `info/refs?service=git-upload-pack`."""
    head = f"# service={SERVICE}\n".encode()
    prefix = b"%04x" % (len(head) + 4) + head + b"0000"
    refs = git.run(
        "upload-pack", "--stateless-rpc", "--advertise-refs", str(git_dir), env={"GIT_PROTOCOL": protocol}
    )
    return refs if protocol.startswith("version=2") else prefix + refs


def exchange(git: Git, git_dir: Path, body: bytes, *, encoding: str, protocol: str) -> Iterator[bytes]:
    """Yield the answer of one `git-upload-pack` request as git produces it."""
    request = gzip.decompress(body) if encoding == "gzip" else body
    process = subprocess.Popen(
        ["git", "upload-pack", "--stateless-rpc", str(git_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environment(git.config), "GIT_PROTOCOL": protocol},
    )
    try:
        assert process.stdin is not None  # noqa: S101 - Popen was given pipes
        assert process.stdout is not None  # noqa: S101
        # In stateless mode git reads the whole request before it answers, so this cannot block for ever.
        process.stdin.write(request)
        process.stdin.close()
        while chunk := process.stdout.read(CHUNK):
            yield chunk
    finally:
        if process.stdout is not None:
            process.stdout.close()
        process.kill()
        process.wait()
