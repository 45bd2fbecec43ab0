"""Preprocessing back from the JSON of a model file. Only the kinds in this table can be named by a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nntrain.data.dataset import Preprocessing
from nntrain.data.pictures.preprocessing import pixel_preprocessing_from_state
from nntrain.data.tables.preprocessing import table_preprocessing_from_state
from nntrain.errors import UserError, unknown

KINDS: dict[str, Callable[[Mapping[str, Any]], Preprocessing]] = {
    "table": table_preprocessing_from_state,
    "pixels": pixel_preprocessing_from_state,
}


def from_state(state: Mapping[str, Any]) -> Preprocessing:
    """What `Preprocessing.state` described. Raises UserError for a state that is damaged or of an unknown kind."""
    kind = str(state.get("kind"))
    if kind not in KINDS:
        raise UserError(f"preprocessing in the model file: {unknown('kind', kind, list(KINDS))}")
    try:
        return KINDS[kind](state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"preprocessing in the model file is damaged: {type(error).__name__} {error}") from None
