"""L-BFGS (Liu & Nocedal 1989): a quasi-Newton method for small networks on the whole training set at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nntrain.optim.optimizer import Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters


class LBFGS(Optimizer):
    """torch's own, with its state taken out after each step and put back before the next.

    lr: length of a step, or where the line search starts from. max_iter: iterations a step. max_eval: evaluations of
    the loss a step; None is 1.25 * max_iter. tolerance_grad, tolerance_change: ends a step early. history_size: pairs
    of vectors kept. line_search_fn: "strong_wolfe" or None.
    """

    needs_closure = True

    def __init__(
        self,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = "strong_wolfe",
    ) -> None:
        super().__init__(lr)
        self.options: dict[str, Any] = {
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }

    def minimize(
        self, params: Parameters, closure: Callable[[], tuple[Tensor, Sequence[Tensor]]], state: State, h: Hyper
    ) -> Tensor:
        """Advance `params` and `state` in place by one step of up to max_iter iterations.

        closure: loss and gradients (one per parameter, in layout order) at the present parameters. It is called several
        times and must be a fixed function of them: same samples, same noise. Returns the loss of its first call.
        """
        x = params.flat.detach()
        solver = torch.optim.LBFGS([x], lr=h.lr, **self.options)
        if state.tensors:
            solver.state[x].update(_unpack(state.tensors))

        def evaluate() -> Tensor:
            loss, grads = closure()
            x.grad = params.gather(grads)
            return loss.detach()

        loss: Tensor = solver.step(evaluate)  # type: ignore[no-untyped-call]
        x.grad = None
        if "d" in solver.state[x]:  # missing where the start is already a minimum
            state.tensors.clear()
            state.tensors.update(_pack(solver.state[x]))
        return loss


def _pack(memory: dict[str, Any]) -> dict[str, Tensor]:
    """torch's state as tensors: vectors [P], the history [k, P], and the numbers as float64."""
    none = memory["d"].new_zeros(0, len(memory["d"]))
    return {
        "d": memory["d"].clone(),
        "prev_flat_grad": memory["prev_flat_grad"].clone(),
        "old_dirs": torch.stack(memory["old_dirs"]) if memory["old_dirs"] else none,
        "old_stps": torch.stack(memory["old_stps"]) if memory["old_stps"] else none.clone(),
        "ro": torch.tensor([float(r) for r in memory["ro"]], dtype=torch.float64),
        **{name: torch.tensor(float(memory[name]), dtype=torch.float64) for name in ("t", "H_diag", "n_iter")},
    }


def _unpack(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "d": tensors["d"],
        "prev_flat_grad": tensors["prev_flat_grad"],
        "old_dirs": list(tensors["old_dirs"]),
        "old_stps": list(tensors["old_stps"]),
        "ro": tensors["ro"].tolist(),
        "t": tensors["t"].item(),
        "H_diag": tensors["H_diag"].item(),
        "n_iter": int(tensors["n_iter"].item()),
    }
