"""Energy trajectories, against a plain reader, their own sums and gromos++."""

import gzip
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from gromos_dist._core import ffi, lib
from hypothesis import given
from hypothesis import strategies as st
from plain_energies import matrix

import gromos_dist as gd
from gromos_dist.errors import TrajectoryError, new_where
from gromos_dist.io.energies import trajectory as energies
from gromos_dist.io.energies.layout import totals_names
from gromos_dist.variables import VARIABLES

DATA = Path(__file__).parent / "data" / "energies"
SMALL = DATA / "small.tre"


def flat(ds: xr.Dataset, suffix: str = "") -> np.ndarray:
    """The numbers of ENERGY03, back in the order of the file, up to the special terms."""
    n_frames = ds.sizes["frame"]
    groups = ds.sizes["group"]
    upper = np.triu_indices(groups)
    name = f"energy{suffix}"
    parts = [
        ds[name],
        np.full((n_frames, 1), ds.sizes["bath"]),
        ds[f"bath_kinetic_energy{suffix}"],
        np.full((n_frames, 1), groups),
        ds[f"{name}_bonded"].transpose("frame", "group", ...),
        ds[f"{name}_nonbonded"].values[:, :, upper[0], upper[1]].transpose(0, 2, 1),
        ds[f"{name}_special"].transpose("frame", "group", ...),
    ]
    return np.concatenate([np.asarray(part).reshape(n_frames, -1) for part in parts], axis=1)


def flat_volume_pressure(ds: xr.Dataset) -> np.ndarray:
    n_frames = ds.sizes["frame"]
    baths = np.concatenate([ds.bath_temperature, ds.bath_scaling.values[..., None]], axis=2)
    parts = [
        *(ds.total_mass, np.full((n_frames, 1), ds.sizes["bath"]), baths, ds.volume),
        np.nan_to_num(ds.box.values),
        *(ds.pressure, ds.mean_virial, ds.molecular_kinetic_energy),
        *(ds.pressure_tensor, ds.virial, ds.molecular_kinetic_energy_tensor),
    ]
    return np.concatenate([np.asarray(part).reshape(n_frames, -1) for part in parts], axis=1)


def check_all(path: Path) -> None:
    ds = gd.open_energies(path)
    expected = matrix(path, "ENERGY03")
    found = flat(ds)
    np.testing.assert_array_equal(found, expected[:, : found.shape[1]])
    np.testing.assert_array_equal(flat_volume_pressure(ds), matrix(path, "VOLUMEPRESSURE03"))
    times = matrix(path, "TIMESTEP")
    np.testing.assert_array_equal(ds.step, times[:, 0])
    np.testing.assert_array_equal(ds.time, times[:, 1])
    for name in ds.variables:
        if str(name) in VARIABLES:
            assert ds[name].dims == VARIABLES[str(name)].dims
            assert ds[name].attrs == VARIABLES[str(name)].attrs


def test_every_number_of_the_reference(reference: Path) -> None:
    paths = sorted(reference.glob("**/*.tre*"))
    assert len(paths) > 25
    for path in paths:
        check_all(path)


@pytest.mark.parametrize("name", ["small.tre", "series.tre.gz"])
def test_every_number_of_our_own(name: str) -> None:
    check_all(DATA / name)


def test_sums_and_pressure_of_the_reference(reference: Path) -> None:
    for path in sorted(reference.glob("mdpp/*/expected/energies.tre")):
        ds = gd.open_energies(path)
        energy = ds.energy.to_series().unstack("term")
        close = {"rtol": 0, "atol": 1e-8 * energy.abs().max().max()}
        whole = energy.kinetic + energy.potential + energy.special
        np.testing.assert_allclose(whole, energy.total, **close)
        np.testing.assert_allclose(energy.covalent + energy.nonbonded, energy.potential, **close)
        for term in ds.bonded_term.values:
            by_group = ds.energy_bonded.sel(bonded_term=term).sum("group")
            np.testing.assert_allclose(by_group, energy[term], **close)
        restraints = ds.energy_special.sel(special_term="position_restraints").sum("group")
        np.testing.assert_allclose(restraints, energy.position_restraints, **close)
        for term in ("lennard_jones", "reaction_field"):
            pairs = ds.energy_nonbonded.sel(nonbonded_term=term).values
            np.testing.assert_array_equal(pairs, pairs.transpose(0, 2, 1))
            total = np.triu(pairs).sum(axis=(1, 2))
            np.testing.assert_allclose(total, energy[term], **close)
        np.testing.assert_allclose(
            ds.bath_kinetic_energy.sel(motion="total").sum("bath"), energy.kinetic, **close
        )
    npt = gd.open_energies(reference / "mdpp/water_216_npt/expected/energies.tre")
    kinetic, virial = npt.molecular_kinetic_energy_tensor, npt.virial
    pressure = 2 / npt.volume * (kinetic - virial)
    np.testing.assert_allclose(npt.pressure_tensor, pressure, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(npt.box), npt.volume, rtol=1e-9)
    assert len(np.unique(npt.volume)) > 1


