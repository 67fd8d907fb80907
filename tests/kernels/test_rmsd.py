from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    best_fit,
    blocks,
    deviation,
    far_away,
    level,
    on_every_level,
    random_rotation,
    same_bits,
    superposition,
    unaligned,
    weights_for,
)

from gromos_dist import instruction_set
from gromos_dist.kernels.rmsd import calculate_rmsd, fit_transform, prepare_reference, rmsd

SEEDS = st.integers(0, 2**32)


def atom_list(n_atoms: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return rng.permutation(n_atoms)[: rng.integers(1, n_atoms + 1)]


@given(blocks(), SEEDS)
def test_equals_singular_values(frames: NDArray[Any], seed: int) -> None:
    reference = frames[seed % len(frames)]
    weights = weights_for(frames.shape[1], seed)
    for w in (None, weights):
        values = on_every_level(lambda w=w: rmsd(frames, reference, weights=w))
        expected = [best_fit(frame, reference, w) for frame in frames]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)
        assert values[seed % len(frames)] == 0


@given(blocks(), SEEDS)
def test_rotations_and_translations(frames: NDArray[Any], seed: int) -> None:
    reference = frames[-1].astype(np.float64)
    weights = weights_for(frames.shape[1], seed)
    rotations, translations = on_every_level(
        lambda: fit_transform(frames, reference, weights=weights)
    )
    values = rmsd(frames, reference, weights=weights)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1),
        np.broadcast_to(np.eye(3), rotations.shape),
        0,
        1e-12,
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1, 0, 1e-12)
    for frame, rotation, translation, value in zip(
        frames, rotations, translations, values, strict=True
    ):
        moved = frame.astype(np.float64) @ rotation.T + translation
        assert abs(deviation(moved, reference, weights) - value) < 1e-9


@given(blocks(), SEEDS)
def test_same_bits_for_every_block_of_frames(frames: NDArray[Any], seed: int) -> None:
    prepared = prepare_reference(frames[0], weights=weights_for(frames.shape[1], seed))
    whole = rmsd(frames, prepared)
    for size in (1, 3, 8):
        pieces = [rmsd(frames[i : i + size], prepared) for i in range(0, len(frames), size)]
        assert same_bits(np.concatenate(pieces), whole)


@given(blocks())
def test_same_bits_wherever_the_array_begins(frames: NDArray[Any]) -> None:
    assert same_bits(rmsd(unaligned(frames), frames[0]), rmsd(frames, frames[0]))


@given(blocks(), SEEDS)
def test_atom_list_has_the_bits_of_those_atoms_alone(frames: NDArray[Any], seed: int) -> None:
    atoms = atom_list(frames.shape[1], seed)
    weights = weights_for(frames.shape[1], seed)
    weights[atoms[0]] = 1
    chosen = np.ascontiguousarray(frames[:, atoms])
    for a, b in (
        (
            rmsd(frames, frames[-1], atoms=atoms, weights=weights),
            rmsd(chosen, chosen[-1], weights=weights[atoms]),
        ),
        (
            rmsd(frames, frames[-1], atoms=atoms, fit=False),
            rmsd(chosen, chosen[-1], fit=False),
        ),
        (
            fit_transform(frames, frames[-1], atoms=atoms),
            fit_transform(chosen, chosen[-1]),
        ),
    ):
        assert same_bits(a, b)
    mask = np.zeros(frames.shape[1], dtype=bool)
    mask[atoms] = True
    assert same_bits(
        rmsd(frames, frames[-1], atoms=mask), rmsd(frames, frames[-1], atoms=np.sort(atoms))
    )


def test_a_range_of_atoms_is_read_in_place() -> None:
    frames = np.random.default_rng(1).normal(size=(9, 300, 3)).astype(np.float32)
    for first, last in ((0, 300), (5, 299), (100, 108), (299, 300)):
        atoms = np.arange(first, last)
        chosen = np.ascontiguousarray(frames[:, first:last])
        assert same_bits(rmsd(frames, frames[2], atoms=atoms), rmsd(chosen, chosen[2]))


