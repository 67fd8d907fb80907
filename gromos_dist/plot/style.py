"""What all pictures share: style, colours, figures and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gromos_dist.beside import file_beside

STYLE: Any = {
    "figure.dpi": 110,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "font.size": 12,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 13,
    "axes.edgecolor": "0.35",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.90",
    "grid.linewidth": 0.8,
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "xtick.labelcolor": "0.15",
    "ytick.labelcolor": "0.15",
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "legend.frameon": False,
    "legend.fontsize": 11,
}
"""What every picture is drawn with; ``fonttype`` 42 keeps the letters of a PDF as text."""

# Blue and vermilion of Okabe and Ito (2008), told apart with every kind of colour vision.
FAINT, BLUE, VERMILION = "#9CC7E3", "#0072B2", "#D55E00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00")
SMALL_AXES: Any = {**STYLE, "axes.labelsize": 11, "font.size": 10.5}
FRAMED: Any = {**STYLE, "axes.spines.top": True, "axes.spines.right": True}

SUFFIXES = (".png", ".pdf", ".svg")


def new_figure(path: str | Path | None, size: tuple[float, float]) -> Figure:
    """Return an empty figure; with a path, one that needs no display."""
    # A file needs neither a display nor pyplot's list of open figures, which would keep it alive.
    if path is not None:
        return Figure(figsize=size, layout="constrained")
    from matplotlib import pyplot  # noqa: PLC0415

    return pyplot.figure(figsize=size, layout="constrained")


def require_suffix(path: str | Path | None) -> None:
    """Refuse a path that is no picture."""
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path}: a picture is written as one of {', '.join(SUFFIXES)}; choose such a suffix"
        )


def save(ax: Axes, path: str | Path | None) -> None:
    """Write the figure of some axes, under another name first."""
    if path is None:
        return
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes belong to no figure: they cannot be written to a file")
    with file_beside(Path(path), overwrite=True) as beside:
        figure.savefig(beside, format=Path(path).suffix[1:].lower())
