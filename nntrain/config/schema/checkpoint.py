"""What is saved while training."""

from __future__ import annotations

from nntrain.config.fields import NON_NEGATIVE, Boolean, Kind

FIELDS: dict[str, Kind] = {
    "every_seconds": NON_NEGATIVE,
    "resumable": Boolean(),
}
