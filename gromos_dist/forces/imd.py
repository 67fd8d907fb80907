"""Settings of the forces from an input file of GROMOS (`.imd`, `.in`)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from gromos_dist.errors import SettingsError
from gromos_dist.forces.settings import ForceSettings
from gromos_dist.topology.gromos_blocks import Block, Tokens, read_blocks

_Value = TypeVar("_Value")


# Blocks that steer a run, write files or print, but do not change what acts in a frame.
_STEERING: Final = frozenset(
    {
        "COMTRANSROT", "CONSISTENCYCHECK", "DEBUG", "ENERGYMIN", "EWARN", "HOOMD", "INITIALISE",
        "INTEGRATE", "MULTIBATH", "MULTIGRADIENT", "PRINTOUT", "RANDOMNUMBERS", "READTRAJ",
        "REPLICA", "ROTTRANS", "STEP", "STOCHDYN", "TITLE", "WRITETRAJ",
    }
)  # fmt: skip

# Blocks that change the forces when their first number is not 0.
_NOT_SUPPORTED: Final[Mapping[str, str]] = {
    "ADDECOUPLE": "adiabatic decoupling",
    "AEDS": "accelerated enveloping distribution sampling",
    "AMBER": "a topology of AMBER",
    "ANGLERES": "angle restraints",
    "BSLEUS": "ball-and-stick local elevation",
    "CGRAIN": "coarse graining",
    "CHEMICALMONTECARLO": "chemical Monte Carlo",
    "COLVARRES": "restraints of collective variables",
    "DFUNCT": "distance functions",
    "DIHEDRALRES": "dihedral restraints",
    "DISTANCEFIELD": "distance-field restraints",
    "DISTANCERES": "distance restraints",
    "EDS": "enveloping distribution sampling",
    "ELECTRIC": "an electric field",
    "FOURDIM": "a fourth dimension",
    "GAMD": "Gaussian accelerated dynamics",
    "JVALUERES": "J-value restraints",
    "LAMBDAS": "individual lambdas",
    "LOCALELEV": "local elevation",
    "LOCALELEVATION": "local elevation",
    "MONTECARLO": "chemical Monte Carlo",
    "MULTICELL": "several unit cells",
    "NEMD": "non-equilibrium dynamics",
    "ORDERPARAMRES": "order-parameter restraints",
    "PATHINT": "path integrals",
    "PERSCALE": "periodic scaling",
    "PERTURBATION": "a perturbation",
    "POLARISE": "polarisation",
    "POSITIONRES": "position restraints",
    "PRECALCLAM": "precalculated lambdas",
    "QMMM": "quantum mechanics",
    "RAMD": "random acceleration",
    "RDCRES": "restraints of residual dipolar couplings",
    "REPLICA_EDS": "replica exchange of enveloping distribution sampling",
    "SASA": "implicit solvent",
    "SYMRES": "symmetry restraints",
    "UMBRELLA": "umbrella sampling",
    "VIRTUALATOM": "virtual atoms",
    "XRAYRES": "X-ray restraints",
}

_OFF = frozenset({"0", "off", "none"})


def load_imd(path: str | Path) -> ForceSettings:
    """Read how MD++ was told to compute forces.

    Blocks that only steer a run are passed over. What would change the forces and is not computed
    here (restraints, perturbation, lattice sums, ...) is refused, and so is a block that is not
    known, unless it is switched off: its first word is 0, off or none.

    Parameters
    ----------
    path : str or Path
        The input file (``.imd``, ``.in``); gzip is unpacked.

    Raises
    ------
    OSError
        The operating system refused.
    SettingsError
        The file is damaged, or asks for what is not computed here: file, block, line.

    Warns
    -----
    UserWarning
        A block that is not known seems to be switched off; fast loops take other images.

    Examples
    --------
    >>> from gromos_dist.forces.imd import load_imd
    >>> settings = load_imd("tests/data/water.imd")
    >>> settings.cutoff, settings.epsilon_rf, settings.constrained_bonds
    (1.4, 61.0, 'none')
    """
    blocks = read_blocks(path, SettingsError)
    for name, block in blocks.items():
        _refuse_unsupported(name, block)
    for name in ("BOUNDCOND", "CONSTRAINT", "FORCE", "NONBONDED", "PAIRLIST"):
        if name not in blocks:
            raise SettingsError(f"{path}: no block {name}, which decides the forces")
    # Without PRESSURESCALE there is no virial.
    values: dict[str, object] = {"virial": "none"}
    for name, read in _READERS.items():
        if name in blocks:
            values |= read(blocks[name].tokens())
    return ForceSettings(**values)  # type: ignore[arg-type]


def _refuse_unsupported(name: str, block: Block) -> None:
    if name in _STEERING or name in _READERS:
        return
    tokens = block.tokens()
    if name == "INNERLOOP":
        if tokens.word("NTILM") not in _OFF:
            warnings.warn(
                f"{block.path}: the fast loops of INNERLOOP take the nearest image of a whole "
                "solvent molecule; here it is taken for every pair of atoms",
                stacklevel=4,
            )
        return
    if name == "MULTISTEP":
        if tokens.integer("STEPS") > 1:
            tokens.fail("non-bonded forces of several steps are not supported; set STEPS to 1")
        return
    if name not in _NOT_SUPPORTED:
        if not tokens.left or tokens.word("its switch").lower() not in _OFF:
            raise block.error(
                "a block that is not known here may change the forces; remove it if it does not"
            )
        warnings.warn(
            f"{block.path}, block {name}, line {block.line}: it is not known here; as its first "
            "word is 0, it is taken to be switched off",
            stacklevel=4,
        )
        return
    if tokens.word("its switch").lower() not in _OFF:
        tokens.fail(f"not supported: {_NOT_SUPPORTED[name]}; switch it off")


def _choice(tokens: Tokens, what: str, choices: Mapping[str, _Value]) -> _Value:
    word = tokens.word(what).lower()
    if word not in choices:
        tokens.fail(f"expected {what} to be one of {', '.join(choices)}; found {word!r}")
    return choices[word]


_SWITCH = {"0": False, "1": True}


def _read_system(tokens: Tokens) -> dict[str, object]:
    with_solute = tokens.integer("NPM", 0, 1) == 1
    n_solvent = tokens.integer("NSM", 0)
    tokens.end()
    return {"with_solute": with_solute, "n_solvent_molecules": n_solvent}


def _read_boundcond(tokens: Tokens) -> dict[str, object]:
    boundary = _choice(
        tokens,
        "NTB",
        {"0": "vacuum", "1": "rectangular", "2": "triclinic", "-1": "truncated octahedron"},
    )
    tokens.integer("NDFMIN")
    tokens.end()
    return {"boundary": boundary}


def _read_force(tokens: Tokens) -> dict[str, object]:
    terms = ("bonds", "angles", "impropers", "dihedrals", "electrostatics", "lennard_jones")
    words = tokens.left
    flags = [_choice(tokens, f"NTF({i})", _SWITCH) for i in range(1, 7)]
    n_groups = tokens.integer("NEGR")
    # Of old there were two flags for each of the first four terms: with hydrogen, without.
    if n_groups in (0, 1) and tokens.left > n_groups:
        flags += [n_groups == 1, *(_choice(tokens, f"NTF({i})", _SWITCH) for i in range(8, 11))]
        for i, term in enumerate(terms[:4]):
            if flags[2 * i] != flags[2 * i + 1]:
                tokens.fail(
                    f"{term} with hydrogen but not the others, or the other way round, is not "
                    "supported"
                )
        flags = [*flags[0:8:2], *flags[8:]]
        n_groups = tokens.integer("NEGR")
    if n_groups < 0:
        tokens.fail("force groups (NEGR below 0) are not supported; give energy groups")
    if n_groups > words:
        tokens.fail(f"expected {n_groups} last atoms of energy groups, but the block ends before")
    ends: list[int] = []
    for _ in range(n_groups):
        ends.append(tokens.integer("the last atom of an energy group", low=1))
        if len(ends) > 1 and ends[-1] <= ends[-2]:
            tokens.fail(f"expected last atoms that rise, found {ends[-1]} after {ends[-2]}")
    tokens.end()
    return {**dict(zip(terms, flags, strict=True)), "energy_group_end": tuple(ends)}


def _read_covalentform(tokens: Tokens) -> dict[str, object]:
    values = {
        "bond_form": _choice(tokens, "NTBBH", {"0": "quartic", "1": "harmonic"}),
        "angle_form": _choice(tokens, "NTBAH", {"0": "cosine", "1": "harmonic"}),
        "phases": _choice(tokens, "NTBDN", {"0": "any", "1": "0 or 180"}),
    }
    tokens.end()
    return values  # type: ignore[return-value]


def _read_constraint(tokens: Tokens) -> dict[str, object]:
    constrained = _choice(
        tokens,
        "NTC",
        {
            "0": "none", "off": "none", "1": "none", "solvent": "none",
            "2": "hydrogen", "hydrogen": "hydrogen", "3": "all", "all": "all",
            "4": "none", "specified": "none",
        },
    )  # fmt: skip
    # What follows says how constraints are solved.
    return {"constrained_bonds": constrained}


def _read_pairlist(tokens: Tokens) -> dict[str, object]:
    algorithms = {name: name for name in ("0", "standard", "1", "grid", "2", "grid_cell")}
    _choice(tokens, "ALGORITHM", algorithms)
    list_steps = tokens.integer("NSNB", low=1)
    short, long = tokens.real("RCUTP"), tokens.real("RCUTL")
    if not 0 < short <= long:
        tokens.fail(f"expected 0 < RCUTP <= RCUTL, found {short:g} and {long:g}")
    tokens.word("SIZE")
    kinds = {"0": "charge group", "chargegroup": "charge group", "1": "atom", "atomic": "atom"}
    kind = _choice(tokens, "TYPE", kinds)
    tokens.end()
    return {
        "cutoff_kind": kind,
        "list_steps": list_steps,
        "cutoff_short": short,
        "cutoff": long,
    }


def _read_nonbonded(tokens: Tokens) -> dict[str, object]:
    method = tokens.integer("NLRELE")
    if method not in (0, 1):
        known = {-1: "the old reaction field", 2: "an Ewald sum", 3: "P3M"}
        found = known.get(method, "an unknown method")
        tokens.fail(
            f"expected NLRELE 1 (reaction field) or 0 (no electrostatics), found {method}: "
            f"{found} is not read from an input file"
        )
    values: dict[str, object] = {}
    kappa = tokens.real("APPAK")
    radius = tokens.real("RCRF")
    epsilon = tokens.real("EPSRF")
    if kappa < 0 or radius < 0 or (epsilon != 0 and epsilon < 1):
        tokens.fail(
            "expected APPAK and RCRF of at least 0, and EPSRF 0 (infinity) or of at least 1; "
            f"found {kappa:g}, {radius:g} and {epsilon:g}"
        )
    values["kappa"] = kappa
    values["reaction_field_radius"] = radius
    values["epsilon_rf"] = epsilon or math.inf
    values["reaction_field_excluded"] = _choice(tokens, "NSLFEXCL", _SWITCH)
    # 20 numbers on lattice sums, which do not matter to a reaction field.
    for _ in range(20):
        tokens.real("a number on lattice sums")
    if tokens.integer("NLRLJ", 0, 1):
        tokens.fail("long-range corrections of Lennard-Jones are not supported; set NLRLJ to 0")
    tokens.real("SLVDNS")
    tokens.end()
    if method == 0:
        values["electrostatics"] = False
    return values


def _read_pressurescale(tokens: Tokens) -> dict[str, object]:
    couple = _choice(
        tokens,
        "COUPLE",
        {"0": False, "off": False, "1": True, "calc": True, "2": True, "scale": True},
    )
    for name in ("SCALE", "COMP", "TAUP"):
        tokens.word(name)
    virial = _choice(
        tokens,
        "VIRIAL",
        {
            "0": "none", "none": "none", "1": "atomic", "atomic": "atomic",
            "2": "molecular", "group": "molecular", "molecular": "molecular",
        },
    )  # fmt: skip
    return {"virial": virial if couple else "none"}


# NONBONDED comes after FORCE: without a method there are no electrostatics.
_READERS: Final = {
    "SYSTEM": _read_system,
    "BOUNDCOND": _read_boundcond,
    "FORCE": _read_force,
    "COVALENTFORM": _read_covalentform,
    "CONSTRAINT": _read_constraint,
    "PAIRLIST": _read_pairlist,
    "NONBONDED": _read_nonbonded,
    "PRESSURESCALE": _read_pressurescale,
}
