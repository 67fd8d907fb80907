"""The settings of the forces: declared here, once, for every door that takes them."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import wraps
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypedDict,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

Boundary = Literal["vacuum", "rectangular", "triclinic", "truncated octahedron"]
CutoffKind = Literal["charge group", "atom"]
ConstrainedBonds = Literal["none", "hydrogen", "all"]
BondForm = Literal["quartic", "harmonic"]
AngleForm = Literal["cosine", "harmonic"]
Phases = Literal["any", "0 or 180"]
Virial = Literal["molecular", "atomic", "none"]
Precision = Literal["mixed", "double"]

Scope = Literal["forces", "simulation", "system"]
"""Who is asked for a setting: whoever computes forces; only who makes steps with them; nobody, as
it tells of the system that an input file is for."""

_Class = TypeVar("_Class", bound=type)


class Told(NamedTuple):
    """What the doors tell of a setting, beside its name, type and default."""

    doc: str
    """Whole sentences; other settings stand in braces, since each door has its own names."""
    unit: str = ""
    usual: str = ""
    """The default in words, where it is None: what it then is."""
    expected: str = "True or False"
    """Which values make sense, for messages."""
    allows: Callable[[Any], bool] = lambda _: True
    block: str = ""
    """Of an input file of GROMOS, where it is read from."""
    scope: Scope = "forces"
    option: tuple[str, ...] = ()
    """Names on the command line; that of the field when empty."""
    metavar: str = ""
    panel: str = "Force field"
    old_name: str = ""


def _told(doc: str, **told: Any) -> dict[str, Told]:
    return {"told": Told(doc, **told)}


_TERMS: Final = {"block": "FORCE", "panel": "Terms of the force field"}


def _accepting_old_names(settings: _Class) -> _Class:
    """Let a class take its settings by the names that they had before, too."""
    init = settings.__init__  # type: ignore[misc]

    @wraps(init)
    def with_old_names(self: Any, *values: Any, **given: Any) -> None:
        init(self, *values, **renamed(given))

    settings.__init__ = with_old_names  # type: ignore[misc]
    return settings


@_accepting_old_names
@dataclass(frozen=True)
class ForceSettings:
    """How forces are computed.

    Those of an input file of GROMOS are read by `gromos_dist.load_imd`. A setting that is None is
    open: it follows from the others and from the positions, see `completed`. What each of them
    means, its unit and its default are told by ``help(gromos_dist.forces)``.

    Raises
    ------
    ValueError
        A value makes no sense: which were expected.

    Warns
    -----
    DeprecationWarning
        A setting is given by the name that it had before.

    Examples
    --------
    >>> import gromos_dist as gd
    >>> settings = gd.ForceSettings(cutoff=0.6, epsilon_rf=78.5)
    >>> settings.kappa, settings.reaction_field_radius
    (0.0, None)
    >>> settings.completed("rectangular").reaction_field_radius
    0.6
    """

    boundary: Boundary | None = field(
        default=None,
        metadata=_told(
            "Shape of the periodic box; 'vacuum' to do without it.",
            usual="as the positions have it",
            block="BOUNDCOND",
        ),
    )
    _: KW_ONLY
    cutoff: float | None = field(
        default=None,
        metadata=_told(
            "Cutoff of the non-bonded interactions.",
            unit="nm",
            usual="none, it is needed",
            expected="a number above 0",
            allows=lambda cutoff: 0.0 < cutoff < math.inf,
            block="PAIRLIST",
            option=("--cutoff", "-c"),
        ),
    )
    cutoff_kind: CutoffKind | None = field(
        default=None,
        metadata=_told(
            "What the cutoff holds between: charge groups (centres of geometry in the solute, "
            "first atoms of solvent molecules) or atoms.",
            usual="charge group, with {use_pme} atom",
            block="PAIRLIST",
        ),
    )
    epsilon_rf: float = field(
        default=61.0,
        metadata=_told(
            "Relative permittivity of the reaction field; 61 is that of SPC water, infinity "
            "('inf') a conductor's.",
            expected="a number of at least 1, or infinity",
            allows=lambda epsilon: epsilon >= 1.0,
            block="NONBONDED",
            old_name="reaction_field_epsilon",
        ),
    )
    reaction_field_radius: float | None = field(
        default=None,
        metadata=_told(
            "Radius beyond which there is a reaction field; 0 for none.",
            unit="nm",
            usual="the cutoff",
            expected="a number of at least 0, or None",
            allows=lambda radius: 0.0 <= radius < math.inf,
            block="NONBONDED",
        ),
    )
    kappa: float = field(
        default=0.0,
        metadata=_told(
            "Inverse Debye length of the reaction field.",
            unit="nm-1",
            expected="a number of at least 0",
            allows=lambda kappa: 0.0 <= kappa < math.inf,
            block="NONBONDED",
            old_name="reaction_field_kappa",
        ),
    )
    reaction_field_excluded: bool = field(
        default=True,
        metadata=_told(
            "Whether excluded pairs, and every atom with itself, feel the reaction field.",
            block="NONBONDED",
        ),
    )
    use_pme: bool = field(
        default=False,
        metadata=_told(
            "Electrostatics by particle-mesh Ewald instead of a reaction field: those of an "
            "infinite lattice of boxes in a conductor. A net charge is neutralised by a uniform "
            "background.",
            option=("--pme",),
            old_name="particle_mesh_ewald",
        ),
    )
    pme_tolerance: float = field(
        default=1e-5,
        metadata=_told(
            "With {use_pme}: what is left of a Coulomb interaction at the cutoff, which decides "
            "how the sum is split.",
            expected="a number between 0 and 1",
            allows=lambda tolerance: 0.0 < tolerance < 1.0,
            metavar="FRACTION",
            old_name="ewald_tolerance",
        ),
    )
    pme_spacing: float | None = field(
        default=None,
        metadata=_told(
            "With {use_pme}: the most that points of the mesh are apart.",
            unit="nm",
            usual="as the tolerance needs",
            expected="a number above 0, or None",
            allows=lambda spacing: 0.0 < spacing < math.inf,
            old_name="mesh_spacing",
        ),
    )
    pme_order: int | None = field(
        default=None,
        metadata=_told(
            "With {use_pme}: order of the mesh's splines (4, 6, 8, 10 or 12).",
            usual="as the tolerance needs",
            expected="4, 6, 8, 10, 12 or None",
            allows=lambda order: order in (4, 6, 8, 10, 12),
            metavar="4|6|8|10|12",
            old_name="mesh_order",
        ),
    )
    constrained_bonds: ConstrainedBonds = field(
        default="none",
        metadata=_told(
            "Bonds of the solute that are constrained, and so exert no force.",
            block="CONSTRAINT",
        ),
    )
    bond_form: BondForm = field(
        default="quartic", metadata=_told("Form of the bonds.", block="COVALENTFORM")
    )
    angle_form: AngleForm = field(
        default="cosine",
        metadata=_told(
            "Form of the angles: harmonic in the cosine, or in the angle.",
            block="COVALENTFORM",
        ),
    )
    phases: Phases = field(
        default="any",
        metadata=_told(
            "Phase shifts (degrees) that dihedrals may have; others are an error.",
            block="COVALENTFORM",
        ),
    )
    bonds: bool = field(default=True, metadata=_told("Whether bonds act.", **_TERMS))
    angles: bool = field(default=True, metadata=_told("Whether angles act.", **_TERMS))
    impropers: bool = field(
        default=True, metadata=_told("Whether improper dihedrals act.", **_TERMS)
    )
    dihedrals: bool = field(default=True, metadata=_told("Whether dihedrals act.", **_TERMS))
    electrostatics: bool = field(
        default=True, metadata=_told("Whether electrostatic interactions act.", **_TERMS)
    )
    lennard_jones: bool = field(
        default=True, metadata=_told("Whether Lennard-Jones interactions act.", **_TERMS)
    )
    virial: Virial | None = field(
        default=None,
        metadata=_told(
            "Virial to compute (kJ mol-1): that of the forces between molecules (pressure "
            "groups), or of all forces; where there are velocities, with the pressure (kJ mol-1 "
            "nm-3).",
            usual="molecular, in a vacuum none; energies alone come without one unless it is given",
            block="PRESSURESCALE",
        ),
    )
    precision: Precision = field(
        default="mixed",
        metadata=_told(
            "Of the pair interactions and of the mesh; all else is double. mixed: single "
            "precision, of positions relative to a point nearby, summed in double; forces of a "
            "reaction field are good to about 1e-6, in half the time of double.",
        ),
    )
    list_steps: int = field(
        default=1,
        metadata=_told(
            "How many steps of a simulation a list of pairs is for: which pairs interact then "
            "stays as it was when the list was made.",
            expected="an integer of at least 1",
            allows=lambda steps: steps >= 1,
            block="PAIRLIST",
            scope="simulation",
        ),
    )
    cutoff_short: float | None = field(
        default=None,
        metadata=_told(
            "Of a list of pairs for several steps, the shorter cutoff of a twin range: forces of "
            "the pairs between the two cutoffs stay what they were when the list was made.",
            unit="nm",
            usual="the cutoff",
            expected="a number above 0, at most the cutoff, or None",
            allows=lambda cutoff: 0.0 < cutoff < math.inf,
            block="PAIRLIST",
            scope="simulation",
        ),
    )
    n_solvent_molecules: int | None = field(
        default=None,
        metadata=_told(
            "How many solvent molecules the system has to have.",
            usual="as many as the number of atoms makes up",
            expected="an integer of at least 0, or None",
            allows=lambda number: number >= 0,
            block="SYSTEM",
            scope="system",
        ),
    )
    with_solute: bool = field(
        default=True,
        metadata=_told("Whether the system may have a solute.", block="SYSTEM", scope="system"),
    )
    energy_group_end: tuple[int, ...] = field(
        default=(),
        metadata=_told(
            "For each energy group the atom after its last, counting from 0. Atoms beyond the "
            "last one are a group of their own; so are all of them when there are none.",
            block="FORCE",
            scope="system",
        ),
    )

    def __post_init__(self) -> None:
        for name in SETTINGS:
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        cutoff, short = self.cutoff, self.cutoff_short
        if cutoff is not None and short is not None and short > cutoff:
            expected = f"a number above 0, at most the cutoff ({cutoff:g})"
            raise ValueError(f"cutoff_short: expected {expected}, got {short}")

    def with_given(self, given: Mapping[str, Any]) -> ForceSettings:
        """Return them with others in their places.

        A new cutoff is that of lists for several steps as well, and with particle-mesh Ewald the
        cutoff holds between atoms, unless the mapping has the opposite.
        """
        follow: dict[str, Any] = {}
        if given.get("cutoff") is not None:
            follow["cutoff_short"] = None
        if given.get("use_pme"):
            # The tolerance is that of every pair of atoms beyond the cutoff.
            follow["cutoff_kind"] = None
        return replace(self, **(follow | dict(given)))

    def completed(self, box_shape: Boundary) -> ForceSettings:
        """Return them with nothing open but the mesh, for positions in a box of this shape.

        Parameters
        ----------
        box_shape : {"vacuum", "rectangular", "triclinic", "truncated octahedron"}
            Of the positions, for when the settings do not say it; "vacuum": they have no box.

        Raises
        ------
        ValueError
            There is no cutoff.
        """
        if self.cutoff is None:
            raise ValueError("forces need a cutoff (nm), or settings: a file of GROMOS (.imd)")
        boundary = box_shape if self.boundary is None else self.boundary
        usual: dict[str, Any] = {
            "boundary": boundary,
            "cutoff_kind": "atom" if self.use_pme else "charge group",
            "cutoff_short": self.cutoff,
            "reaction_field_radius": self.cutoff,
            "virial": "none" if boundary == "vacuum" else "molecular",
        }
        return replace(
            self, **{name: value for name, value in usual.items() if getattr(self, name) is None}
        )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in _OLD_NAMES:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            _warn_of_old_name(name, stacklevel=3)
            return getattr(self, _OLD_NAMES[name])


class Setting(NamedTuple):
    """A setting as it is declared."""

    name: str
    kind: Any
    """Its type, but for None."""
    may_be_open: bool
    default: Any
    told: Told

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that there are, where they have names."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def _declared() -> dict[str, Setting]:
    hints = get_type_hints(ForceSettings)
    found = {}
    for one in fields(ForceSettings):
        hint = hints[one.name]
        # Of Literal and None, typing makes a Union, of other types and None a UnionType.
        kinds = get_args(hint) if NoneType in get_args(hint) else (hint,)
        kind = next(kind for kind in kinds if kind is not NoneType)
        told = one.metadata["told"]
        found[one.name] = Setting(one.name, kind, len(kinds) > 1, one.default, told)
    return found


SETTINGS: Final[Mapping[str, Setting]] = _declared()
"""All settings by name, in the order in which they are told."""

_OLD_NAMES: Final = {one.told.old_name: name for name, one in SETTINGS.items() if one.told.old_name}


class _Given(TypedDict, total=False):
    """What stands at every door of the forces, for type checkers and editors; see `SETTINGS`."""

    boundary: Boundary | None
    cutoff_kind: CutoffKind | None
    epsilon_rf: float | None
    reaction_field_radius: float | None
    kappa: float | None
    reaction_field_excluded: bool | None
    pme_tolerance: float | None
    pme_spacing: float | None
    pme_order: int | None
    constrained_bonds: ConstrainedBonds | None
    bond_form: BondForm | None
    angle_form: AngleForm | None
    phases: Phases | None
    bonds: bool | None
    angles: bool | None
    impropers: bool | None
    dihedrals: bool | None
    electrostatics: bool | None
    lennard_jones: bool | None
    virial: Virial | None
    precision: Precision | None


class GivenSettings(_Given, total=False):
    """Settings one by one, as functions take them; None: it is not given."""

    cutoff: float | None
    use_pme: bool | None


class CalculatorSettings(_Given, total=False):
    """Settings one by one, as a calculator takes them beside its cutoff; None: it is not given."""

    list_steps: int | None
    cutoff_short: float | None


def checked(name: str, value: Any) -> Any:
    """Return the value of a setting, in the setting's own type.

    Raises
    ------
    ValueError
        It makes no sense: which values were expected.
    """
    _, kind, may_be_open, _, told = setting = SETTINGS[name]
    if value is None and may_be_open:
        return None
    expected = told.expected
    if setting.choices:
        expected = f"one of {', '.join(map(repr, setting.choices))}"
    try:
        converted = _CONVERTERS.get(kind, str)(value)
    except (TypeError, ValueError):
        fine = False
    else:
        fine = told.allows(converted) and converted in (setting.choices or [converted])
    if not fine:
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    return converted


def _switch(value: Any) -> bool:
    if value not in (True, False):
        raise ValueError
    return bool(value)


def _number(value: Any) -> float:
    if isinstance(value, str | bool):
        raise TypeError
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


_CONVERTERS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    bool: _switch,
    float: _number,
    int: _integer,
    tuple[int, ...]: lambda values: tuple(map(_integer, values)),
}


def renamed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given with the names that settings have now.

    Raises
    ------
    TypeError
        A setting is given by both of its names.

    Warns
    -----
    DeprecationWarning
        The name of a setting is the old one.
    """
    now = dict(given)
    for name in given:
        new = _OLD_NAMES.get(name)
        if new is None:
            continue
        if new in given:
            raise TypeError(f"{name} is the old name of {new}: give one of them")
        _warn_of_old_name(name, stacklevel=4)
        now[new] = now.pop(name)
    return now


def _warn_of_old_name(name: str, stacklevel: int) -> None:
    warnings.warn(
        f"{name} is now called {_OLD_NAMES[name]}", DeprecationWarning, stacklevel=stacklevel
    )


def named(given: Mapping[str, Any], caller: str, *scopes: Scope) -> dict[str, Any]:
    """Return the settings that a caller was given; what is None is not given.

    Raises
    ------
    TypeError
        It is no setting, or none that this caller takes.
    """
    own = [name for name, one in SETTINGS.items() if one.told.scope in scopes]
    for name in given:
        if name not in own:
            new = _OLD_NAMES.get(name)
            told = f"{new} is its name" if new else f"its settings are {', '.join(own)}"
            raise TypeError(f"{caller}() got an unexpected keyword argument {name!r}; {told}")
    return {name: value for name, value in given.items() if value is not None}
