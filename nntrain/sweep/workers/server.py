"""Imported by the process that workers are forked from: what all of them need, once for all.

It has one thread, computes nothing, and ends with the sweep: a terminal's signals, which reach it too, are not for it.
"""

import signal

from nntrain.garbage import collect_seldom
from nntrain.signals import ENDING
from nntrain.sweep.workers.forking import end_with_parent

end_with_parent()
for number in ENDING:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # those that came before are forgotten

collect_seldom()

import matplotlib.backends.backend_agg  # noqa: E402, F401  # what is imported where it is used first
import numpy.random  # noqa: E402, F401
import safetensors.torch  # noqa: E402, F401

import nntrain.record.run_plots  # noqa: E402
import nntrain.sweep.workers.progress  # noqa: E402, F401
from nntrain.sweep.workers.work import import_torch  # noqa: E402

import_torch()
