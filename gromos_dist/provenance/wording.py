"""A run in one readable line: the call as a person would write it, the files, the version."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from gromos_dist.provenance.values import canonical_json, plain

LONGEST_LINE = 180
_LONGEST_TEXT = 60
_MOST_VALUES = 6
_MOST_FILES = 3
_SHORT = (type(None), bool, int, float, str, np.generic, os.PathLike)


def call_text(call: str, parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return a call as it is written, without the options that have their defaults.

    Parameters
    ----------
    call : str
        The function.
    parameters : mapping
        Its arguments, and what was made of them.
    defaults : mapping
        The arguments that a person writes, with their defaults; one that has no default has a
        value here that it cannot have, such as ``inspect.Parameter.empty``.

    Examples
    --------
    >>> call_text("rmsd", {"atoms": "name CA", "reference": 0}, {"atoms": None, "reference": 0})
    "rmsd(atoms='name CA')"
    """
    given = [
        f"{name}={_value_text(parameters[name])}"
        for name, default in defaults.items()
        if name in parameters and not _is_same(parameters[name], default)
    ]
    return f"{call}({', '.join(given)})"


def files_text(paths: Sequence[str], described_by: Sequence[str] = ()) -> str:
    """Return the names of files, without their folders, and those of topologies behind them.

    Examples
    --------
    >>> files_text(["a/md_1.xtc", "a/md_2.xtc"], ["protein.top"])
    'md_1.xtc, md_2.xtc with protein.top'
    """
    topologies = f" with {_names(described_by)}" if described_by else ""
    return f"{_names(paths)}{topologies}"


def shortened(text: str, longest: int) -> str:
    """Return a text without its middle, if it is longer than that.

    Examples
    --------
    >>> shortened("abcdefghijklmnopqrstuvwxyz", 15)
    'abcde ... vwxyz'
    """
    if len(text) <= longest:
        return text
    kept = longest - len(" ... ")
    return f"{text[: kept - kept // 2].rstrip()} ... {text[-(kept // 2) :].lstrip()}"


def _names(paths: Sequence[str]) -> str:
    names = [PurePath(path).name for path in paths]
    more = len(names) - _MOST_FILES
    return ", ".join(names[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _is_same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    # What is large is not hashed to find that it is not None.
    if isinstance(value, _SHORT) != isinstance(default, _SHORT):
        return False
    try:
        return canonical_json(plain(value, "")) == canonical_json(plain(default, ""))
    except TypeError:
        return False


def _value_text(value: Any) -> str:  # noqa: PLR0911
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, os.PathLike):
        return repr(PurePath(os.fspath(value)).name)
    if isinstance(value, str):
        return repr(shortened(value, _LONGEST_TEXT))
    if isinstance(value, slice | range):
        return repr(value)
    if isinstance(value, Mapping) and not hasattr(value, "data_vars"):
        items = [f"{key!r}: {_value_text(part)}" for key, part in value.items()]
        return f"{{{_listed(items)}}}"
    if isinstance(getattr(value, "content_hash", None), str):
        return f"<{type(value).__name__}>"
    shape = getattr(value, "shape", None)
    if shape == ():
        return _value_text(np.asarray(value).item())
    if isinstance(shape, tuple) and len(shape) != 1:
        return f"<array {' x '.join(map(str, shape))}>"
    if isinstance(value, Sequence) or shape is not None:
        return f"[{_listed([_value_text(part) for part in value[:_MOST_VALUES]], len(value))}]"
    return f"<{type(value).__name__}>"


def _listed(items: Sequence[str], n_items: int | None = None) -> str:
    total = len(items) if n_items is None else n_items
    more = f", ... {total} in all" if total > _MOST_VALUES else ""
    return ", ".join(items[:_MOST_VALUES]) + more
