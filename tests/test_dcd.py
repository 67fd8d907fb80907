from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import MDAnalysisTests.datafiles as mda_files
import numpy as np
import pytest
from conftest import AdK
from dcd_files import Flavour, dcd, header, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from MDAnalysis.coordinates.DCD import DCDReader as MDAnalysisReader
from MDAnalysis.lib.formats.libdcd import DCDFile
from stalls import check_that_threads_run

import gromos_dist as gd
from gromos_dist import instruction_set
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.check import check_files
from gromos_dist.io.formats.dcd import AKMA_TIME, DCDReader, open_dcd

REAL_FILES = {
    name: Path(getattr(mda_files, name))
    for name in (
        "COORDINATES_DCD",
        "DCD",
        "DCD2",
        "DCD_NAMD_GBIS",
        "DCD_NAMD_TRICLINIC",
        "DCD_TRICLINIC",
        "LAMMPSdcd2",
        "waterDCD",
    )
}
FLAVOURS = [
    Flavour(order, marker, version, fourth_dimension)
    for order in "<>"
    for marker in "iq"
    for version, fourth_dimension in ((24, False), (36, True), (0, False))
]


def read(
    reader: DCDReader,
    frames: range | None = None,
    atoms: list[int] | None = None,
    dtype: type = np.float32,
    fields: tuple[str, ...] = ("positions", "box", "time", "step"),
) -> dict[str, Any]:
    frames = range(reader.n_frames) if frames is None else frames
    n, n_atoms = len(frames), reader.n_atoms if atoms is None else len(atoms)
    out: dict[str, Any] = {
        "positions": np.full((n, n_atoms, 3), -77, dtype),
        "box": np.full((n, 3, 3), -77.0),
        "time": np.full(n, -77.0),
        "step": np.full(n, -77),
    }
    out = {name: out[name] for name in fields}
    reader.read(frames, out, None if atoms is None else np.array(atoms, np.int64))
    return out


