"""The record of a run, as JSON in the attributes of a result, and what is read off it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gromos_dist._version import __version__
from gromos_dist.provenance.files import InputFile
from gromos_dist.provenance.values import canonical_json, plain
from gromos_dist.provenance.wording import LONGEST_LINE, call_text, files_text, shortened

if TYPE_CHECKING:
    import xarray as xr

IN_MEMORY = "in memory"
"""Stands in a provenance for an array whose values nothing else tells."""

HISTORY = "history"
"""The attribute with one readable line."""

PROVENANCE = "provenance"
"""The attribute with the whole record."""


class Provenance(tuple[str, ...]):
    """The record of a run: one string, canonical JSON, that does not fill the screen.

    As an attribute it is shown as a few words, by xarray and by notebooks, and yet goes whole
    wherever attributes go: through operations of xarray, workers, pickles and files. Files written
    by xarray itself give it back as a string (netCDF) or as a list of one (Zarr), which are equal
    to it.

    A tuple, since h5py writes no subclass of str, and since NumPy, pickles and Dask's tokens would
    take the few words for its content.
    """

    __slots__ = ()

    @property
    def text(self) -> str:
        """The JSON."""
        return self[0]

    @property
    def line(self) -> str:
        """The run in one readable line: call, files, version."""
        record = parse(self)
        version = f"; gromos_dist {record['version']}"
        return shortened(_written(record), LONGEST_LINE - len(version)) + version

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of a result: the line, and the record itself."""
        return {HISTORY: self.line, PROVENANCE: self}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list):
            other = tuple(other)
        return self.text == other if isinstance(other, str) else tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"<provenance of {parse(self)['call']}: .gromos.provenance()>"


def record_of(
    call: str,
    parameters: Mapping[str, Any],
    inputs: Sequence[InputFile],
    *,
    defaults: Mapping[str, Any] | None = None,
    described_by: Sequence[InputFile] = (),
) -> Provenance:
    """Return the provenance of what a call has read from files.

    The same run gives the same bytes: keys are sorted and there is no date.

    Parameters
    ----------
    call : str
        The function, for example ``"open_trajectory"``.
    parameters : mapping
        Its arguments, and what was made of them: None, booleans, numbers, strings, paths, slices,
        ranges, arrays (kept as dtype, shape and hash; so are sequences of more than 64 values),
        objects with a ``content_hash``, and sequences and mappings of these.
    inputs : sequence of InputFile
        The files that were read.
    defaults : mapping, optional
        The parameters that stand in the readable line unless they have these values; none if not
        given.
    described_by : sequence of InputFile
        Files that were read for what they say of the others.

    Raises
    ------
    TypeError
        A parameter is of another type.

    Examples
    --------
    >>> read = record_of("open_energies", {"groups": ["a"]}, [], defaults={"groups": None})
    >>> parse(read)["parameters"]
    {'groups': ['a']}
    >>> read.line.split(";")[0]
    "open_energies(groups=['a']) of data in memory"
    """
    paths, others = ([file.path for file in files] for files in (inputs, described_by))
    source = files_text(paths, others) if paths else _IN_WORDS
    written = f"{call_text(call, parameters, defaults or {})} of {source}"
    return _record(call, parameters, [*inputs, *described_by], written)


