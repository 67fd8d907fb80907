"""What the tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference results; tests that need it are skipped without it."""
    beside = Path(__file__).parents[2] / "shared" / "reference"
    folder = Path(os.environ.get("GROMOS_DIST_REFERENCE", beside))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}: set GROMOS_DIST_REFERENCE to their folder")
    return folder
