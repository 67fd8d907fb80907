"""The command that tells what is in a trajectory."""

from __future__ import annotations

from gromos_dist.cli import options


def info(files: options.Files) -> None:
    """Tell."""