def test_series_that_ene_ana_wrote(reference: Path) -> None:
    folder = reference / "analysis" / "pla2"
    ds = gd.open_energies(folder / "pla2.tre.gz", groups=["protein", "rest", "water"])
    names = dict(zip(ds.ene_ana_name.values.tolist(), ds.term.values.tolist(), strict=True))
    seen = 0
    for path in sorted(folder.glob("ene_ana_*.dat")):
        name = path.stem.removeprefix("ene_ana_")
        time, values = np.loadtxt(path, unpack=True)
        ours = {"boxvol": ds.volume, "pressu": ds.pressure * 16.388453}
        array = ours[name] if name in ours else ds.energy.sel(term=names[name])
        np.testing.assert_allclose(array, values, rtol=5e-9)
        np.testing.assert_allclose(ds.time, time, rtol=1e-9)
        seen += 1
    assert seen >= 11
    assert ds.group.values.tolist() == ["protein", "rest", "water"]


def test_derivatives() -> None:
    path = DATA / "small.trg"
    ds = gd.open_energies(path)
    expected = matrix(path, "FREEENERDERIVS03")
    np.testing.assert_array_equal(ds.coupling_parameter, expected[:, 0])
    found = flat(ds, "_derivative")
    np.testing.assert_array_equal(found, expected[:, 1 : 1 + found.shape[1]])
    rest = expected[:, 1 + found.shape[1] :]
    eds = ds.energy_derivative_eds.transpose("frame", "eds_state", ...).values.reshape(3, -1)
    np.testing.assert_array_equal(eds, rest[:, 1:13])
    lambdas = ds.energy_derivative_lambda.transpose("frame", "lambda_point", ...)
    np.testing.assert_array_equal(lambdas.values.reshape(3, -1), rest[:, 20:-2])
    np.testing.assert_array_equal(ds.energy_derivative_end_state, rest[:, -2:])
    for name in ds.data_vars:
        assert ds[name].attrs == VARIABLES[str(name)].attrs


def test_derivatives_beside_energies() -> None:
    with pytest.raises(ValueError, match="open energies and free-energy derivatives apart"):
        gd.open_energies([SMALL, DATA / "small.trg"])
    both = xr.merge(
        [
            gd.open_energies(SMALL, variables=["energy"]).isel(frame=slice(3)),
            gd.open_energies(DATA / "small.trg", variables=["energy_derivative"]),
        ],
        combine_attrs="drop",
        compat="equals",
        join="exact",
    )
    assert set(both) == {"energy", "energy_derivative"}


def test_several_files_and_patterns(tmp_path: Path) -> None:
    text = SMALL.read_text()
    starts = [match.start() for match in re.finditer("TIMESTEP", text)]
    head = text[: starts[0]]
    (tmp_path / "md_2.tre").write_text(head + text[starts[0] : starts[1]])
    (tmp_path / "md_10.tre.gz").write_bytes(gzip.compress((head + text[starts[1] :]).encode()))
    joined = gd.open_energies(str(tmp_path / "md_*"))
    whole = gd.open_energies(SMALL)
    assert joined.drop_attrs().identical(whole.drop_attrs())
    assert "md_10" in joined.attrs["history"]


def test_step_and_time_that_touch(tmp_path: Path) -> None:
    """As MD++ writes them from 10000 ps on."""
    text = SMALL.read_text()
    lines = re.findall(r"TIMESTEP\n(.*)\n", text)
    for i, line in enumerate(lines):
        text = text.replace(line, f"{5_000_000 + i:15d}{10_000 + i / 4:15.9f}")
    path = tmp_path / "late.tre"
    path.write_text(text)
    late, early = gd.open_energies(path), gd.open_energies(SMALL)
    np.testing.assert_array_equal(late.step, 5_000_000 + np.arange(len(lines)))
    np.testing.assert_array_equal(late.time, 10_000 + np.arange(len(lines)) / 4)
    np.testing.assert_array_equal(late.energy, early.energy)


def test_other_groups_do_not_join() -> None:
    with pytest.raises(ValueError, match="other terms, baths or energy groups"):
        gd.open_energies([SMALL, DATA / "series.tre.gz"])