def some_positions(n_frames: int, n_atoms: int, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    return generator.normal(20, 30, (n_frames, n_atoms, 3)).astype(np.float32)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(params=instruction_set.available())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = instruction_set.active()
    instruction_set.select(request.param)
    yield request.param
    instruction_set.select(before)


# ---- against MDAnalysis ----


@pytest.mark.parametrize("name", REAL_FILES)
def test_positions_are_those_of_mdanalysis_to_the_bit(name: str, isa: str) -> None:
    reader = open_dcd(REAL_FILES[name])
    with DCDFile(str(REAL_FILES[name])) as file:
        angstrom = file.readframes().xyz
    assert reader.n_frames == len(angstrom)
    np.testing.assert_array_equal(read(reader)["positions"], angstrom / np.float32(10))
    double = read(reader, dtype=np.float64)["positions"]
    np.testing.assert_array_equal(double, angstrom.astype(float) * 0.1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", REAL_FILES)
def test_times_and_boxes_are_those_of_mdanalysis(name: str) -> None:
    reader = open_dcd(REAL_FILES[name])
    ours = read(reader)
    theirs = [
        (timestep.time, timestep.triclinic_dimensions)
        for timestep in MDAnalysisReader(str(REAL_FILES[name]))
    ]
    if reader.caution:
        # The unit is not known; MDAnalysis takes it for AKMA.
        np.testing.assert_array_equal(ours["time"], np.arange(reader.n_frames))
    else:
        np.testing.assert_allclose(ours["time"], [time for time, _ in theirs], rtol=2e-7)
    for box, (_, their_box) in zip(ours["box"], theirs, strict=True):
        if their_box is None:
            assert np.isnan(box).all()
            continue
        # CHARMM's symmetric matrix is kept, MDAnalysis turns it: lengths and angles are the same.
        expected = their_box.astype(float) / 10
        np.testing.assert_allclose(box @ box.T, expected @ expected.T, rtol=1e-6, atol=1e-6)
        if reader.layout.version < 25:
            np.testing.assert_allclose(box, expected, rtol=1e-6, atol=1e-6)


def test_matrix_of_charmm_is_the_box_its_coordinates_live_in() -> None:
    reader = open_dcd(REAL_FILES["DCD_TRICLINIC"])
    box = read(reader, range(1))["box"][0]
    np.testing.assert_array_equal(box, box.T)
    content = REAL_FILES["DCD_TRICLINIC"].read_bytes()
    cell = struct.unpack_from("<6d", content, reader.layout.first_frame + 4)
    np.testing.assert_array_equal(box[np.tril_indices(3)], np.array(cell) * 0.1)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [0, 24])
@pytest.mark.parametrize("free", [(), (1, 2, 5)])
def test_mdanalysis_reads_what_the_test_writer_wrote(
    tmp_path: Path, order: str, version: int, free: tuple[int, ...]
) -> None:
    angstrom = some_positions(4, 7)
    fixed = [atom for atom in range(7) if free and atom not in free]
    angstrom[1:, fixed] = angstrom[0, fixed]
    flavour = Flavour(order, version=version)
    path = written(tmp_path / "file.dcd", dcd(angstrom, flavour, free=free))
    with DCDFile(str(path)) as file:
        np.testing.assert_array_equal(file.readframes().xyz, angstrom)
    np.testing.assert_array_equal(read(open_dcd(path))["positions"], angstrom / np.float32(10))


# ---- flavours ----


@pytest.mark.parametrize("flavour", FLAVOURS, ids=str)
@pytest.mark.parametrize("free", [(), (0, 1, 2, 9, 40)], ids=["free", "fixed"])
def test_every_flavour(tmp_path: Path, flavour: Flavour, free: tuple[int, ...], isa: str) -> None:
    angstrom = some_positions(5, 41)
    fixed = [atom for atom in range(41) if free and atom not in free]
    angstrom[1:, fixed] = angstrom[0, fixed]
    cells = None
    if flavour.version == 24:
        cells = [(30.0 + i, 0.1, 40.0, -0.2, 0.3, 50.0) for i in range(5)]
    elif flavour.version == 36:
        cells = [(30.0 + i, 0.0, 40.0, 0.0, 0.0, 50.0) for i in range(5)]
    path = written(tmp_path / "file.dcd", dcd(angstrom, flavour, cells=cells, free=free))
    reader = open_dcd(path)
    got = read(reader)
    assert reader.n_frames == 5
    assert reader.n_atoms == 41
    assert ("box" in reader.fields) == (cells is not None)
    np.testing.assert_array_equal(got["positions"], angstrom / np.float32(10))
    if cells is None:
        assert np.isnan(got["box"]).all()
    else:
        np.testing.assert_allclose(got["box"][:, 0, 0], 3.0 + 0.1 * np.arange(5), rtol=1e-15)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_range_and_atoms_equal_slicing(tmp_path: Path, data: st.DataObject) -> None:
    n_frames = data.draw(st.integers(1, 8), "n_frames")
    n_atoms = data.draw(st.integers(1, 70), "n_atoms")
    angstrom = some_positions(n_frames, n_atoms)
    flavour = data.draw(st.sampled_from(FLAVOURS), "flavour")
    free = data.draw(st.lists(st.integers(0, n_atoms - 1), unique=True, max_size=n_atoms - 1))
    if free:
        fixed = np.setdiff1d(np.arange(n_atoms), free)
        angstrom[1:, fixed] = angstrom[0, fixed]
    has_cell = flavour.version != 0 and data.draw(st.booleans(), "cell")
    cells = [(30.0, 0.0, 40.0, 0.0, 0.0, 50.0 + i) for i in range(n_frames)] if has_cell else None
    path = written(tmp_path / "file.dcd", dcd(angstrom, flavour, cells=cells, free=free))

    start = data.draw(st.integers(0, n_frames), "start")
    frames = range(start, data.draw(st.integers(start, n_frames)), data.draw(st.integers(1, 4)))
    atoms = data.draw(st.none() | st.lists(st.integers(0, n_atoms - 1), min_size=1, max_size=90))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    got = read(open_dcd(path), frames, atoms, dtype)

    wanted = angstrom[frames.start : frames.stop : frames.step]
    wanted = wanted if atoms is None else wanted[:, atoms]
    expected = wanted / np.float32(10) if dtype is np.float32 else wanted.astype(float) * 0.1
    np.testing.assert_array_equal(got["positions"], expected)
    np.testing.assert_array_equal(got["step"], list(frames))
    if has_cell:
        np.testing.assert_array_equal(got["box"][:, 2, 2], (50.0 + np.array(frames)) * 0.1)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "atoms",
    [
        None,
        [0, 199_999],
        [199_999, 5, 5, 100_000],
        list(range(90_000, 90_100)),
        list(range(3, 199_999)),
        [7],
    ],
    ids=["all", "ends", "unsorted", "few together", "most", "one"],
)
def test_frames_larger_than_the_scratch(
    tmp_path: Path, order: str, atoms: list[int] | None
) -> None:
    angstrom = some_positions(3, 200_000)
    path = written(tmp_path / "file.dcd", dcd(angstrom, Flavour(order)))
    got = read(open_dcd(path), atoms=atoms)["positions"]
    wanted = angstrom if atoms is None else angstrom[:, atoms]
    np.testing.assert_array_equal(got, wanted / np.float32(10))


