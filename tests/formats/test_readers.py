"""What holds for the readers of all formats."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gromos_dist._core import lib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_files import FORMATS, read, write

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError, new_where
from gromos_dist.io.reader import FRAME_FIELDS, open_reader
from gromos_dist.io.registry import READABLE

each = pytest.mark.parametrize("name", FORMATS)
some_examples = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# A line of these that is cut off is a bad line, which no reader leaves out.
STRUCTURES = [name for name in FORMATS if name.split(".")[0] in ("pdb", "ent", "gro")]
GZIP = [name for name in FORMATS if name.endswith(".gz")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of all formats."""
    folder = tmp_path_factory.mktemp("readers")
    for name in FORMATS:
        write(folder, name, stem=name)
    return folder


def path_of(folder: Path, name: str) -> Path:
    return folder / f"{name}{FORMATS[name].suffix}"


def same_bits(got: np.ndarray, expected: np.ndarray) -> bool:
    return got.shape == expected.shape and got.tobytes() == expected.tobytes()


def test_every_reader_has_a_file_here() -> None:
    suffixes = {some.suffix.removesuffix(".gz") for some in FORMATS.values()}
    assert suffixes == set(READABLE)


@each
@some_examples
@given(data=st.data())
def test_any_part_equals_slicing_the_whole(folder: Path, name: str, data: st.DataObject) -> None:
    reader = open_reader(path_of(folder, name))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    whole = read(reader, dtype=dtype)
    start = data.draw(st.integers(0, reader.n_frames))
    frames = range(start, data.draw(st.integers(start, reader.n_frames)))
    frames = frames[:: data.draw(st.integers(1, reader.n_frames + 1))]
    atom = st.integers(0, reader.n_atoms - 1)
    atoms = data.draw(st.none() | st.lists(atom, min_size=1, max_size=2 * reader.n_atoms))
    if atoms is not None and data.draw(st.booleans()):
        atoms = sorted(atoms)
    fields = tuple(data.draw(st.sets(st.sampled_from(reader.fields), min_size=1)))
    got = read(reader, frames, atoms, dtype, fields)
    for field in fields:
        expected = whole[field][frames.start : frames.stop : frames.step]
        if atoms is not None and FRAME_FIELDS[field][:1] == (None,):
            expected = expected[:, atoms]
        assert same_bits(got[field], expected), field


@each
@some_examples
@given(data=st.data())
def test_any_chunks_equal_slicing_the_whole(folder: Path, name: str, data: st.DataObject) -> None:
    path = path_of(folder, name)
    reader = open_reader(path)
    whole = read(reader, dtype=np.float32)
    whole |= read(reader, fields=tuple({"box", "lambda"} & set(reader.fields)))
    n_frames, n_atoms = whole["time"].size, open_reader(path).n_atoms
    bound = st.none() | st.integers(-n_frames - 1, n_frames + 1)
    start, stop = data.draw(bound), data.draw(bound)
    stride, chunks = data.draw(st.integers(1, n_frames)), data.draw(st.integers(1, n_frames + 1))
    atoms = data.draw(
        st.none() | st.lists(st.integers(0, n_atoms - 1), min_size=1, unique=True).map(sorted)
    )
    options = {"start": start, "stop": stop, "stride": stride, "atoms": atoms}
    ds = gd.open_trajectory(path, chunks=chunks, **options)
    frames = slice(data.draw(bound), data.draw(bound))
    order = data.draw(st.permutations(range(ds.sizes.get("atom", 0))))
    for field, expected in whole.items():
        array = ds[field].isel(frame=frames)
        expected = expected[start:stop:stride][frames]  # noqa: PLW2901
        if FRAME_FIELDS[field][:1] == (None,):
            array = array.isel(atom=list(order))
            chosen = np.arange(n_atoms) if atoms is None else np.array(atoms)
            expected = expected[:, chosen[list(order)]]  # noqa: PLW2901
        assert same_bits(array.values, expected), field
        assert sum(array.chunks[0] if array.chunks else [array.sizes["frame"]]) == len(expected)


