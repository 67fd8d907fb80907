"""Which files a lazy result reads: it must not be written onto one of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import cloudpickle

_LONGEST_PATH = 4096


def refuse_own_source(graphs: Sequence[Any], target: Path) -> None:
    """Refuse to write a result onto what it is still to be read from.

    Parameters
    ----------
    graphs : sequence
        The Dask graphs of the result.
    target : Path
        Where it would be written to.

    Raises
    ------
    ValueError
        A graph names `target`, or something in it, by whatever name or link.
    """
    if not target.exists():
        return
    if any(_is_or_lies_in(Path(name), target) for name in _strings(graphs)):
        raise ValueError(
            f"{target} is read for this result and cannot be written at the same time; choose "
            "another path, or call .load() first if it fits into memory"
        )


def _is_or_lies_in(path: Path, target: Path) -> bool:
    try:
        if path.samefile(target):
            return True
        return target.is_dir() and target in Path(os.path.realpath(path)).parents
    except (OSError, ValueError):
        return False


def _strings(graphs: Iterable[Any]) -> Iterator[str]:
    """Return each text in the graphs that could be a path, once.

    Pickling visits every object that a task carries, however deep it lies in readers, handles of
    files or arguments of functions of the user.
    """
    visit = _Visit()
    for graph in graphs:
        for layer in graph.layers.values():
            visit.dump(layer)
    return iter(visit.found)


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)


class _Visit(cloudpickle.Pickler):  # type: ignore[misc]
    """A pickler that keeps the texts that it comes across and nothing else."""

    def __init__(self) -> None:
        # Arrays are handed out as buffers, so they are not copied.
        super().__init__(_Nowhere(), protocol=5, buffer_callback=lambda _buffer: None)
        self.found: set[str] = set()

    def persistent_id(self, found: Any) -> int | None:
        if not isinstance(found, str | PurePath):
            return None
        text = os.fspath(found)
        if len(text) <= _LONGEST_PATH and "\0" not in text:
            self.found.add(text)
        # Not None: a path's parts are no paths.
        return 0

    def reducer_override(self, found: Any) -> Any:
        reduced = super().reducer_override(found)
        # Modules, among others, have a way of their own to be pickled.
        has_none = type(found) not in self.dispatch_table and not isinstance(found, type)
        if reduced is NotImplemented and has_none:
            try:
                found.__reduce_ex__(5)
            except Exception:
                # What cannot be pickled (a lock, an open file) is looked at from outside.
                return dict, (dict(getattr(found, "__dict__", {})),)
        return reduced
