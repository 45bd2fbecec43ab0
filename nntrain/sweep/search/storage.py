"""The file in which a search keeps its trials: Optuna's own SQLite, which its dashboard opens too."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.errors import UserError
from nntrain.folder import shown
from nntrain.sweep.search.evolution import without_state

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

FILE = "search.sqlite3"
SECONDS = "seconds"  # of the search, for whoever looks at it
SPENT = "SELECT value_json FROM study_user_attributes WHERE key = ?"
PATIENCE = 5.0  # seconds that another process may hold the file, as a dashboard does for a moment


def spent_in(folder: Path) -> float:
    """Seconds of all sessions of the search in a sweep's folder, as `Storage.spent`; nothing is written, and Optuna is
    not needed. 0 where nothing says it."""
    try:
        with closing(sqlite3.connect(f"{(folder / FILE).resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute(SPENT, (SECONDS,)).fetchone()
        return float(json.loads(row[0])) if row else 0.0
    except (sqlite3.Error, ValueError, TypeError):
        return 0.0


class Storage:
    """path: made where there is none. UserError where another process holds it, or it is damaged."""

    def __init__(self, path: Path, name: str, directions: Sequence[Any], patience: float = PATIENCE) -> None:
        import optuna

        self._path = path
        with self._refusing():
            self._look(patience)
            engine = {"connect_args": {"timeout": patience, "factory": _Unhurried}}
            kept = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=engine)
            self._study: Study = optuna.create_study(
                storage=kept, study_name=name, directions=directions, load_if_exists=True
            )

    def trials(self) -> list[FrozenTrial]:
        """Those that ended in earlier sessions."""
        with self._refusing():
            return [_plain(trial) for trial in self._study.trials]

    def add(self, trial: FrozenTrial) -> None:
        """One that has ended, with all that it reported."""
        with self._refusing():
            self._study.add_trial(_plain(trial))

    @property
    def spent(self) -> float:
        """Seconds of all sessions so far."""
        with self._refusing():
            found = self._study.user_attrs.get(SECONDS)
        return float(found) if isinstance(found, int | float) else 0.0

    @spent.setter
    def spent(self, seconds: float) -> None:
        with self._refusing():
            self._study.set_user_attr(SECONDS, seconds)

    def _look(self, patience: float) -> None:
        """Whether the file can be written to."""
        connection = sqlite3.connect(self._path, timeout=patience, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """What SQLite refuses is the user's to mend."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            said = _reason(error)
            if said is None:
                raise
            name = shown(self._path)
            if "locked" in said:
                raise UserError(f"search: {name} is locked by another process; end that one, or wait for it") from None
            instead = "without it the search goes on from what the jobs' folders say"
            raise UserError(f"search: {name} cannot be used ({said}); {instead}") from None


class _Unhurried(sqlite3.Connection):
    """Leaves it to the system when it writes to disk: waiting takes longer than a small network does to train, and the
    jobs' own folders say the same."""

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.execute("PRAGMA synchronous=OFF")


def _reason(error: BaseException | None) -> str | None:
    """What SQLite says, behind all that was made of it; None where it is none of SQLite's."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _plain(trial: FrozenTrial) -> FrozenTrial:
    """Without the pickle that CMA-ES notes: a stranger's file is not to run code."""
    found = copy(trial)
    found.system_attrs = without_state(trial.system_attrs)
    return found
