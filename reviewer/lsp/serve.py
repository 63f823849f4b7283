"""Start the server on standard input and output, and end it with its client."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
import time
from typing import Final

from pygls.io_ import StdoutWriter, run_async

from reviewer.lsp.handlers import create_server
from reviewer.lsp.reviews import STOP_SECONDS
from reviewer.lsp.server import KiloServer
from reviewer.lsp.threads import ThreadReader
from reviewer.settings import Settings

# How often it is looked whether the process of the client is there still.
CLIENT_SECONDS: Final = 3.0


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until the client says exit or leaves; 0 where it had asked for `shutdown`, else 1."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    server = create_server(options, settings)
    # A copy of the descriptor, never closed: a thread may wait in a read of it when the program ends.
    stream = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    try:
        asyncio.run(_serve(server, ThreadReader(stream)))
    except (SystemExit, BrokenPipeError):
        # pygls ends the loop so after `exit`; the other: nobody reads what is written.
        pass
    finally:
        _wait_for_bills(server)
    return 0 if server.shutdown_asked else 1


async def _serve(server: KiloServer, reader: ThreadReader) -> None:
    loop = asyncio.get_running_loop()
    ended = threading.Event()
    server.protocol.set_writer(StdoutWriter(sys.stdout.buffer))
    watch = loop.create_task(_end_without_client(server))
    try:
        await run_async(ended, reader, server.protocol, error_handler=server.report_server_error)
    finally:
        watch.cancel()


async def _end_without_client(server: KiloServer) -> None:
    """End the program where the client's process is gone and somebody holds the pipe open still."""
    while True:
        await asyncio.sleep(CLIENT_SECONDS)
        if server.process_id is not None and not _alive(server.process_id):
            _wait_for_bills(server)
            os._exit(1)


def _alive(process_id: int) -> bool:
    if os.name != "posix":
        # Signal 0 ends a process there; the end of standard input is all that tells.
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _wait_for_bills(server: KiloServer) -> None:
    """Stop what is being asked, and wait until what it cost is written down."""
    server.stop_reviews()
    until = time.monotonic() + STOP_SECONDS
    while server.working() and time.monotonic() < until:
        time.sleep(0.02)
