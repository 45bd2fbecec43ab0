"""`hydra/launcher=ray`: jobs as tasks of a Ray cluster (an extra), or of one that is started on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nntrain.errors import UserError
from nntrain.sweep.launchers.base import Units
from nntrain.sweep.launchers.remote import Answer, Remote, require, train_there


class Ray(Remote):
    """address: of a cluster ("auto": the one on this machine, "ray://host:10001"); None: one is started for the sweep.
    cpus, gpus: that a task takes; parts of one are allowed. init: more settings of ray.init."""

    pause = 0.1

    def __init__(
        self,
        address: str | None = None,
        cpus: float = 1,
        gpus: float = 0,
        stacked: bool = True,
        init: dict[str, Any] | None = None,
    ) -> None:
        self._address, self._cpus, self._gpus, self.stacks = address, cpus, gpus, stacked
        self.on_gpus = gpus > 0
        self._init = dict(init or {})

    def prepare(self) -> None:
        require("ray", "ray")
        import ray

        if not ray.is_initialized():
            here = {"include_dashboard": False} if self._address is None else {}
            try:
                ray.init(self._address, **{"log_to_driver": False, "logging_level": "error", **here, **self._init})
            except (ConnectionError, ValueError, RuntimeError, TypeError) as error:
                where = "one cannot be started here" if self._address is None else f"none at {self._address}"
                raise UserError(f"hydra/launcher=ray: no cluster: {where} ({' '.join(str(error).split())})") from None
            self.sweep.exits.callback(ray.shutdown)

    @property
    def where(self) -> str:
        return f"by the Ray cluster {'of this machine' if self._address is None else f'at {self._address}'}"

    def submit(self, units: Units) -> list[Any]:
        import ray

        task = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0)(train_there)
        return [task.remote(list(unit), list(self.sweep.command), self.sweep.judges) for unit in units]

    def ended(self, handles: Sequence[Any]) -> list[tuple[Any, Answer]]:
        import ray

        if not handles:
            return []
        done, _ = ray.wait(list(handles), num_returns=len(handles), timeout=0)
        return [(handle, _answer(handle)) for handle in done]

    def cancel(self, handles: Sequence[Any]) -> None:
        import ray

        for handle in handles:
            ray.cancel(handle)

    @property
    def queues(self) -> bool:
        return True

    @property
    def at_once(self) -> int:
        """As far as the cluster's processors and GPUs go, as it is now."""
        import ray

        have = ray.cluster_resources()
        needed = {"CPU": self._cpus, "GPU": self._gpus}
        return max(1, min((int(have.get(what, 0) / much) for what, much in needed.items() if much), default=1))


def _answer(handle: Any) -> Answer:
    import ray

    try:
        found = ray.get(handle)
    except ray.exceptions.RayError as error:
        return error if isinstance(error, Exception) else RuntimeError(str(error))
    return list(found)
