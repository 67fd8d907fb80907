"""The command line: ``gromos-dist``."""

from gromos_dist.cli.application import main

__all__ = ["main"]
