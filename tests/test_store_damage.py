"""A store that lost or damaged a file is never taken for a complete one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import store_run
import xarray as xr
from store_run import tree

from gromos_dist.errors import StoreError
from gromos_dist.store import contents, layout, open_store, store, zarr_folder

TRIALS = 150


def result() -> xr.Dataset:
    lazy = store_run.lazy_result().to_dataset()
    chunked = {"step": ("frame", np.arange(store_run.FRAMES)), "flag": ("frame", np.arange(40) > 3)}
    return lazy.assign(chunked).chunk(frame=8).assign_coords(atom_name=("atom", ["CA", "CB1"]))


@pytest.fixture(params=["chunks", "shards"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "shards":
        monkeypatch.setattr(zarr_folder, "_BYTES_OF_A_SHARD", 1)
        monkeypatch.setattr(layout, "_BYTES_OF_A_CHUNK", 48)
    return store(result(), tmp_path / "result.zarr")


def damage(path: Path, data: bytes, chance: random.Random) -> str:
    kind = chance.choice(["delete", "truncate", "flip", "grow"])
    if kind == "delete":
        path.unlink()
    elif kind == "truncate":
        path.write_bytes(data[: chance.randrange(len(data))])
    elif kind == "grow":
        path.write_bytes(data + bytes(chance.randrange(1, 9)))
    else:
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))
    return kind


def test_no_damage_goes_unseen(stored: Path) -> None:
    whole = tree(stored)
    expected = result().compute()
    chance = random.Random(0)
    for _ in range(TRIALS):
        names = chance.sample(sorted(whole), chance.choice([1, 1, 2]))
        kinds = [damage(stored / name, whole[name], chance) for name in names]
        try:
            open_store(stored).compute()
        except (OSError, ValueError):
            pass
        else:
            pytest.fail(f"accepted: {kinds} of {names}")
        for name in names:
            (stored / name).write_bytes(whole[name])
    xr.testing.assert_equal(open_store(stored).compute(), expected)


def test_the_same_call_mends_it(stored: Path) -> None:
    whole = tree(stored)
    chance = random.Random(1)
    refused = 0
    for _ in range(20):
        name = chance.choice(sorted(whole))
        damage(stored / name, whole[name], chance)
        try:
            store(result(), stored)
        except (StoreError, OSError, ValueError):
            # What the root says is not to be guessed.
            assert name == "zarr.json", name
            refused += 1
            (stored / name).write_bytes(whole[name])
        assert tree(stored) == whole, name
    assert refused < 5


def test_lists_of_many_stores_are_read_once(tmp_path: Path) -> None:
    lazy = store_run.lazy_result()
    paths = [store(lazy, tmp_path / f"{i}.zarr") for i in range(12)]
    contents._read.cache_clear()
    arrays = [open_store(path).center_of_mass.data for path in paths]
    total = sum(arrays[1:], arrays[0]).compute(scheduler="synchronous")
    np.testing.assert_allclose(total, 12 * lazy.values, rtol=1e-12)
    assert contents._read.cache_info().misses == len(paths)


def test_messages_name_what_is_missing(stored: Path) -> None:
    block = stored / "center_of_mass" / "c" / "2" / "0"
    data = block.read_bytes()
    block.unlink()
    with pytest.raises(StoreError, match=r"1 are not .* center_of_mass/c/2/0 \(missing\); copy it"):
        open_store(stored)
    block.write_bytes(data[:-3])
    with pytest.raises(StoreError, match=rf"c/2/0 \({len(data) - 3} bytes instead of {len(data)}"):
        open_store(stored)
    block.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])
    opened = open_store(stored)
    opened.isel(frame=slice(0, 16)).compute()
    with pytest.raises(StoreError, match=r"center_of_mass is damaged"):
        opened.compute()
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(stored).compute()


def test_a_store_written_anew_is_not_mixed_with_the_old_one(stored: Path) -> None:
    opened = open_store(stored)
    store((result() * 2).assign_attrs(note="other"), stored, overwrite=True)
    with pytest.raises(StoreError, match="written anew since it was opened"):
        opened.compute()


def test_an_interrupted_copy_over_an_older_one(stored: Path, tmp_path: Path) -> None:
    other = store(result() * 2, tmp_path / "other.zarr")
    newer = tree(other)
    files = [name for name in sorted(newer) if newer[name] != (stored / name).read_bytes()]
    for name in files[:-1]:
        shutil.copy(other / name, stored / name)
        with pytest.raises((StoreError, ValueError)):
            open_store(stored).compute()
    shutil.copy(other / files[-1], stored / files[-1])
    xr.testing.assert_equal(open_store(stored).compute(), result().compute() * 2)


def test_parts_are_read(stored: Path) -> None:
    opened, expected = open_store(stored), result().compute()
    for part in (slice(None, None, -1), slice(5, 30, 7), [3, 1, 39], 7):
        xr.testing.assert_equal(opened.isel(frame=part).compute(), expected.isel(frame=part))


def test_a_store_of_the_first_release_opens_if_its_blocks_are_there(stored: Path) -> None:
    expected = open_store(stored).compute()
    (stored / contents.NAME).unlink()
    with pytest.raises(StoreError, match=r"contents\.json is missing"):
        open_store(stored)
    root = (stored / "zarr.json").read_text()
    (stored / "zarr.json").write_text(root.replace(r"\"format\":2", r"\"format\":1"))
    xr.testing.assert_equal(open_store(stored).compute(), expected)
    (stored / "center_of_mass" / "c" / "1" / "0").unlink()
    with pytest.raises(StoreError, match=r"1 of 20 blocks are missing"):
        open_store(stored)