@given(
    bits=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40),
    fill=st.integers(1, 40),
)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bits_scale_alike_on_every_instruction_set(
    tmp_path: Path, bits: list[int], fill: int
) -> None:
    values = np.resize(np.array(bits, np.uint32), 3 * fill).view(np.float32).reshape(1, fill, 3)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(values)))
    before = instruction_set.active()
    try:
        for dtype in (np.float32, np.float64):
            results = []
            for name in instruction_set.available():
                instruction_set.select(name)
                results.append(read(reader, dtype=dtype)["positions"])
            with np.errstate(all="ignore"):
                expected = (values.astype(float) * 0.1).astype(dtype)
            for result in results:
                np.testing.assert_array_equal(result, expected)
    finally:
        instruction_set.select(before)


# ---- cells, steps and times ----


def box_of(tmp_path: Path, cell: tuple[float, ...], version: int = 24) -> Any:
    path = written(
        tmp_path / "file.dcd", dcd(some_positions(1, 3), Flavour(version=version), cells=[cell])
    )
    return read(open_dcd(path), fields=("box",))["box"][0]


def test_cosines_and_degrees_are_the_same_cell(tmp_path: Path) -> None:
    alpha, beta, gamma = np.radians([70.0, 100.0, 65.0])
    cosines = box_of(tmp_path, (40, np.cos(gamma), 50, np.cos(beta), np.cos(alpha), 60))
    degrees = box_of(tmp_path, (40, 65.0, 50, 100.0, 70.0, 60))
    np.testing.assert_allclose(cosines, degrees, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(cosines, axis=1), [4, 5, 6], rtol=1e-14)
    a, b, c = cosines
    np.testing.assert_allclose(b @ c / 30, np.cos(alpha), rtol=1e-14)
    np.testing.assert_allclose(a @ c / 24, np.cos(beta), rtol=1e-14)
    np.testing.assert_allclose(a @ b / 20, np.cos(gamma), rtol=1e-14)
    np.testing.assert_array_equal(cosines[np.triu_indices(3, 1)], 0)


@pytest.mark.parametrize("version", [24, 36])
@pytest.mark.parametrize("angle", [0.0, 90.0])
def test_right_angles_are_exact(tmp_path: Path, version: int, angle: float) -> None:
    box = box_of(tmp_path, (40, angle, 50, angle, angle, 60), version)
    np.testing.assert_array_equal(box, np.diag([40, 50, 60]) * 0.1)


