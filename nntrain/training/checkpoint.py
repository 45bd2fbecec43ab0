"""The model file and the state file: safetensors with JSON as metadata. Data, never code: opening executes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nntrain.errors import UserError, did_you_mean, nearest
from nntrain.optim.optimizer import State
from nntrain.record.files import write_safetensors
from nntrain.training.state import LoopState, TrainState

FORMAT = 2  # the newest that is read
SINGLE, ENSEMBLE = 1, 2  # that are written: of one network; of several, each tensor with a leading axis of members
MODEL, STATE = "nntrain model", "nntrain training state"
BEST, LAST = "best.safetensors", Path("last") / "state.safetensors"


def save_model(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any], form: int = SINGLE) -> None:
    """Write a whole model: weights and buffers by name, and everything else (config, preprocessing, task, metrics) as
    JSON. form: SINGLE, or ENSEMBLE, whose `about` lists the members that the first axis of every tensor counts."""
    _save(path, MODEL, tensors, about, form)


def load_model(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_model` wrote, on the CPU. Raises UserError with one line where the file is not such a file, or was
    changed."""
    return _load(path, MODEL)


def save_state(run: Path, state: TrainState, loop: LoopState, losses: Tensor) -> None:
    """Write `last/`: all that an exact resume needs, in one file, so that its parts always belong together.

    losses: float32 [steps done in the epoch under way].
    """
    (run / LAST).parent.mkdir(exist_ok=True)
    _save(run / LAST, STATE, {**state.tensors(), "losses": losses}, {"loop": vars(loop)})


def load_state(
    run: Path, state: TrainState, *, grows: bool = False, prepare: Callable[[LoopState], object] | None = None
) -> tuple[LoopState, Tensor]:
    """Copy a saved state into `state`; the loop state and the losses of the epoch under way.

    grows: whether the optimizer's state changes its shape while it trains (L-BFGS). prepare: gives `state` the layout
    of where the loop stood, where that changes as layers begin to train.
    """
    path = run / LAST
    if not path.is_file():
        raise UserError(f"resume: {run} has no {LAST}; there is nothing to go on from (checkpoint.resumable=false?)")
    tensors, about = _load(path, STATE)
    known = {field.name for field in fields(LoopState)}
    loop = LoopState(**{key: value for key, value in about["loop"].items() if key in known})
    if prepare is not None:
        prepare(loop)
    own = state.tensors()
    memory = [name for name in {*own, *tensors} if name.startswith("optimizer.")] if grows else []
    fixed = [name for name in {*own, *tensors} if name not in memory and name != "losses"]
    unlike = [n for n in fixed if n not in own or n not in tensors or own[n].shape != tensors[n].shape]
    unlike += ["losses"] if "losses" not in tensors else []
    if unlike:
        raise UserError(f"resume: {path} does not fit {run / 'config.yaml'}; was that edited? (differs: {min(unlike)})")
    with torch.no_grad():
        for name in fixed:
            own[name].copy_(tensors[name])
    if grows:
        # copied, because products over memory aligned otherwise (that of the file) may round otherwise
        device = state.params.flat.device
        kept = {n.removeprefix("optimizer."): tensors[n].to(device, copy=True) for n in memory if n in tensors}
        state.optimizer = State(kept, state.params)
    return loop, tensors["losses"]


def _save(path: Path, kind: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any], form: int = SINGLE) -> None:
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    said = json.dumps(about, ensure_ascii=False, allow_nan=True)
    metadata = {"kind": kind, "format": str(form), "about": said, "sha256": _checksum(on_cpu, said)}
    write_safetensors(path, on_cpu, metadata)


def _load(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        guess = nearest(path.name, beside)
        raise UserError(f"checkpoint: there is no file '{path}'{did_you_mean(guess and path.parent / guess)}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            _check_kind(path, kind, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, AttributeError) as error:  # the latter two for number formats torch lacks
        raise UserError(f"checkpoint: {path} is truncated or not a safetensors file ({error})") from None
    except (OSError, MemoryError) as error:
        raise UserError(f"checkpoint: {path} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if _checksum(tensors, metadata.get("about", "")) != metadata.get("sha256"):
        raise UserError(f"checkpoint: {path} was changed after it was written (its checksum does not match); refused")
    try:
        about = json.loads(metadata["about"])
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(f"checkpoint: {path} is damaged: what it says of itself is no JSON ({error})") from None
    if not isinstance(about, dict):
        raise UserError(f"checkpoint: {path} is damaged: what it says of itself is no mapping")
    return tensors, about


def _check_kind(path: Path, kind: str, metadata: Mapping[str, str]) -> None:
    found, version = metadata.get("kind", "something else"), metadata.get("format", "")
    if found != kind:
        raise UserError(f"checkpoint: {path} is a safetensors file, but not an {kind} (it holds {found[:60]})")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise UserError(f"checkpoint: {path} is damaged: its format is {version[:60]!r}, not a number")
    if int(version) > FORMAT:
        raise UserError(
            f"checkpoint: {path} has format {version}, written by a newer nntrain; this one reads up to format "
            f"{FORMAT}: upgrade nntrain"
        )


def _checksum(tensors: Mapping[str, Tensor], said: str) -> str:
    digest = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.reshape(-1).as_strided((tensor.numel(),), (1,))  # of a single number the stride may be any
        digest.update(flat.view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
