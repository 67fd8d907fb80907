from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import MDAnalysisTests.datafiles as mda_files
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from MDAnalysis.lib.formats.libmdaxdr import TRRFile
from plain_trr import VECTORS
from plain_trr import trr_frame as frame

from gromos_dist import instruction_set
from gromos_dist.errors import TrajectoryError
from gromos_dist.io.formats.trr import TRRReader, open_trr
from gromos_dist.io.reader import FRAME_FIELDS
from gromos_dist.io.trajectory import open_trajectory
from gromos_dist.io.writer import open_writer

NAMES = ("COORDINATES_TRR", "SURFACE_TRR", "TRR", "TRR_multi_frame", "TRR_sub_sol")
REAL_FILES = {name: Path(getattr(mda_files, name)) for name in NAMES}
PROPERTY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def some(n_atoms: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 10, (n_atoms, 3))


def read(
    reader: TRRReader,
    frames: range | None = None,
    atoms: list[int] | None = None,
    dtype: type = np.float32,
) -> dict[str, Any]:
    frames = range(reader.n_frames) if frames is None else frames
    n_atoms = reader.n_atoms if atoms is None else len(atoms)
    kinds = {"time": np.float64, "step": np.int64}
    out: dict[str, Any] = {
        name: np.full(
            (len(frames), *(n_atoms if size is None else size for size in FRAME_FIELDS[name])),
            -77,
            kinds.get(name, dtype),
        )
        for name in reader.fields
    }
    reader.read(frames, out, None if atoms is None else np.array(atoms, np.int64))
    return out


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ---- against MDAnalysis ----


@pytest.mark.parametrize("name", REAL_FILES)
def test_everything_is_that_of_mdanalysis_to_the_bit(name: str, isa: str) -> None:
    reader = open_trr(REAL_FILES[name])
    ours = read(reader)
    with TRRFile(str(REAL_FILES[name])) as file:
        theirs = list(file)
    assert reader.n_frames == len(theirs)
    for name_of, has in (("positions", "hasx"), ("velocities", "hasv"), ("forces", "hasf")):
        assert (name_of in reader.fields) == any(getattr(frame, has) for frame in theirs)
    for i, their in enumerate(theirs):
        vectors = {"positions": their.x, "velocities": their.v, "forces": their.f}
        has = (their.hasx, their.hasv, their.hasf)
        for (field, array), there in zip(vectors.items(), has, strict=True):
            if there:
                np.testing.assert_array_equal(ours[field][i], array)
            elif field in ours:
                assert np.isnan(ours[field][i]).all()
        np.testing.assert_array_equal(
            ours["box"][i], their.box if their.box.any() else np.full((3, 3), np.nan)
        )
        assert (ours["step"][i], np.float32(ours["time"][i])) == (their.step, their.time)
        assert ours["lambda"][i] == their.lmbda if "lambda" in ours else their.lmbda == 0


@pytest.mark.parametrize("double", [False, True])
def test_mdanalysis_reads_the_frames_of_plain_python_the_same(tmp_path: Path, double: bool) -> None:
    vectors = {name: some(7, i) for i, name in enumerate(VECTORS)}
    content = frame(vectors, 3, 1.5, 0.25, 4 * np.eye(3), double=double, virial=True)
    path = written(tmp_path / "file.trr", content)
    got = read(open_trr(path))
    if double:  # libmdaxdr reads single precision only
        got = read(open_trr(path), dtype=np.float64)
        for name, array in vectors.items():
            np.testing.assert_array_equal(got[name][0], array)
        return
    with TRRFile(str(path)) as file:
        theirs = file.read()
    for name, array in zip(VECTORS, (theirs.x, theirs.v, theirs.f), strict=True):
        np.testing.assert_array_equal(got[name][0], array)


# ---- layouts ----


