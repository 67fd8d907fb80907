"""The settings of the forces: one declaration, the same behind every door."""

from __future__ import annotations

import inspect
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import gromos_dist as gd
from gromos_dist.cli.application import application
from gromos_dist.forces.describe import entry_of, option_of, table
from gromos_dist.forces.settings import (
    SETTINGS,
    CalculatorSettings,
    ForceSettings,
    GivenSettings,
    Setting,
    checked,
)

DATA = Path(__file__).parent / "data"
PAGE = Path(__file__).parents[1] / "docs" / "forces.md"

TABLE = PAGE.read_text().partition("| setting |")[2].partition("\n\n")[0]

FUNCTIONS = [gd.forces, gd.energies]
COMMANDS = ["forces", "energies"]

# Another value than the default, with what it needs to matter.
OTHER: dict[str, tuple[Any, dict[str, Any]]] = {
    "boundary": ("vacuum", {}),
    "cutoff": (0.65, {}),
    "cutoff_kind": ("atom", {}),
    "epsilon_rf": (math.inf, {}),
    "reaction_field_radius": (0.9, {}),
    "kappa": (2.5, {}),
    "reaction_field_excluded": (False, {}),
    "use_pme": (True, {}),
    "pme_tolerance": (1e-3, {"use_pme": True}),
    "pme_spacing": (0.08, {"use_pme": True}),
    "pme_order": (8, {"use_pme": True}),
    "constrained_bonds": ("all", {}),
    "bond_form": ("harmonic", {}),
    "angle_form": ("harmonic", {}),
    "phases": ("0 or 180", {}),
    "bonds": (False, {}),
    "angles": (False, {}),
    "impropers": (False, {}),
    "dihedrals": (False, {}),
    "electrostatics": (False, {}),
    "lennard_jones": (False, {}),
    "virial": ("atomic", {}),
    "precision": ("double", {}),
}
# Of the small system: it has no impropers, no other phases, and the default is good enough.
WITHOUT_EFFECT = {"impropers", "phases"}


def dense(text: str) -> str:
    """Return text without the spaces and breaks that a page has put in."""
    return "".join(text.split())


def names_of(*scopes: str) -> set[str]:
    return {name for name, one in SETTINGS.items() if one.told.scope in scopes}


@pytest.fixture(scope="module")
def butane() -> xr.Dataset:
    return gd.open_trajectory(DATA / "butane.trc", DATA / "butane.top")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    return {name: runner.invoke(application, [name, "--help"]).stdout for name in COMMANDS}