def derived(
    data: Sequence[xr.DataArray | xr.Dataset],
    call: str,
    parameters: Mapping[str, Any],
    defaults: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the attributes ``history`` and ``provenance`` of a result.

    Parameters
    ----------
    data : sequence of DataArray or Dataset
        What it was computed from. What has no provenance counts as data in memory. Nothing that is
        lazy is computed.
    call : str
        The function, for example ``"rmsd"``.
    parameters : mapping
        Its other arguments, and what was made of them, of the types that `record_of` takes.
    defaults : mapping
        The parameters that a person writes, with their defaults: they stand in the readable line
        if they have another value. ``inspect.Parameter.empty`` stands for no default.
    given : mapping, optional
        The arguments as the readable line has them, where `parameters` hold what was made of them.

    Raises
    ------
    TypeError
        A parameter is of another type.

    Examples
    --------
    >>> import xarray as xr
    >>> positions = xr.DataArray([[0.0]])
    >>> attrs = derived([positions], "rmsd", {"atoms": "name CA"}, {"atoms": None})
    >>> attrs["history"].split(";")[0], attrs["provenance"]
    ("rmsd(atoms='name CA') of data in memory", <provenance of rmsd: .gromos.provenance()>)
    """
    sources = [_source(of) for of in data]
    words = list(dict.fromkeys(_written(source, as_source=True) for source in sources))
    own = call_text(call, parameters if given is None else given, defaults)
    of = [
        {"call": source["call"], "parameters": source["parameters"], "array": _name(of_data)}
        for source, of_data in zip(sources, data, strict=True)
    ]
    inputs: list[dict[str, Any]] = []
    for source in sources:
        inputs += [file for file in source["inputs"] if source is sources[0] or file not in inputs]
    made = {**parameters, "of": of[0] if len(of) == 1 else of}
    files = [InputFile(**file) for file in inputs]
    return _record(call, made, files, f"{own} of {' and '.join(words)}").attributes


def parse(provenance: object) -> dict[str, Any]:
    """Return the record: program, version, call, parameters, inputs.

    Parameters
    ----------
    provenance : Provenance, str or list of one str
        As it stands in the attributes.

    Raises
    ------
    ValueError
        It was not written by gromos_dist.
    """
    text = provenance
    if isinstance(provenance, list | tuple) and len(provenance) == 1:
        text = provenance[0]
    try:
        record = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        record = None
    if not isinstance(record, dict) or record.get("program") != "gromos_dist":
        shown = text[:80] if isinstance(text, str) else text
        raise ValueError(f"provenance: expected the JSON that gromos_dist writes, got {shown!r}")
    return record


def found_in(attrs: Mapping[Any, Any]) -> Provenance | None:
    """Return the provenance that attributes hold, in whatever form, or None.

    Versions before 0.2 had it in ``history``.
    """
    for name in (PROVENANCE, HISTORY):
        try:
            parse(attrs.get(name))
        except ValueError:
            continue
        held = attrs[name]
        return Provenance([held] if isinstance(held, str) else held)
    return None


def restored(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return attributes that were read from a file, with their provenance as it was before."""
    provenance = found_in(attrs)
    if provenance is None:
        return dict(attrs)
    if PROVENANCE in attrs:
        return {**attrs, PROVENANCE: provenance}
    return {**attrs, **provenance.attributes}


def provenance_of(data: xr.DataArray | xr.Dataset) -> Provenance:
    """Return the provenance of a result; of a Dataset without one, that of its variables.

    Raises
    ------
    ValueError
        There is none, or the variables have several.
    """
    if (found := found_in(data.attrs)) is not None:
        return found
    of_variables = _of_variables(data)
    if len(set(of_variables.values())) > 1:
        raise ValueError(
            f"the variables {', '.join(of_variables)} have provenances of their own: "
            f"ds[{next(iter(of_variables))!r}].gromos.provenance()"
        )
    if not of_variables:
        what = "this Dataset" if hasattr(data, "data_vars") else (data.name or "this array")
        raise ValueError(
            f"{what} has no provenance: it was not made by gromos_dist, or an operation dropped "
            "its attributes. Variables of a trajectory have that of their Dataset: "
            "ds.gromos.provenance()"
        )
    return next(iter(of_variables.values()))


def identity(provenance: object) -> dict[str, Any]:
    """Return what makes two runs the same: `parse` without words and the paths of the inputs.

    A file that was moved or renamed is the same file; one of another size or content is not, nor
    one that was changed since, unless every byte of it was hashed.

    Raises
    ------
    ValueError
        It was not written by gromos_dist.
    """
    record = parse(provenance)
    inputs = [
        {key: value for key, value in file.items() if key != "path"} for file in record["inputs"]
    ]
    return {**{key: of for key, of in record.items() if key != "written"}, "inputs": inputs}


_IN_WORDS = "data in memory"


def _record(
    call: str, parameters: Mapping[str, Any], inputs: Sequence[InputFile], written: str
) -> Provenance:
    record = {
        "program": "gromos_dist",
        "version": __version__,
        "call": call,
        "parameters": {name: plain(value, name) for name, value in parameters.items()},
        "inputs": [file.record() for file in inputs],
        "written": written,
    }
    return Provenance([canonical_json(record)])


def _of_variables(data: xr.DataArray | xr.Dataset) -> dict[str, Provenance]:
    variables = getattr(data, "data_vars", {})
    found = {str(name): found_in(array.attrs) for name, array in variables.items()}
    return {name: of for name, of in found.items() if of is not None}


def _source(data: xr.DataArray | xr.Dataset) -> dict[str, Any]:
    """Return the record of what a result is computed from."""
    of_variables = _of_variables(data)
    # Positions that were put into a Dataset know better than the Dataset.
    found = of_variables.get("positions") or found_in(data.attrs)
    if found is None and len(set(of_variables.values())) == 1:
        found = next(iter(of_variables.values()))
    if found is None:
        words = {HISTORY: data.attrs[HISTORY]} if data.attrs.get(HISTORY) else {}
        found = record_of(IN_MEMORY, words, [])
    return parse(found)


def _written(record: Mapping[str, Any], as_source: bool = False) -> str:
    """Return a run in words; as a source without the opening of files, unless it has options."""
    if record["call"] == IN_MEMORY:
        return _IN_WORDS
    files = files_text([file["path"] for file in record["inputs"]]) or _IN_WORDS
    # Versions before 0.2 did not say what a person had written.
    written = str(record.get("written") or f"{record['call']}(...) of {files}")
    opening = f"{record['call']}() of "
    if as_source and "of" not in record["parameters"]:
        return written.removeprefix(opening)
    return written


def _name(data: xr.DataArray | xr.Dataset) -> object:
    """Return the names of Dask's arrays; of those in memory the values tell, once stored."""
    variables = getattr(data, "data_vars", None)
    if variables is None:
        return IN_MEMORY if data.chunks is None else data.data.name
    if "positions" in variables:
        return _name(variables["positions"])
    return {str(name): _name(array) for name, array in variables.items()}
