"""Names, units and numbers as pictures show them."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from gromos_dist.analysis.declare import ANALYSES
from gromos_dist.variables import TERM_NAMES, VARIABLES, labels_of

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

MINUS = "\N{MINUS SIGN}"


def name_of(array: xr.DataArray) -> str:
    """Return what an array is, short where it has a short name, with a capital letter."""
    short = _short_name(str(array.name))
    return sentence(short or str(array.attrs.get("long_name") or array.name or ""))


def _short_name(name: str) -> str:
    of_analyses = (variable for one in ANALYSES.values() for variable in one.results)
    variables = {variable.name: variable for variable in (*of_analyses, *VARIABLES.values())}
    return variables[name].short_name if name in variables else ""


def sentence(text: str) -> str:
    """Return a text with a capital letter."""
    return text[:1].upper() + text[1:]


def unit_of(array: xr.DataArray) -> str:
    """Return the unit of an array."""
    return str(array.attrs.get("units", ""))


def term_name(name: str) -> str:
    """Return what a term of the energy is called."""
    return sentence(TERM_NAMES.get(name, name.replace("_", " ")))


def with_unit(label: str, unit: str) -> str:
    """Return a label with its unit."""
    return f"{label} ({superscripts(unit)})" if unit else label


def superscripts(unit: str) -> str:
    """Return ``kJ mol-1`` with its exponents raised."""
    return re.sub(r"(?<=[^\W\d])-?\d+", lambda found: found[0].translate(_RAISED), unit)


def labels_in_picture(array: xr.DataArray, dim: str) -> list[str]:
    """Return what a dim counts, as text for a picture."""
    return list(map(plain, labels_of(array, dim)))


def plain(text: str) -> str:
    """Return a text for a picture: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def with_error(mean: float, deviation: float) -> str:
    """Return ``mean ± deviation`` with two digits of the deviation, and the minus of the axes."""
    if not deviation > 0.0:
        return f"{mean:z.4g}".replace("-", MINUS)
    decimals = int(np.clip(1 - np.floor(np.log10(deviation)), 0, 6))
    return f"{mean:z.{decimals}f} ± {deviation:.{decimals}f}".replace("-", MINUS)