def test_slightly_skewed_matrix_of_charmm_is_not_taken_for_cosines(tmp_path: Path) -> None:
    cell = (40.0, 0.5, 50.0, -0.25, 0.125, 60.0)
    matrix = np.array([[40, 0.5, -0.25], [0.5, 50, 0.125], [-0.25, 0.125, 60]]) * 0.1
    np.testing.assert_array_equal(box_of(tmp_path, cell, version=36), matrix)
    assert box_of(tmp_path, cell, version=24)[1, 0] == pytest.approx(2.5)


def test_matrix_of_old_charmm_is_known_by_impossible_angles(tmp_path: Path) -> None:
    box = box_of(tmp_path, (40.0, -10.0, 50.0, 3.0, 4.0, 60.0), version=22)
    np.testing.assert_array_equal(box[0], np.array([40.0, -10.0, 3.0]) * 0.1)


def test_no_cell_is_nan(tmp_path: Path) -> None:
    assert np.isnan(box_of(tmp_path, (0.0,) * 6)).all()


@pytest.mark.parametrize(
    "cell",
    [
        (np.nan,) * 6,
        (np.inf, 0, 1, 0, 0, 1),
        (40, 0, 0, 0, 0, 60),
        (40, 1, 50, 1, 1, 60),
        (-40, 0, 50, 0, 0, 60),
        (40, 400, 50, 400, 400, 60),
        (40, 120, 50, 120, 121, 60),
    ],
    ids=str,
)
def test_impossible_cell_names_the_frame(tmp_path: Path, cell: tuple[float, ...]) -> None:
    cells = [(40, 0, 50, 0, 0, 60), (40, 0, 50, 0, 0, 60), cell]
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(3, 3), cells=cells)))
    with pytest.raises(TrajectoryError, match=r"file\.dcd: frame 2: .* is no unit cell"):
        read(reader, range(0, 3, 2))
    read(reader, fields=("positions",))


def test_steps_and_times(tmp_path: Path) -> None:
    flavour = Flavour(first_step=1000, step_interval=250, time_step=0.02)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(6, 2), flavour)))
    got = read(reader, range(1, 6, 2))
    np.testing.assert_array_equal(got["step"], [1250, 1750, 2250])
    time_step = float(np.float32(0.02)) * AKMA_TIME
    np.testing.assert_allclose(got["time"], got["step"] * time_step, rtol=1e-15)


def test_time_step_of_xplor_is_a_double(tmp_path: Path) -> None:
    flavour = Flavour(version=0, step_interval=10, time_step=0.1)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(2, 2), flavour)))
    np.testing.assert_array_equal(read(reader)["time"], [0, 10 * (0.1 * AKMA_TIME)])


@pytest.mark.parametrize(
    ("interval", "time_step"), [(0, 20.0), (1, 0.0), (1, -1.0), (1, np.nan), (1, np.inf), (-5, 1)]
)
def test_senseless_time_step_counts_frames(tmp_path: Path, interval: int, time_step: float) -> None:
    flavour = Flavour(first_step=5, step_interval=interval, time_step=time_step)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(3, 2), flavour)))
    got = read(reader)
    np.testing.assert_array_equal(got["time"], [0, 1, 2])
    np.testing.assert_array_equal(got["step"], [5, 6, 7])


CASES = Path(__file__).parent / "data" / "cases"


@pytest.mark.parametrize("akma", [AKMA_TIME, 4.88882129e-2])
@pytest.mark.parametrize("time_step", [0.001, 0.002, 0.0025, 0.5, 1.0, 0.00125, 12.5])
def test_times_are_the_decimal_numbers_that_were_meant(
    tmp_path: Path, time_step: float, akma: float
) -> None:
    """Whatever digits of the unit a program knows, in the float32 that the file has."""
    flavour = Flavour(first_step=3, step_interval=7, time_step=time_step / akma)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(50, 2), flavour)))
    expected = [float(Fraction(str(time_step)) * (3 + 7 * i)) for i in range(50)]
    assert read(reader)["time"].tolist() == expected


