"""What the files of results in text say of where these come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

import xarray as xr

from gromos_dist.provenance import found_in


def write_histories(file: TextIO, dataset: xr.Dataset, names: Sequence[str]) -> None:
    """Write the histories, units and records of some variables, as comments."""
    attrs = {"the whole": dataset.attrs, **{name: dataset[name].attrs for name in names}}
    histories = {name: str(of["history"]) for name, of in attrs.items() if "history" in of}
    _write_comments(file, "history", histories)
    units = {name: dataset[name].attrs.get("units") for name in names}
    listed = ", ".join(f"{name}={unit}" for name, unit in units.items() if unit)
    file.write(f"# units: {listed}\n")
    records = {name: found.text for name, of in attrs.items() if (found := found_in(of))}
    _write_comments(file, "provenance", records)


def _write_comments(file: TextIO, what: str, texts: Mapping[str, str]) -> None:
    """Write a line for each text; a single one where all are the same."""
    if len(set(texts.values())) == 1:
        texts = {"": next(iter(texts.values()))}
    for name, text in texts.items():
        title = f"{what} of {name}" if name else what
        file.write(f"# {title}: {' '.join(text.splitlines())}\n")
