"""A scratch repository: the real one's objects and index, none of its configuration, on any work tree.

Commands that look at the work tree run here. What could start a program (filters, hooks, fsmonitor, external
diff) is configuration, and a scratch repository has only the settings of `UserConfig.passed_on`. The real
repository is not written to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigurationError, GitFailed, KiloReviewError
from reviewer.git.blobs import BlobReader
from reviewer.git.git import TIMEOUT, run_git
from reviewer.git.regular_file import read_regular
from reviewer.local.repository import Repository
from reviewer.local.special_files import refuse_special, special_in_work_tree
from reviewer.local.user_config import UserConfig, read_user_config

_WHO: Final = "kilo-review <> 0 +0000"
# Seconds after which a command that reads the work tree is stopped once, to look whether it waits for a pipe.
PATIENCE: Final = 5.0
# An index and the lists of patterns are copied: no more of one than this.
COPY_LIMIT: Final = 1024 * 1024 * 1024
ALTERNATES_LIMIT: Final = 1024 * 1024


class TemporaryFolderUnusable(KiloReviewError):
    """The folder for temporary files is full, or cannot be written to."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A scratch repository of `repository`; `config` is the user's configuration, `blobs` reads its objects."""

    git_dir: Path
    repository: Repository
    config: UserConfig
    blobs: BlobReader
    patience: float = PATIENCE

    def run(self, args: Sequence[str], *, input: bytes | None = None) -> bytes:  # noqa: A002 - run_git's own word
        """Run a command that looks at objects and the index only."""
        return run_git(args, git_dir=self.git_dir, input=input)

    def look(self, args: Sequence[str], *, input: bytes | None = None) -> bytes:  # noqa: A002
        """Run a command that reads the work tree, from its top, with the settings that decide what is a change.

        Raises ConfigurationError where it waits for a pipe in place of a `.gitignore` or `.gitattributes`.
        """
        try:
            return self._on_work_tree(args, input, self.patience)
        except GitFailed as failed:
            if not failed.late:
                raise
        if (special := special_in_work_tree(self.repository.root)) is not None:
            raise ConfigurationError(
                f"{special} is a pipe or a device: git would wait for it", remedy="Remove it, then review again."
            )
        return self._on_work_tree(args, input, TIMEOUT)

    def take(self, args: Sequence[str], *, input: bytes) -> bytes:  # noqa: A002 - as `run`
        """Run a command that writes the scratch index from the work tree; what it reads there was looked at."""
        return self._on_work_tree(args, input, TIMEOUT)

    def _on_work_tree(self, args: Sequence[str], data: bytes | None, timeout: float) -> bytes:
        return run_git(
            args,
            git_dir=self.git_dir,
            work_tree=self.repository.root,
            config=self.config.passed_on(),
            input=data,
            timeout=timeout,
        )

    def commit(self, tree: str, parent: str | None) -> str:
        """Write a commit without a real author; its time is the epoch."""
        above = f"parent {parent}\n" if parent else ""
        text = f"tree {tree}\n{above}author {_WHO}\ncommitter {_WHO}\n\n".encode()
        return self._written("commit", text)

    def empty_commit(self) -> str:
        """Write a commit without files: what a first commit is compared with."""
        return self.commit(self._written("tree", b""), None)

    def tree_of(self, commit: str) -> str:
        """Return the id of a commit's tree."""
        return self.run(["rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}"]).decode().strip()

    def store(self, contents: Sequence[bytes]) -> list[str]:
        """Write blobs with one process and return their ids."""
        folder = self.git_dir / "contents"
        folder.mkdir(exist_ok=True)
        paths = [folder / str(number) for number in range(len(contents))]
        for path, data in zip(paths, contents, strict=True):
            path.write_bytes(data)
        names = "".join(f"{path}\n" for path in paths).encode()
        return self.run(["hash-object", "-w", "--no-filters", "--stdin-paths"], input=names).decode().split()

    def _written(self, kind: str, data: bytes) -> str:
        return self.run(["hash-object", "-t", kind, "-w", "--stdin"], input=data).decode().strip()


@contextlib.contextmanager
def open_scratch(repository: Repository) -> Iterator[Scratch]:
    """Make a scratch repository that lives as long as the context; no process is started for it.

    Raises TemporaryFolderUnusable where the temporary folder is full or read-only.
    """
    folder = None
    try:
        folder = tempfile.mkdtemp(prefix="kilo-review-")
        git_dir = Path(folder) / "scratch.git"
        config = read_user_config(repository.git_dir, repository.root)
        for key, path in config.pattern_files():
            refuse_special(Path(repository.root, path), key)
        _lay_out(repository, git_dir, config)
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise TemporaryFolderUnusable(
            f"the temporary folder {folder or ''} cannot be used: {error.strerror or error}\n"
            "Make room there, or set TMPDIR to another folder."
        ) from None
    blobs = BlobReader(git_dir)
    try:
        yield Scratch(git_dir, repository, config, blobs)
    finally:
        blobs.close()
        shutil.rmtree(folder, ignore_errors=True)


def _lay_out(repository: Repository, git_dir: Path, config: UserConfig) -> None:
    for name in ("objects/info", "objects/pack", "refs/heads", "info"):
        (git_dir / name).mkdir(parents=True)
    (git_dir / "HEAD").write_text("ref: refs/heads/work\n")
    hash_name = config.values.get("extensions.objectformat", "sha1")
    extension = "" if hash_name == "sha1" else f"[extensions]\n\tobjectformat = {hash_name}\n"
    version = 1 if extension else 0
    (git_dir / "config").write_text(f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{extension}")
    alternates = b"".join(_alternate(path) + b"\n" for path in _object_folders(repository.objects))
    (git_dir / "objects/info/alternates").write_bytes(alternates)
    for name in ("shallow", "info/exclude", "info/attributes", "info/sparse-checkout"):
        _copy(repository.common_dir / name, git_dir / name)
    _copy(repository.git_dir / "info/sparse-checkout", git_dir / "info/sparse-checkout")
    # A copy keeps its time stamp: git compares it with those of the files to find changes within one tick.
    _copy(repository.index, git_dir / "index")
    for shared in repository.git_dir.glob("sharedindex.*"):
        _copy(shared, git_dir / shared.name)


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        return
    if (size := source.stat().st_size) > COPY_LIMIT:
        raise ConfigurationError(
            f"{source} has {size:,} bytes, more than the {COPY_LIMIT:,} that are read of it",
            remedy="Make it anew: git read-tree HEAD for the index; an editor for a list of patterns.",
        )
    shutil.copy2(source, target)


def _object_folders(objects: Path) -> list[Path]:
    """Return a repository's object folder and those that it borrows from by a relative path.

    Git follows absolute paths further by itself; a relative one only of the repository that it was started in.
    """
    folders = [objects]
    listed = objects / "info" / "alternates"
    if listed.is_file():
        rows = (os.fsdecode(row) for row in read_regular(listed, ALTERNATES_LIMIT).split(b"\n"))
        folders += [
            (objects / row).resolve() for row in rows if row and not row.startswith(("#", '"')) and row[0] != "/"
        ]
    return folders


def _alternate(path: Path) -> bytes:
    raw = os.fsencode(path)
    if b"\n" not in raw and not raw.startswith((b"#", b'"')):
        return raw
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