def test_frames_are_selected_by_time(adk: AdK) -> None:
    ds = gd.open_trajectory(adk.dcd).swap_dims(frame="time")
    assert ds.sel(time=5.0).step == 5000
    assert ds.sel(time=[3.0, 98.0]).step.values.tolist() == [3000, 98000]


@pytest.mark.parametrize("case", ["no_box_cosines.dcd"])
def test_no_box_as_mdanalysis_writes_it(case: str) -> None:
    path = CASES / case
    assert np.isnan(read(open_dcd(path))["box"]).all()
    reports, _ = check_files([str(path)])
    assert reports[0].problems == []
    assert np.isnan(gd.open_trajectory(path).box.values).all()


@pytest.mark.parametrize("angle", [0.0, 1.0, 90.0, 60.0])
def test_edges_of_no_length_are_no_box(tmp_path: Path, angle: float) -> None:
    assert np.isnan(box_of(tmp_path, (0.0, angle, 0.0, angle, angle, 0.0))).all()
    assert np.isnan(box_of(tmp_path, (0.0, 0.0, 0.0, angle, angle, 0.0), 24)).all()


def test_time_of_lammps_has_no_unit() -> None:
    path = CASES / "lammps_time.dcd"
    with pytest.warns(UserWarning, match=r"written by LAMMPS, whose time step, here 1, is in the"):
        ds = gd.open_trajectory([path, path], overlap="keep")
    assert ds.time.values.tolist() == [0, 1, 2, 3] * 2
    assert ds.step.values.tolist() == [0, 10, 20, 30] * 2
    with pytest.warns(UserWarning, match="lammps_time.dcd and 1 more files: written by LAMMPS"):
        gd.open_trajectory([path, path], overlap="keep")
    reports, _ = check_files([str(path)])
    assert [problem.kind for problem in reports[0].problems] == ["time"]


def test_a_time_step_of_one_is_none(tmp_path: Path) -> None:
    path = written(tmp_path / "file.dcd", dcd(some_positions(3, 2), Flavour(time_step=1.0)))
    with pytest.warns(UserWarning, match="a time step of exactly 1, as VMD"):
        ds = gd.open_trajectory(path)
    assert ds.time.values.tolist() == [0, 1, 2]


# ---- how many frames there are ----


@pytest.mark.parametrize("declared", [0, -1, 3, 1000, 2**31 - 1])
def test_frames_are_counted_from_the_size(tmp_path: Path, declared: int) -> None:
    flavour = Flavour(n_frames_header=declared)
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(some_positions(7, 5), flavour)))
    assert reader.n_frames == 7
    assert reader.layout.n_frames_header == declared


def test_no_frames(tmp_path: Path) -> None:
    reader = open_dcd(written(tmp_path / "file.dcd", dcd(np.empty((0, 5, 3), np.float32))))
    assert reader.n_frames == 0
    assert read(reader)["positions"].shape == (0, 5, 3)


def test_title_longer_than_the_first_read(tmp_path: Path) -> None:
    angstrom = some_positions(2, 5)
    path = written(tmp_path / "file.dcd", dcd(angstrom, Flavour(title=(b"long",) * 2000)))
    np.testing.assert_array_equal(read(open_dcd(path))["positions"], angstrom / np.float32(10))


# ---- damaged files ----


