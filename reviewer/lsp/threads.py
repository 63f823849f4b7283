"""Work in daemon threads, awaited: what still waits for a client that has left keeps no process alive."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import BinaryIO, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run a function in a thread of its own and return what it returns, or raise what it raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is awaited
            error = raised
        # The loop may be closed: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True).start()
    return await future


class ThreadReader:
    """Reads a pipe without holding up the loop, in the form that pygls reads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    async def readline(self) -> bytes:
        """Return the next line with its end, b"" at the end of the stream."""
        return await in_thread(self._stream.readline)

    async def readexactly(self, n: int) -> bytes:
        """Return so many bytes, fewer at the end of the stream."""
        return await in_thread(lambda: self._stream.read(n))
