"""GROMOS files as blocks: a name on a line of its own, free-format content, and END."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from gromos_dist.errors import TopologyError
from gromos_dist.topology.files import read_lines

Floats = NDArray[np.float64]

_LARGEST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Block:
    """One block of a file: its lines without comments and blanks, each with its number."""

    path: str
    name: str
    line: int
    """Number of the line with the block's name, from 1."""
    lines: tuple[tuple[int, str], ...]
    error_type: type[OSError] = TopologyError

    def error(self, message: str, line: int | None = None) -> OSError:
        """Return an error that names file, block and line."""
        place = f"{self.path}, block {self.name}, line {line or self.line}"
        return self.error_type(f"{place}: {message}")

    def tokens(self) -> Tokens:
        """Return the block's content word by word."""
        return Tokens(self)


class Tokens:
    """A block's words, taken one after the other; line ends do not matter.

    Every method says what it expects, so that an error can: ``what`` is a noun, for example
    ``"the number of bonds"``.
    """

    def __init__(self, block: Block) -> None:
        self._block = block
        self._words: list[str] = []
        self._lines: list[int] = []
        for number, line in block.lines:
            words = line.split()
            self._words += words
            self._lines += [number] * len(words)
        self._next = 0

    def fail(self, message: str) -> NoReturn:
        """Raise an error at the word that was taken last."""
        raise self._block.error(message, self.line)

    @property
    def line(self) -> int:
        """Number of the line of the word that was taken last."""
        return self._lines[min(self._next, len(self._lines)) - 1] if self._next else 0

    @property
    def left(self) -> int:
        """How many words are left."""
        return len(self._words) - self._next

    def word(self, what: str) -> str:
        """Take the next word."""
        if not self.left:
            raise self._block.error(
                f"expected {what}, but the block ends here", self._lines[-1] if self._lines else 0
            )
        self._next += 1
        return self._words[self._next - 1]

    def integer(self, what: str, low: int | None = None, high: int | None = None) -> int:
        """Take an integer, from `low` to `high` (both included) where they are given."""
        word = self.word(what)
        try:
            value = int(word)
        except ValueError:
            self.fail(f"expected {what} (an integer), found {word!r}{_missing_end(word)}")
        if abs(value) > _LARGEST:
            self.fail(f"expected {what} of at most 19 digits, found {word[:40]}")
        if (low is not None and value < low) or (high is not None and value > high):
            span = f"from {low} to {high}" if high is not None else f"of at least {low}"
            self.fail(f"expected {what} {span}, found {value}")
        return value

    def real(self, what: str) -> float:
        """Take a finite number; Fortran's exponents with D are fine."""
        word = self.word(what)
        try:
            value = float(word.replace("D", "E").replace("d", "e"))
        except ValueError:
            self.fail(f"expected {what} (a number), found {word!r}{_missing_end(word)}")
        if not np.isfinite(value):
            self.fail(f"expected {what} (a finite number), found {word!r}")
        return value

    def integers(
        self, count: int, what: str, low: int | None = None, high: int | None = None
    ) -> NDArray[np.int64]:
        """Take `count` integers, each from `low` to `high` where they are given.

        A count beyond the words that are left is an error before any memory is taken.
        """
        words = self._words[self._next : self._next + count]
        try:
            values = np.array(words, dtype=np.str_).astype(np.int64)
        except (ValueError, OverflowError):
            values = None
        if (
            values is None
            or len(values) < count
            or (low is not None and (values < low).any())
            or (high is not None and (values > high).any())
        ):
            # One by one, so that the error names the line of the first that is wrong.
            return np.array([self.integer(what, low, high) for _ in range(count)], dtype=np.int64)
        self._next += count
        return values

    def terms(
        self, count: int, n_atoms: int, width: int, what: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take `count` times `width` atoms, from 1 to `n_atoms`, and a type, from 1.

        Parameters
        ----------
        count, n_atoms, width : int
            How many terms, of which atoms, of how many atoms each.
        what : str
            What one is, with its article: ``"a bond"``.

        Returns
        -------
        (count, width + 1) int64 array, (count,) int64 array
            The integers, and the lines on which each term ends.
        """
        words = self._words[self._next : self._next + count * (width + 1)]
        try:
            table = np.array(words, dtype=np.str_).astype(np.int64)
        except (ValueError, OverflowError):
            table = np.empty(0, dtype=np.int64)
        if len(table) == count * (width + 1):
            table = table.reshape(count, width + 1)
            atoms = table[:, :-1]
            if (atoms >= 1).all() and (atoms <= n_atoms).all() and (table[:, -1] >= 1).all():
                self._next += len(words)
                ends = self._lines[self._next - len(words) + width : self._next : width + 1]
                return table, np.array(ends, dtype=np.int64)
        # One by one, so that the error names the line of the first that is wrong.
        name = what.partition(" ")[2]
        rows, ends = [], []
        for _ in range(count):
            row = [self.integer(f"an atom of {what}", 1, n_atoms) for _ in range(width)]
            rows.append([*row, self.integer(f"the {name} type", 1)])
            ends.append(self.line)
        return np.array(rows, dtype=np.int64), np.array(ends, dtype=np.int64)

    def reals(self, rows: int, columns: Sequence[str]) -> Floats:
        """Take `rows` times as many numbers as there are `columns`, the names of which say what.

        A count beyond the words that are left is an error before any memory is taken.
        """
        words = self._words[self._next : self._next + rows * len(columns)]
        try:
            values = np.array(words, dtype=np.str_).astype(np.float64)
        except ValueError:
            values = np.empty(0)
        if len(values) != rows * len(columns) or not np.isfinite(values).all():
            values = np.array(
                [self.real(what) for _ in range(rows) for what in columns], dtype=np.float64
            )
        else:
            self._next += len(words)
        return values.reshape(rows, len(columns))

    def end(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        TopologyError
            There is more than the counts said.
        """
        if self.left:
            word = self.word("the end of the block")
            self.fail(f"expected END, found {word!r} and {self.left} more words: a count is wrong")


def _missing_end(word: str) -> str:
    return " (is an END missing?)" if word.isalpha() and word.isupper() and len(word) > 3 else ""


def read_blocks(path: str | Path, error_type: type[OSError] = TopologyError) -> dict[str, Block]:
    """Read the blocks of a GROMOS file; ``#`` begins a comment, gzip is unpacked.

    Parameters
    ----------
    path : str or Path
        The file.
    error_type : type
        The exception for a damaged file.

    Returns
    -------
    dict of str to Block
        In the order of the file, unknown ones too.

    Raises
    ------
    OSError
        The operating system refused.
    TopologyError
        Text outside a block, a block without END, or two with one name.
    """
    blocks: dict[str, Block] = {}
    name, begin = "", 0
    content: list[tuple[int, str]] = []
    for number, raw in enumerate(read_lines(path, error_type), start=1):
        line = raw.partition("#")[0].strip()
        is_end = line == "END"
        if name == "TITLE":
            line = raw.strip()
        if not line:
            continue
        if not name:
            if len(line.split()) > 1 or not (line[0].isalpha() and line.isprintable()):
                raise error_type(
                    f"{path}, line {number}: expected the name of a GROMOS block, found "
                    f"{line[:60]!r}{_other_format(line)}"
                )
            name, begin, content = line, number, []
        elif is_end:
            if name in blocks:
                raise error_type(
                    f"{path}, block {name}, line {begin}: the block was there before, on line "
                    f"{blocks[name].line}; keep one"
                )
            blocks[name] = Block(str(path), name, begin, tuple(content), error_type)
            name = ""
        else:
            content.append((number, line))
    if name:
        raise error_type(
            f"{path}, block {name}, line {begin}: the file ends before the block's END; "
            "it is cut off, or the END is missing"
        )
    return blocks


def _other_format(line: str) -> str:
    if line.startswith(("[", ";", "#include")):
        return "; this looks like a GROMACS topology: give a .gro or .pdb file instead"
    if line.startswith("%"):
        return "; this looks like an AMBER topology: give a .pdb file instead"
    return ""