def test_any_size_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gd.open_energies(SMALL).drop_attrs()
    for piece in (1, 7, 3000, 1 << 12, len(SMALL.read_bytes())):
        monkeypatch.setattr(energies, "_PIECE", piece)
        assert gd.open_energies(SMALL).drop_attrs().identical(whole)
    for n_tables in (13, 14, 20):
        monkeypatch.setattr(energies, "_TABLES_A_CALL", n_tables)
        assert gd.open_energies(SMALL).drop_attrs().identical(whole)


def test_free_spacing_and_no_comments(tmp_path: Path) -> None:
    whole = gd.open_energies(SMALL).drop_attrs()
    path = tmp_path / "free.tre"
    lines = [line for line in SMALL.read_text().splitlines() if not line.lstrip().startswith("#")]
    lines = [re.sub(r" +", "\t", line) + (" # seen" if "e+" in line else "") for line in lines]
    without_gamd: list[str] = []
    for i, line in enumerate(lines):  # what follows EDS needs its comment to be known
        if line == "0" and lines[i - 1].count("e+") == 13:
            without_gamd += ["# eds", line, "# gamd"]
        else:
            without_gamd.append(line)
    path.write_text("\r\n".join(without_gamd) + "\r\n")
    assert gd.open_energies(path).drop_attrs().identical(whole)


def test_vacuum(reference: Path) -> None:
    ds = gd.open_energies(reference / "mdpp/aladip_vacuum/expected/energies.tre")
    assert np.isnan(ds.box).all()
    assert (ds.volume == 0).all()


def old_version(text: str) -> str:
    """As MD++ of 2015 wrote it: 38 totals, fewer columns, neither GaMD nor ABdih."""
    lines: list[str] = []
    section, row = "", 0
    for given_line in text.splitlines():
        line = given_line
        if line.startswith("#"):
            section, row = line, 0
        keep = {"# nonbonded": 4, "# special": 11}.get(section)
        if section in ("# gamd", "# numaccelgroups", "# ABdih"):
            continue
        if section == "# totals" and not line.startswith("#"):
            row += 1
            if row > 38:
                continue
        numbers = line.split()
        if keep and len(numbers) > keep:
            line = "".join(f"{number:>18}" for number in numbers[:keep])
        if line.startswith("END"):
            section = ""
        lines.append(line)
    return "\n".join(lines) + "\n"


def test_older_version(tmp_path: Path) -> None:
    path = tmp_path / "old.tre"
    path.write_text(re.sub("(?s)(ENERGY03\n.*?)# ABdih.*?END", r"\1END", SMALL.read_text()))
    path.write_text(old_version(path.read_text()))
    ds = gd.open_energies(path)
    assert ds.sizes["term"] == 38
    assert ds.term.values[-5:].tolist() == [
        *("eds_reference", "entropy", "qm_mm"),
        *("ball_and_stick_local_elevation", "rdc_restraints"),
    ]
    assert "angle_restraints" not in ds.special_term
    assert ds.sizes["nonbonded_term"] == 4
    new = gd.open_energies(SMALL)
    np.testing.assert_array_equal(ds.energy[:, :33], new.energy[:, :33])
    np.testing.assert_array_equal(ds.energy_nonbonded, new.energy_nonbonded[:, :4])


@pytest.mark.parametrize("count", range(38, 60))
def test_names_of_totals(count: int) -> None:
    names = totals_names(count)
    assert len(names) == count == len({ours for ours, _ in names})
    assert names[:33] == totals_names(52)[:33]


def test_gamd(tmp_path: Path) -> None:
    path = tmp_path / "gamd.tre"
    row = "".join(f"{value:18.9e}" for value in (10, 20, 0.1, 0.2, 3)) + "\n"
    zeros = "".join(f"{0:18.9e}" for _ in range(5)) + "\n"
    text = SMALL.read_text()
    text = re.sub(r"# numaccelgroups\n1\n(.*\n).*\n", rf"# numaccelgroups\n2\n\1{zeros}{row}", text)
    path.write_text(text)
    ds = gd.open_energies(path)
    assert ds.gamd_boost.values[0].tolist() == [0, 3]
    assert ds.gamd_threshold.sel(acceleration_group=1).values[0].tolist() == [10, 20]
    assert ds.gamd_force_constant[0, 1].values.tolist() == [0.1, 0.2]
    assert "gamd_boost" not in gd.open_energies(SMALL)


# ---- damage ----


def damaged(tmp_path: Path, old: str, new: str, count: int = 1, last: bool = True) -> Path:
    text = SMALL.read_text()
    assert old in text
    path = tmp_path / "damaged.tre"
    if last:
        before, _, behind = text.rpartition(old)
        path.write_text(before + new + behind)
    else:
        path.write_text(text.replace(old, new, count))
    return path


