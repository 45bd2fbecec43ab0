"""Settings of the process that a training needs, and that its caller gets back as they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"  # without it cuBLAS has no deterministic products


@contextmanager
def arithmetic(device: torch.device, precision: str = "fp32", deterministic: bool = False) -> Iterator[None]:
    """float32 by default, tf32 products where `precision` says so, torch's determinism as asked, gradients allowed.

    Afterwards all of these, and the state of torch's random generators, are what they were.
    """
    cudnn: Any = torch.backends.cudnn  # whose `conv` and `rnn` its type does not show
    products: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    were = [product.fp32_precision for product in products]
    dtype, where = torch.get_default_dtype(), torch.get_default_device()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get(CUBLAS)
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        try:
            for product in products:
                product.fp32_precision = "tf32" if precision == "tf32" else "ieee"
            torch.set_default_dtype(torch.float32)
            if where.type != "cpu":
                torch.set_default_device(None)
            if deterministic and workspace is None:
                os.environ[CUBLAS] = ":4096:8"
            if deterministic != strict:  # not set idly: it imports torch's compiler, which takes a second
                torch.use_deterministic_algorithms(deterministic)
            yield
        finally:
            for product, was in zip(products, were, strict=True):
                product.fp32_precision = was
            torch.set_default_dtype(dtype)
            if where.type != "cpu":
                torch.set_default_device(where)
            if deterministic and workspace is None:
                os.environ.pop(CUBLAS, None)
            if deterministic != strict:
                torch.use_deterministic_algorithms(strict, warn_only=warn_only)