@settings(PROPERTY, max_examples=200)
@given(data=st.data())
def test_any_range_and_atoms_equal_slicing(tmp_path: Path, data: st.DataObject) -> None:
    n_frames = data.draw(st.integers(1, 8), "n_frames")
    n_atoms = data.draw(st.integers(1, 70), "n_atoms")
    fields = data.draw(st.lists(st.sampled_from(VECTORS), min_size=1, unique=True), "fields")
    content, expected = b"", {name: np.full((n_frames, n_atoms, 3), np.nan) for name in VECTORS}
    has_box = data.draw(st.booleans(), "box")
    mixed = data.draw(st.booleans(), "both precisions")
    for i in range(n_frames):
        double = data.draw(st.booleans()) if mixed or i == 0 else double  # noqa: F821
        present = [name for name in fields if i == 0 or data.draw(st.booleans())] or fields[:1]
        vectors = {name: some(n_atoms, 10 * i + len(name)) for name in present}
        for name, array in vectors.items():
            expected[name][i] = array if double else array.astype(np.float32)
        box = (i + 1) * np.eye(3) if has_box else None
        content += frame(vectors, 2 * i, i / 4, i / 8, box, double=double, virial=has_box)
    reader = open_trr(written(tmp_path / "file.trr", content))
    coupling = ("lambda",) if n_frames > 1 else ()
    vectors_there = tuple(name for name in VECTORS if name in fields)
    assert reader.fields == (*vectors_there, "box", *coupling, "time", "step")

    start = data.draw(st.integers(0, n_frames), "start")
    frames = range(start, data.draw(st.integers(start, n_frames)), data.draw(st.integers(1, 4)))
    atoms = data.draw(st.none() | st.lists(st.integers(0, n_atoms - 1), min_size=1, max_size=90))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    got = read(reader, frames, atoms, dtype)
    chosen = slice(frames.start, frames.stop, frames.step)
    for name in vectors_there:
        wanted = expected[name][chosen]
        wanted = wanted if atoms is None else wanted[:, atoms]
        np.testing.assert_array_equal(got[name], wanted.astype(dtype))
    index = np.array(frames, float)
    np.testing.assert_array_equal(got["step"], 2 * index)
    np.testing.assert_array_equal(got["time"], index / 4)
    diagonal = got["box"][:, 2, 2]
    np.testing.assert_array_equal(diagonal, index + 1 if has_box else np.full(len(frames), np.nan))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    "atoms",
    [None, [0, 199_999], [199_999, 5, 5], list(range(90_000, 90_100)), list(range(3, 199_999))],
    ids=["all", "ends", "unsorted", "few together", "most"],
)
def test_frames_larger_than_the_scratch(
    tmp_path: Path, double: bool, atoms: list[int] | None
) -> None:
    vectors = {"positions": some(200_000), "forces": some(200_000, 1)}
    path = written(tmp_path / "file.trr", frame(vectors, double=double, box=np.eye(3)) * 2)
    for dtype in (np.float32, np.float64):
        got = read(open_trr(path), atoms=atoms, dtype=dtype)
        for name, array in vectors.items():
            wanted = array if atoms is None else array[atoms]
            wanted = wanted if double else wanted.astype(np.float32)
            np.testing.assert_array_equal(got[name], np.stack([wanted, wanted]).astype(dtype))


def test_every_instruction_set_gives_the_same(tmp_path: Path, isa: str) -> None:
    assert instruction_set.active() == isa
    for n_atoms in range(1, 40):
        vectors = {"positions": some(n_atoms)}
        reader = open_trr(written(tmp_path / "file.trr", frame(vectors)))
        expected = vectors["positions"].astype(np.float32)
        np.testing.assert_array_equal(read(reader)["positions"][0], expected)


def test_fields_at_intervals_of_their_own(tmp_path: Path) -> None:
    content = frame({"positions": some(4), "velocities": some(4, 1)}, 0)
    content += frame({"velocities": some(4, 2)}, 1) + frame({"forces": some(4, 3)}, 2)
    path = written(tmp_path / "file.trr", content)
    dataset = open_trajectory(path).load()
    present = {name: np.isfinite(dataset[name]).all(("atom", "xyz")).values for name in VECTORS}
    assert present["positions"].tolist() == [True, False, False]
    assert present["velocities"].tolist() == [True, True, False]
    assert present["forces"].tolist() == [False, False, True]
    assert np.isnan(dataset.box).all()
    assert "lambda" not in dataset


def test_coupling_parameter_in_a_dataset() -> None:
    dataset = open_trajectory(REAL_FILES["TRR_multi_frame"])
    assert dataset["lambda"].dims == ("frame",)
    assert dataset["lambda"].attrs["long_name"] == "coupling parameter"
    np.testing.assert_allclose(dataset["lambda"], 0.01 * np.arange(10), atol=1e-7)


# ---- damage ----