@each
def test_a_reader_is_small_and_pickles(folder: Path, name: str) -> None:
    reader = open_reader(path_of(folder, name))
    pickled = pickle.dumps(reader)
    assert len(pickled) < 10_000
    assert pickle.loads(pickled) == reader
    assert reader.damage == ""


@each
def test_a_file_cut_anywhere_gives_its_whole_frames(
    folder: Path, tmp_path: Path, name: str
) -> None:
    content = FORMATS[name].content
    whole = read(open_reader(path_of(folder, name)))
    n_frames = []
    for size in range(0, len(content), max(1, len(content) // 150)):
        path = write(tmp_path, name, content[:size])
        try:
            reader = open_reader(path, on_truncated="drop")
            got = read(reader)
        except TrajectoryError:
            assert not any(n_frames) or name in (*GZIP, *STRUCTURES)
            continue
        n_frames.append(reader.n_frames)
        for field, values in got.items():
            if field in whole:
                assert same_bits(values, whole[field][: reader.n_frames])
        if reader.damage:
            assert f"frame {reader.n_frames} left out" in reader.damage
            with pytest.raises(TrajectoryError, match=f"frame {reader.n_frames}"):
                open_reader(path)
            with pytest.warns(UserWarning, match=f"frame {reader.n_frames}"):
                assert open_reader(path, on_truncated="warn") == reader
    assert n_frames == sorted(n_frames)
    if len(whole["time"]) > 1 and name not in GZIP:
        assert n_frames[-1] >= len(whole["time"]) - 1


@each
def test_an_unknown_choice_is_named(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="on_truncated: expected 'raise', 'drop' or 'warn'"):
        open_reader(path_of(folder, name), on_truncated="ignore")  # type: ignore[arg-type]


@each
def test_an_input_output_error_is_no_end_of_file(tmp_path: Path, name: str) -> None:
    """Linux answers EIO to whoever reads its own memory at address 0."""
    path = write(tmp_path, name)
    reader = open_reader(path)
    frames = range(reader.n_frames)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read(reader, frames)
    if name in GZIP:
        # The library that inflates looks at the size first, which is 0 here.
        assert "does not fit the size" in str(caught.value)
    else:
        assert caught.value.errno == errno.EIO
        assert not isinstance(caught.value, TrajectoryError)


@pytest.mark.parametrize("scan", ["gd_xtc_scan", "gd_trr_scan"])
def test_an_input_output_error_ends_no_scan(scan: str) -> None:
    from gromos_dist._core import ffi  # noqa: PLC0415

    state = ffi.new(f"struct {scan} *", {"n_atoms": -1})
    columns = [ffi.new("int64_t[8]"), ffi.new("int64_t[8]"), ffi.new("double[8]")]
    columns += [ffi.new("double[8]")] * (scan == "gd_trr_scan")
    where, scratch = new_where(), ffi.new("unsigned char[4096]")
    file = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        status = getattr(lib, scan)(
            file, 1 << 20, state, *columns, 8, ffi.new("int64_t *"), scratch, 4096, where
        )
    finally:
        os.close(file)
    assert status == lib.GD_SYSTEM
    assert where.system_error == errno.EIO


@each
def test_damaged_files_take_no_memory_and_crash_nothing(tmp_path: Path, name: str) -> None:
    n = 150
    command = [sys.executable, str(Path(__file__).parent / "reader_mutations.py")]
    done = subprocess.run(
        [*command, name, str(tmp_path), str(n)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["read"] + found["refused"] == n
    # Numbers of one frame, twice, and the buffers of fixed size that readers scan with.
    size = len(FORMATS[name].content)
    assert found["peak"] < 2 * 16 * size + (8 << 20)
    assert found["largest"] < size
