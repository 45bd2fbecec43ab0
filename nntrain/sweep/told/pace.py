"""How far a sweep is, and how long the rest takes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable
from statistics import fmean

GROUND = 1.0  # seconds from the first news on, before the time left is guessed
TOGETHER = 0.02  # seconds: the members of a stack, one after the other
MOST_NEWS = 400


class Pace:
    """How much of a sweep is done, in epochs, and how long the rest takes.

    Jobs that run or are to come are taken to stop early as often as those before them did at each epoch. The pace is
    that of the second half of the time since training began: of a stack all members go on at the same time, and leave
    it at different times. Between two news the time left counts down.

    epochs: that each job may run, by number; at: that those did which run; ran: that those did which ended.
    """

    def __init__(self) -> None:
        self.epochs: dict[int, int] = {}
        self.at: dict[int, int] = {}
        self.ran: dict[int, int] = {}
        self._done = self._before = 0  # epochs; before this session
        self._news: list[tuple[float, float]] = []  # seconds, and epochs done by then in this session

    def begin(self, number: int, epoch: int, now: float) -> None:
        """A job is being trained from here on. epoch: how many it had done before."""
        self._before += epoch
        self._set(number, epoch, now)

    def go_on(self, number: int, epoch: int, epochs: int, now: float) -> None:
        self.epochs[number] = max(1, epochs)
        self._set(number, epoch, now)

    def wait(self, number: int) -> None:
        """A job that was being trained is to be later."""
        epoch = self.at.pop(number, 0)
        self._done -= epoch
        self._before -= epoch

    def end(self, number: int, ran: int | None, now: float | None) -> None:
        """ran: epochs; None where it failed. now: None of a job of an earlier session."""
        at = self.at.pop(number, 0)
        known = self.ran.get(number, at)
        asked = self.epochs.setdefault(number, 1)
        self.ran[number] = at if ran is None else min(asked, ran)
        self._done += self.ran[number] - known
        if now is None:
            self._before += self.ran[number]
        else:
            self._hear(now)

    def share(self, more: int = 0) -> float:
        """Of the whole sweep, from 0 to 1. more: jobs that will come besides."""
        done, left = self._done, self._left(more)
        return done / (done + left) if done + left else 0.0

    def seconds_left(self, now: float, more: int = 0) -> float | None:
        """None where there is no ground yet to tell, or the guess has run out."""
        if (pace := self._pace()) is None:
            return None
        seconds = self._left(more) / pace - (now - self._news[-1][0])
        return seconds if seconds > 0 else None

    def _pace(self) -> float | None:
        """Epochs a second; None before each running job has done one, about."""
        if not self._news:
            return None
        (first, none), (last, done), enough = self._news[0], self._news[-1], max(1, len(self.at))
        if last - first < GROUND or done - none < enough:
            return None
        middle, until = self._news[bisect_right(self._news, ((first + last) / 2, float("inf"))) - 1]
        if done - until < 4 * enough:  # too few to tell from each other
            middle, until = first, none
        return (done - until) / (last - middle)

    def _set(self, number: int, epoch: int, now: float) -> None:
        self._done += epoch - self.at.get(number, 0)
        self.at[number] = epoch
        self._hear(now)

    def _hear(self, now: float) -> None:
        if self._news and now - self._news[-1][0] < TOGETHER and len(self._news) > 1:
            self._news.pop()
        if len(self._news) >= MOST_NEWS:
            self._news = self._news[::2]
        self._news.append((now, self._done - self._before))

    def _left(self, more: int) -> float:
        left = self._expected()
        known = sum(left(self.at.get(n, 0), most) for n, most in self.epochs.items() if n not in self.ran)
        return known + (more * left(0, fmean(self.epochs.values())) if more and self.epochs else 0.0)

    def _expected(self) -> Callable[[float, float], float]:
        """Of a job that has done so many of so many epochs, how many it still runs on average.

        By the share that goes on after each epoch, of all that came so far (E. L. Kaplan and P. Meier, Nonparametric
        estimation from incomplete observations, 1958): those that end first must not stand for those that go on.
        """
        early = Counter(ran for n, ran in self.ran.items() if ran < self.epochs[n])
        came = sorted([*self.ran.values(), *self.at.values()])
        epochs, shares, areas = [0.0], [1.0], [0.0]  # areas: epochs that a job has run until then, on average
        for epoch, ended in sorted(early.items()):
            areas.append(areas[-1] + shares[-1] * (epoch - epochs[-1]))
            shares.append(shares[-1] * (1 - ended / (len(came) - bisect_left(came, epoch))))
            epochs.append(float(epoch))

        def area(epoch: float) -> float:
            place = bisect_right(epochs, epoch) - 1
            return areas[place] + shares[place] * (epoch - epochs[place])

        def left(at: float, most: float) -> float:
            share = shares[bisect_right(epochs, at) - 1]
            return (area(most) - area(at)) / share if share and most > at else 0.0

        return left
