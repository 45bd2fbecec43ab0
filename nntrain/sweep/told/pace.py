"""How far a sweep is, and how long the rest takes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Pace:
    """How much of a sweep is done, in epochs, and how long the rest takes at the pace so far.

    A finished job has done what it ran, a running one what it reports; one to come is taken to stop as early as the
    finished ones did on average. The pace is that of the time between the first job's start and the last news: between
    two news the time left counts down.
    """

    epochs: dict[int, int] = field(default_factory=dict)  # that each job may run
    ran: dict[int, int] = field(default_factory=dict)  # by the finished ones
    at: dict[int, int] = field(default_factory=dict)  # of the running ones
    began: float | None = None
    news: float = 0.0
    earlier: float = 0.0  # epochs that were done before this session

    def share(self) -> float:
        """Of the whole sweep, from 0 to 1."""
        done, left = self._done_and_left()
        return done / (done + left) if done + left else 0.0

    def seconds_left(self, now: float) -> float | None:
        """None where nothing is known yet, or the guess has run out."""
        done, left = self._done_and_left()
        done -= self.earlier
        if self.began is None or done <= 0 or self.news <= self.began:
            return None
        seconds = (self.news - self.began) / done * left - (now - self.news)
        return seconds if seconds > 0 else None

    def _done_and_left(self) -> tuple[float, float]:
        asked = sum(self.epochs[n] for n in self.ran)
        share = min(1.0, sum(self.ran.values()) / asked) if asked else 1.0
        left = sum(max(0.0, self.epochs[n] * share - self.at.get(n, 0)) for n in self.epochs if n not in self.ran)
        return float(sum(self.ran.values()) + sum(self.at.values())), left