def test_empty_and_text_file(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError, match=r"ends inside its DCD header: .* found 0"):
        open_dcd(written(tmp_path / "empty.dcd", b""))
    with pytest.raises(TrajectoryError, match=r"not a DCD file: .*b'TITLE"):
        open_dcd(written(tmp_path / "text.dcd", b"TITLE\n  a text file\nEND\n"))
    path = written(tmp_path / "velocities.dcd", dcd(some_positions(1, 2), Flavour(magic=b"VELD")))
    with pytest.raises(TrajectoryError, match="velocities"):
        open_dcd(path)


@pytest.mark.parametrize("free", [(), (0, 3)])
def test_cut_at_every_byte(tmp_path: Path, free: tuple[int, ...]) -> None:
    angstrom = some_positions(3, 5)
    fixed = [atom for atom in range(5) if free and atom not in free]
    angstrom[1:, fixed] = angstrom[0, fixed]
    cells = [(30.0, 0.0, 40.0, 0.0, 0.0, 50.0)] * 3
    whole = dcd(angstrom, cells=cells, free=free)
    layout = open_dcd(written(tmp_path / "whole.dcd", whole)).layout
    ends = [layout.first_frame, layout.first_frame + layout.first_frame_size]
    ends += [ends[1] + layout.frame_size, len(whole)]
    path = tmp_path / "cut.dcd"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < ends[0]:
            with pytest.raises(TrajectoryError, match="header"):
                open_dcd(path)
            continue
        n_frames = sum(end <= size for end in ends) - 1
        if size in ends:
            assert open_dcd(path).n_frames == n_frames
            continue
        begin, frame_size = ends[n_frames], ends[n_frames + 1] - ends[n_frames]
        with pytest.raises(TrajectoryError) as error:
            open_dcd(path)
        cut = (
            f"the file ends inside frame {n_frames}, which begins at byte {begin}: expected at "
            f"least {frame_size} bytes of it, found {size - begin}"
        )
        assert str(error.value).startswith(f"{path}: {cut}; ")
        if n_frames == 0:
            with pytest.raises(TrajectoryError, match="there is no whole frame"):
                open_dcd(path, on_truncated="drop")
            continue
        reader = open_dcd(path, on_truncated="drop")
        assert reader.damage == f"frame {n_frames} left out: {cut}"
        with pytest.warns(UserWarning, match=f"frame {n_frames} left out"):
            assert open_dcd(path, on_truncated="warn") == reader
        assert reader.n_frames == n_frames
        got = read(reader)["positions"]
        np.testing.assert_array_equal(got, angstrom[:n_frames] / np.float32(10))
    with pytest.raises(ValueError, match="on_truncated"):
        open_dcd(path, on_truncated="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("n_atoms", [0, -1, -(2**31), 2**31 - 1, 4])
def test_absurd_number_of_atoms(tmp_path: Path, n_atoms: int) -> None:
    content = bytearray(dcd(some_positions(2, 5)))
    at = content.index(struct.pack("<iii", 4, 5, 4)) + 4
    struct.pack_into("<i", content, at, n_atoms)
    tracemalloc.start()
    with pytest.raises(TrajectoryError, match="contradicts itself"):
        open_dcd(written(tmp_path / "file.dcd", bytes(content)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_frame_cut_after_absurd_number_of_atoms(tmp_path: Path) -> None:
    n_atoms = 2**29 - 1
    content = header(n_atoms, 1, Flavour(), has_cell=False) + struct.pack("<i", 4 * n_atoms)
    path = written(tmp_path / "file.dcd", content + bytes(100))
    with pytest.raises(
        TrajectoryError, match=f"expected at least {3 * (4 * n_atoms + 8)} bytes of it, found 104"
    ):
        open_dcd(path)


@pytest.mark.parametrize("atoms", [None, [2]])
@pytest.mark.parametrize("n_atoms", [5, 50_000])
@pytest.mark.parametrize("marker", range(8))
def test_wrong_record_marker(
    tmp_path: Path, atoms: list[int] | None, n_atoms: int, marker: int
) -> None:
    cells = [(30.0, 0.0, 40.0, 0.0, 0.0, 50.0)] * 3
    content = bytearray(dcd(some_positions(3, n_atoms), cells=cells))
    path = written(tmp_path / "file.dcd", bytes(content))
    layout = open_dcd(path).layout
    lengths = [48, 4 * n_atoms, 4 * n_atoms, 4 * n_atoms]
    byte = layout.first_frame + 2 * layout.frame_size
    byte += sum(length + 8 for length in lengths[: marker // 2])
    byte += (lengths[marker // 2] + 4) * (marker % 2)
    struct.pack_into("<i", content, byte, 12345)
    path.write_bytes(content)
    expected = (
        f"contradicts itself at frame 2, byte {byte}: expected {lengths[marker // 2]}, found 12345"
    )
    with pytest.raises(TrajectoryError, match=expected):
        read(open_dcd(path), range(0, 3, 1), atoms)
    with pytest.raises(TrajectoryError, match=expected):
        read(open_dcd(path), range(0, 3, 2), atoms)
    read(open_dcd(path), range(2), atoms)


def test_wrong_list_of_free_atoms(tmp_path: Path) -> None:
    flavour = Flavour()
    good = dcd(some_positions(3, 9), free=(0, 3, 4))
    record_of = lambda *numbers: record(struct.pack("<3i", *numbers), flavour)  # noqa: E731
    for numbers in ((1, 4, 10), (0, 4, 5), (1, 4, 4), (-5, 4, 5)):
        content = good.replace(record_of(1, 4, 5), record_of(*numbers))
        assert content != good
        reader = open_dcd(written(tmp_path / "file.dcd", content))
        with pytest.raises(TrajectoryError, match="contradicts itself at atom"):
            read(reader)


def test_file_that_shrank(tmp_path: Path) -> None:
    for free in ((), (0, 3)):
        path = written(tmp_path / "file.dcd", dcd(some_positions(3, 5), free=free))
        reader = open_dcd(path)
        size = path.stat().st_size
        os.truncate(path, size - 1)
        with pytest.raises(
            TrajectoryError, match=f"frame 2, .* found {reader.layout.frame_size - 1}"
        ):
            read(reader)
        read(reader, range(2))
        os.truncate(path, 10)
        with pytest.raises(TrajectoryError, match=r"file\.dcd"):
            read(reader)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            read(reader)


@pytest.mark.parametrize("cells", [None, [(30.0, 0.0, 40.0, 0.0, 0.0, 50.0)] * 3])
def test_one_wrong_byte_after_the_control_record_is_found_or_harmless(
    tmp_path: Path, cells: Any
) -> None:
    angstrom = some_positions(3, 7)
    content = dcd(angstrom, cells=cells)
    path = written(tmp_path / "file.dcd", content)
    good = read(open_dcd(path))["positions"]
    for at in range(92, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xA5]) + content[at + 1 :])
        try:
            got = read(open_dcd(path), fields=("positions",))["positions"]
        except TrajectoryError:
            continue
        assert (got.view(np.int32) != good.view(np.int32)).sum() <= 1


# ---- other threads ----


def test_other_threads_run_while_the_reader_reads(tmp_path: Path) -> None:
    n_atoms, n_frames, flavour = 300_000, 120, Flavour()
    path = tmp_path / "large.dcd"
    marker = struct.pack("<i", 4 * n_atoms)
    with path.open("wb") as file:  # sparse: the coordinates are holes
        file.write(header(n_atoms, n_frames, flavour, has_cell=False))
        for _ in range(3 * n_frames):
            file.write(marker)
            file.seek(4 * n_atoms, os.SEEK_CUR)
            file.write(marker)
    reader = open_dcd(path)
    atoms = np.array([0, n_atoms - 1])
    out = {"positions": np.empty((n_frames, 2, 3), np.float32)}
    check_that_threads_run(lambda: reader.read(range(n_frames), out, atoms))
