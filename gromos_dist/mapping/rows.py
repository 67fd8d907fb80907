"""Rows that are still to be found: lazy Datasets of which nobody knows how long they will be."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import dask.array as da
import xarray as xr
from dask.base import DaskMethodsMixin
from dask.highlevelgraph import HighLevelGraph
from dask.threaded import get as threaded_get

from gromos_dist.mapping.blocks import Array
from gromos_dist.mapping.data_frames import to_dataframe
from gromos_dist.variables import Variable

if TYPE_CHECKING:
    import pandas as pd


class Rows(Protocol):
    """How the Dataset is made of computed blocks."""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What is known of a row."""

    @property
    def n_frames(self) -> int:
        """In how many frames rows are looked for."""

    @property
    def of_frames(self) -> Mapping[str, xr.Variable]:
        """What is known of every frame, such as its time."""

    def dataset(self, boxes: Sequence[Array]) -> xr.Dataset:
        """Return the Dataset of all blocks; of none, one without rows."""


class LazyRows(DaskMethodsMixin):  # type: ignore[misc]
    """Rows that are still to be found: `compute` gives the Dataset.

    A Dask collection: `dask.compute`, `gromos_dist.compute` and `gromos_dist.store` take it.
    """

    __dask_scheduler__ = staticmethod(threaded_get)

    def __init__(
        self,
        blocks: da.Array,
        frame_chunks: tuple[int, ...],
        rows: Rows,
        attrs: Mapping[Hashable, Any] | None = None,
    ) -> None:
        self.blocks = blocks
        """What is computed: arrays of one object."""
        self.frame_chunks = frame_chunks
        """How many frames each block of frames has."""
        self.attrs: dict[Hashable, Any] = dict(attrs or {})
        """The attributes of the Dataset."""
        self._rows = rows

    def assign_attrs(self, **attrs: Any) -> Self:
        """Return the same with further attributes."""
        return type(self)(self.blocks, self.frame_chunks, self._rows, self.attrs | attrs)

    def with_blocks(self, blocks: da.Array) -> Self:
        """Return the same rows, whose blocks are found in another way."""
        return type(self)(blocks, self.frame_chunks, self._rows, self.attrs)

    def made_of(self, boxes: Sequence[Array]) -> xr.Dataset:
        """Return the Dataset of computed blocks, all of them in their order."""
        return self._rows.dataset(boxes).assign_attrs(self.attrs)

    @property
    def of_frames(self) -> Mapping[str, xr.Variable]:
        """What is known of every frame, such as its time."""
        return self._rows.of_frames

    def __repr__(self) -> str:
        names = ", ".join(v.name for v in self._rows.variables)
        what = f"{type(self).__name__} of {self._rows.n_frames} frames"
        return f"<{what}: {names}; compute() finds them>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><b>{escape(v.name)}</b></td><td>{escape(v.units)}</td>"
            f"<td>{escape(v.long_name)}</td></tr>"
            for v in self._rows.variables
        )
        known = escape(str(self.attrs.get("history", "")))
        return (
            f"<div><p>{type(self).__name__} of {self._rows.n_frames} frames in "
            f"{len(self.frame_chunks)} blocks: how many rows there are is known when "
            "<code>compute()</code> has found them.</p>"
            "<table><thead><tr><th>column</th><th>units</th><th>what</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{known}</p></div>"
        )

    def to_dataframe(self, *, units: Literal["attrs", "columns"] = "attrs") -> pd.DataFrame:
        """Find the rows and return them as a table: `gromos_dist.mapping.to_dataframe`."""
        return to_dataframe(self, units=units)

    def __dask_graph__(self) -> HighLevelGraph:
        return self.blocks.__dask_graph__()

    def __dask_keys__(self) -> list[Any]:
        keys: list[Any] = self.blocks.__dask_keys__()
        return keys

    def __dask_layers__(self) -> Sequence[str]:
        layers: Sequence[str] = self.blocks.__dask_layers__()
        return layers

    def __dask_tokenize__(self) -> Any:
        return self.blocks.name

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **options: Any) -> Any:
        return da.Array.__dask_optimize__(graph, keys, **options)

    def __dask_postcompute__(self) -> tuple[Callable[..., xr.Dataset], tuple[()]]:
        return self.made_of, ()

    def __dask_postpersist__(self) -> tuple[Callable[..., LazyRows], tuple[()]]:
        rebuild, arguments = self.blocks.__dask_postpersist__()

        def made(graph: Any, **options: Any) -> LazyRows:
            blocks = rebuild(graph, *arguments, **options)
            return type(self)(blocks, self.frame_chunks, self._rows, self.attrs)

        return made, ()
