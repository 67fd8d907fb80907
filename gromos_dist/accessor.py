"""Functions as methods of a Dataset: ``ds.gromos.rmsd(...)`` is ``gd.rmsd(ds, ...)``.

It is registered as soon as both gromos_dist and xarray are imported, in whichever order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray


@xr.register_dataset_accessor("gromos")  # type: ignore[no-untyped-call]
class GromosAccessor:
    """The analyses of gromos_dist with this Dataset as their first argument."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def select(self, expression: str) -> NDArray[np.int64]:
        """Return the atoms that a selection chooses: `gromos_dist.select`."""
        chosen: NDArray[np.int64] = _functions("topology").select(self._dataset, expression)
        return chosen

    def __getattr__(self, name: str) -> Callable[..., Any]:
        analyses = _analyses()
        if name not in analyses:
            known = ", ".join([*analyses, "select"])
            raise AttributeError(f"gromos_dist has no analysis {name!r}; it has {known}")
        function = partial(analyses[name].function, self._dataset)
        function.__doc__ = analyses[name].function.__doc__
        return function

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_analyses()]


def _analyses() -> Mapping[str, Any]:
    """Return all analyses that are declared, a user's own among them."""
    _functions("analysis")
    analyses: Mapping[str, Any] = _functions("analysis.declare").ANALYSES
    return analyses


def _functions(of: str) -> Any:
    # An import of xarray does not wait for them.
    return import_module(f"gromos_dist.{of}")
