from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gromos_dist.io.formats.columns import Columns, ColumnsError, format_columns, parse_columns

# The columns of all formats: positions and forces of GROMOS text, GRO, PDB, and others.
KINDS = [(15, 9), (18, 9), (8, 3), (8, 4), (24, 8), (12, 0), (10, 5)]


def formatted(values: Any, width: int, decimals: int, power: int | None = None) -> str:
    values = np.asarray(values)
    rows = values.reshape(1, -1, 1)
    columns = Columns(0, width + 1, width, decimals, n=1, power=power)
    text = np.full(values.size * (width + 1), ord("\n"), np.uint8)
    format_columns(rows, columns, np.zeros(1, np.int64), text)
    return text.tobytes().decode()


def printed(values: Any, width: int, decimals: int) -> str:
    """What C's printf writes: Python formats with the same exact rounding."""
    return "".join([f"{value:{width}.{decimals}f}\n" for value in np.asarray(values).tolist()])


def hard_numbers(decimals: int, largest: float) -> np.ndarray:
    """Numbers of all sizes, and those near which rounding is decided."""
    random = np.random.default_rng(decimals)
    n = 40_000
    whole = random.integers(-int(largest), int(largest), n, endpoint=True).astype(float)
    digit = 10.0**-decimals
    found = [
        random.normal(size=n) * 10.0 ** random.uniform(-12, np.log10(largest), n),
        # Exact halves of the last digit, which are multiples of a power of two.
        random.integers(-(2**20), 2**20, n) * 0.5 ** (decimals + 1),
        whole + random.integers(0, 2**12, n) * 0.5**12,
        # Numbers that lie as near to a half as a double can.
        whole * digit + 0.5 * digit,
        np.nextafter(whole * digit + 0.5 * digit, np.inf),
        np.nextafter(whole * digit + 0.5 * digit, -np.inf),
        np.array([0.0, -0.0, 5e-324, -5e-324, 1e-300, 0.5 * digit, -0.5 * digit, 2.5 * digit]),
    ]
    values = np.concatenate(found)
    return values[np.abs(values) < 0.99 * largest]


@pytest.mark.parametrize(("width", "decimals"), KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_digits_are_those_of_printf(width: int, decimals: int, dtype: Any) -> None:
    largest = 10.0 ** (width - decimals - 2 - (decimals > 0))
    values = hard_numbers(decimals, min(largest, 2.0**53 / 10**decimals)).astype(dtype)
    assert formatted(values, width, decimals) == printed(values, width, decimals)


@settings(max_examples=500)
@given(value=st.floats(-9e3, 9e4), decimals=st.integers(0, 9))
def test_any_number(value: float, decimals: int) -> None:
    assert formatted([value], 16, decimals) == printed([value], 16, decimals)


def test_ten_times_the_number_is_rounded_once() -> None:
    values = np.random.default_rng(1).normal(size=5000).tolist()
    expected = [round(Fraction(value) * 10_000) for value in values]
    found = formatted(values, 8, 3, power=4).split()
    assert [round(float(word) * 1000) for word in found] == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "is not finite"),
        (np.inf, "is not finite"),
        (1e5, "does not fit into columns of 15 characters with 9 decimals"),
        (-1e4, "does not fit into columns of 15"),
        (99999.9999999999, "does not fit into columns of 15"),
        (1e300, "does not fit into columns of 15"),
    ],
)
def test_what_does_not_fit(value: float, problem: str) -> None:
    values = np.zeros((4, 5, 3))
    values[2, 3, 1] = value
    columns = Columns(0, 46, 15, 9)
    text = np.zeros(4 * 5 * 46, np.uint8)
    with pytest.raises(ColumnsError, match=problem) as raised:
        format_columns(values, columns, np.arange(4, dtype=np.int64) * 5 * 46, text)
    assert (raised.value.frame, raised.value.row) == (2, 3)


@pytest.mark.parametrize("value", [99999.999999999, -9999.999999999])
def test_the_largest_that_fit(value: float) -> None:
    assert formatted([value], 15, 9) == f"{value:15.9f}\n"


@pytest.mark.parametrize(("width", "decimals"), [(15, 9), (8, 3), (10, 5), (18, 9)])
def test_parsed_they_are_what_float_gives(width: int, decimals: int) -> None:
    random = np.random.default_rng(2)
    largest = 10.0 ** min(width - decimals - 2, 14 - decimals)
    numbers = random.uniform(-largest / 10, largest, 3000)
    words = [f"{number:{width}.{decimals}f}" for number in numbers]
    text = np.frombuffer("".join(words).encode(), np.uint8)
    for dtype in (np.float32, np.float64):
        out = np.empty((1, 1000, 3), dtype)
        columns = Columns(0, 3 * width, width, decimals)
        parse_columns(text, columns, np.zeros(1, np.int64), None, out)
        assert out.ravel().tolist() == np.array(words, float).astype(dtype).tolist()
    wanted = np.array([5, 5, 0, 999])
    some = np.empty((1, 4, 3))
    parse_columns(text, columns, np.zeros(1, np.int64), wanted, some)
    np.testing.assert_array_equal(some[0], np.array(words, float).reshape(-1, 3)[wanted])


@pytest.mark.parametrize(
    "word",
    [
        "        ",
        "   1.2.3",
        "   abc  ",
        "  1 2   ",
        "    -   ",
        "   nan  ",
        "********",
        "1e5     ",
    ],
)
def test_what_is_no_number(word: str) -> None:
    text = np.frombuffer(("   1.000" + word + "   3.000").encode(), np.uint8)
    with pytest.raises(ColumnsError, match="expected 3 numbers in columns of 8 characters, found"):
        parse_columns(text, Columns(0, 24, 8, 3), np.zeros(1, np.int64), None, np.empty((1, 1, 3)))


def test_beyond_the_text() -> None:
    text = np.frombuffer(b"   1.000   2.000   3.00", np.uint8)
    with pytest.raises(ColumnsError, match="expected 3 numbers"):
        parse_columns(text, Columns(0, 24, 8, 3), np.zeros(1, np.int64), None, np.empty((1, 1, 3)))
