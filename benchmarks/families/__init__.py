"""What `benchmarks/analyses.py` times: a module for each family of analyses, with its rivals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """An analysis as people call it, and others doing the same."""

    work: str
    """What is done, to how many atoms."""
    n_frames: int
    ours: Callable[[], Any]
    rivals: Mapping[str, Callable[[], Any]]
    """By the names of programs; each does so many frames, or as many as `rival_frames` says."""
    goal: str
    """What the ratio should be, to which rival."""
    rival_frames: Mapping[str, int] = field(default_factory=dict)
    """How many frames a slow rival does, if not all."""
    check: Callable[[], None] = lambda: None
    """Raises an error if ours and a rival's numbers differ more than they should."""
