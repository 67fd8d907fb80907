"""Numbers beyond the last decimal of their columns: by files as programs write them."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from gromos_dist.errors import TopologyError
from gromos_dist.topology import load_topology
from gromos_dist.topology.numbering import (
    DECIMAL,
    HEXADECIMAL_OF_OPENMM,
    HEXADECIMAL_OF_VMD,
    HYBRID_36,
    Numbers,
    hybrid_36,
    read_numbers,
)

CASES = Path(__file__).parent / "data" / "cases"


def read(words: list[str], width: int = 4, begins: tuple[int, ...] = (0,)) -> Numbers:
    starts = np.zeros(len(words), bool)
    starts[list(begins)] = True
    return read_numbers(np.array(words), width, starts)


def of_openmm(number: int, width: int) -> str:
    if number < 10**width:
        return str(number)
    return f"{(number - 10**width + 10 * 16 ** (width - 1)) % 16**width:X}"


def of_vmd(number: int, width: int) -> str:
    return str(number) if number < 10**width else f"{number:x}"


def of_gromacs(number: int, width: int) -> str:
    return str(number % 10**width)


def of_hybrid(number: int, width: int) -> str:
    return hybrid_36(number, width) or ""


def test_hexadecimal_of_openmm() -> None:
    topology = load_topology(CASES / "residues_openmm-hex.pdb")
    assert topology.residue.tolist() == list(range(9998, 10040))


def test_hexadecimal_of_openmm_wraps_behind_ffff() -> None:
    topology = load_topology(CASES / "residues_openmm-wrap.pdb")
    # FFFF is 34575, and 0 follows it.
    assert topology.residue.tolist() == list(range(34572, 34580))


def test_numbers_begin_anew_with_each_chain() -> None:
    topology = load_topology(CASES / "residues_chain-restart.pdb")
    assert topology.residue.tolist() == [9997, 9998, 9999, 1, 2, 3, 1, 2, 3]
    assert topology.chain is not None
    assert topology.chain.tolist() == list("AAABBBCCC")


@pytest.mark.parametrize(
    ("write", "last"),
    [(of_gromacs, 45_000), (of_hybrid, 45_000), (of_openmm, 110_000), (of_vmd, 65_535)],
)
@pytest.mark.parametrize("repeats", [1, 3])
def test_a_chain_of_each_program(write: object, last: int, repeats: int) -> None:
    numbers = np.repeat(np.arange(1, last + 1), repeats)
    found = read([write(number, 4) for number in numbers.tolist()])  # type: ignore[operator]
    np.testing.assert_array_equal(found.values, numbers)
    assert not found.bad.any()
    assert found.ambiguous is None
    ways = {of_gromacs: DECIMAL, of_hybrid: HYBRID_36, of_openmm: HEXADECIMAL_OF_OPENMM}
    assert found.way == ways.get(write, HEXADECIMAL_OF_VMD)  # type: ignore[call-overload]


@pytest.mark.parametrize("write", [of_gromacs, of_hybrid, of_openmm, of_vmd])
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), min_size=1, max_size=4),
    st.booleans(),
)
def test_chains_that_pass_the_last_decimal(
    write: object, chains: list[tuple[int, int]], wide: bool
) -> None:
    width = 5 if wide else 4
    numbers: list[int] = []
    begins = []
    for before, behind in chains:
        begins.append(len(numbers))
        # Sixteen after the last decimal tell base 16 from base 36.
        numbers += range(10**width - 1 - before, 10**width + 17 + behind)
    found = read([write(n, width) for n in numbers], width, tuple(begins))  # type: ignore[operator]
    assert found.values.tolist() == numbers
    assert found.ambiguous is None


@given(st.integers(4, 5), st.integers(-999, 2_000_000))
def test_hybrid_36_reads_back(width: int, number: int) -> None:
    word = hybrid_36(number, width)
    assert word is not None
    assert len(word) <= width
    # The last decimal before it says that the number goes on behind it, not anew.
    found = read([str(10**width - 1), word], width, (0, 1))
    if found.ambiguous is None:
        assert found.values[1] == number


def test_what_two_ways_explain_is_said(tmp_path: Path) -> None:
    line = "ATOM      1  O   HOH W{}       0.000   0.000   0.000  1.00  0.00           O\n"
    path = tmp_path / "piece.pdb"
    path.write_text("REMARK\n" + line.format("A010") + line.format("A011"))
    with pytest.warns(
        UserWarning,
        match=r"piece\.pdb, line 2: the residue number 'A010' is read as 10036 \(hybrid-36\), but "
        "it may be hexadecimal as OpenMM writes it",
    ):
        assert load_topology(path).residue.tolist() == [10036, 10037]
    # What comes before or behind decides.
    for first, numbers in (("A00F", [10015, 10016, 10017]), ("A00Z", [10035, 10036, 10037])):
        path.write_text("".join(line.format(word) for word in (first, "A010", "A011")))
        assert load_topology(path).residue.tolist() == numbers


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["9999", "A000", "A001"], [9999, 10000, 10001]),
        (["ZZZZ", "a000"], [1_223_055, 1_223_056]),
        (["9fff", "a000"], [40_959, 40_960]),
        (["9999", "0", "1"], [9999, 10000, 10001]),
        (["9999", "2711"], [9999, 2711]),
        (["-5", "-4"], [-5, -4]),
    ],
)
def test_single_steps(words: list[str], numbers: list[int]) -> None:
    assert read(words).values.tolist() == numbers


def test_what_is_no_number_is_bad() -> None:
    found = read(["9999", "A000", "1.5", "****", "Ab12"])
    assert found.bad.tolist() == [False, False, True, True, True]


PSF = """PSF EXT

       {n} !NATOM
{atoms}
"""


def psf_of(path: Path, residues: list[str]) -> Path:
    atoms = [
        f"{i + 1:>10} WAT      {word:<8} TIP3     OH2      OT     -0.834000   15.9994       0"
        for i, word in enumerate(residues)
    ]
    path.write_text(PSF.format(n=len(atoms), atoms="\n".join(atoms)))
    return path


@pytest.mark.parametrize("write", [of_hybrid, of_openmm, of_vmd])
def test_psf_files_have_the_numbers_of_their_pdb_files(tmp_path: Path, write: object) -> None:
    words = [write(number, 4) for number in range(9990, 10030)]  # type: ignore[operator]
    topology = load_topology(psf_of(tmp_path / "a.psf", words))
    assert topology.residue.tolist() == list(range(9990, 10030))
    assert topology.insertion_code is None


def test_psf_insertion_codes_and_large_numbers(tmp_path: Path) -> None:
    topology = load_topology(psf_of(tmp_path / "a.psf", ["271", "271A", "10000", "123456"]))
    assert topology.residue.tolist() == [271, 271, 10000, 123456]
    assert topology.insertion_code is not None
    assert topology.insertion_code.tolist() == ["", "A", "", ""]
    assert topology.n_residues == 4


def test_psf_words_that_go_on_from_nothing_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"line 5: expected an atom.*'TIP3' as a residue"):
        load_topology(psf_of(tmp_path / "a.psf", ["1", "TIP3"]))