@given(blocks(), SEEDS)
def test_fit_on_one_set_measure_another(frames: NDArray[Any], seed: int) -> None:
    fit, measured = atom_list(frames.shape[1], seed), atom_list(frames.shape[1], seed + 1)
    weights = weights_for(frames.shape[1], seed)
    fit_weights = weights_for(frames.shape[1], seed + 1)
    weights[measured[0]] = fit_weights[fit[0]] = 1
    reference = frames[0]
    values = on_every_level(
        lambda: rmsd(
            frames,
            reference,
            atoms=measured,
            weights=weights,
            fit_atoms=fit,
            fit_weights=fit_weights,
        )
    )
    assert values[0] == 0
    rotations, translations = fit_transform(frames, reference, atoms=fit, weights=fit_weights)
    for frame, value, rotation, translation in zip(
        frames, values, rotations, translations, strict=True
    ):
        moved = frame.astype(np.float64) @ rotation.T + translation
        expected = deviation(moved[measured], reference[measured], weights[measured])
        assert abs(value - expected) < 1e-9


def test_fit_weights_are_the_weights_unless_given() -> None:
    rng = np.random.default_rng(2)
    frames = rng.normal(size=(5, 60, 3))
    fit, measured = np.arange(20), np.arange(20, 60)
    weights = rng.random(60) + 0.1
    for fit_weights, used in ((None, weights), (np.ones(60), np.ones(60))):
        values = rmsd(
            frames,
            frames[1],
            atoms=measured,
            weights=weights,
            fit_atoms=fit,
            fit_weights=fit_weights,
        )
        for frame, value in zip(frames, values, strict=True):
            rotation, translation = superposition(frame[fit], frames[1][fit], used[fit])
            moved = frame @ rotation.T + translation
            expected = deviation(moved[measured], frames[1][measured], weights[measured])
            assert abs(value - expected) < 1e-9


@given(blocks(), SEEDS)
def test_without_a_fit(frames: NDArray[Any], seed: int) -> None:
    weights = weights_for(frames.shape[1], seed)
    for w in (None, weights):
        values = on_every_level(lambda w=w: rmsd(frames, frames[0], weights=w, fit=False))
        expected = [deviation(frame, frames[0], w) for frame in frames]
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=0)
        assert values[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identical_frames_are_exactly_zero(dtype: type) -> None:
    rng = np.random.default_rng(3)
    for n_atoms in (1, 2, 3, 50, 5000):
        frame = (rng.normal(size=(n_atoms, 3)) * 5 + 40).astype(dtype)
        block = np.repeat(frame[None], 17, axis=0)
        values, (rotations, translations) = on_every_level(
            lambda block=block, frame=frame: (rmsd(block, frame), fit_transform(block, frame))
        )
        assert (values == 0).all()
        assert (rotations == np.eye(3)).all()
        assert (translations == 0).all()


def test_rigidly_rotated_copy_of_many_atoms() -> None:
    rng = np.random.default_rng(4)
    frame = (rng.random((100_000, 3)) * 10).astype(np.float32)
    turned = (frame.astype(np.float64) @ random_rotation(rng).T + [3, -2, 8]).astype(np.float32)
    value = on_every_level(lambda: rmsd(turned[None], frame))
    assert 0 < value[0] < 1e-5
    assert abs(value[0] - best_fit(turned, frame)) < 1e-10
    in_double = frame.astype(np.float64) @ random_rotation(rng).T + [3, -2, 8]
    assert rmsd(in_double[None], frame)[0] < 1e-12


def test_far_from_the_origin() -> None:
    rng = np.random.default_rng(5)
    frames = rng.normal(size=(4, 100, 3))
    near = rmsd(frames, frames[0])
    np.testing.assert_allclose(rmsd(frames + 1e5, frames[0] - 1e5), near, rtol=0, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 3.0, 15.0, -40.0, 100.0, 1000.0, 1e5])
