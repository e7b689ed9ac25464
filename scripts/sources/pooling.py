"""What sentence-transformers' `Pooling` says in its `config.json`, in both forms that the file has had."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from handler.config import Pooling
from scripts.console import Failure
from scripts.files.json_files import checked

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Keys of the older form of the file, in the order in which they are concatenated, and the names of the newer one,
which are ours."""


def read(file: Path, config: Mapping[str, Any]) -> Pooling:
    """The pooling mode, or several to concatenate; the mean, where an older form of the file names none that is on.

    Source: `Pooling.__init__` and `_convert_legacy_pooling_kwargs` of sentence-transformers 6.2.
    """
    keys = [*POOLINGS, *(key for key in config if key.startswith("pooling_mode_") and key not in POOLINGS)]
    on = [POOLINGS.get(key, key) for key in keys if config.get(key)]
    said = config.get("pooling_mode")
    named = (on or "mean") if said is None else said
    modes = [named] if isinstance(named, str) else checked(named, list, f"pooling_mode of {file}")
    modes = [checked(mode, str, f"a pooling_mode of {file}") for mode in modes]
    if not modes or not set(modes) <= set(POOLINGS.values()):
        raise Failure(
            f"{file} pools by {' and '.join(modes) or 'nothing'}, which is not served",
            fix=f"{', '.join(POOLINGS.values())} are, if the model was trained with them",
        )
    return cast(Pooling, modes[0] if len(modes) == 1 else tuple(modes))
