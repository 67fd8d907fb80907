#!/usr/bin/env python3
"""Print the version, which stands in gromos_dist/_version.py and nowhere else."""

import re
from pathlib import Path

text = (Path(__file__).parents[2] / "gromos_dist" / "_version.py").read_text()
match = re.search(r'__version__ = "(.+)"', text)
assert match is not None
print(match[1])