@pytest.mark.parametrize("size", [0.2, 2.0])
def test_float32_far_from_the_origin(offset: float, size: float) -> None:
    """Products are summed as they stand: what this costs far away does not show."""
    frames = far_away(offset, size)
    near = frames.astype(np.float64) - offset
    values, (rotations, translations) = on_every_level(
        lambda: (rmsd(frames, frames[0]), fit_transform(frames, frames[0]))
    )
    expected = [best_fit(frame, near[0]) for frame in near]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11)
    # In double nothing is summed as it stands.
    np.testing.assert_allclose(
        values, rmsd(frames.astype(np.float64), frames[0]), rtol=0, atol=1e-11
    )
    moved = np.einsum("fcd,fad->fac", rotations, frames.astype(np.float64))
    moved += translations[:, None]
    for frame, value in zip(moved, values, strict=True):
        assert abs(deviation(frame, frames[0]) - value) < 1e-9


@pytest.mark.parametrize("far", ["frames", "reference"])
def test_float32_near_against_far(far: str) -> None:
    near, away = far_away(0.0, 2.0), far_away(500.0, 2.0)
    frames, reference = (away, near[0]) if far == "frames" else (near, away[0])
    values = on_every_level(lambda: rmsd(frames, reference))
    offset = 500.0 if far == "frames" else 0.0
    expected = [
        best_fit(frame, reference.astype(np.float64) - (500.0 - offset))
        for frame in frames.astype(np.float64) - offset
    ]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11)


def test_a_reference_that_is_not_float32() -> None:
    frames = far_away(5.0, 2.0)
    reference = frames.mean(axis=0, dtype=np.float64)
    assert (reference != reference.astype(np.float32)).any()
    values = on_every_level(lambda: rmsd(frames, reference))
    expected = [best_fit(frame, reference) for frame in frames]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11)


def test_float32_of_every_exponent() -> None:
    """From the smallest number that float32 has, and with zeros of both signs."""
    rng = np.random.default_rng(13)
    scales = np.exp2(rng.integers(-149, 4, size=(5, 200, 3)).astype(np.float64))
    frames = (rng.normal(size=scales.shape) * scales).astype(np.float32)
    frames[:, ::7] *= 0
    frames[:, 3] = rng.normal(size=(5, 3))
    values = on_every_level(lambda: rmsd(frames, frames[4]))
    expected = [best_fit(frame, frames[4]) for frame in frames]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
def test_any_unit_of_length(scale: float) -> None:
    rng = np.random.default_rng(6)
    frames = rng.normal(size=(6, 30, 3))
    frames[3:, :, 1:] = 0
    expected = rmsd(frames, frames[0])
    np.testing.assert_allclose(
        rmsd(frames * scale, frames[0] * scale), expected * scale, rtol=1e-12, atol=1e-12 * scale
    )


def degenerate_shapes() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(7)
    line = np.outer(np.arange(12.0), [1.0, 2.0, -1.0])
    plane = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 3))
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    return {
        "one atom": np.array([[1.0, 2.0, 3.0]]),
        "two atoms": np.array([[1.0, 2.0, 3.0], [1.5, 2.0, 3.0]]),
        "three atoms": rng.normal(size=(3, 3)),
        "one point": np.full((12, 3), 4.0),
        "line": line,
        "almost a line": line + 1e-9 * rng.normal(size=line.shape),
        "nearly a line": line + 1e-4 * rng.normal(size=line.shape),
        "plane": plane,
        "almost a plane": plane + 1e-9 * rng.normal(size=plane.shape),
        "octahedron": octahedron,
        "needle": rng.normal(size=(12, 3)) * [100, 1, 1],
        "cloud": rng.normal(size=(12, 3)),
    }


