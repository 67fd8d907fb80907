"""Results as data frames of pandas, and events made of these."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from gromos_dist.provenance import restored
from gromos_dist.provenance.record import HISTORY, PROVENANCE, found_in
from gromos_dist.variables import Variable

if TYPE_CHECKING:
    import pandas as pd

    from gromos_dist.mapping.rows import LazyRows

EVENT, EDGE = "event", "edge"
"""The dims of events, and of the ends of frames among them."""
FRAME = Variable("frame", (EVENT,), "i", "", "frame of the event")
FIRST = Variable(
    "first", (EDGE,), "i", "", "first event of each frame; the last is the number of events"
)
_UNITS, _LONG_NAME = "units", "long_name"
_COORDINATES = "coordinates"


def to_dataframe(
    result: xr.DataArray | xr.Dataset | LazyRows,
    *,
    index: Literal["frame", "time"] = "frame",
    units: Literal["attrs", "columns"] = "attrs",
) -> pd.DataFrame:
    """Return a result as a table of pandas; what is lazy is computed.

    Parameters
    ----------
    result : DataArray, Dataset, LazyEvents or LazyTable
        Its variables have the same dims, or none.
    index : {"frame", "time"}
        What rows of a value a frame are known by: numbers of frames, with the time as a column; or
        the time (ps).
    units : {"attrs", "columns"}
        Where units are told: in ``attrs["units"]``, by column, or in the names of the columns too:
        ``rmsd (nm)``.

    Returns
    -------
    DataFrame
        A row for each value, with a column for each variable; of events, a row for each. The index
        has a level for each dim, with its coordinate or numbers from 0: ``(frame, pair)``. Other
        coordinates, such as time or the names of residues, are columns before the variables.
        ``attrs`` has ``units``, ``long_name``, ``history`` and ``provenance``.

    Raises
    ------
    ValueError
        The variables have different dims; there is no time; or an option is not known.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> from MDAnalysisTests.datafiles import DCD, PSF
    >>> ds = gd.open_trajectory(DCD, PSF, stop=3)
    >>> table = gd.rmsd(ds, atoms="name CA").gromos.to_dataframe(index="time", units="columns")
    >>> table["rmsd (nm)"].round(3).to_dict()
    {1.0: 0.0, 2.0: 0.042, 3.0: 0.059}
    """
    if index not in ("frame", "time"):
        raise ValueError(f"index: expected 'frame' or 'time', got {index!r}")
    if units not in ("attrs", "columns"):
        raise ValueError(f"units: expected 'attrs' or 'columns', got {units!r}")
    loaded = result.compute()
    if isinstance(loaded, xr.DataArray):
        loaded = loaded.to_dataset(name=loaded.name or "value", promote_attrs=True)
    are_events = EDGE in loaded.dims
    dataset = loaded.drop_dims(EDGE) if are_events else _by_time(loaded, index)
    coordinates = [name for name in dataset.coords if name not in dataset.dims]
    columns = [*coordinates, *dataset.data_vars]
    if are_events:
        others = (name for name in coordinates if name != "frame")
        columns = ["frame", *dataset.data_vars, *others]
    table = _table(dataset, columns)
    table.attrs = _described(dataset, loaded.attrs)
    if are_events:
        table.attrs[_COORDINATES] = list(map(str, coordinates))
    if units == "columns":
        named = {name: f"{name} ({unit})" for name, unit in table.attrs[_UNITS].items()}
        table = table.rename(columns=named)
        for what in (_UNITS, _LONG_NAME):
            of = table.attrs[what]
            table.attrs[what] = {named.get(name, name): text for name, text in of.items()}
    return table


def to_pandas(events: xr.Dataset) -> pd.DataFrame:
    """Return events as a table: a row an event.

    Parameters
    ----------
    events : Dataset
        What an analysis of events gives, or `from_pandas`.

    Returns
    -------
    DataFrame
        The columns, ``frame`` and ``time`` among them, as `to_dataframe`.
    """
    return to_dataframe(events)


def from_pandas(table: pd.DataFrame, n_frames: int) -> xr.Dataset:
    """Return a table of events, with a column ``frame``, as a Dataset with ``first``.

    Units, long names and where the events come from are those that ``table.attrs`` tells, as
    `to_dataframe` writes them.

    Raises
    ------
    ValueError
        There is no column ``frame``, or a frame that is not of `n_frames`.
    """
    if "frame" not in table:
        raise ValueError(f"expected a column 'frame', got {list(table.columns)}")
    ordered = table.sort_values("frame", kind="stable")
    frames = ordered["frame"].to_numpy(np.int64)
    if frames.size and not 0 <= frames[0] <= frames[-1] < n_frames:
        raise ValueError(f"expected frames from 0 to {n_frames - 1}, got {frames[0]}, {frames[-1]}")
    first = np.searchsorted(frames, np.arange(n_frames + 1))
    told = {what: table.attrs.get(what, {}) for what in (_UNITS, _LONG_NAME)}
    variables = {
        str(name): (
            EVENT,
            column.to_numpy(),
            {what: of[name] for what, of in told.items() if name in of},
        )
        for name, column in ordered.items()
        if name != "frame"
    }
    coords = {"frame": (EVENT, frames, FRAME.attrs)}
    known = {name: table.attrs[name] for name in (HISTORY, PROVENANCE) if name in table.attrs}
    dataset = xr.Dataset(
        {**variables, FIRST.name: (EDGE, first, FIRST.attrs)}, coords, restored(known)
    )
    listed = [name for name in table.attrs.get(_COORDINATES, []) if name in dataset]
    return dataset.set_coords(listed)


def _by_time(dataset: xr.Dataset, index: str) -> xr.Dataset:
    """Return a result whose frames are known by what was asked for."""
    if index == "frame":
        return dataset
    if "time" not in dataset.coords or dataset["time"].dims != ("frame",):
        raise ValueError("index: the result has no time for each frame; leave out index='time'")
    return dataset.swap_dims(frame="time")


def _table(dataset: xr.Dataset, columns: list[Hashable]) -> pd.DataFrame:
    import pandas  # noqa: PLC0415 - takes long to import

    with_dims = {str(name): array.dims for name, array in dataset.data_vars.items() if array.dims}
    if len(set(map(frozenset, with_dims.values()))) > 1:
        listed = ", ".join(f"{name} {tuple(map(str, dims))}" for name, dims in with_dims.items())
        raise ValueError(
            f"a table has variables of the same dims, not {listed}: choose some, for example "
            f"result[[{next(iter(with_dims))!r}]]"
        )
    if not with_dims:
        return pandas.DataFrame({name: [dataset[name].values.item()] for name in columns})
    order = list(next(iter(with_dims.values())))
    others = [dim for dim in dataset.dims if dim not in order]
    kept = dataset.drop_dims(others)
    table: pd.DataFrame = kept.to_dataframe(dim_order=order)
    return table[[name for name in columns if name in kept.variables]]


def _described(dataset: xr.Dataset, attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the attributes of a table."""
    described: dict[str, Any] = {
        what: {
            str(name): str(variable.attrs[what])
            for name, variable in dataset.variables.items()
            if what in variable.attrs
        }
        for what in (_UNITS, _LONG_NAME)
    }
    if (known := found_in(attrs)) is not None:
        described |= {HISTORY: known.line, PROVENANCE: known.text}
    return described
