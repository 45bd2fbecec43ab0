"""From lists of words to jobs: each composed and checked, none twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from nntrain.config.compose import Composed
from nntrain.config.variants import Composer
from nntrain.errors import UserError
from nntrain.record.files import json_text
from nntrain.sweep.buildable import Draft, DryBuilds, check_buildable
from nntrain.sweep.job import Job

UNTOLD = ("name", "run_dir", "quiet")  # settings in which two jobs that are the same may differ
NAMED = 5  # jobs that are said to be identical to others


class Jobs:
    """cwd: what relative paths are relative to. fixed: the keys that are the same in all jobs. folder: of the sweep,
    asked for once all mistakes are known. all: every job, in the order of their numbers."""

    def __init__(self, cwd: Path, fixed: Set[str], folder: Callable[[], Path]) -> None:
        self.all: list[Job] = []
        self._composer = Composer(cwd)
        self._fixed = fixed
        self._folder = folder
        self._given: dict[int, Job] = {}  # by the number that was asked for
        self._first: dict[str, int] = {}  # by settings: the number of the job that has them

    def add(self, given: Mapping[int, tuple[str, ...]], dry_builds: DryBuilds | None = None) -> list[str]:
        """Make jobs of lists of words, by number; what is to be said of those that come to the same settings as
        another: they stand for that job, and a number that is known already keeps its own.

        dry_builds: finds what only data and networks can tell. UserError with the mistakes of all.
        """
        new = {number: words for number, words in given.items() if number not in self._given}
        drafts: list[Draft] = []
        same: list[tuple[int, int]] = []
        for (number, words), composed in zip(new.items(), self._composed(list(new.values())), strict=True):
            first = self._first.setdefault(_content(composed.config), number)
            if first == number:
                drafts.append(Draft(number, self._varied(words), composed.config))
            else:
                same.append((number, first))
        if dry_builds is not None and drafts:
            check_buildable(drafts, dry_builds)
        for draft in drafts:
            self._given[draft.number] = self._job(draft, new[draft.number])
            self.all.append(self._given[draft.number])
        for number, first in same:
            self._given[number] = self._given[first]
        return [_same_words(same)] if same else []

    def __getitem__(self, number: int) -> Job:
        """The job of a number; of one that was the same as another, that other."""
        return self._given[number]

    def example(self, words: Sequence[str]) -> Mapping[str, Any] | UserError:
        """The config of a job that could be, or why there is none such."""
        try:
            return self._composer.compose(words).config
        except UserError as error:
            return error

    def _composed(self, lists: Sequence[Sequence[str]]) -> list[Composed]:
        configs: list[Composed] = []
        problems: list[str] = []
        for words in lists:
            try:
                configs.append(self._composer.compose(words))
            except UserError as error:
                problems += error.problems
        if problems:
            raise UserError(*dict.fromkeys(problems))
        return configs

    def _varied(self, words: tuple[str, ...]) -> dict[str, str]:
        return {
            word.key: word.value if isinstance(word.value, str) else word.text.partition("=")[2]
            for word in map(self._composer.word, words)
            if word.key not in self._fixed
        }

    def _job(self, draft: Draft, words: tuple[str, ...]) -> Job:
        folder = self._folder() / str(draft.number)
        return Job(draft.number, words, draft.varied, folder, {**draft.config, "run_dir": str(folder)})


def _content(config: Mapping[str, Any]) -> str:
    return json_text({key: value for key, value in config.items() if key not in UNTOLD}, indent=None)


def _same_words(same: Sequence[tuple[int, int]]) -> str:
    told = ", ".join(f"job {number} is job {first}" for number, first in same[:NAMED])
    more = f", and {len(same) - NAMED} more" if len(same) > NAMED else ""
    are = "job is identical to another" if len(same) == 1 else "jobs are identical to others"
    return f"{len(same)} {are}, and not run twice: {told}{more}"
