"""The screen of a job that trains beside others: none."""

from __future__ import annotations

from collections.abc import Callable

from nntrain.record.console import RunConsole


class MemberConsole(RunConsole):
    """Writes the log, and tells when the training begins: a member of a stack may wait for others to be trained first.

    begun: called with the epochs that were done before.
    """

    def __init__(self, begun: Callable[[int], None]) -> None:
        super().__init__(silent=True)
        self._begun: Callable[[int], None] | None = begun

    def epoch_begin(self, epoch: int, steps: int) -> None:
        super().epoch_begin(epoch, steps)
        if self._begun is not None:
            self._begun(epoch - 1)
            self._begun = None
