"""The exceptions, and the one function that turns a status of the C core into one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# Whoever calls the core can fail, so this is where its instruction set is chosen for all.
from gromos_dist import instruction_set  # noqa: F401
from gromos_dist._core import ffi, lib

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TrajectoryError(OSError):
    """A trajectory file is damaged or is not what it says it is."""


class StoreError(OSError):
    """A stored result lacks a part, or has one that is not what was written."""


class TopologyError(OSError):
    """A topology file is damaged or contradicts itself."""


class SettingsError(OSError):
    """A file of simulation settings is damaged, or asks for forces that are not computed here."""


class SelectionError(ValueError):
    """A selection cannot be read, or selects nothing."""


class BrokenMoleculesWarning(UserWarning):
    """Molecules that the periodic box has broken are measured as they are."""


class FrameError(ValueError):
    """A frame holds numbers that a kernel cannot take.

    Parameters
    ----------
    problem : str
        What is wrong, and what to do.
    frame : int
        Of the block that the kernel was given; of the trajectory, once `located`.
    path : str, optional
        The file that `frame` counts in.
    argument : int
        Which of the kernel's arrays has the frame.
    atom : int, optional
        Of the block that the kernel was given; of the file, once `of_atoms` was told.
    """

    def __init__(
        self,
        problem: str,
        frame: int,
        path: str | None = None,
        argument: int = 0,
        atom: int | None = None,
    ) -> None:
        place = f"frame {frame}" if path is None else f"{path}: frame {frame}"
        self.problem = problem
        self.frame = frame
        self.path = path
        self.argument = argument
        self.atom = atom
        super().__init__(f"{place}: {self.what}")

    @property
    def what(self) -> str:
        """The problem, and the atom that has it if that is known."""
        return self.problem if self.atom is None else f"{self.problem} (atom {self.atom})"

    def __reduce__(
        self,
    ) -> tuple[type[FrameError], tuple[str, int, str | None, int, int | None]]:
        return FrameError, (self.problem, self.frame, self.path, self.argument, self.atom)

    def located(self, frame: int, path: str | None = None) -> FrameError:
        """Return the same error for a frame of the trajectory."""
        return FrameError(self.problem, frame, path, self.argument, self.atom)

    def of_atoms(self, numbers: Sequence[int] | NDArray[np.int64]) -> FrameError:
        """Return the same error, given the numbers of the atoms among which `atom` counts."""
        atom = None if self.atom is None else int(numbers[self.atom])
        return FrameError(self.problem, self.frame, self.path, self.argument, atom)


@contextmanager
def frames_from(first: int) -> Iterator[None]:
    """Have errors about some frames of a block name these as frames of the block.

    Parameters
    ----------
    first : int
        The frame of the block with which they begin.
    """
    try:
        yield
    except FrameError as error:
        raise error.located(first + error.frame) from None


class ConstraintError(ValueError):
    """A constraint cannot be met.

    Parameters
    ----------
    atoms : tuple of two int
        Whose distance it is.
    """

    def __init__(self, atoms: tuple[int, int]) -> None:
        super().__init__(
            f"SHAKE did not converge: the distance between atoms {atoms[0]} and {atoms[1]} cannot "
            "be restored; use a shorter time step, or relax the configuration first"
        )
        self.atoms = atoms

    def __reduce__(self) -> tuple[type[ConstraintError], tuple[tuple[int, int]]]:
        return ConstraintError, (self.atoms,)


class ForceError(RuntimeError):
    """Forces could not be calculated; the cause says why."""


class SimulationError(RuntimeError):
    """A simulation could not go on; the message names the step, the cause says why."""


def new_where() -> Any:
    """Return a fresh ``struct gd_where`` for a call of the C core."""
    where = ffi.new("struct gd_where *")
    for member in ("frame", "atom", "line", "byte", "expected", "found"):
        setattr(where, member, -1)
    return where


_OF_FRAMES = {
    lib.GD_NOT_FINITE: "a coordinate is NaN or infinite",
    lib.GD_TOO_FAR: (
        "{} reaches farther than 16384 nm from the origin, which no simulation does; is the file "
        "damaged, or are its units others?"
    ),
    lib.GD_NO_VOLUME: "the box has no volume",
    lib.GD_SAME_PLACE: (
        "two interacting atoms lie in one place, or so near that the force overflows"
    ),
}


def check(status: int, where: Any = None, *, path: str | None = None, first_frame: int = 0) -> None:
    """Raise the exception that a status of the C core stands for; nothing for ``GD_OK``.

    Parameters
    ----------
    status : int
        What the C function returned.
    where : cffi struct gd_where, optional
        What it met, and where.
    path : str, optional
        The file, when one was read: damage becomes a `TrajectoryError` that names it.
    first_frame : int
        Added to ``where.frame``, so that a message names the frame of the file, not of the block.

    Raises
    ------
    ValueError
        Bad arguments or bad numbers.
    ConstraintError
        A constraint that cannot be met.
    TrajectoryError
        Bad numbers or damage in the file `path`.
    OSError
        The operating system's own refusal.
    """
    if status == lib.GD_OK:
        return
    if status == lib.GD_SYSTEM:
        code = where.system_error
        raise OSError(code, os.strerror(code), path)
    if path is None and where is not None and status in _OF_FRAMES:
        atom = where.atom if where.atom >= 0 else None
        problem = _OF_FRAMES[status].format("the box" if atom is None else "a position")
        raise FrameError(problem, first_frame + where.frame, atom=atom)
    if status == lib.GD_NOT_CONVERGED:
        raise ConstraintError((where.atom, where.found))
    message = _message(status, where, first_frame)
    if path is not None:
        raise TrajectoryError(f"{path}: {message}")
    raise ValueError(message)


def _message(status: int, where: Any, first_frame: int) -> str:
    what = {
        lib.GD_BAD_ARGUMENT: "sizes that make no sense",
        lib.GD_NOT_FINITE: "a coordinate is NaN or infinite",
        lib.GD_NO_WEIGHT: "weights must be finite, not negative, and sum to more than zero",
        lib.GD_TRUNCATED: "the file ends in the middle of a frame",
        lib.GD_CORRUPT: "the file contradicts itself",
        lib.GD_UNSUPPORTED: "this kind of file is not supported",
    }[status]
    if where is None:
        return what
    places = []
    if where.frame >= 0:
        places.append(f"frame {first_frame + where.frame}")
    for name in ("atom", "line", "byte"):
        if getattr(where, name) >= 0:
            places.append(f"{name} {getattr(where, name)}")
    if places:
        what += " at " + ", ".join(places)
    if where.expected >= 0:
        what += f": expected {where.expected}, found {where.found}"
    return what
