"""Whether a training can begin: it is built as `check` builds it; nothing is trained, and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nntrain.builders import load_data
from nntrain.checks import check_link
from nntrain.errors import UserError
from nntrain.verbs.pretrain import build_pretraining, build_whole, pretrains


def dry_build(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a config once its data, its network and this machine are known; nothing where it can train."""
    try:
        _build(config)
    except UserError as error:
        return error.problems
    except Exception:  # a fault of ours, or no memory: the training meets it too, and leaves its traceback
        return ()
    return ()


def _build(config: Mapping[str, Any]) -> None:
    fold = 0 if config["data"].get("folds") else None
    dataset = load_data(config, fold=fold)
    whole = build_whole(config, dataset, fold)
    if config["ensemble"] > 1:
        check_link(whole.program.objective)
    if pretrains(config):
        build_pretraining(config, dataset, fold)