DAMAGE = {
    "a word": ("-0.0", "x0.0", "", "expected numbers, found"),
    "a block is missing": ("ENERGY03", "ENERGY99", "", "expected the block ENERGY03, found VOLUME"),
    "numbers are missing": (
        f"{4500:18.9e}\n",
        "",
        "block VOLUMEPRESSURE03",
        "expected 50 numbers, found 49",
    ),
    "too many numbers": (
        f"{4500:18.9e}\n",
        f"{4500:18.9e} 1.0\n",
        "block VOLUMEPRESSURE03",
        "expected 50 numbers, found more",
    ),
    "nan": (f"{4500:18.9e}\n", "   nan\n", "block VOLUMEPRESSURE03", "simulation has most likely"),
    "another number of groups": ("# bonded\n2\n", "# bonded\n3\n", "ENERGY03", "expected 2 as in"),
    "no END": ("END\nENERGY03", "ENERGY03", "", "expected more numbers of a block, or its END"),
    "text between blocks": ("END\nENERGY03", "END\n 1.0\nENERGY03", "", "expected the name of"),
    "step": ("            150 ", "          150.5 ", "TIMESTEP", "expected the step, an integer"),
}


@pytest.mark.parametrize("case", sorted(DAMAGE.keys() - {"a word"}))
def test_damage(case: str, tmp_path: Path) -> None:
    old, new, block, message = DAMAGE[case]
    path = damaged(tmp_path, old, new)
    with pytest.raises(TrajectoryError, match=re.escape(message)) as caught:
        gd.open_energies(path, on_truncated="drop")
    text = str(caught.value)
    assert text.startswith(f"{path}: frame 3, ")
    assert block in text
    assert "line" in text


