from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of reference results; the test is skipped where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "reference"
    folder = Path(os.environ.get("GROMOS_DIST_REFERENCE", beside))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}: set GROMOS_DIST_REFERENCE")
    return folder


@pytest.fixture(scope="session", autouse=True)
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep frame indices of files that tests open out of the folders of these files."""
    folder = tmp_path_factory.mktemp("indices")
    os.environ["GROMOS_DIST_INDEX_FOLDER"] = str(folder)
    return folder
