"""The analyses as methods of a Dataset: ``ds.gromos.rmsd(...)`` is ``gd.rmsd(ds, ...)``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import xarray as xr

from gromos_dist import analysis


@xr.register_dataset_accessor("gromos")  # type: ignore[no-untyped-call]
class GromosAccessor:
    """The analyses of gromos_dist with this Dataset as their first argument."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in analysis.__all__:
            known = ", ".join(analysis.__all__)
            raise AttributeError(f"gromos_dist has no analysis {name!r}; it has {known}")
        function = partial(getattr(analysis, name), self._dataset)
        function.__doc__ = getattr(analysis, name).__doc__
        return function

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *analysis.__all__]
