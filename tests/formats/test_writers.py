"""Every format that is written: read back by ours to the last digit, and by other programs."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import pickle
import signal
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import plain_gromos
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from MDAnalysis.lib.formats.libdcd import DCDFile

import gromos_dist as gd
from gromos_dist.io.formats.gromos_text.writer import box_parameters
from gromos_dist.io.reader import FRAME_FIELDS, open_reader
from gromos_dist.io.registry import WRITABLE
from gromos_dist.io.writer import Contents, encode, make_encoder, open_writer

chemfiles = pytest.importorskip(
    "chemfiles", reason="chemfiles is not installed: pip install -e '.[test]'"
)

PROPERTY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
BOXES = {
    "none": None,
    "rectangular": np.diag([3.0, 4.5, 5.25]),
    "triclinic": np.array([[3.0, 0, 0], [0.5, 2.5, 0], [-0.7, 0.3, 4.0]]),
}
# What a format keeps of a number of nm: by how much it may differ.
DIGITS = {
    **dict.fromkeys([".trc", ".trv", ".trf", ".cnf", ".g96", ".trc.gz"], 0.51e-9),
    ".dcd": 2e-6,
    ".pdb": 0.51e-4,
    ".ent": 0.51e-4,
    ".gro": 0.51e-3,
    ".gro.gz": 0.51e-3,
    ".xtc": 0.51e-3,
    ".trr": 2e-6,
}
# Those that hold several frames of positions.
OF_POSITIONS = sorted(set(WRITABLE) - {".trv", ".trf", ".cnf"})
VECTORS = {
    **{suffix: ["positions"] for suffix in DIGITS},
    ".trv": ["velocities"],
    ".trf": ["forces", "constraint_forces"],
    ".cnf": ["positions", "velocities"],
    ".g96": ["positions", "velocities", "forces"],
    ".gro": ["positions", "velocities"],
    ".trr": ["positions", "velocities", "forces"],
}


def test_all_formats_are_here() -> None:
    assert set(DIGITS) >= set(WRITABLE)


def made(suffix: str, n_frames: int, n_atoms: int, box: Any, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    frames: dict[str, Any] = {
        name: random.normal(scale=2, size=(n_frames, n_atoms, 3)) for name in VECTORS[suffix]
    }
    if box is not None and suffix not in (".trv", ".trf"):
        frames["box"] = np.stack([box * (1 + 0.01 * i) for i in range(n_frames)])
    frames["time"] = 3.0 + 0.5 * np.arange(n_frames)
    frames["step"] = 1500 + 250 * np.arange(n_frames)
    return frames


def read(path: Path, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    reader = open_reader(path)
    out = {}
    for name in reader.fields:
        shape = [reader.n_atoms if size is None else size for size in FRAME_FIELDS[name]]
        kind = {"time": np.float64, "step": np.int64}.get(name, dtype)
        out[name] = np.empty((reader.n_frames, *shape), kind)
    reader.read(range(reader.n_frames), out)
    return out


def write(path: Path, frames: dict[str, Any], *, at: int = 0, **options: Any) -> Path:
    with open_writer(path, overwrite=True, **options) as writer:
        for part in (slice(0, at), slice(at, None)):
            some = {name: values[part] for name, values in frames.items()}
            if len(some["time"]):
                writer.write(some)
    return path


@PROPERTY
@given(
    suffix=st.sampled_from(sorted(DIGITS)),
    n_frames=st.integers(1, 6),
    n_atoms=st.integers(1, 30),
    box=st.sampled_from(sorted(BOXES)),
    at=st.integers(0, 6),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_what_was_written_is_read(
    tmp_path: Path,
    suffix: str,
    n_frames: int,
    n_atoms: int,
    box: str,
    at: int,
    dtype: Any,
    seed: int,
) -> None:
    n_frames = 1 if suffix == ".cnf" else n_frames
    frames = made(suffix, n_frames, n_atoms, BOXES[box], seed)
    given_frames = {
        name: values.astype(dtype) if name in VECTORS[suffix] else values
        for name, values in frames.items()
    }
    found = read(write(tmp_path / f"file{suffix}", given_frames, at=at if n_frames > 1 else 0))
    assert set(frames) - {"box"} <= set(found)
    assert ("box" in found) == (box != "none" and suffix not in (".trv", ".trf")) or (
        # These have a place for a box in every frame, and NaN where there is none.
        suffix in (".xtc", ".trr") and np.isnan(found["box"]).all()
    )
    for name in VECTORS[suffix]:
        allowed = DIGITS[suffix] * (0.1 if name == "velocities" and suffix[:4] == ".gro" else 1)
        allowed += 1e-6 if dtype == np.float32 else 0
        np.testing.assert_allclose(found[name], frames[name], atol=allowed, rtol=3e-7)
    if "box" in frames:
        allowed = {".pdb": 2e-3, ".ent": 2e-3, ".gro": 1e-5, ".gro.gz": 1e-5}.get(suffix, 1e-6)
        np.testing.assert_allclose(found["box"], frames["box"], atol=allowed)
    np.testing.assert_allclose(found["time"], frames["time"], rtol=1e-6)
    np.testing.assert_array_equal(found["step"], frames["step"])


@pytest.mark.parametrize("suffix", [".trc", ".g96", ".trv", ".trf", ".cnf", ".trc.gz"])
def test_gromos_text_keeps_all_its_digits(tmp_path: Path, suffix: str) -> None:
    frames = made(suffix, 1 if suffix == ".cnf" else 3, 23, BOXES["triclinic"])
    path = write(tmp_path / f"one{suffix}", frames)
    again = read(path)
    second = write(tmp_path / f"two{suffix}", again)
    for name, values in read(second).items():
        np.testing.assert_allclose(values, again[name], atol=1e-15 if name != "box" else 2e-9)
    if suffix != ".trc.gz":
        for one, two in zip(plain_gromos.frames(path), plain_gromos.frames(second), strict=True):
            for name in VECTORS[suffix]:
                assert one[name] == two[name]
                assert one[name] == np.round(frames[name][0], 9).tolist() or len(again["time"]) > 1


def test_dcd_keeps_its_bits_through_float64(tmp_path: Path) -> None:
    angstrom = np.random.default_rng(4).normal(scale=30, size=(5, 17, 3)).astype(np.float32)
    frames = made(".dcd", 5, 17, BOXES["rectangular"])
    first = write(tmp_path / "one.dcd", {**frames, "positions": angstrom.astype(float) / 10})
    second = write(tmp_path / "two.dcd", read(first))
    for path in (first, second):
        with DCDFile(str(path)) as file:
            np.testing.assert_array_equal(file.readframes().xyz, angstrom)
    assert second.read_bytes()[:276] == first.read_bytes()[:276]


@pytest.mark.parametrize("box", sorted(BOXES))
@pytest.mark.parametrize("suffix", [".dcd", ".trc", ".pdb", ".gro", ".xtc", ".trr"])
def test_mdanalysis_reads_it(tmp_path: Path, suffix: str, box: str) -> None:
    if suffix == ".trc" and box == "none":
        pytest.skip("MDAnalysis wants a GENBOX in every .trc")
    frames = made(suffix, 1 if suffix == ".gro" else 4, 12, BOXES[box])
    path = write(tmp_path / f"file{suffix}", frames)
    universe = MDAnalysis.Universe.empty(12, trajectory=False)
    with warnings.catch_warnings():
        # Of what the file lacks, and of what MDAnalysis itself will change.
        warnings.simplefilter("ignore")
        if suffix in (".pdb", ".gro"):
            universe = MDAnalysis.Universe(str(path))
        else:
            universe.load_new(str(path))
        assert universe.trajectory.n_frames == len(frames["time"])
        for i, step in enumerate(universe.trajectory):
            allowed = 10 * DIGITS[suffix] + 2e-6
            np.testing.assert_allclose(step.positions / 10, frames["positions"][i], atol=allowed)
            if box != "none":
                tolerance = {"atol": 2e-3} if suffix == ".pdb" else {"atol": 2e-4}
                found = step.triclinic_dimensions / 10
                expected = frames["box"][i]
                np.testing.assert_allclose(found, expected, **tolerance)
            if suffix in (".dcd", ".xtc", ".trr", ".trc"):
                assert step.time == pytest.approx(frames["time"][i], rel=1e-5)
    universe.trajectory.close()


@pytest.mark.parametrize("box", sorted(BOXES))
@pytest.mark.parametrize("suffix", [".dcd", ".pdb", ".gro", ".xtc", ".trr"])
def test_chemfiles_reads_it(tmp_path: Path, suffix: str, box: str) -> None:
    frames = made(suffix, 4, 12, BOXES[box])
    path = write(tmp_path / f"file{suffix}", frames)
    with chemfiles.Trajectory(str(path)) as trajectory:
        assert trajectory.nsteps == 4
        for i in range(4):
            frame = trajectory.read_step(i)
            allowed = 10 * DIGITS[suffix] + 2e-5
            np.testing.assert_allclose(frame.positions, 10 * frames["positions"][i], atol=allowed)
            if "velocities" in frames and suffix == ".trr":
                velocities = 10 * frames["velocities"][i]
                np.testing.assert_allclose(frame.velocities, velocities, atol=1e-5)
            if box != "none":
                found = np.array(frame.cell.matrix).T / 10
                np.testing.assert_allclose(found, frames["box"][i], atol=2e-3)


def test_what_a_dcd_says_of_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "file.dcd", made(".dcd", 7, 5, None), at=3)
    with DCDFile(str(path)) as file:
        assert (file.n_frames, file.header["natoms"], file.header["nsavc"]) == (7, 5, 250)
        assert (file.header["istart"], file.header["is_periodic"]) == (1500, False)
        assert file.header["remarks"].startswith("written by gromos_dist")


@pytest.mark.parametrize(
    ("time", "step", "exact"),
    [
        ([0.0, 1.0, 2.0], [0, 0, 0], True),
        ([5.0, 6.0, 7.0], [0, 1, 2], True),
        ([10.0, 12.0, 14.0], [5000, 6000, 7000], True),
        ([4.0], [2000], True),
        ([0.0], [0], True),
        ([0.0, 1.0, 5.0], [0, 1, 2], False),
        ([0.25, 1.25, 2.25], [0, 1, 2], False),
        ([1.0, 1.0, 1.0], [0, 1, 2], False),
    ],
)
def test_times_of_a_dcd(tmp_path: Path, time: Any, step: Any, exact: bool) -> None:
    frames = {
        "positions": np.zeros((len(time), 2, 3)),
        "time": np.array(time),
        "step": np.array(step),
    }
    path = tmp_path / "file.dcd"
    if not exact:
        with pytest.warns(UserWarning, match=r"multiples of one time step only; frame \d is at"):
            write(path, frames)
        return
    write(path, frames)
    np.testing.assert_allclose(read(path)["time"], time, rtol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "problem"),
    [
        (".trc", "frame 5, atom 3: positions .* does not fit into columns of 15 characters"),
        (".gro", "frame 5, atom 3: positions .* does not fit into columns of 8 characters"),
        (".pdb", "frame 5, atom 3: positions .* does not fit into columns of 8 characters"),
        (".dcd", "frame 5, atom 3: .* no positions that DCD can hold"),
    ],
)
def test_numbers_that_a_format_cannot_hold(tmp_path: Path, suffix: str, problem: str) -> None:
    frames = made(suffix, 7, 5, None)
    frames["positions"][5, 3, 2] = 1e39
    with pytest.raises(ValueError, match=problem):
        write(tmp_path / f"file{suffix}", frames, at=4)
    frames["positions"][5, 3, 2] = np.nan
    with pytest.raises(ValueError, match="frame 5, atom 3"):
        write(tmp_path / f"file{suffix}", frames, at=4)
    assert list(tmp_path.iterdir()) == []


def test_forces_have_wider_columns(tmp_path: Path) -> None:
    forces = np.array([[[123456.5, -654321.25, 0.0], [1e7, -1e6, 1.0]]])
    frames = {"forces": forces, "time": np.zeros(1), "step": np.zeros(1, int)}
    np.testing.assert_array_equal(read(write(tmp_path / "file.trf", frames))["forces"], forces)


@pytest.mark.parametrize("suffix", [".dcd", ".pdb"])
def test_boxes_that_lengths_and_angles_do_not_tell(tmp_path: Path, suffix: str) -> None:
    frames = made(suffix, 2, 3, np.roll(BOXES["triclinic"], 1, axis=1))
    with pytest.raises(ValueError, match="frame 0: expected a box with a along x and b in the x-y"):
        write(tmp_path / f"file{suffix}", frames)


@given(angles=st.tuples(*[st.floats(-179, 179)] * 3), size=st.floats(0.5, 50))
def test_turned_boxes_of_gromos(tmp_path_factory: Any, angles: Any, size: float) -> None:
    phi, theta, psi = np.radians(angles)
    about_x = [[1, 0, 0], [0, np.cos(psi), -np.sin(psi)], [0, np.sin(psi), np.cos(psi)]]
    about_y = [[np.cos(theta), 0, np.sin(theta)], [0, 1, 0], [-np.sin(theta), 0, np.cos(theta)]]
    about_z = [[np.cos(phi), -np.sin(phi), 0], [np.sin(phi), np.cos(phi), 0], [0, 0, 1]]
    turn = np.array(about_z) @ np.array(about_y) @ np.array(about_x)
    box = size * BOXES["triclinic"] @ turn.T
    frames = {**made(".g96", 1, 2, None), "box": box[None]}
    path = tmp_path_factory.getbasetemp() / "turned.g96"
    np.testing.assert_allclose(read(write(path, frames))["box"][0], box, atol=2e-9 + 1e-9 * size)


def test_boxes_without_volume() -> None:
    for box in (np.zeros((3, 3)), np.ones((3, 3)), np.full((3, 3), np.nan), -np.eye(3)):
        with pytest.raises(ValueError, match="no volume, or its vectors are left-handed"):
            box_parameters(box)


def test_vacuum_and_one_type_of_box(tmp_path: Path) -> None:
    frames = made(".trc", 3, 4, BOXES["rectangular"])
    frames["box"][:] = np.nan
    path = write(tmp_path / "vacuum.trc", frames)
    assert np.isnan(read(path)["box"]).all()
    assert open_reader(path).box_shape == "vacuum"
    frames = made(".trc", 3, 4, BOXES["rectangular"])
    frames["box"][2] = BOXES["triclinic"]
    with pytest.raises(ValueError, match="frame 2: triclinic, where the first frame is rectang"):
        write(tmp_path / "mixed.trc", frames)


def test_gzip_is_read_by_others_and_the_same_every_time(tmp_path: Path) -> None:
    frames = made(".trc", 40, 30, BOXES["rectangular"])
    plain = write(tmp_path / "file.trc", frames)
    packed = write(tmp_path / "file.trc.gz", frames, at=11)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    before = packed.read_bytes()
    assert write(packed, frames, at=11).read_bytes() == before
    for name, values in read(packed).items():
        np.testing.assert_array_equal(values, read(plain)[name])


@pytest.mark.parametrize("suffix", sorted(set(DIGITS) - {".trv", ".trf"}))
def test_rounded_positions(tmp_path: Path, suffix: str) -> None:
    frames = made(suffix, 1, 12, None)
    path = write(tmp_path / f"file{suffix}", frames, precision=0.01)
    np.testing.assert_allclose(read(path)["positions"], frames["positions"].round(2), atol=2e-6)


def test_precision_gives_gro_more_decimals(tmp_path: Path) -> None:
    frames = made(".gro", 2, 12, BOXES["triclinic"])
    found = read(write(tmp_path / "file.gro", frames, precision=1e-6))
    np.testing.assert_allclose(found["positions"], frames["positions"], atol=0.51e-6)
    np.testing.assert_allclose(found["velocities"], frames["velocities"], atol=0.51e-7)


def test_names_of_atoms(tmp_path: Path, adk: Any) -> None:
    ds = gd.open_trajectory(adk.dcd, adk.psf, start=0, stop=2)
    for suffix in (".pdb", ".gro"):
        path = gd.store(ds, tmp_path / f"adk{suffix}")
        topology = gd.load_topology(path)
        assert topology.atom_name.tolist() == ds.atom_name.values.tolist()
        assert topology.residue_name.tolist() == ds.residue_name.values.tolist()
        assert topology.residue.tolist() == ds.residue.values.tolist()
    assert (gd.load_topology(tmp_path / "adk.pdb").element == ds.element.values).all()
    path = gd.store(ds.isel(frame=slice(1, 2)), tmp_path / "adk.cnf")
    line = path.read_text().splitlines()[8]
    assert line.split()[:4] == ["1", "MET", "HT1", "2"]
    found = gd.open_trajectory(path, dtype="float64").positions.values[0]
    np.testing.assert_allclose(found, ds.positions.values[1], atol=1e-9)


def test_what_a_suffix_stands_for(tmp_path: Path) -> None:
    positions = made(".trc", 2, 3, None)
    with pytest.raises(ValueError, match=r"a \.trv holds velocities, of which there are none"):
        write(tmp_path / "file.trv", positions)
    with pytest.raises(ValueError, match=r"a \.cnf holds one frame"):
        write(tmp_path / "file.cnf", positions)
    velocities = made(".trv", 2, 3, None)
    for suffix in (".dcd", ".pdb", ".gro"):
        with pytest.raises(ValueError, match="holds positions, of which there are none"):
            write(tmp_path / f"file{suffix}", velocities)


@pytest.mark.parametrize("suffix", ["xtc", "dcd", "pdb", "trf"])
def test_a_format_without_a_place_for_anything_is_refused_at_once(
    suffix: str, tmp_path: Path
) -> None:
    velocities = gd.open_trajectory(Path(__file__).parents[1] / "data" / "butane.trv")
    target = tmp_path / f"out.{suffix}"
    with pytest.raises(ValueError, match=rf"out\.{suffix}: "):
        gd.store(velocities, target)
    assert list(tmp_path.iterdir()) == []


# ---- blocks, numbers and ends ----


def few(n_frames: int, n_atoms: int = 12) -> dict[str, Any]:
    positions = np.random.default_rng(n_frames).uniform(0, 3, (n_frames, n_atoms, 3))
    return {"positions": np.round(positions, 3)}


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
@pytest.mark.parametrize("box", sorted(BOXES))
def test_bytes_do_not_depend_on_the_blocks_nor_on_the_process(suffix: str, box: str) -> None:
    n_frames = 1 if suffix == ".cnf" else 7
    frames = made(suffix, n_frames, 11, BOXES[box])
    contents = Contents(
        path=f"file{suffix}",
        n_atoms=11,
        fields=tuple(frames),
        box=frames["box"][0] if "box" in frames else None,
        n_frames=n_frames,
    )
    encoder = make_encoder(contents)
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 10_000
    assert set(encoder.fields) <= set(FRAME_FIELDS)
    whole = b"".join(map(bytes, encode(encoder, frames, 0)))
    assert whole
    for sizes in ((1,) * n_frames, *(((3, 1, 3), (5, 2)) if n_frames == 7 else ())):
        parts, first = [], 0
        for size in sizes:
            block = {name: values[first : first + size] for name, values in frames.items()}
            parts += map(bytes, encode(pickle.loads(pickled), block, first))
            first += size
        assert b"".join(parts) == whole
    header = encoder.header(np.empty(0), np.empty(0, np.int64))
    assert len(encoder.header(frames["time"], frames["step"])) == len(header)


# DCD knows no uneven times: see test_times_of_a_dcd.
@pytest.mark.parametrize("suffix", sorted(set(OF_POSITIONS) - {".dcd"}))
def test_blocks_follow_each_other(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    with open_writer(path) as writer:
        writer.write(few(3))
        writer.write({**few(2), "step": np.array([7, 9]), "time": np.array([0.5, 1.0])})
        writer.write(few(1))
        assert not path.exists()
        assert (writer.n_frames, writer.n_atoms) == (6, 12)
    assert files(tmp_path) == [path.name]
    expected = np.concatenate([few(n)["positions"] for n in (3, 2, 1)])
    np.testing.assert_allclose(read(path)["positions"], expected, atol=1e-6)
    out = read(path)
    assert out["step"].tolist() == [0, 1, 2, 7, 9, 5]
    assert out["time"].tolist() == [0, 1, 2, 0.5, 1, 5]


@pytest.mark.parametrize("suffix", OF_POSITIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, ">f4"])
def test_any_numbers_in_any_order_of_memory(tmp_path: Path, suffix: str, dtype: Any) -> None:
    path = tmp_path / f"file{suffix}"
    array = np.arange(3 * 12 * 3).reshape(3, 12, 3)
    with open_writer(path) as writer:
        writer.write({"positions": np.asfortranarray(array.astype(dtype))})
    np.testing.assert_array_equal(np.round(read(path)["positions"], 4), array)


def write_and_raise(path: Path, error: BaseException) -> None:
    with open_writer(path, overwrite=True) as writer:
        writer.write(few(3))
        raise error


@pytest.mark.parametrize("suffix", OF_POSITIONS)
def test_exception_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(path, KeyboardInterrupt())
    assert files(tmp_path) == []
    path.write_bytes(b"what was there")
    with pytest.raises(RuntimeError, match="in between"):
        write_and_raise(path, RuntimeError("in between"))
    assert path.read_bytes() == b"what was there"
    assert files(tmp_path) == [path.name]


def write_slowly(folder: Path, started: Any) -> None:
    with ExitStack() as stack:
        for suffix in OF_POSITIONS:
            stack.enter_context(open_writer(folder / f"file{suffix}")).write(few(50))
        started.set()
        time.sleep(60)


def test_killed_writers_leave_no_file_and_do_not_hinder_the_next(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=write_slowly, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    for suffix in OF_POSITIONS:
        path = tmp_path / f"file{suffix}"
        assert not path.exists()
        with open_writer(path) as writer:
            writer.write(few(2))
        assert len(read(path)["positions"]) == 2
    assert files(tmp_path) == sorted(f"file{suffix}" for suffix in OF_POSITIONS)
