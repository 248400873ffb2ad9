"""The program, started from a process that has imported it already: half a second less for each of a thousand commands.

A helper process imports the program once and makes a copy of itself (fork) for each command. The copy gets the command's
arguments, folder, environment and files, and runs `main` as `python -m batchgen` does. Commands that a test must signal, whose
interpreter is started in another way, or whose import is the point, are started as processes of their own.
"""

import array
import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]
_MOST_BYTES = 1 << 20
_FILES = 3
# What an interpreter takes into account when it starts.
_STEERING = {"PYTHONDEVMODE", "PYTHONIOENCODING", "PYTHONWARNINGS"}
# What commands import when they need it.
_LATE = ("alembic.command", "batchgen.cli.run", "batchgen.ingest.submit", "batchgen.providers.openai", "batchgen.worker.pool")
_LATE += ("batchgen.cli.show", "batchgen.providers.simulated", "batchgen.store.control", "batchgen.artifacts.office")


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, stdin: bytes = b"", timeout_s: float = 200.0
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end, as `subprocess.run` would with its output captured. Raises TimeoutExpired."""
    if _STEERING & environment.keys():
        command = [sys.executable, "-m", "batchgen", *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, input=stdin, capture_output=True, timeout=timeout_s, check=False
        )
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        order = json.dumps({"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)})
        code = _ask(order.encode(), [file.fileno() for file in (given, out, err)], timeout_s)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())


def _ask(order: bytes, files: Sequence[int], timeout_s: float) -> int:
    helper = _helper()
    helper.settimeout(timeout_s)
    helper.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
    try:
        return int(helper.recv(_MOST_BYTES))
    except TimeoutError:
        # The next command gets a helper of its own; this one ends with the one that hangs.
        _helper.cache_clear()
        helper.close()
        raise subprocess.TimeoutExpired(json.loads(order)["arguments"], timeout_s) from None


@functools.cache
def _helper() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for side in (ours, theirs):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
    environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, __file__, str(theirs.fileno())]
    process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(orders: socket.socket) -> None:
    """The helper: one copy for each order, one after another, until nobody asks any more."""
    for module in _LATE:
        __import__(module)
    while True:
        order, files, _, _ = socket.recv_fds(orders, _MOST_BYTES, _FILES)
        if not order:
            return
        copy = os.fork()
        if not copy:
            orders.close()
            _become(json.loads(order), files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(copy, 0)
        orders.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(order: dict[str, object], files: Sequence[int]) -> None:
    """The copy: what a new interpreter would find, then the program. Does not return."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(str(order["folder"]))
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    sys.argv = ["batchgen", *order["arguments"]]  # type: ignore[misc]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    from batchgen.cli.main import main

    _serve(socket.socket(fileno=int(sys.argv[1])))
