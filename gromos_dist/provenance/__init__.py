"""Where a result comes from: the call, its parameters and its input files."""

from gromos_dist.provenance.files import InputFile, describe_file
from gromos_dist.provenance.record import (
    IN_MEMORY,
    Provenance,
    derived,
    found_in,
    identity,
    parse,
    provenance_of,
    record_of,
    restored,
)
from gromos_dist.provenance.values import array_hash, canonical_json

__all__ = [
    "IN_MEMORY",
    "InputFile",
    "Provenance",
    "array_hash",
    "canonical_json",
    "derived",
    "describe_file",
    "found_in",
    "identity",
    "parse",
    "provenance_of",
    "record_of",
    "restored",
]
