"""Files that change between opening and the last frame, and between two runs."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from reader_files import FORMATS, write
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist import input_file, provenance
from gromos_dist.cli.application import application
from gromos_dist.errors import TrajectoryError
from gromos_dist.input_file import file_state, unchanged
from gromos_dist.io.energies import trajectory as energies

CASES = Path(__file__).parent / "data" / "cases"
SIZE = 400_000


def swap(path: Path, content: bytes) -> None:
    """Put another file in its place, as programs do that write aside and rename."""
    aside = path.with_name("aside")
    aside.write_bytes(content)
    aside.replace(path)


def overwrite(path: Path, content: bytes) -> None:
    """Write into the very file."""
    with path.open("r+b") as file:
        file.write(content)


def swap_at_the_same_time(path: Path, content: bytes) -> None:
    found = path.stat()
    swap(path, content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def swap_and_fail(path: Path) -> None:
    swap(path, bytes(10))
    raise TrajectoryError("nonsense was read")


CHANGES = [swap, overwrite, swap_at_the_same_time]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", list(FORMATS))
def test_every_reader_notices(
    tmp_path: Path, name: str, change: Callable[[Path, bytes], None]
) -> None:
    """The content is the same, so that no reader could know by what it reads."""
    path = write(tmp_path, name)
    ds = gd.open_trajectory(path)
    field = next(iter(ds.data_vars))
    before = ds[field].values
    assert ds[field].values.tobytes() == before.tobytes()
    change(path, path.read_bytes())
    with pytest.raises(TrajectoryError, match=f"{path.name}: the file has changed since it was op"):
        ds[field].values  # noqa: B018
    assert gd.open_trajectory(path)[field].values.tobytes() == before.tobytes()


@pytest.mark.parametrize("change", CHANGES)
def test_one_file_replaced_by_another(
    tmp_path: Path, change: Callable[[Path, bytes], None]
) -> None:
    path = tmp_path / "md.dcd"
    shutil.copy(CASES / "replaced_one.dcd", path)
    ds, frames = gd.open_trajectory(path), gd.Trajectory.load(path)
    change(path, (CASES / "replaced_two.dcd").read_bytes())
    with pytest.raises(TrajectoryError, match="has changed since"):
        gd.rmsd(ds)
    with pytest.raises(TrajectoryError, match="has changed since"):
        frames[0]
    with pytest.raises(TrajectoryError, match="has changed since"):
        list(frames)


@pytest.mark.usefixtures("client")
def test_on_workers_too(tmp_path: Path) -> None:
    path = tmp_path / "md.dcd"
    shutil.copy(CASES / "replaced_one.dcd", path)
    result = gd.radius_of_gyration(gd.open_trajectory(path), mass_weighted=False)
    overwrite(path, (CASES / "replaced_two.dcd").read_bytes())
    with pytest.raises(TrajectoryError, match="has changed since"):
        result.compute()


def test_a_change_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    state = file_state(path)
    with (
        pytest.raises(TrajectoryError, match=r"had 400000 bytes, now 10\)"),
        unchanged(str(path), state),
    ):
        os.truncate(path, 10)
    state = file_state(path)
    with (
        pytest.raises(TrajectoryError, match="has changed since") as caught,
        unchanged(str(path), state),
    ):
        swap_and_fail(path)
    assert "nonsense" in str(caught.value.__context__)
    with pytest.raises(FileNotFoundError), unchanged(str(path), file_state(path)):
        path.unlink()


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_file_written_over_whose_time_is_set_back(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    content = path.read_bytes()
    ds = gd.open_trajectory(path)
    field = next(iter(ds.data_vars))
    before = ds[field].values
    found = path.stat()
    # What is not in the file changes nothing: another name for it, permissions.
    path.with_name("link").hardlink_to(path)
    path.chmod(0o600)
    assert ds[field].values.tobytes() == before.tobytes()
    place = len(content) // 2
    overwrite(path, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(TrajectoryError, match="size and time are the same, but not what is in it"):
        ds[field].values  # noqa: B018


def test_what_has_only_grown_is_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    content = random.bytes(SIZE)
    path = tmp_path / "file"
    path.write_bytes(content)
    state = file_state(path)
    path.write_bytes(content + b"more")
    with unchanged(str(path), state):
        path.write_bytes(content + b"more and more")
    # Frames are counted in the first bytes of a DCD file.
    path.write_bytes(content[:8] + b"2\0\0\0" + content[12:] + b"more")
    with unchanged(str(path), state):
        pass
    path.write_bytes(content[:40_000] + b"!" + content[40_001:] + b"more")
    with (
        pytest.raises(TrajectoryError, match="and no longer begins as it did"),
        unchanged(str(path), state),
    ):
        pass


def test_other_machines_and_mounts_number_files_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    state = file_state(path)
    elsewhere = replace(state, machine="another", inode=state.inode + 1)
    with unchanged(str(path), elsewhere):
        pass
    with (
        pytest.raises(TrajectoryError, match="another file of the same size and time"),
        unchanged(str(path), replace(elsewhere, digest="another")),
    ):
        pass
    with (
        pytest.raises(TrajectoryError, match="keeps its time with cp -p"),
        unchanged(str(path), replace(elsewhere, modified=1)),
    ):
        pass
    monkeypatch.setattr(input_file, "_numbers_files_anew", lambda _: True)
    with unchanged(str(path), replace(state, inode=state.inode + 2)):
        pass


def test_energies_that_change_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "md.tre"
    shutil.copy(Path(__file__).parent / "data" / "energies" / "small.tre", path)
    assert gd.open_energies(path).sizes["frame"] == 4

    def changed(name: str) -> provenance.InputFile:
        overwrite(path, path.read_bytes())
        return provenance.describe_file(name)

    monkeypatch.setattr(energies, "describe_file", changed)
    with pytest.raises(TrajectoryError, match=r"md\.tre: the file has changed since it was opened"):
        gd.open_energies(path)


def test_identity_knows_the_time_where_samples_leave_something_out(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    quick, whole = (provenance.describe_file(path, verify) for verify in (False, True))
    os.utime(path, ns=(0, 1_234_567_891_000_000_000))
    touched, verified = (provenance.describe_file(path, verify) for verify in (False, True))
    assert touched.content_hash == quick.content_hash
    assert touched.modified == "2009-02-13T23:31:31.000000000Z"
    assert touched.token != quick.token
    assert verified == whole
    assert whole.modified == ""
    histories = [provenance.record_of("rmsd", {}, [file]) for file in (quick, touched)]
    assert provenance.identity(histories[0]) != provenance.identity(histories[1])
    path.write_bytes(bytes(100))
    assert provenance.describe_file(path).modified == ""


def dcd_of(path: Path, seed: int, n_frames: int = 300) -> None:
    random = np.random.default_rng(seed)
    with gd.TrajectoryWriter(path, overwrite=True) as writer:
        for i in range(n_frames):
            writer.write_frame(gd.Frame(random.normal(size=(200, 3)), time=1.0 * i, step=i))


@pytest.mark.parametrize("verify", [False, True])
def test_values_of_before_are_no_values_of_a_changed_file(tmp_path: Path, verify: bool) -> None:
    """What was changed lies where no sample is taken."""
    path, target = tmp_path / "md.dcd", tmp_path / "rgyr.zarr"
    dcd_of(path, 1)

    def result() -> float:
        ds = gd.open_trajectory(path, verify=verify)
        gd.store(gd.radius_of_gyration(ds, mass_weighted=False), target, progress=False)
        return float(gd.open_store(target).radius_of_gyration.sum())

    before = result()
    content = bytearray(path.read_bytes())
    described = provenance.describe_file(path)
    at = len(content) // 17 - 3000 + 64 * 1024
    content[at + 3 - at % 4 : at + 400 : 4] = bytes(len(content[at + 3 - at % 4 : at + 400 : 4]))
    path.write_bytes(content)
    assert provenance.describe_file(path).content_hash == described.content_hash
    with pytest.raises(FileExistsError, match="content_hash" if verify else "modified"):
        result()
    shutil.rmtree(target)
    assert result() != before


def test_verified_files_may_be_touched(tmp_path: Path) -> None:
    path, target = tmp_path / "md.dcd", tmp_path / "rgyr.zarr"
    dcd_of(path, 1)
    for verify, refused in ((True, False), (False, True)):
        shutil.rmtree(target, ignore_errors=True)
        for modified in (10**18, 2 * 10**18):
            os.utime(path, ns=(0, modified))
            ds = gd.open_trajectory(path, verify=verify)
            result = gd.radius_of_gyration(ds, mass_weighted=False)
            if refused and target.exists():
                with pytest.raises(FileExistsError, match="touch -d TIME FILE") as caught:
                    gd.store(result, target, progress=False)
                assert "'2001-09-09T01:46:40.000000000Z', now '2033-05-18T" in str(caught.value)
            else:
                gd.store(result, target, progress=False)


def test_a_part_of_gzip_that_was_damaged_since_is_noticed(tmp_path: Path) -> None:
    """Whoever damages a file need not change the time of its last change: disks do it, too."""
    random = np.random.default_rng(1)
    lines = "".join(f"{x:15.9f}{y:15.9f}{z:15.9f}\n" for x, y, z in random.uniform(0, 9, (999, 3)))
    text = "".join(
        f"TIMESTEP\n{i:15d}{i:15.9f}\nEND\nPOSITIONRED\n{lines}END\n" for i in range(400)
    )
    path = tmp_path / "md.trc.gz"
    good = gzip.compress(text.encode(), 1)
    path.write_bytes(good)
    whole = gd.open_trajectory(path).positions.values
    time = path.stat().st_mtime_ns
    noticed = 0
    for seed in range(30):
        bad = bytearray(good)
        at = int(np.random.default_rng(seed).integers(1000, len(good) - 1000))
        bad[at] ^= 1 << seed % 8
        overwrite(path, bytes(bad))
        os.utime(path, ns=(0, time))
        try:
            frames = slice(seed * 13, seed * 13 + 9)
            got = gd.open_trajectory(path).positions[frames].values
        except TrajectoryError:
            noticed += 1
        else:
            assert got.tobytes() == whole[frames].tobytes()
    assert noticed


def test_verify_of_the_command_line_and_of_xarray(tmp_path: Path) -> None:
    path, target = tmp_path / "md.dcd", tmp_path / "rgyr.nc"
    dcd_of(path, 1)
    for arguments, hashed in ((["--verify"], "whole:"), ([], "quick:")):
        result = CliRunner().invoke(
            application,
            ["rgyr", str(path), "-o", str(target), "--no-mass-weighted", "--overwrite", *arguments],
        )
        assert result.exit_code == 0, result.output
        with xr.open_dataset(target) as found:
            record = provenance.parse(found.radius_of_gyration.attrs["provenance"])
        assert record["inputs"][0]["content_hash"].startswith(hashed)
        assert ("modified" in record["inputs"][0]) == (hashed == "quick:")
    ds = xr.open_dataset(path, engine="gromos", verify=True)
    assert '"content_hash":"whole:' in ds.attrs["provenance"].text
