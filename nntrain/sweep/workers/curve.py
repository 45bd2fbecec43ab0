"""How far a job is, by the `metrics.csv` in its folder, which grows while it trains."""

from __future__ import annotations

from nntrain.sweep.job import Job

Point = tuple[int, float | None]  # an epoch, and its value of the monitored metric


def curve_of(job: Job) -> list[Point]:
    """Of all whole rows; none where there is no such file yet."""
    try:
        text = (job.folder / "metrics.csv").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    header, *rows = [line.split(",") for line in text[: text.rfind("\n") + 1].splitlines()] or [[]]
    column = f"val_{job.config['early_stopping']['monitor']}"
    named = (dict(zip(header, row, strict=False)) for row in rows)
    return [(int(row["epoch"]), float(value) if (value := row.get(column)) else None) for row in named]