# ---- what the doors tell ----


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=list(SETTINGS))
class TestEveryDoor:
    """Each setting stands behind each door with its type, default, unit and meaning."""

    def words(self, setting: Setting, marks: Callable[[str], str]) -> list[str]:
        """What is told of a setting, as a door with its own names for them writes it."""
        told = setting.told
        default = setting.default
        usual = told.usual if default is None else f"{default:g}".replace("e-0", "e-")
        fills = {name: marks(name) for name in SETTINGS}
        return [dense(text.format(**fills)) for text in (told.doc, usual, told.unit)]

    @pytest.mark.parametrize("function", FUNCTIONS, ids=COMMANDS)
    def test_functions(self, setting: Setting, function: Any) -> None:
        signature = inspect.signature(function)
        taken = setting.told.scope == "forces"
        assert (setting.name in signature.parameters) is taken
        entry = entry_of(setting.name)
        assert (entry in inspect.getdoc(function).split("Returns\n---")[0]) is taken
        if not taken:
            with pytest.raises(TypeError, match="unexpected keyword argument"):
                function(xr.Dataset(), **{setting.name: setting.default})
            return
        parameter = signature.parameters[setting.name]
        assert parameter.kind is parameter.KEYWORD_ONLY
        # None: those of `settings`, and without these the default, which the docstring tells.
        assert parameter.default is None
        assert parameter.annotation == setting.kind | None
        assert get_type_hints(GivenSettings)[setting.name] == setting.kind | None

    def test_docstring_entry(self, setting: Setting) -> None:
        head, *meaning = entry_of(setting.name).splitlines()
        assert all(line.startswith("    ") and len(line) <= 96 for line in meaning)
        default = setting.default
        shown = f'"{default}"' if isinstance(default, str) else str(default)
        doc, usual, unit = self.words(replace_default(setting), "`{}`".format)
        assert dense("".join(meaning)) == doc
        name, kind = re.fullmatch(r"(\w+) : (.*)", head).groups()
        assert name == setting.name
        assert dense(kind).endswith(f"default:{usual or dense(shown)}")
        assert f"{f' ({unit})' if unit else ''}, default: " in head
        assert all(f'"{choice}"' in head for choice in setting.choices)

    def test_calculator(self, setting: Setting) -> None:
        name = setting.name
        parameters = inspect.signature(gd.ForceCalculator).parameters
        taken = setting.told.scope != "system"
        assert (name in parameters) is taken
        assert (name in vars(gd.ForceCalculator)) is taken
        if not taken:
            return
        assert entry_of(name) in inspect.getdoc(gd.ForceCalculator)
        if name != "cutoff":
            assert parameters[name].default == setting.default
            assert parameters[name].annotation == setting.kind | None
        if name not in ("cutoff", "use_pme"):
            assert get_type_hints(CalculatorSettings)[name] == setting.kind | None
        assert vars(gd.ForceCalculator)[name].__doc__.endswith(entry_of(name).splitlines()[0])
        calculator = gd.ForceCalculator(0.6)
        usual = ForceSettings(cutoff=0.6).completed("triclinic")
        expected = None if name == "boundary" else getattr(usual, name)
        assert getattr(calculator, name) == expected
        if setting.default is not None:
            assert getattr(calculator, name) == setting.default

    @pytest.mark.parametrize("command", COMMANDS)
    def test_commands(self, setting: Setting, command: str, pages: dict[str, str]) -> None:
        option = option_of(setting.name)
        taken = setting.told.scope == "forces"
        page = dense(pages[command])
        head = dense(f"{' / '.join(option.names[0].split('/'))}{option.metavar or ''}")
        assert (head + dense(option.help) in page) is taken
        doc, usual, unit = self.words(
            replace_default(setting), lambda name: option_of(name).names[0]
        )
        default = setting.default
        shown = {True: "yes", False: "no"}.get(default, str(default))  # type: ignore[arg-type]
        doc = f"{doc.removesuffix('.')}({unit})." if unit else doc
        told = f"{doc}[default:{usual or dense(shown)}]"
        assert (told in page) is taken

    def test_table_of_the_page(self, setting: Setting) -> None:
        (row,) = re.findall(rf"^\| `{setting.name}` \| .*$", TABLE, re.MULTILINE)
        _, _, option, block, kind, unit, default, meaning, _ = row.split("|", 8)
        assert (unit.strip(), block.strip()) == (setting.told.unit, setting.told.block)
        named = f"`{option_of(setting.name).names[0]}`" if setting.told.scope == "forces" else ""
        assert dense(option) == named
        doc, usual, _ = self.words(replace_default(setting), "`{}`".format)
        assert dense(meaning) == doc
        assert all(f'"{choice}"' in kind for choice in setting.choices)
        shown = setting.default if setting.choices else str(setting.default)
        assert dense(default).strip('"') == (usual or dense(str(shown)))


def replace_default(setting: Setting) -> Setting:
    """Return a setting whose words are those of a number, or none."""
    if setting.default is None or isinstance(setting.default, float):
        return setting
    return setting._replace(default=None, told=setting.told._replace(usual=""))


def test_the_table_of_the_page_is_the_declaration() -> None:
    # Where it is not: python -c 'from gromos_dist.forces.describe import table; print(table())'
    assert table() in PAGE.read_text()


def test_what_type_checkers_see_is_the_declaration() -> None:
    forces, calculator = names_of("forces"), names_of("forces", "simulation")
    assert set(get_type_hints(GivenSettings)) == forces
    assert set(get_type_hints(CalculatorSettings)) == calculator - {"cutoff", "use_pme"}
    assert forces == set(OTHER)


def test_help_names_all_of_them() -> None:
    assert list(inspect.signature(gd.ForceCalculator).parameters)[:2] == ["cutoff", "use_pme"]
    for function in FUNCTIONS:
        assert "given" not in inspect.signature(function).parameters
        assert "**given" not in function.__doc__
        order = list(inspect.signature(function).parameters)
        assert order[:4] == ["ds", "topology", "settings", "boundary"]


