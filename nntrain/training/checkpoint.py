"""The model file and the state file: safetensors with JSON as metadata. Data, never code: opening one executes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nntrain.errors import UserError, nearest
from nntrain.optim.optimizer import State
from nntrain.record.files import write_safetensors
from nntrain.training.state import LoopState, TrainState

FORMAT = 1
MODEL, STATE = "nntrain model", "nntrain training state"
BEST, LAST = "best.safetensors", Path("last") / "state.safetensors"


def save_model(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a whole model: weights and buffers by name, and everything else (config, preprocessing, task, metrics) as JSON."""
    _save(path, MODEL, tensors, about)


def load_model(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `save_model` wrote, on the CPU. Raises UserError with one line where the file is not such a file, or was changed."""
    return _load(path, MODEL)


def save_state(run: Path, state: TrainState, loop: LoopState, losses: Tensor) -> None:
    """Write `last/`: all that an exact resume needs, in one file, so that its parts always belong together.

    losses: float32 [steps done in the epoch under way].
    """
    (run / LAST).parent.mkdir(exist_ok=True)
    _save(run / LAST, STATE, {**state.tensors(), "losses": losses}, {"loop": asdict(loop)})


def load_state(run: Path, state: TrainState) -> tuple[LoopState, Tensor]:
    """Copy a saved state into `state`; the loop state and the losses of the epoch under way."""
    path = run / LAST
    if not path.is_file():
        raise UserError(f"resume: {run} has no {LAST}; there is nothing to go on from (checkpoint.resumable=false?)")
    tensors, about = _load(path, STATE)
    losses = tensors.pop("losses")
    memory = {n.removeprefix("optimizer."): tensors.pop(n) for n in list(tensors) if n.startswith("optimizer.")}
    own = {name: tensor for name, tensor in state.tensors().items() if not name.startswith("optimizer.")}
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in tensors.items()}:
        raise UserError(f"resume: {path} does not fit the network of {run}/config.yaml; was it edited?")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
    device = state.params.flat.device
    state.optimizer = State({name: tensor.to(device) for name, tensor in memory.items()}, state.params)
    known = {field.name for field in fields(LoopState)}
    return LoopState(**{key: value for key, value in about["loop"].items() if key in known}), losses


def _save(path: Path, kind: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    said = json.dumps(about, ensure_ascii=False, allow_nan=True)
    metadata = {"kind": kind, "format": str(FORMAT), "about": said, "sha256": _checksum(on_cpu, said)}
    write_safetensors(path, on_cpu, metadata)


def _load(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        guess = nearest(path.name, beside)
        hint = f"; did you mean '{path.parent / guess}'?" if guess else ""
        raise UserError(f"checkpoint: there is no file '{path}'{hint}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("kind") != kind:
                found = metadata.get("kind", "something else")
                raise UserError(f"checkpoint: {path} is a safetensors file, but not an {kind} (it holds {found})")
            if not metadata.get("format", "").isdigit() or int(metadata["format"]) > FORMAT:
                raise UserError(
                    f"checkpoint: {path} has format {metadata.get('format')}, written by a newer nntrain; this one reads up to "
                    f"format {FORMAT}: upgrade nntrain"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise UserError(f"checkpoint: {path} is truncated or not a safetensors file ({error})") from None
    except OSError as error:
        raise UserError(f"checkpoint: {path} cannot be read ({error.strerror or error})") from None
    if _checksum(tensors, metadata.get("about", "")) != metadata.get("sha256"):
        raise UserError(f"checkpoint: {path} was changed after it was written (its checksum does not match); refused")
    about: dict[str, Any] = json.loads(metadata["about"])
    return tensors, about


def _checksum(tensors: Mapping[str, Tensor], said: str) -> str:
    digest = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