def test_damage_names_the_line(tmp_path: Path) -> None:
    lines = SMALL.read_text().splitlines()
    numbered = [i for i, line in enumerate(lines) if "e+" in line or "e-" in line]
    for i in numbered[:: len(numbered) // 40]:
        path = tmp_path / "word.tre"
        path.write_text("\n".join([*lines[:i], lines[i] + " what", *lines[i + 1 :]]) + "\n")
        with pytest.raises(TrajectoryError, match=rf"\bline {i + 1}\b"):
            gd.open_energies(path)


def test_versions_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "two.tre"
    path.write_text(SMALL.read_text() + SMALL.read_text())
    assert gd.open_energies(path).sizes["frame"] == 8
    path.write_text(SMALL.read_text() + SMALL.read_text().replace("2023-04-15", "2019-01-01"))
    with pytest.raises(TrajectoryError, match="ENEVERSION 2019-01-01, expected 2023-04-15"):
        gd.open_energies(path)


def test_an_unknown_layout(tmp_path: Path) -> None:
    text = re.sub(r"(?s)(# totals\n)(?: .*?\n){30}", r"\1", SMALL.read_text())
    path = tmp_path / "unknown.tre"
    path.write_text(text)
    with pytest.raises(TrajectoryError, match=r"line 12, block ENERGY03 .*22 totals, expected at"):
        gd.open_energies(path)
    path.write_text(SMALL.read_text().replace("# bonded\n2\n", "# bonded\n1\n"))
    with pytest.raises(TrajectoryError, match=r"frame 0, line \d+, block ENERGY03 "):
        gd.open_energies(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "empty.tre"
    path.write_text("")
    with pytest.raises(TrajectoryError, match="no whole frame"):
        gd.open_energies(path)
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(TrajectoryError, match="expected the name of a block"):
        gd.open_energies(path)
    with pytest.raises(TrajectoryError, match="no whole frame"):
        gd.open_energies(DATA.parent / "gromos" / "small.cnf")
    with pytest.raises(FileNotFoundError):
        gd.open_energies(tmp_path / "none.tre")


def cuts() -> list[int]:
    size = SMALL.stat().st_size
    return [*range(1, size - 5, 97), *range(size - 5, size)]


@pytest.mark.parametrize("cut", cuts()[::6])
def test_cut_anywhere(cut: int, tmp_path: Path) -> None:
    data = SMALL.read_bytes()
    path = tmp_path / "cut.tre"
    path.write_bytes(data[:cut])
    ends = [match.end() for match in re.finditer(rb"VOLUMEPRESSURE03(?s:.*?)END", data)]
    n_whole = sum(end <= cut for end in ends)
    whole = gd.open_energies(SMALL)
    if n_whole == 0:
        with pytest.raises(TrajectoryError):
            gd.open_energies(path, on_truncated="drop")
        return
    kept = gd.open_energies(path, on_truncated="drop")
    assert kept.drop_attrs().identical(whole.isel(frame=slice(n_whole)).drop_attrs())
    if cut in (ends[n_whole - 1], ends[n_whole - 1] + 1):
        assert "truncated" not in kept.attrs
        return
    assert kept.attrs["truncated"] == str(path)
    with pytest.raises(TrajectoryError, match=f"its first {n_whole} frames are whole"):
        gd.open_energies(path)
    with pytest.warns(UserWarning, match="this frame is left out"):
        gd.open_energies(path, on_truncated="warn")


def test_cut_gzip(tmp_path: Path) -> None:
    data = gzip.compress(SMALL.read_bytes())
    path = tmp_path / "cut.tre.gz"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TrajectoryError, match=re.escape(str(path))):
        gd.open_energies(path)


@given(st.integers(0, 2**63), st.integers(1, 12))
def test_mutated_files(tmp_path_factory: pytest.TempPathFactory, seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(SMALL.read_bytes())
    for at in rng.integers(0, len(data), n):
        data[at] = rng.integers(0, 256) if rng.random() < 0.5 else ord(rng.choice(list("01 \nE#.")))
    path = tmp_path_factory.getbasetemp() / "mutated.tre"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            ds = gd.open_energies(path)
        except TrajectoryError as error:
            found = str(error)
        else:
            assert np.isfinite(ds.energy).all()
            return
    assert found.startswith(f"{path}: ")


def test_arguments() -> None:
    with pytest.raises(ValueError, match="groups: expected 2 names, got 1"):
        gd.open_energies(SMALL, groups=["water"])
    with pytest.raises(ValueError, match="has no entropy; what it has of those named: energy"):
        gd.open_energies(SMALL, variables=["energy", "entropy"])
    with pytest.raises(ValueError, match="expected 'raise', 'drop' or 'warn'"):
        gd.open_energies(SMALL, on_truncated="ignore")  # type: ignore[arg-type]
    ds = gd.open_energies(SMALL, variables=["pressure"])
    assert set(ds) == {"pressure"}
    assert set(ds.coords) == {"time", "step"}


# ---- the core ----


def parse_numbers(text: bytes, n_values: int, size: int | None = None) -> tuple[int, np.ndarray]:
    table = ffi.new("struct gd_gromos_table[1]")
    table[0].size = len(text) if size is None else size
    table[0].line = 1
    out = np.full(n_values, np.nan)
    status = lib.gd_gromos_numbers(
        *(text, len(text), 0, 1, table, n_values),
        *(ffi.from_buffer("double[]", out, require_writable=True), new_where()),
    )
    return status, out


@given(
    st.lists(
        st.one_of(
            st.floats(-1e300, 1e300).map(repr),
            st.floats(-1e300, 1e300).map(lambda x: f"{x:.9e}"),
            st.integers(-(10**22), 10**22).map(str),
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 7),
)
def test_numbers_are_those_of_strtod(words: list[str], per_line: int) -> None:
    rows = [" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    text = ("BLOCK # comment\n" + " # here 1 2\n".join(rows) + "\nEND\n").encode()
    status, out = parse_numbers(text, len(words))
    assert status == lib.GD_OK
    np.testing.assert_array_equal(out, [float(word) for word in words])
    assert parse_numbers(text, len(words) + 1)[0] == lib.GD_CORRUPT
    if len(words) > 1:
        assert parse_numbers(text, len(words) - 1)[0] == lib.GD_CORRUPT


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"B\n1 2\nEND\n", lib.GD_OK),
        (b"B\n1 2\nEND", lib.GD_OK),
        (b"B\n1 2\nEN", lib.GD_CORRUPT),
        (b"B\n1 2\n", lib.GD_TRUNCATED),
        (b"B\n1 2", lib.GD_TRUNCATED),
        (b"B\n1 -\nEND\n", lib.GD_CORRUPT),
        (b"B\n1 inf\nEND\n", lib.GD_NOT_FINITE),
        (b"B\n1 0x2\nEND\n", lib.GD_CORRUPT),
        (b"B", lib.GD_TRUNCATED),
    ],
)
def test_numbers_at_the_edges(text: bytes, status: int) -> None:
    assert parse_numbers(text, 2)[0] == status


@pytest.mark.parametrize("size", [0, -1, 100, 2**62])
def test_blocks_outside_the_text(size: int) -> None:
    assert parse_numbers(b"B\n1\nEND\n", 1, size)[0] == lib.GD_TRUNCATED
