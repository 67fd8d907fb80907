"""What the numbers of an energy trajectory mean.

The order of the numbers is that of MD++ (``ENERGY03``, ``VOLUMEPRESSURE03``,
``FREEENERDERIVS03``; GROMOS manual, vol. 4). How many there are changed over the years and is not
told by the version that a file states, so the shape of every table is read off the lines of the
first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

# Our name of a total, and the one that MD++'s library of gromos++ ene_ana gives it.
_COMMON = (
    ("total", "totene"),
    ("kinetic", "totkin"),
    ("potential", "totpot"),
    ("covalent", "totcov"),
    ("bond", "totbond"),
    ("angle", "totangle"),
    ("improper", "totimproper"),
    ("dihedral", "totdihedral"),
    ("crossdihedral", "totcrossdihedral"),
    ("nonbonded", "totnonbonded"),
    ("lennard_jones", "totlj"),
    ("reaction_field", "totcrf"),
    ("lattice_sum", "totls"),
    ("lattice_sum_pair", "totlspair"),
    ("lattice_sum_real", "totlsreal"),
    ("lattice_sum_reciprocal", "totlsk"),
    ("lattice_sum_a_term", "totlsa"),
    ("lattice_sum_self", "totlsself"),
    ("lattice_sum_surface", "totlssurf"),
    ("polarization_self", "totpolself"),
    ("special", "totspecial"),
    ("sasa", "totsasa"),
    ("sasa_volume", "totsasavol"),
    ("constraints", "totconstraint"),
    ("distance_restraints", "totdisres"),
    ("distance_field_restraints", "totdisfieldres"),
    ("dihedral_restraints", "totdihres"),
    ("position_restraints", "totposres"),
    ("j_value_restraints", "totjval"),
    ("x_ray_restraints", "totxray"),
    ("local_elevation", "totle"),
    ("order_parameter_restraints", "totorder"),
    ("symmetry_restraints", "totsymm"),
)
_EARLY = (
    ("eds_reference", "eds_vr"),
    ("entropy", "entropy"),
    ("qm_mm", "totqm"),
    ("ball_and_stick_local_elevation", "totbsleus"),
    ("rdc_restraints", "totrdc"),
    ("angle_restraints", "totangres"),
)
_LATE = (
    ("eds_mixed", "eds_vmix"),
    ("eds_reference", "eds_vr"),
    ("eds_emax", "eds_emax"),
    ("eds_emin", "eds_emin"),
    ("eds_global_minimum", "eds_globmin"),
    ("eds_global_minimum_fluctuation", "eds_globminfluc"),
    *_EARLY[1:],
    ("neural_network_validation", "nnvalid"),
)
_SHIFTED = (
    ("total_shifted", "totene_shift"),
    ("total_physical", "totene_phys"),
    ("eds_reference_shifted", "eds_vr_shift"),
    ("eds_reference_physical", "eds_vr_phys"),
    ("gamd_boost", "totgamd_dV"),
)
_LATEST_52 = (("neural_network_force", "nnvalid_maxF"), *_SHIFTED, ("colvar", "colvar"))
_LATEST_54 = (
    *_SHIFTED,
    ("tensor_free_rdc_restraints", "tottfrdc"),
    ("z_axis_orientation_bias", "totzaxisoribias"),
    ("tensor_free_rdc_mfv", "tottfrdcmfv"),
    ("tensor_free_rdc_mfv_average", "tottfrdcmfvave"),
)

_BONDED = ("bond", "angle", "improper", "dihedral", "crossdihedral")
_NONBONDED = (
    "lennard_jones",
    "reaction_field",
    "lattice_sum",
    "lattice_sum_reciprocal",
    "shift_original",
    "shift_physical",
)
_SPECIAL = (
    "constraints",
    "position_restraints",
    "distance_restraints",
    "distance_field_restraints",
    "angle_restraints",
    "dihedral_restraints",
    "sasa",
    "sasa_volume",
    "j_value_restraints",
    "rdc_restraints",
    "local_elevation",
    "path_integral",
    "special_13",
)
_EDS = ("total", "nonbonded", "special", "offset", "total_original", "total_physical")
_LAMBDA = (
    "lennard_jones_a",
    "lennard_jones_b",
    "reaction_field_a",
    "reaction_field_b",
    "kinetic",
    "bond",
    "angle",
    "improper",
    "distance_restraints",
    "angle_restraints",
    "dihedral_restraints",
    "distance_field_restraints",
)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


Columns = dict[int, tuple[str, ...]]

# For each table the columns that it may have, by their number.
_BATH_COLUMNS: Columns = {3: ("total", "center_of_mass", "internal")}
_BONDED_COLUMNS: Columns = {5: _BONDED}
_NONBONDED_COLUMNS: Columns = {4: _NONBONDED[:4], 6: _NONBONDED}
_SPECIAL_COLUMNS: Columns = {
    11: _without(_SPECIAL[:12], "angle_restraints"),
    12: _SPECIAL[:12],
    13: _SPECIAL,
}
_EDS_COLUMNS: Columns = {3: _EDS[:3], 4: _EDS[:4], 6: _EDS}
_GAMD_COLUMNS: Columns = {
    5: ("threshold", "threshold", "force_constant", "force_constant", "boost")
}
_LAMBDA_COLUMNS: Columns = {11: _without(_LAMBDA, "angle_restraints"), 12: _LAMBDA}

_NOTHING = np.empty(0)


class LayoutError(ValueError):
    """A block is not of a kind that is known; `line` counts from its first line of numbers."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Table:
    """A table of a block: ``values[:, begin : begin + n_rows * len(columns)]``."""

    name: str
    begin: int
    n_rows: int
    columns: tuple[str, ...]

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the table of every frame, shape (frame, row, column)."""
        size = self.n_rows * len(self.columns)
        part = values[:, self.begin : self.begin + size]
        return part.reshape(len(values), self.n_rows, len(self.columns))


@dataclass(frozen=True)
class Layout:
    """The tables of a block, the same in every frame."""

    n_values: int
    tables: tuple[Table, ...]
    counts: tuple[tuple[int, int], ...]
    """Where a number says how many rows a table has, and which number that is."""

    def table(self, name: str) -> Table | None:
        """Return the table of this name, if the block has it."""
        return next((table for table in self.tables if table.name == name), None)


def totals_names(count: int) -> tuple[tuple[str, str], ...]:
    """Return our names and those of ene_ana for so many totals; ``total_46`` for one not known.

    Raises
    ------
    ValueError
        So few totals were never written by MD++ in the order that is known.
    """
    if count < len(_COMMON) + len(_EARLY) - 1:
        raise ValueError(
            f"{count} totals, expected at least {len(_COMMON) + len(_EARLY) - 1}: a version of "
            "MD++ that is not known"
        )
    if count <= len(_COMMON) + len(_EARLY):
        return (*_COMMON, *_EARLY)[:count]
    known: tuple[tuple[str, str], ...] = _COMMON if count < 44 else (*_COMMON, *_LATE)
    if count in (50, 54):
        known += _LATEST_54
    elif count == 52:
        known += _LATEST_52
    unknown = tuple((f"total_{i + 1}", "") for i in range(len(known), count))
    return (*known, *unknown)[:count]


class _Rows:
    """The lines of a block that hold numbers, taken one after the other."""

    def __init__(self, text: str) -> None:
        self.rows: list[list[str]] = []
        self.lines: list[int] = []
        self.headings: dict[str, int] = {}
        """For each comment that is one word, the row that follows it."""
        for number, line in enumerate(text.splitlines()):
            numbers, _, comment = line.partition("#")
            if numbers.split():
                self.rows.append(numbers.split())
                self.lines.append(number)
            elif comment.strip() and len(comment.split()) == 1:
                self.headings.setdefault(comment.strip(), len(self.rows))
        self.next = 0
        self.n_values = 0
        self.tables: list[Table] = []
        self.counts: list[tuple[int, int]] = []

    @property
    def at_end(self) -> bool:
        return self.next == len(self.rows)

    def error(self, expected: str, row: int | None = None) -> LayoutError:
        row = self.next if row is None else row
        if row < len(self.rows):
            return LayoutError(
                f"expected {expected}, found {' '.join(self.rows[row])!r}", self.lines[row]
            )
        last = self.lines[-1] + 1 if self.lines else 0
        return LayoutError(f"expected {expected}, found the end of the block", last)

    def count(self, what: str) -> int:
        """Take the number that says how many rows follow."""
        if self.at_end or len(self.rows[self.next]) != 1 or not self.rows[self.next][0].isdigit():
            raise self.error(f"the number of {what}")
        value = int(self.rows[self.next][0])
        if value > len(self.rows):
            raise self.error(f"no more than the {len(self.rows)} lines of the block as {what}")
        self.counts.append((self.n_values, value))
        self.next += 1
        self.n_values += 1
        return value

    def table(self, name: str, n_rows: int, columns: Columns) -> None:
        """Take the rows of a table."""
        rows = self.rows[self.next : self.next + n_rows]
        lengths = {len(row) for row in rows[:1]} & set(columns)
        wrong = [i for i, row in enumerate(rows) if len(row) not in lengths]
        if len(rows) < n_rows or wrong:
            wanted = " or ".join(str(count) for count in columns)
            row = self.next + (wrong[0] if wrong else len(rows))
            raise self.error(f"{n_rows} lines of {wanted} numbers ({name})", row)
        names = columns[lengths.pop()] if lengths else next(iter(columns.values()))
        self.tables.append(Table(name, self.n_values, n_rows, names))
        self.next += n_rows
        self.n_values += n_rows * len(names)

    def layout(self) -> Layout:
        if not self.at_end:
            raise self.error("the end of the block")
        return Layout(self.n_values, tuple(self.tables), tuple(self.counts))


def energy_layout(text: str, derivatives: bool) -> Layout:
    """Return the layout of an ENERGY03 block, or of one of FREEENERDERIVS03.

    Parameters
    ----------
    text : str
        The lines between the block's name and its END.
    derivatives : bool
        A number comes first, the coupling parameter.

    Raises
    ------
    LayoutError
        The block is of a kind that is not known.
    """
    rows = _Rows(text)
    if derivatives:
        rows.table("coupling_parameter", 1, {1: ("coupling_parameter",)})
    long = (i for i in range(rows.next, len(rows.rows)) if len(rows.rows[i]) > 1)
    baths = rows.headings.get("baths", next(long, rows.next) - 1)
    n_totals = baths - rows.next
    try:
        totals_names(n_totals)
    except ValueError as error:
        raise LayoutError(str(error), 0) from None
    rows.table("totals", n_totals, {1: ("totals",)})
    rows.table("baths", rows.count("temperature baths"), _BATH_COLUMNS)
    n_groups = rows.count("energy groups")
    rows.table("bonded", n_groups, _BONDED_COLUMNS)
    rows.table("nonbonded", n_groups * (n_groups + 1) // 2, _NONBONDED_COLUMNS)
    rows.table("special", n_groups, _SPECIAL_COLUMNS)
    if rows.at_end:
        return rows.layout()
    rows.table("eds", rows.count("EDS states"), _EDS_COLUMNS)
    if rows.headings.get("gamd") == rows.next:
        rows.table("gamd", rows.count("acceleration groups"), _GAMD_COLUMNS)
    if rows.at_end:
        return rows.layout()
    rows.table("lambdas", rows.count("values of lambda"), _LAMBDA_COLUMNS)
    if not rows.at_end:
        rows.table("dihedral_end_states", 1, {2: ("a", "b")})
    return rows.layout()


def volume_pressure_layout(text: str) -> Layout:
    """Return the layout of a VOLUMEPRESSURE03 block.

    Raises
    ------
    LayoutError
        The block is of a kind that is not known.
    """
    rows = _Rows(text)
    rows.table("mass", 1, {1: ("mass",)})
    motions = ("total", "center_of_mass", "internal", "scaling")
    rows.table("temperatures", rows.count("temperature baths"), {4: motions})
    rows.table("volume", 1, {1: ("volume",)})
    rows.table("box", 3, {3: ("x", "y", "z")})
    rows.table("traces", 3, {1: ("trace",)})
    for name in ("pressure_tensor", "virial", "molecular_kinetic_energy_tensor"):
        rows.table(name, 3, {3: ("x", "y", "z")})
    return rows.layout()


def energy_arrays(layout: Layout, values: NDArray[np.float64], derivatives: bool) -> Arrays:
    """Return the variables of a block of energies, or of their derivatives; views where possible.

    Parameters
    ----------
    layout : Layout
        From `energy_layout`.
    values : (frame, n_values) array
        Of some frames.
    derivatives : bool
        Name them as derivatives, and add the coupling parameter.
    """
    tables = {table.name: table.of(values) for table in layout.tables if table.n_rows}
    arrays: Arrays = {
        "energy": tables["totals"][:, :, 0],
        "energy_bonded": _last_first(tables.get("bonded")),
        "energy_nonbonded": _symmetric(tables.get("nonbonded")),
        "energy_special": _last_first(tables.get("special")),
        "energy_eds": _last_first(tables.get("eds")),
        "energy_lambda": _last_first(tables.get("lambdas")),
        "bath_kinetic_energy": tables.get("baths", _NOTHING),
    }
    if "lambdas" in tables and "dihedral_end_states" in tables:
        arrays["energy_end_state"] = tables["dihedral_end_states"][:, 0]
    if "gamd" in tables and tables["gamd"].shape[1] > 1 and not derivatives:
        # The first group holds what is not accelerated: alone, it says that nothing is.
        arrays["gamd_threshold"] = tables["gamd"][:, :, 0:2]
        arrays["gamd_force_constant"] = tables["gamd"][:, :, 2:4]
        arrays["gamd_boost"] = tables["gamd"][:, :, 4]
    arrays = {name: array for name, array in arrays.items() if array.ndim > 1}
    if derivatives:
        arrays = {derivative_name(name): array for name, array in arrays.items()}
        arrays["coupling_parameter"] = tables["coupling_parameter"][:, 0, 0]
    return arrays


def volume_pressure_arrays(layout: Layout, values: NDArray[np.float64]) -> Arrays:
    """Return the variables of VOLUMEPRESSURE03; parameters as those of `energy_arrays`."""
    tables = {table.name: table.of(values) for table in layout.tables}
    box = tables["box"]
    traces = tables["traces"][:, :, 0]
    vacuum = ~box.any(axis=(1, 2), keepdims=True)
    return {
        "total_mass": tables["mass"][:, 0, 0],
        "bath_temperature": tables["temperatures"][:, :, :3],
        "bath_scaling": tables["temperatures"][:, :, 3],
        "volume": tables["volume"][:, 0, 0],
        "box": np.where(vacuum, np.nan, box),
        "pressure": traces[:, 0],
        "mean_virial": traces[:, 1],
        "molecular_kinetic_energy": traces[:, 2],
        **{name: tables[name] for name in tables if name == "virial" or name.endswith("_tensor")},
    }


def derivative_name(name: str) -> str:
    """Return what the derivative of a variable with respect to the coupling parameter is called."""
    if name.startswith("energy"):
        return name.replace("energy", "energy_derivative", 1)
    return f"{name}_derivative"


def coordinates(layout: Layout, groups: Sequence[str] | None) -> dict[str, Any]:
    """Return the coordinates that name terms, groups and the rest; see `energy_arrays`.

    Raises
    ------
    ValueError
        `groups` names more or fewer groups than there are.
    """
    sizes = {table.name: table for table in layout.tables}
    names = totals_names(sizes["totals"].n_rows)
    n_groups = sizes["bonded"].n_rows
    if groups is not None and len(groups) != n_groups:
        raise ValueError(f"groups: expected {n_groups} names, got {len(groups)}: {list(groups)}")
    labels: Any = np.arange(1, n_groups + 1) if groups is None else list(groups)
    coords: dict[str, Any] = {
        "term": ("term", [ours for ours, _ in names]),
        "ene_ana_name": ("term", [theirs for _, theirs in names]),
        "bonded_term": ("bonded_term", list(sizes["bonded"].columns)),
        "nonbonded_term": ("nonbonded_term", list(sizes["nonbonded"].columns)),
        "special_term": ("special_term", list(sizes["special"].columns)),
        "group": ("group", labels),
        "other_group": ("other_group", labels),
        "motion": ("motion", list(_BATH_COLUMNS[3])),
        "bath": ("bath", np.arange(1, sizes["baths"].n_rows + 1)),
    }
    if "eds" in sizes and sizes["eds"].n_rows:
        coords["eds_term"] = ("eds_term", list(sizes["eds"].columns))
        coords["eds_state"] = ("eds_state", np.arange(1, sizes["eds"].n_rows + 1))
    if "gamd" in sizes and sizes["gamd"].n_rows > 1:
        coords["gamd_term"] = ("gamd_term", ["dihedral", "potential"])
        coords["acceleration_group"] = ("acceleration_group", np.arange(sizes["gamd"].n_rows))
    if "lambdas" in sizes and sizes["lambdas"].n_rows:
        coords["lambda_term"] = ("lambda_term", list(sizes["lambdas"].columns))
        coords["lambda_point"] = ("lambda_point", np.arange(1, sizes["lambdas"].n_rows + 1))
        coords["end_state"] = ("end_state", ["a", "b"])
    return coords


def _last_first(table: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Turn (frame, row, column) into (frame, column, row)."""
    return _NOTHING if table is None else table.transpose(0, 2, 1)


def _symmetric(table: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Turn the pairs of groups 1-1, 1-2, ..., 2-2, ... into (frame, column, group, group)."""
    if table is None:
        return _NOTHING
    n_groups = int((8 * table.shape[1] + 1) ** 0.5) // 2
    pair = np.empty((n_groups, n_groups), np.intp)
    upper = np.triu_indices(n_groups)
    pair[upper] = pair.T[upper] = np.arange(table.shape[1])
    return table.transpose(0, 2, 1)[:, :, pair]