# ---- the same bits ----


def computed(result: xr.Dataset, frame: int) -> dict[str, np.ndarray]:
    loaded = result.isel(frame=frame).compute()
    return {name: loaded[name].values for name in loaded.data_vars}


def same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert set(ours) == set(theirs)
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def by_calculator(calculator: gd.ForceCalculator, ds: xr.Dataset) -> dict[str, np.ndarray]:
    state = gd.State.from_frame(ds.isel(frame=1))
    result = calculator.calculate(state, gd.load_topology(DATA / "butane.top"))
    found = {
        "forces": state.forces(),
        "energy": np.array(list(result.energy.values())),
        "energy_bonded": result.energy_bonded,
        "energy_nonbonded": result.energy_nonbonded,
    }
    return found if result.virial is None else found | {"virial": result.virial}


def option_words(given: dict[str, Any]) -> list[str]:
    words = []
    for name, value in given.items():
        *names, _ = (*option_of(name).names[0].split("/"), "")
        if isinstance(value, bool):
            words.append(names[0] if value else names[1])
        else:
            words += [names[0], str(value)]
    return words


def as_imd(settings: ForceSettings) -> str:
    """An input file of GROMOS with these settings."""
    how = settings.completed("rectangular")
    terms = ("bonds", "angles", "impropers", "dihedrals", "electrostatics", "lennard_jones")
    numbers = {
        "boundary": {"vacuum": 0, "rectangular": 1}[how.boundary],  # type: ignore[index]
        "forms": f"{how.bond_form == 'harmonic':d} {how.angle_form == 'harmonic':d}",
        "epsilon": 0 if how.epsilon_rf == math.inf else how.epsilon_rf,
        "terms": " ".join(f"{getattr(how, term):d}" for term in terms),
        "constrained": {"none": 1, "hydrogen": 2, "all": 3}[how.constrained_bonds],
        "virial": f"{'off' if how.virial == 'none' else 'calc'} iso 1 1 {how.virial}",
    }
    return (
        f"BOUNDCOND\n{numbers['boundary']} 3\nEND\n"
        f"COVALENTFORM\n{numbers['forms']} {how.phases != 'any':d}\nEND\n"
        f"CONSTRAINT\n{numbers['constrained']}\nEND\nFORCE\n{numbers['terms']} 0\nEND\n"
        f"PAIRLIST\ngrid 1 {how.cutoff_short} {how.cutoff} auto "
        f"{'atomic' if how.cutoff_kind == 'atom' else 'chargegroup'}\nEND\n"
        f"NONBONDED\n1 {how.kappa} {how.reaction_field_radius} {numbers['epsilon']} "
        f"{how.reaction_field_excluded:d}\n{'0 ' * 22}\nEND\n"
        f"PRESSURESCALE\n{numbers['virial']}\nEND\n"
    )