@pytest.mark.parametrize("name", degenerate_shapes())
@pytest.mark.parametrize("other", ["turned", "mirrored", "through the centre", "noisy", "line"])
def test_degenerate(name: str, other: str) -> None:
    rng = np.random.default_rng(8)
    shape = degenerate_shapes()[name]
    if other == "mirrored":
        changed = shape * [1, 1, -1]
    elif other == "through the centre":
        changed = -shape
    elif other == "noisy":
        changed = shape + 0.01 * rng.normal(size=shape.shape)
    elif other == "line":
        changed = np.outer(np.arange(len(shape)), [1.0, 0.0, 0.0])
    else:
        changed = shape
    frame = changed @ random_rotation(rng).T + rng.normal(size=3)
    value, (rotations, translations) = on_every_level(
        lambda: (rmsd(frame[None], shape), fit_transform(frame[None], shape))
    )
    # Close to a line singular values do worse than we: not above theirs, and reached (see below).
    assert value[0] < best_fit(frame, shape) + 1e-9
    np.testing.assert_allclose(rotations[0] @ rotations[0].T, np.eye(3), 0, 1e-12)
    assert abs(np.linalg.det(rotations[0]) - 1) < 1e-12
    moved = frame @ rotations[0].T + translations[0]
    assert abs(deviation(moved, shape) - value[0]) < 1e-9


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite(isa: str, bad: float, dtype: type) -> None:
    frames = np.random.default_rng(9).normal(size=(20, 37, 3)).astype(dtype)
    reference = frames[0].copy()
    for atom in (0, 5, 36):
        spoilt = frames.copy()
        spoilt[13, atom, 2] = spoilt[17, 2, 0] = bad
        others = np.delete(np.arange(37), [atom, 2])
        message = rf"frame 13: a coordinate is NaN or infinite \(atom {atom}\)"
        for options in ({}, {"fit": False}, {"atoms": others, "fit_atoms": [atom, 3, 4]}):
            with pytest.raises(ValueError, match=message):
                rmsd(spoilt, reference, **options)
        with pytest.raises(ValueError, match=message):
            rmsd(spoilt, reference, atoms=[7, atom, 9])
        with pytest.raises(ValueError, match=message):
            rmsd(spoilt, reference, atoms=[7, atom, 9], fit_atoms=others)
        assert np.isfinite(rmsd(spoilt, reference, atoms=others)).all()


def test_unselected_atoms_of_the_reference_may_be_anything() -> None:
    frames = np.random.default_rng(10).normal(size=(3, 9, 3))
    reference = frames[0].copy()
    reference[8] = np.nan
    assert rmsd(frames, reference, atoms=range(8))[0] == 0
    with pytest.raises(ValueError, match=r"reference: .* NaN or infinite \(atom 8\)"):
        rmsd(frames, reference)
    with pytest.raises(ValueError, match=r"reference: .* \(atom 8\)"):
        rmsd(frames, reference, atoms=[3, 8, 2])
    with pytest.raises(ValueError, match=r"reference: .* \(atom 8\)"):
        rmsd(frames, reference, atoms=[7, 8])


FRAMES = np.random.default_rng(11).normal(size=(3, 5, 3))


