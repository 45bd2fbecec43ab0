"""Changes to the training samples."""

from __future__ import annotations

from nntrain.config.fields import Kind

FIELDS: dict[str, Kind] = {}
