"""What counts as a hydrogen bond: the criteria of several programs, exactly."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from gromos_dist.kernels.hydrogen_bonds import BondCriteria, ThreeCenterCriteria

CriteriaName = Literal[
    "gromos", "luzar_chandler", "baker_hubbard", "wernet_nilsson", "mdanalysis", "cpptraj"
]
ThreeCenterLimits = tuple[float, float, float, float]

PRESETS = MappingProxyType(
    {
        "gromos": BondCriteria(0.25, True, "hydrogen", 135.0, True, "hydrogen"),
        "luzar_chandler": BondCriteria(0.35, True, "donor", 30.0, True, "donor"),
        "baker_hubbard": BondCriteria(0.25, False, "hydrogen", 120.0, False, "hydrogen"),
        "wernet_nilsson": BondCriteria(0.33, False, "donor", 45.0, False, "donor", 4.4e-5),
        "mdanalysis": BondCriteria(0.30, True, "donor", 150.0, False, "hydrogen"),
        "cpptraj": BondCriteria(0.30, True, "donor", 135.0, True, "hydrogen"),
    }
)
"""By the names that users give."""

_ANGLES = {"hydrogen": "D-H...A", "donor": "H-D...A"}
_DISTANCES = {"hydrogen": "H...A", "donor": "D...A"}


def criteria_of(
    name: str, cutoff: float | None, angle: float | None, curvature: float | None
) -> BondCriteria:
    """Return the criteria of a name, with the numbers that are given in the place of theirs.

    Raises
    ------
    ValueError
        There is no such name, or a number makes no sense.
    """
    if name not in PRESETS:
        raise ValueError(f"criteria: expected one of {', '.join(PRESETS)}, got {name!r}")
    preset = PRESETS[name]
    if curvature is not None and not preset.curvature:
        raise ValueError(f"curvature: the criteria {name!r} have none, only wernet_nilsson has")
    found = preset._replace(
        distance=preset.distance if cutoff is None else cutoff,
        angle=preset.angle if angle is None else angle,
        curvature=preset.curvature if curvature is None else curvature,
    )
    _check_range("cutoff", found.distance, "nm", float("inf"))
    _check_range("angle", found.angle, "degrees", 180.0)
    _check_range("curvature", found.curvature, "nm degree-2", float("inf"))
    return found


def three_center_of(limits: ThreeCenterLimits) -> ThreeCenterCriteria:
    """Return the criteria of bonds to two acceptors.

    Raises
    ------
    ValueError
        There are not four numbers, or one makes no sense.
    """
    if len(tuple(limits)) != len(ThreeCenterCriteria._fields):
        raise ValueError(
            "three_center_limits: expected four numbers (distance in nm, then angle, sum of angles "
            f"and angle of planes in degrees), got {limits!r}"
        )
    found = ThreeCenterCriteria(*map(float, limits))
    _check_range("three_center_limits: distance", found.distance, "nm", float("inf"))
    for what, value, most in (
        ("angle", found.angle, 180.0),
        ("sum of angles", found.angle_sum, 360.0),
        ("angle of planes", found.plane, 180.0),
    ):
        _check_range(f"three_center_limits: {what}", value, "degrees", most)
    return found


def described(criteria: BondCriteria) -> str:
    """Return criteria in words, as they are applied."""
    distance, angle = _DISTANCES[criteria.distance_from], _ANGLES[criteria.angle_at]
    less = "<=" if criteria.distance_included else "<"
    bent = f" - {criteria.curvature:g} ({angle})^2" if criteria.curvature else ""
    sign = {"hydrogen": ">", "donor": "<"}[criteria.angle_at]
    sign += "=" if criteria.angle_included else ""
    limit = f"{criteria.distance:g} nm{bent}"
    return f"{distance} {less} {limit}, {angle} {sign} {criteria.angle:g} degrees"


def three_center_described(criteria: ThreeCenterCriteria) -> str:
    """Return criteria of bonds to two acceptors in words, as they are applied."""
    return (
        f"H...A <= {criteria.distance:g} nm and D-H...A >= {criteria.angle:g} degrees for both "
        f"acceptors, sum of the angles at H >= {criteria.angle_sum:g} degrees, planes D-A-A' and "
        f"H-A-A' within {criteria.plane:g} degrees"
    )


def _check_range(name: str, value: float, unit: str, most: float) -> None:
    if not 0.0 <= value <= most:
        raise ValueError(f"{name}: expected from 0 to {most:g} {unit}, got {value!r}")
