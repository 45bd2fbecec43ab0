"""The server that workers are forked from: its start, with the sweep, and its end, with the sweep's process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.forkserver import ensure_running
from types import ModuleType

from nntrain.signals import held_back

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
SERVERS = {**dict.fromkeys(THREADS, "1"), "PYTHONSAFEPATH": "1"}  # the server's: what lies around here is not imported
SERVED = sys.platform == "linux"  # elsewhere libraries of the system break in a process that was forked
PARENT = "NNTRAIN_SWEEP"  # the number of the server's parent, in its environment
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


def start_server(module: str) -> None:
    """Let it import the module, and with it all that workers need, from now on; it ends with this process.

    It has one thread, as a process with others cannot be forked safely; how many a worker may use is set in there.
    """
    if SERVED:
        given = dict(os.environ)
        added = {**SERVERS, PARENT: str(os.getpid())}
        os.environ.update(added)
        resource_tracker.ensure_running()  # else it is started with the server, and lifts the mask
        try:
            with held_back():  # from the server too, until it is there to ignore them
                multiprocessing.set_forkserver_preload([module])
                served()
        finally:
            for name in added:
                os.environ.pop(name)
            os.environ.update({name: given[name] for name in added if name in given})


def end_with_parent() -> None:
    """On Linux the system ends this process as soon as its parent has ended, whatever it does just then; or else who
    reads what the parent has said would wait for it, which holds the same pipe."""
    import ctypes  # takes a moment, and the parent needs none

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):  # it has ended already
        os._exit(0)


def served() -> bool:
    """Whether there is a server, now at the latest. Where the system refuses it, as where the name of the folder for
    temporary files is too long for its socket, workers are started afresh."""
    if SERVED:
        with suppress(OSError), no_main():
            ensure_running()
            return True
    return False


@contextmanager
def no_main() -> Iterator[None]:
    """Workers need nothing of the program that runs the sweep: multiprocessing would run it again in each of them."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
