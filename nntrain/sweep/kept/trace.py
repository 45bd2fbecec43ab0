"""What a job that failed leaves in its folder, whoever trained it and however it ended."""

from __future__ import annotations

from contextlib import suppress

from nntrain.record.files import WriteError
from nntrain.record.log import Log
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome

LOG = "log.txt"


def leave_reason(job: Job, outcome: Outcome) -> None:
    """Why it failed, as the last line of its log, in its folder, which is made where it is missing."""
    if not outcome.status or outcome.interrupted:
        return
    log = Log()
    log.write(f"failed: {outcome.error or f'exit status {outcome.status}'}")
    with suppress(OSError, WriteError):  # a disk that refuses is likely what it failed by
        job.folder.mkdir(parents=True, exist_ok=True)
        log.open(job.folder / LOG)
