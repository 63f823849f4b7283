"""Git: the one way that a git command is started. Nothing in the repository or on the machine can configure it.

What could run a program, reach the network or change the answer is switched off: system and user configuration,
hooks, the fsmonitor program, credential helpers, pagers, external diff and textconv programs, lazy fetching of
missing objects, every transport (unless the caller names it) and replace refs. Only plumbing that runs no
clean or smudge filter may be called on a work tree (`ls-files`, never `status` or `add`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

from reviewer.errors import ConfigurationError, GitFailed

TIMEOUT: Final = 60.0
OUTPUT_LIMIT: Final = 512 * 1024 * 1024
_CHUNK: Final = 1 << 16
_DETAIL_LIMIT: Final = 2000

# Each of these names a program, a transport or a rewrite that a repository's own config could set.
_HARDENING: Final = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.attributesFile", os.devnull),
    ("core.excludesFile", os.devnull),
    ("core.sshCommand", "false"),
    ("core.gitProxy", ""),
    ("core.askPass", ""),
    ("core.pager", "cat"),
    ("core.alternateRefsCommand", "true"),
    ("core.untrackedCache", "false"),
    ("core.quotePath", "false"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("gpg.program", "false"),
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("uploadpack.packObjectsHook", ""),
    ("http.followRedirects", "false"),
    # An owner other than ours (a container, a mounted volume) is no danger once nothing of the repository's runs.
    ("safe.directory", "*"),
)


@cache
def git_program() -> str:
    """Absolute path of git; ConfigurationError where there is none."""
    found = shutil.which("git")
    if found is None or not Path(found).is_absolute():
        # A relative entry on PATH could be a file of the repository under review.
        found = shutil.which("git", path=os.defpath)
    if found is None:
        raise ConfigurationError("git is not on PATH", remedy="Install git 2.31 or newer.")
    return found


def git_environment(
    *, protocols: Sequence[str] = (), secret_config: Sequence[tuple[str, str]] = ()
) -> Mapping[str, str]:
    """Return the whole environment of a git process: no HOME, no variable of ours.

    `protocols` are the transports allowed ("https", "file"); none by default. `secret_config` is configuration
    that must not show in the list of processes (an `http.extraHeader` with a token).
    """
    env = {
        "PATH": f"{Path(git_program()).parent}{os.pathsep}{os.defpath}",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "false",
        "GIT_ADVICE": "0",
    }
    if secret_config:
        env["GIT_CONFIG_COUNT"] = str(len(secret_config))
        for at, (key, value) in enumerate(secret_config):
            env[f"GIT_CONFIG_KEY_{at}"] = key
            env[f"GIT_CONFIG_VALUE_{at}"] = value
    return env


def git_command(
    args: Sequence[str],
    *,
    git_dir: Path | None,
    work_tree: Path | None = None,
    config: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """Return the full command line; `git_dir` is named outright, so that nothing is discovered."""
    command = [git_program(), "--no-pager", "--no-optional-locks"]
    for key, value in (*_HARDENING, *config):
        command += ["-c", f"{key}={value}"]
    if git_dir is not None:
        command.append(f"--git-dir={git_dir.absolute()}")
    if work_tree is not None:
        command.append(f"--work-tree={work_tree.absolute()}")
    return [*command, *args]


def run_git(
    args: Sequence[str],
    *,
    git_dir: Path | None,
    input: bytes | None = None,  # noqa: A002 - subprocess's own word
    timeout: float = TIMEOUT,
    work_tree: Path | None = None,
    config: Sequence[tuple[str, str]] = (),
    secret_config: Sequence[tuple[str, str]] = (),
    protocols: Sequence[str] = (),
    allowed: Sequence[int] = (0,),
    limit: int = OUTPUT_LIMIT,
    cut: bool = False,
    sink: Callable[[bytes], object] | None = None,
) -> bytes:
    """Run git and return its standard output; `sink` is given it in pieces instead, while git goes on.

    `timeout` is in seconds, `limit` in bytes of output, beyond which it is a failure or, with `cut`, cut off;
    `allowed` are the exit statuses that are no failure. Raises GitFailed, with git's own words, for any other
    status, a time-out or too much output; its process group is gone by then.
    """
    command = git_command(args, git_dir=git_dir, work_tree=work_tree, config=config)
    # Never the caller's directory: it could be deleted, or lie in a repository that git would look at.
    cwd = work_tree or git_dir
    env = git_environment(protocols=protocols, secret_config=secret_config)
    with (
        tempfile.TemporaryFile() as errors,
        _started(command, env, errors, cwd=cwd, feed=input is not None) as process,
    ):
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            kill_group(process)

        alarm = threading.Timer(timeout, expire)
        alarm.daemon = True
        alarm.start()
        writer = _feed(process, input)
        try:
            output, overflow = _collect(process, limit, sink)
            status = process.wait()
        finally:
            alarm.cancel()
            if writer is not None:
                writer.join()
        errors.seek(0)
        detail = errors.read(_DETAIL_LIMIT).decode("utf-8", "replace").strip()
    name = args[0] if args else "git"
    if expired.is_set():
        raise GitFailed(f"git {name} took longer than {timeout:g} s", status=status, detail=detail, late=True)
    if overflow and cut:
        return output
    if overflow:
        raise GitFailed(f"git {name} wrote more than {limit:,} bytes", status=status, detail=detail)
    if status not in allowed:
        raise GitFailed(f"git {name} failed: {detail or f'exit status {status}'}", status=status, detail=detail)
    return output


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started in a session of its own, and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


@contextlib.contextmanager
def _started(
    command: Sequence[str], env: Mapping[str, str], errors: IO[bytes], *, cwd: Path | None, feed: bool
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=env,
        cwd=cwd if cwd is not None and cwd.is_dir() else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_group(process)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _feed(process: subprocess.Popen[bytes], data: bytes | None) -> threading.Thread | None:
    stdin = process.stdin
    if stdin is None:
        return None

    def write() -> None:
        # A git that stopped reading says why on standard error; a broken pipe adds nothing.
        with contextlib.suppress(BrokenPipeError, OSError, ValueError):
            stdin.write(data or b"")
            stdin.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    return writer


def _collect(
    process: subprocess.Popen[bytes], limit: int, sink: Callable[[bytes], object] | None
) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    take = sink or parts.append
    size = 0
    while process.stdout is not None and (chunk := process.stdout.read(_CHUNK)):
        size += len(chunk)
        if size > limit:
            kill_group(process)
            take(chunk[: limit - size])
            return b"".join(parts), True
        take(chunk)
    return b"".join(parts), False