def three_frames() -> bytes:
    return b"".join(
        frame({"positions": some(5, i), "velocities": some(5, i)}, i, box=np.eye(3))
        for i in range(3)
    )


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "file.trr"
    with pytest.raises(TrajectoryError, match=r"file\.trr: the file is empty"):
        open_trr(written(path, b""))
    for content in (b"TITLE\n" + bytes(100), struct.pack(">2i", 1993, 13) + bytes(100)):
        with pytest.raises(TrajectoryError, match="this is no TRR file"):
            open_trr(written(path, content))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 1994, "expected a frame, which begins with 1993"),
        (12, 0, "expected a frame, which begins with 1993 and 'GMX_trn_file'"),
        (24, 4, "expected a block of 0 bytes or none, found 4"),
        (32, 35, "expected a block of 36 bytes or none, found 35"),
        (52, 61, "expected a block of 60 bytes or none, found 61"),
        (52, -60, "expected a block of 60 bytes or none, found -60"),
        (64, 0, "expected at least one atom, found 0"),
        (64, 4, "expected a block of"),
        (64, -(2**31), "expected at least one atom"),
    ],
)
def test_damaged_header(tmp_path: Path, at: int, value: int, message: str) -> None:
    content = three_frames()
    at += len(content) // 3
    content = content[:at] + struct.pack(">i", value) + content[at + 4 :]
    path = written(tmp_path / "file.trr", content)
    with pytest.raises(TrajectoryError, match=message) as caught:
        open_trr(path)
    assert "frame 1, byte" in str(caught.value)
    with pytest.raises(TrajectoryError, match=message):
        open_trr(path, on_truncated="drop")


def test_other_number_of_atoms_and_frames_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.trr"
    content = frame({"positions": some(5)}) + frame({"positions": some(4)})
    with pytest.raises(TrajectoryError, match=r"frame 1, byte .*: expected 5 atoms, found 4"):
        open_trr(written(path, content))
    content = frame({"positions": some(5)})
    nothing = content[:52] + bytes(12) + content[64:84]
    with pytest.raises(TrajectoryError, match="or a box, found none"):
        open_trr(written(path, content + nothing))


def test_file_that_changes_after_it_was_opened(tmp_path: Path) -> None:
    content = three_frames()
    size = len(content) // 3
    path = written(tmp_path / "file.trr", content)
    reader = open_trr(path)
    other = content[: size + 68] + struct.pack(">i", 99) + content[size + 72 :]
    path.write_bytes(other)
    with pytest.raises(TrajectoryError, match=r"frame 1, .*the file has changed since"):
        read(reader)
    os.truncate(path, len(content) - 4)
    with pytest.raises(TrajectoryError, match="frame 2: it has become shorter"):
        read(reader, range(2, 3))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(reader)


# ---- writing ----


@pytest.mark.parametrize("name", REAL_FILES)
def test_written_again_it_is_the_same(tmp_path: Path, name: str) -> None:
    reader = open_trr(REAL_FILES[name])
    frames = read(reader)
    path = tmp_path / "again.trr"
    with open_writer(path) as writer:
        writer.write(frames)
    again = open_trr(path)
    assert again.fields == reader.fields
    for key, array in read(again).items():
        np.testing.assert_array_equal(array, frames[key])
    with TRRFile(str(path)) as ours, TRRFile(str(REAL_FILES[name])) as original:
        for a, b in zip(ours, original, strict=True):
            assert (a.hasx, a.hasv, a.hasf) == (b.hasx, b.hasv, b.hasf)
            np.testing.assert_array_equal(a.box, b.box)
            for has, x, y in ((a.hasx, a.x, b.x), (a.hasv, a.v, b.v), (a.hasf, a.f, b.f)):
                if has:
                    np.testing.assert_array_equal(x, y)
            assert (a.step, a.time, a.lmbda) == (b.step, b.time, b.lmbda)


@pytest.mark.parametrize("double", [False, True])
def test_written_numbers_are_those_of_plain_python(tmp_path: Path, double: bool) -> None:
    vectors = {name: np.stack([some(6, 1), some(6, 2)]) for name in VECTORS}
    vectors["velocities"][0] = np.nan
    box = np.stack([3 * np.eye(3), np.full((3, 3), np.nan)])
    path = tmp_path / "file.trr"
    with open_writer(path, double=double) as writer:
        writer.write({**vectors, "box": box, "lambda": np.array([0.5, 0.25])})
    first = {name: vectors[name][0] for name in ("positions", "forces")}
    second = {name: array[1] for name, array in vectors.items()}
    expected = frame(first, 0, 0.0, 0.5, box[0], double=double)
    expected += frame(second, 1, 1.0, 0.25, np.zeros((3, 3)), double=double)
    assert path.read_bytes() == expected


def test_what_trr_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "file.trr"
    block = {"positions": some(3)[np.newaxis], "step": np.array([2**31])}
    with pytest.raises(ValueError, match="frame 0: step 2147483648"), open_writer(path) as writer:
        writer.write(block)
    assert list(tmp_path.iterdir()) == []
