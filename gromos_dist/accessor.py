"""Functions as methods of xarray's data: ``ds.gromos.rmsd(...)`` is ``gd.rmsd(ds, ...)``.

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


@xr.register_dataarray_accessor("gromos")  # type: ignore[no-untyped-call]
@xr.register_dataset_accessor("gromos")  # type: ignore[no-untyped-call]
class GromosAccessor:
    """The functions of gromos_dist with this Dataset or DataArray as their first argument."""

    def __init__(self, data: xr.Dataset | xr.DataArray) -> None:
        self._data = data

    def provenance(self) -> dict[str, Any]:
        """Return where this comes from: what ``attrs["history"]`` says in one line, in full.

        Returns
        -------
        dict
            ``program``, ``version``, ``call``, ``parameters`` (all of them, with those of the calls
            before under ``of``), ``inputs`` (path, size and hash of each file) and ``written``, the
            call in words.

        Raises
        ------
        ValueError
            There is none, or the variables of a Dataset have several.

        Examples
        --------
        >>> import gromos_dist as gd
        >>> from MDAnalysisTests.datafiles import DCD, PSF
        >>> deviation = gd.rmsd(gd.open_trajectory(DCD, PSF), atoms="name CA")
        >>> deviation.attrs["history"].split(";")[0]
        "rmsd(atoms='name CA') of adk_dims.dcd with adk.psf"
        >>> deviation.gromos.provenance()["parameters"]["mass_weighted"]
        False
        """
        of = _functions("provenance")
        record: dict[str, Any] = of.parse(of.provenance_of(self._data))
        return record

    def select(self, expression: str) -> NDArray[np.int64]:
        """Return the atoms that a selection chooses: `gromos_dist.select`."""
        chosen: NDArray[np.int64] = _functions("selection").select(self._data, expression)
        return chosen

    def to_dataframe(self, *, index: Any = "frame", units: Any = "attrs") -> Any:
        """Return a result as a table of pandas: `gromos_dist.mapping.to_dataframe`."""
        return _functions("mapping").to_dataframe(self._data, index=index, units=units)

    def to_mdanalysis(self) -> Any:
        """Return a Universe of MDAnalysis: `gromos_dist.exchange.to_mdanalysis`."""
        return _functions("exchange").to_mdanalysis(self._data)

    def to_mdtraj(self) -> Any:
        """Return a trajectory of mdtraj: `gromos_dist.exchange.to_mdtraj`."""
        return _functions("exchange").to_mdtraj(self._data)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        analyses = _analyses()
        if name not in analyses:
            own = (name for name in vars(type(self)) if not name.startswith("_"))
            known = ", ".join([*analyses, *own])
            raise AttributeError(f"gromos_dist has no analysis {name!r}; it has {known}")
        function = partial(analyses[name].function, self._data)
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
