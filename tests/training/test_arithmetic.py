"""The process's settings come back as they were."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from nntrain.training.arithmetic import CUBLAS, arithmetic

CPU = torch.device("cpu")


def settings() -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.is_grad_enabled(),
        os.environ.get(CUBLAS),
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_put_back(fails: bool) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        before = settings()
        with torch.no_grad():
            try:
                with arithmetic(CPU, "fp32", deterministic=False):
                    assert torch.zeros(1).dtype == torch.float32
                    assert torch.zeros(1).device == CPU
                    assert torch.is_grad_enabled()
                    assert not torch.are_deterministic_algorithms_enabled()
                    assert torch.backends.cuda.matmul.fp32_precision == "ieee"
                    torch.manual_seed(3)
                    if fails:
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                assert fails
            assert not torch.is_grad_enabled()
        assert settings() == before
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.use_deterministic_algorithms(False)
        torch.backends.cuda.matmul.allow_tf32 = False


def test_tf32_and_determinism_while_it_lasts() -> None:
    before = settings()
    with arithmetic(CPU, "tf32", deterministic=True):
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ[CUBLAS] == ":4096:8"
    assert settings() == before


def test_within_inference_mode_gradients_are_allowed() -> None:
    with torch.inference_mode(), arithmetic(CPU):
        p = torch.ones(1, requires_grad=True)
        (p * 2).backward()  # type: ignore[no-untyped-call]
        assert p.grad is not None
