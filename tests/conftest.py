"""What the tests share: reference data, real trajectories, instruction sets, a real cluster."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
from distributed import Client, LocalCluster

from gromos_dist import instruction_set

# What is started in the background of a shell ignores Ctrl-C, and so would the programs that tests
# start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Deterministic, so that a failure is always a failure of the change at hand.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
# Random examples, many of them: HYPOTHESIS_PROFILE=explore python -m pytest
hypothesis.settings.register_profile("explore", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class AdK(NamedTuple):
    """Adenylate kinase of MDAnalysisTests: 3341 atoms, 98 frames, CHARMM."""

    psf: Path
    dcd: Path


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference results that trusted programs computed."""
    named = os.environ.get("GROMOS_DIST_REFERENCE")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "reference"
    if not folder.is_dir():
        if named:
            pytest.fail(f"GROMOS_DIST_REFERENCE names {folder}, which is not a folder")
        pytest.skip(f"no reference data in {folder}; GROMOS_DIST_REFERENCE can name their folder")
    return folder


@pytest.fixture(scope="session")
def mdanalysis_data() -> Path:
    """The folder of trajectories that MDAnalysisTests brings; MDAnalysis is not imported."""
    spec = importlib.util.find_spec("MDAnalysisTests")
    assert spec is not None, "MDAnalysisTests is not installed: pip install -e '.[test]'"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "data"


@pytest.fixture(scope="session")
def adk(mdanalysis_data: Path) -> AdK:
    """A real trajectory: adenylate kinase, closed to open."""
    return AdK(mdanalysis_data / "adk.psf", mdanalysis_data / "adk_dims.dcd")


@pytest.fixture(params=instruction_set.available())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set that this machine can run, in use for the length of the test."""
    before = instruction_set.active()
    instruction_set.select(request.param)
    yield request.param
    instruction_set.select(before)


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A real cluster: two worker processes of one thread each."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        # Without a dashboard there still is a server: on a free port, not on one that is in use.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    """A client of the cluster, the active one for the length of the test."""
    with Client(cluster) as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the frame indices of files that tests open out of the folders of these files."""
    folder = tmp_path_factory.mktemp("indices")
    os.environ["GROMOS_DIST_INDEX_FOLDER"] = str(folder)
    return folder