@pytest.mark.filterwarnings("ignore:particle-mesh Ewald")
@pytest.mark.parametrize("name", list(OTHER))
def test_every_door_gives_the_same_bits(butane: xr.Dataset, tmp_path: Path, name: str) -> None:
    value, beside = OTHER[name]
    given = {"cutoff": 0.6, **beside, name: value}
    whole = gd.forces(butane, **given)
    expected = computed(whole, 1)
    usual = computed(gd.forces(butane, **{"cutoff": 0.6, **beside}), 1)
    if name not in WITHOUT_EFFECT:
        assert any(not np.array_equal(expected[one], usual.get(one)) for one in expected)

    settings = ForceSettings(**given)
    same(computed(gd.forces(butane, settings=settings), 1), expected)
    before = ForceSettings(**{"cutoff": 0.6, **beside})
    same(computed(gd.forces(butane, settings=before, **{name: value}), 1), expected)
    energies = {one: values for one, values in expected.items() if one != "forces"}
    virial = {} if "virial" in given else {"virial": settings.completed("triclinic").virial}
    same(computed(gd.energies(butane, **given, **virial), 1), energies)
    same(computed(butane.gromos.energies(**given, **virial), 1), energies)

    double = gd.open_trajectory(DATA / "butane.trc", dtype=np.float64)
    calculator = gd.ForceCalculator(**{"cutoff": 0.6, **beside})
    setattr(calculator, name, value)
    for one in (
        calculator,
        gd.ForceCalculator(**given),
        gd.ForceCalculator.from_settings(settings),
    ):
        assert getattr(one, name) == value
        found = by_calculator(one, double)
        found["forces"] = found["forces"].astype(expected["forces"].dtype)
        same(found, expected)

    files = [str(DATA / "butane.trc"), "--top", str(DATA / "butane.top")]
    for command, asked in (("forces", given), ("energies", given | virial)):
        output = tmp_path / f"{command}.nc"
        words = [command, *files, *option_words(asked), "-o", str(output), "--quiet"]
        result = CliRunner().invoke(application, words)
        assert result.exit_code == 0, result.output
        with xr.open_dataset(output) as written:
            same(computed(written, 1), expected if command == "forces" else energies)

    if SETTINGS[name].told.block:
        path = tmp_path / "md.imd"
        path.write_text(as_imd(settings))
        assert getattr(gd.load_imd(path), name) == value
        same(computed(gd.forces(butane, settings=path), 1), expected)
        same(by_calculator(gd.ForceCalculator.from_imd(path), double) | {"forces": 0},
             expected | {"forces": 0})  # fmt: skip


# ---- one vocabulary ----

OLD = {
    "reaction_field_epsilon": ("epsilon_rf", 5.0),
    "reaction_field_kappa": ("kappa", 2.0),
    "particle_mesh_ewald": ("use_pme", True),
    "ewald_tolerance": ("pme_tolerance", 1e-3),
    "mesh_spacing": ("pme_spacing", 0.1),
    "mesh_order": ("pme_order", 8),
}


@pytest.mark.filterwarnings("ignore:particle-mesh Ewald")
@pytest.mark.parametrize("old", list(OLD))
def test_old_names_are_understood(butane: xr.Dataset, old: str) -> None:
    new, value = OLD[old]
    assert {one.told.old_name for one in SETTINGS.values()} - {""} == set(OLD)
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}") as caught:
        settings = ForceSettings(cutoff=0.6, **{old: value})
    assert caught[0].filename == __file__
    assert settings == ForceSettings(cutoff=0.6, **{new: value})
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}") as caught:
        assert getattr(settings, old) == value
    assert caught[0].filename == __file__
    # Never were they names of these doors.
    for door in (partial(gd.forces, butane), partial(gd.energies, butane), gd.ForceCalculator):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{old}'; {new} is its"):
            door(cutoff=0.6, **{old: value})
    with pytest.raises(TypeError, match=f"{old} is the old name of {new}: give one of them"):
        ForceSettings(**{old: value, new: value})


def test_other_names_are_refused(butane: xr.Dataset) -> None:
    with pytest.raises(TypeError, match=r"forces\(\) got an unexpected keyword argument 'cutof'"):
        gd.forces(butane, cutof=1.0)
    with pytest.raises(TypeError, match=r"energies\(\) got an unexpected .* argument 'variables'"):
        gd.energies(butane, cutoff=0.6, variables=["energy"])
    with pytest.raises(TypeError, match=r"ForceCalculator\(\) got an unexpected .* 'with_solute'"):
        gd.ForceCalculator(0.6, with_solute=False)
    with pytest.raises(AttributeError, match="has no attribute 'epsilon'"):
        ForceSettings().epsilon  # noqa: B018


# ---- the declaration itself ----


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("cutoff", 0.0), ("cutoff", "0.6"), ("cutoff", True), ("cutoff", math.nan),
        ("epsilon_rf", None), ("epsilon_rf", 0.0), ("kappa", -1), ("kappa", math.inf),
        ("use_pme", "yes"), ("use_pme", None), ("pme_order", 4.0), ("pme_order", True),
        ("bonds", 2), ("list_steps", 0), ("list_steps", 1.5), ("bond_form", None),
        ("energy_group_end", 3), ("energy_group_end", (1.5,)), ("n_solvent_molecules", -1),
        ("precision", "single"), ("virial", "group"), ("cutoff_short", 0.0),
    ],
)  # fmt: skip
def test_values_are_checked_once_for_all(name: str, wrong: Any) -> None:
    pattern = rf"{name}: expected .*, got {re.escape(repr(wrong))}"
    with pytest.raises(ValueError, match=pattern):
        ForceSettings(**{name: wrong})
    with pytest.raises(ValueError, match=pattern):
        checked(name, wrong)


