from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromos_dist import __version__
from gromos_dist.provenance import (
    InputFile,
    array_hash,
    describe_file,
    identity,
    parse,
    record_of,
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [0, 1, 4096, 65536, 65537, 131072, 1_000_003])
def test_content_hash_is_of_the_content(tmp_path: Path, size: int, whole: bool) -> None:
    content = np.random.default_rng(size).bytes(size)
    first = describe_file(write(tmp_path / "a.trc", content), whole)
    second = describe_file(write(tmp_path / "b.trc", content), whole)
    longer = describe_file(write(tmp_path / "c.trc", content + b"\0"), whole)
    assert first.size == size
    assert first.path == str(tmp_path / "a.trc")
    assert first.content_hash == second.content_hash
    assert first.content_hash != longer.content_hash


@pytest.mark.parametrize("place", [0, 65535, 1_000_000 // 17, 8 * 1_000_000 // 17 + 4095, 999_999])
def test_quick_hash_sees_changes_where_it_looks(tmp_path: Path, place: int) -> None:
    content = bytearray(1_000_000)
    before = describe_file(write(tmp_path / "a", bytes(content)))
    content[place] = 1
    assert describe_file(write(tmp_path / "a", bytes(content))).content_hash != before.content_hash


def test_whole_hash_sees_what_the_quick_one_skips(tmp_path: Path) -> None:
    content = bytearray(1_000_000)
    path = write(tmp_path / "a", bytes(content))
    quick, whole = describe_file(path), describe_file(path, whole=True)
    content[1_000_000 // 17 - 1000 + 16 * 1024] = 1
    write(path, bytes(content))
    os.utime(path, ns=(0, 10**18))
    again = describe_file(path)
    assert again.content_hash == quick.content_hash
    assert again != quick
    assert again.modified == "2001-09-09T01:46:40.000000000Z"
    assert describe_file(path, whole=True).content_hash != whole.content_hash


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.dcd"):
        describe_file(tmp_path / "absent.dcd")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        describe_file(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        describe_file(tmp_path / "pipe")


def test_a_record_holds_the_run() -> None:
    file = InputFile("md.trc.gz", 12, "quick:00")
    record = parse(record_of("rmsd", {"reference": 0, "atoms": None}, [file]))
    assert record == {
        "program": "gromos_dist",
        "version": __version__,
        "call": "rmsd",
        "parameters": {"reference": 0, "atoms": None},
        "inputs": [{"path": "md.trc.gz", "size": 12, "content_hash": "quick:00"}],
        "written": "rmsd() of md.trc.gz",
    }


def test_a_record_is_canonical() -> None:
    one = record_of("rmsd", {"a": 1, "b": {"x": 1.5, "y": "é"}}, [])
    two = record_of("rmsd", {"b": {"y": "é", "x": 1.5}, "a": np.int32(1)}, [])
    assert one == two
    assert "\n" not in one.text
    assert one.text.isascii()


def test_identity_ignores_where_the_file_is(tmp_path: Path) -> None:
    here = write(tmp_path / "here", b"abc")
    there = Path(shutil.copy(here, tmp_path / "there"))
    first, second = (record_of("rmsd", {}, [describe_file(path)]) for path in (here, there))
    assert first != second
    assert identity(first) == identity(second)
    other = record_of("rmsd", {}, [describe_file(write(tmp_path / "here", b"abd"))])
    assert identity(first) != identity(other)


class Hashed:
    content_hash = "0123"


def test_parameters_of_every_kind() -> None:
    coordinates = np.arange(6.0).reshape(2, 3)
    parameters = {
        "atoms": [0, 2, 4],
        "frames": slice(None, 10, np.int64(2)),
        "span": range(3),
        "path": Path("a/b.cnf"),
        "box": coordinates,
        "long": list(range(100)),
        "cutoff": float("inf"),
        "mass_weighted": np.bool_(True),
        "topology": Hashed(),
    }
    found = parse(record_of("rmsd", parameters, []))["parameters"]
    assert found["atoms"] == [0, 2, 4]
    assert found["frames"] == {"slice": [None, 10, 2]}
    assert found["span"] == {"range": [0, 3, 1]}
    assert found["path"] == "a/b.cnf"
    assert found["box"] == {
        "dtype": "<f8",
        "shape": [2, 3],
        "array_hash": array_hash(coordinates),
    }
    assert found["long"]["shape"] == [100]
    assert found["cutoff"] == "inf"
    assert found["mass_weighted"] is True
    assert found["topology"] == {"type": "Hashed", "content_hash": "0123"}


def test_parameters_of_other_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match=r"weights\[1\].*got object"):
        record_of("rmsd", {"weights": [1.0, object()]}, [])


def test_array_hash_depends_on_values_shape_and_dtype_only() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert array_hash(array) == array_hash(np.asfortranarray(array))
    assert array_hash(array) == array_hash(array.astype(">f4"))
    different = [array.reshape(4, 3), array.astype(float), array + 1, array.T]
    assert array_hash(array) not in {array_hash(other) for other in different}
    with pytest.raises(TypeError, match="Python objects"):
        array_hash(np.array([None]))


@pytest.mark.parametrize("text", ["", "made by hand", "{}", "[1]", '{"program":"other"}'])
def test_what_others_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="provenance: expected the JSON"):
        parse(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values))
def test_a_record_is_always_strict_json(parameters: dict[str, object]) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(text)

    record = record_of("rmsd", parameters, [])
    assert json.loads(record.text, parse_constant=refuse)["call"] == "rmsd"
    assert record_of("rmsd", dict(reversed(parameters.items())), []) == record
