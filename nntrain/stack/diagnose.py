"""Whether gradients vanish or explode in members of a stack: `training/diagnose.py` for many at once."""

from __future__ import annotations

import torch

from nntrain.stack.batches import Samples, neighbours
from nntrain.stack.stack import Stack
from nntrain.stack.step import gradients
from nntrain.training.diagnose import SAMPLES, is_due, size_problem


def look_at_gradients(stack: Stack, samples: Samples, start: int, stop: int) -> None:
    """Warn, after epochs 1, 2, 4, 8 and so on, each member in rows start ... stop - 1 whose gradients do."""
    counts = [min(SAMPLES, len(member.train)) for member in stack.members[start:stop]]
    due = [is_due(member.loop.epoch) for member in stack.members[start:stop]]
    for first, last in neighbours(list(zip(counts, due, strict=True))):
        if not due[first]:
            continue
        part = stack.part(start + first, start + last)
        places = torch.tensor(samples.first[part.start : part.stop]).unsqueeze(1) + torch.arange(counts[first])
        batch = samples.take(places.to(samples.inputs.device))
        part.network.eval()
        _, grads = gradients(part, [batch], [0] * len(part.members))
        part.network.train()
        weights = part.params.weights
        sizes = torch.stack([g.flatten(1).square().mean(1).sqrt() for g in part.params.split(grads)[:weights]], 1)
        norms = grads.norm(dim=1)
        for member, theirs, norm in zip(part.members, sizes.tolist(), norms.tolist(), strict=True):
            if problem := size_problem(part.params.names[:weights], theirs, norm):
                member.screen.warn(f"epoch {member.loop.epoch}: {problem}")