def test_a_shorter_cutoff_is_shorter() -> None:
    with pytest.raises(ValueError, match=r"cutoff_short: expected .* the cutoff \(0.6\), got 0.7"):
        ForceSettings(cutoff=0.6, cutoff_short=0.7)


def test_values_have_the_type_of_their_setting() -> None:
    settings = ForceSettings(
        cutoff=np.float32(0.5), use_pme=np.True_, pme_order=np.int64(8), energy_group_end=[3, 5]
    )
    assert repr(settings) == repr(
        ForceSettings(cutoff=0.5, use_pme=True, pme_order=8, energy_group_end=(3, 5))
    )
    assert hash(settings) == hash(pickle.loads(pickle.dumps(settings)))
    assert type(settings.cutoff) is float
    with pytest.raises(FrozenInstanceError):
        settings.cutoff = 0.4  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        ForceSettings("vacuum", 3)  # type: ignore[misc]


def test_what_is_open_follows() -> None:
    settings = ForceSettings(cutoff=0.6)
    assert settings.completed("triclinic") == ForceSettings(
        boundary="triclinic", cutoff=0.6, cutoff_kind="charge group", cutoff_short=0.6,
        reaction_field_radius=0.6, virial="molecular",
    )  # fmt: skip
    assert settings.completed("vacuum").virial == "none"
    assert replace(settings, boundary="vacuum").completed("triclinic").boundary == "vacuum"
    assert replace(settings, virial="atomic").completed("vacuum").virial == "atomic"
    assert replace(settings, use_pme=True).completed("vacuum").cutoff_kind == "atom"
    complete = settings.completed("rectangular")
    assert complete.completed("vacuum") == complete
    with pytest.raises(ValueError, match="forces need a cutoff"):
        ForceSettings().completed("vacuum")


def test_what_is_given_takes_the_place_of_a_file() -> None:
    settings = gd.load_imd(DATA / "water.imd")
    assert settings.with_given({}) == settings
    changed = settings.with_given({"cutoff": 0.7})
    assert (changed.cutoff, changed.cutoff_short, changed.reaction_field_radius) == (0.7, None, 1.4)
    assert settings.with_given({"cutoff": 0.9, "cutoff_short": 0.8}).cutoff_short == 0.8
    assert settings.with_given({"use_pme": True}).completed("triclinic").cutoff_kind == "atom"
    both = settings.with_given({"use_pme": True, "cutoff_kind": "charge group"})
    assert both.completed("triclinic").cutoff_kind == "charge group"


def test_a_calculator_goes_back_to_what_follows() -> None:
    calculator = gd.ForceCalculator.from_imd(DATA / "water.imd")
    calculator.use_pme = True
    assert calculator.cutoff_kind == "atom"
    calculator.use_pme = False
    assert calculator.cutoff_kind == "charge group"
    calculator.cutoff = 1.0
    assert (calculator.cutoff_short, calculator.reaction_field_radius) == (1.0, 1.4)
    calculator.reaction_field_radius = None
    assert calculator.reaction_field_radius == 1.0
    calculator.cutoff_short = 0.5
    with pytest.raises(ValueError, match="cutoff_short: expected"):
        calculator.cutoff_short = 1.1
    assert calculator.cutoff_short == 0.5
    with pytest.raises(ValueError, match="forces need a cutoff"):
        calculator.cutoff = None  # type: ignore[assignment]
    assert calculator.cutoff == 1.0
    with pytest.raises(ValueError, match="epsilon_rf: expected a number of at least 1"):
        calculator.epsilon_rf = None  # type: ignore[assignment]
    kept = gd.ForceCalculator.from_settings(
        ForceSettings(cutoff=0.6, use_pme=True, cutoff_kind="charge group")
    )
    assert kept.cutoff_kind == "charge group"
