"""The errors of a mean that blocks of each length show, and the plateau that they rise to."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from gromos_dist.plot.style import (
    COLOURS,
    FAINT,
    STYLE,
    VERMILION,
    new_figure,
    require_suffix,
    save,
)
from gromos_dist.plot.wording import plain, sentence, unit_of, with_unit
from gromos_dist.variables import parts_of

_BY_LENGTH = "error_by_length"
_ERROR_BY_LENGTH = "error_of_error_by_length"


def plot_block_errors(
    found: xr.Dataset,
    path: str | Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw what `gromos_dist.block_error` has found: the error against the length of the blocks.

    Each length has its error, with the error of that. The length that was chosen is marked, and a
    line shows the error there: further to the right, the others should lie along it.

    Parameters
    ----------
    found : Dataset
        What `gromos_dist.block_error` gives.
    path : str or Path, optional
        Where to write the picture: ``.png``, ``.pdf`` or ``.svg``.
    ax : matplotlib Axes, optional
        Draw here; a new figure when None.
    title : str, optional
        Above the picture; what the error is of when None.

    Returns
    -------
    Axes
        The axes; ``.figure`` is the whole picture.

    Raises
    ------
    ValueError
        These are no such errors, or there are no blocks, or more series than colours tell apart;
        or the suffix of `path` is unknown.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> ds = gd.open_energies("tests/data/energies/series.tre.gz")
    >>> found = gd.block_error(ds.energy.sel(term="potential"))
    >>> axes = plot_block_errors(found, "error.png")
    >>> axes.get_xlabel()
    'Length of the blocks (frames)'
    """
    require_suffix(path)
    names = [
        name
        for name in map(str, found.data_vars)
        if name.endswith(_BY_LENGTH) and not name.endswith(_ERROR_BY_LENGTH)
    ]
    if not names or not found.sizes["block_length"]:
        raise ValueError("expected what block_error gives, with errors by block_length")
    if len(names) > 1:
        raise ValueError(f"one variable can be drawn, not {', '.join(names)}: choose one")
    before = names[0].removesuffix(_BY_LENGTH)
    errors = found[names[0]]
    lengths = found["block_length"].values
    parts = dict(parts_of(errors))
    if len(parts) > len(COLOURS):
        raise ValueError(
            f"{len(parts)} series are too many for one picture: choose up to {len(COLOURS)}, for "
            "example with .isel(...)"
        )
    bars = dict(parts_of(found[before + _ERROR_BY_LENGTH]))
    chosen = dict(zip(parts, found[f"{before}error"].values.ravel(), strict=True))
    plateaus = dict(zip(parts, found[f"{before}plateau"].values.ravel(), strict=True))
    with mpl.rc_context(STYLE):
        if ax is None:
            ax = new_figure(path, (7.0, 4.5)).add_subplot()
        for (label, values), colour in zip(parts.items(), COLOURS, strict=False):
            of_bars = np.nan_to_num(bars[label].values)
            of_one: Any = {"color": colour, "label": plain(label)} if len(parts) > 1 else {}
            ax.errorbar(lengths, values, of_bars, fmt="o-", capsize=3, markersize=5, **of_one)
            if np.isfinite(chosen[label]):
                ax.axhline(chosen[label], color=FAINT, zorder=0, linewidth=1.5)
            if np.isfinite(plateaus[label]):
                place = (plateaus[label], chosen[label])
                ax.plot(*place, "o", ms=11, mfc="none", color=VERMILION, zorder=3)
        ax.set_xscale("log", base=2)
        ax.set_xticks(lengths[:: max(1, len(lengths) // 9)])
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set_ylim(bottom=0)
        ax.set_xlabel("Length of the blocks (frames)")
        ax.set_ylabel(with_unit("Error of the mean", unit_of(errors)))
        heading = sentence(str(errors.attrs.get("long_name", ""))) if title is None else title
        ax.set_title(fill(heading, 50))
        ax.grid(True)
        if len(parts) > 1:
            ax.legend()
        save(ax, path)
    return ax
