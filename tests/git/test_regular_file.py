"""Only regular files are opened; a pipe, a socket, a device, a folder, an endless file are refused at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reviewer.git.regular_file import read_regular, waits


def test_a_regular_file_is_read_through_a_link_too(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"text\n")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "a", 5) == b"text\n"
    assert read_regular(tmp_path / "link", 5) == b"text\n"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(tmp_path / name, 100)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/"])
def test_a_device_and_a_folder_are_refused(path: str):
    with pytest.raises(OSError):
        read_regular(Path(path), 100)


def test_a_socket_is_refused(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(OSError):
            read_regular(tmp_path / "s", 100)


def test_a_sparse_file_of_a_terabyte_is_refused_by_its_size(tmp_path: Path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="larger than 1,000 bytes"):
        read_regular(tmp_path / "huge", 1000)


def test_a_pipe_behind_a_descriptor_is_refused():
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="not a regular file"):
            read_regular(Path(f"/dev/fd/{reading}"), 100)
    finally:
        os.close(reading)
        os.close(writing)


def test_what_may_be_waited_for_is_told_by_the_mode(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert waits((tmp_path / "pipe").stat().st_mode)
    assert waits(Path("/dev/null").stat().st_mode)
    assert not waits(tmp_path.stat().st_mode)