@pytest.mark.parametrize(
    ("positions", "options", "message"),
    [
        (FRAMES[0], {}, r"expected shape \(frames, atoms, 3\).*positions\[None\]"),
        (FRAMES[:, :, :2], {}, r"expected shape \(frames, atoms, 3\), got \(3, 5, 2\)"),
        (FRAMES[:, :0], {}, "there are no atoms"),
        (FRAMES.astype(int), {}, "float32 or float64, got int64"),
        (FRAMES.astype(np.float16), {}, "float32 or float64, got float16"),
        (FRAMES[:, :4], {}, "positions have 4 atoms a frame, the reference has 5"),
        (FRAMES, {"atoms": []}, "atoms: no atom is selected"),
        (FRAMES, {"atoms": np.zeros(5, bool)}, "atoms: no atom is selected"),
        (FRAMES, {"atoms": np.ones(4, bool)}, "one value for each of the 5 atoms, got 4"),
        (FRAMES, {"atoms": [0, 5]}, "index 5 is out of range; a frame has 5 atoms, 0 to 4"),
        (FRAMES, {"fit_atoms": [-1, 2]}, "fit_atoms: index -1 is out of range"),
        (FRAMES, {"atoms": [0.5]}, r"atom indices \(int\) or a mask \(bool\), got dtype float64"),
        (FRAMES, {"atoms": [[1]]}, "one-dimensional"),
        (FRAMES, {"weights": np.ones(4)}, r"shape \(5,\), got \(4,\)"),
        (FRAMES, {"weights": ["C"] * 5}, "real numbers"),
        (FRAMES, {"weights": np.zeros(5)}, "sum to more than zero"),
        (FRAMES, {"weights": [1, 1, -1, 1, 1]}, r"weights must be finite.* \(atom 2\)"),
        (FRAMES, {"weights": [1, 1, 1, 1, np.nan]}, r"weights must be finite.* \(atom 4\)"),
        (FRAMES, {"fit": False, "fit_atoms": [1]}, "fit=False contradicts"),
    ],
)
def test_bad_arguments(positions: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rmsd(positions, FRAMES[0], **options)


def test_bad_references() -> None:
    with pytest.raises(ValueError, match=r"reference: expected shape \(atoms, 3\).*reference\[0\]"):
        rmsd(FRAMES, FRAMES)
    with pytest.raises(ValueError, match="reference: there are no atoms"):
        prepare_reference(np.empty((0, 3)))
    prepared = prepare_reference(FRAMES[0], fit=False)
    with pytest.raises(ValueError, match="atoms, fit: a prepared reference has its own"):
        rmsd(FRAMES, prepared, atoms=[1], fit=False)
    with pytest.raises(ValueError, match="prepared with fit=False"):
        fit_transform(FRAMES, prepared)


def test_memory_layouts() -> None:
    frames = np.random.default_rng(12).normal(size=(6, 21, 3)).astype(np.float32)
    expected = rmsd(frames, frames[0])
    packed = np.frombuffer(b"x" + frames.tobytes(), dtype=np.uint8)[1:]
    read_only = frames.copy()
    read_only.flags.writeable = False
    for other in (
        np.asfortranarray(frames),
        frames.astype(">f4"),
        packed.view(np.float32).reshape(frames.shape),
        read_only,
        np.repeat(frames, 2, axis=0)[::2],
        list(frames),
    ):
        assert same_bits(rmsd(other, frames[0]), expected)
    before = frames.copy()
    rmsd(frames, frames[0])
    assert same_bits(frames, before)


def test_no_frames() -> None:
    assert rmsd(np.empty((0, 5, 3)), FRAMES[0]).shape == (0,)
    rotations, translations = fit_transform(np.empty((0, 5, 3), np.float32), FRAMES[0])
    assert rotations.shape == (0, 3, 3)
    assert translations.shape == (0, 3)


@pytest.mark.parametrize(
    "options",
    [{}, {"fit": False}, {"atoms": [4, 2, 0]}, {"fit_atoms": [1, 2, 3], "weights": np.arange(5)}],
)
def test_prepared_reference_is_picklable_and_keeps_its_values(options: dict[str, Any]) -> None:
    reference = FRAMES[0].copy()
    prepared = prepare_reference(reference, **options)
    expected = rmsd(FRAMES, reference, **options)
    reference[:] = 0
    assert same_bits(rmsd(FRAMES, prepared), expected)
    assert same_bits(rmsd(FRAMES, pickle.loads(pickle.dumps(prepared))), expected)


def test_calculate_rmsd_compares_structures_as_they_stand() -> None:
    rng = np.random.default_rng(13)
    a, b = rng.random((2, 100, 3), dtype=np.float32)
    masses = rng.random(100, dtype=np.float32)
    assert abs(calculate_rmsd(a, b) - deviation(a, b)) < 1e-12
    assert abs(calculate_rmsd(a, b, masses) - deviation(a, b, masses)) < 1e-12
    assert abs(calculate_rmsd(a, b, masses, fit=True) - best_fit(a, b, masses)) < 1e-12
    assert isinstance(calculate_rmsd(a, b), float)
    with pytest.raises(ValueError, match="Position arrays must have same shape"):
        calculate_rmsd(a, b[:99])
    with pytest.raises(ValueError, match=r"masses: expected .*\(100,\), got \(99,\)"):
        calculate_rmsd(a, b, masses[:99])
    with pytest.raises(ValueError, match=r"positions1: expected shape \(atoms, 3\)"):
        calculate_rmsd(a[:, :2], b[:, :2])


def test_every_level_was_compared() -> None:
    before = instruction_set.active()
    seen = []
    on_every_level(lambda: seen.append(instruction_set.active()) or np.zeros(1))
    assert seen == instruction_set.available()
    assert instruction_set.active() == before
    with level("scalar"):
        assert instruction_set.active() == "scalar"
