"""Which atoms of an amino acid, a nucleotide and a water are bonded: told by their names.

Names are those of the PDB; those of GROMOS, CHARMM, AMBER and OPLS that differ stand beside them.
A pair of which a residue has not both atoms means nothing there.
"""

from __future__ import annotations

from typing import Final

from gromos_dist.topology.residue_names import PROTEIN

Pairs = frozenset[tuple[str, str]]


def _pairs(text: str) -> Pairs:
    return frozenset((one, other) for one, other in (pair.split("-") for pair in text.split()))


_BACKBONE = "N-CA CA-C C-O C-OXT C-O1 C-O2 C-OT1 C-OT2 C-OT C-OC1 C-OC2"

_SIDE_CHAINS: Final = {
    "ALA": "CA-CB",
    "ARG": "CA-CB CB-CG CG-CD CD-NE NE-CZ CZ-NH1 CZ-NH2",
    "ASN": "CA-CB CB-CG CG-OD1 CG-ND2",
    "ASP": "CA-CB CB-CG CG-OD1 CG-OD2",
    "CYS": "CA-CB CB-SG CB-SE",
    "GLN": "CA-CB CB-CG CG-CD CD-OE1 CD-NE2",
    "GLU": "CA-CB CB-CG CG-CD CD-OE1 CD-OE2",
    "GLY": "",
    "HIS": "CA-CB CB-CG CG-ND1 CG-CD2 ND1-CE1 CD2-NE2 CE1-NE2",
    "ILE": "CA-CB CB-CG1 CB-CG2 CG1-CD1 CG1-CD",
    "LEU": "CA-CB CB-CG CG-CD1 CG-CD2",
    "LYS": "CA-CB CB-CG CG-CD CD-CE CE-NZ",
    "MET": "CA-CB CB-CG CG-SD SD-CE CG-SE SE-CE",
    "PHE": "CA-CB CB-CG CG-CD1 CG-CD2 CD1-CE1 CD2-CE2 CE1-CZ CE2-CZ",
    "PRO": "CA-CB CB-CG CG-CD CD-N CG-OD1",
    "SER": "CA-CB CB-OG",
    "THR": "CA-CB CB-OG1 CB-CG2",
    "TRP": "CA-CB CB-CG CG-CD1 CG-CD2 CD1-NE1 NE1-CE2 CD2-CE2 CD2-CE3 CE3-CZ3 CZ3-CH2 CH2-CZ2 "
    "CZ2-CE2",
    "TYR": "CA-CB CB-CG CG-CD1 CG-CD2 CD1-CE1 CD2-CE2 CE1-CZ CE2-CZ CZ-OH",
    "VAL": "CA-CB CB-CG1 CB-CG2",
    "ORN": "CA-CB CB-CG CG-CD CD-NE",
    "DAB": "CA-CB CB-CG CG-ND",
    "ACE": "CH3-C",
    "NME": "N-CH3 N-C",
    "NH2": "",
}

# What a name in `residue_names.PROTEIN` that is not in the table is a variant of. A modified
# residue has the bonds of the plain one; the rest of it has none here.
_VARIANTS: Final = {
    "ARGN": "ARG", "ASH": "ASP", "ASPH": "ASP", "ASPP": "ASP", "ASN1": "ASN", "ASF": "ASP",
    "GLH": "GLU", "GLUH": "GLU", "GLUP": "GLU", "PGLU": "GLU", "LYN": "LYS", "LYSH": "LYS",
    "LSN": "LYS", "LYSN": "LYS", "CYM": "CYS", "CYX": "CYS", "CYSH": "CYS", "CYS1": "CYS",
    "CYS2": "CYS", "CME": "CYS", "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "HISA": "HIS",
    "HISB": "HIS", "HISH": "HIS", "HIS1": "HIS", "HIS2": "HIS", "HISD": "HIS", "HISE": "HIS",
    "HSD": "HIS", "HSE": "HIS", "HSP": "HIS", "MSE": "MET", "HYP": "PRO", "ALAD": "ALA",
    "SEP": "SER", "TPO": "THR", "PTR": "TYR", "NMA": "NME", "NHE": "NH2", "SEC": "CYS",
    "CSE": "CYS",
}  # fmt: skip

_SUGAR = (
    "P-O1P P-O2P P-O3P P-OP1 P-OP2 P-OP3 P-O5' O5'-C5' C5'-C4' C4'-O4' C4'-C3' C3'-O3' C3'-C2' "
    "C2'-O2' C2'-C1' O4'-C1'"
)
_PURINE = "C1'-N9 N9-C8 C8-N7 N7-C5 C5-C6 C6-N1 N1-C2 C2-N3 N3-C4 C4-C5 C4-N9 C6-N6 C6-O6 C2-N2"
_PYRIMIDINE = "C1'-N1 N1-C2 C2-O2 C2-N3 N3-C4 C4-N4 C4-O4 C4-C5 C5-C6 C6-N1 C5-C7 C5-C5M"

NUCLEOTIDE: Final = {
    "purine": _pairs(f"{_SUGAR} {_PURINE}"),
    "pyrimidine": _pairs(f"{_SUGAR} {_PYRIMIDINE}"),
}
"""Bonds of nucleotides: whether N9 or N1 is bonded to the sugar tells the kind of base."""

AMINO_ACID: Final = {name: _pairs(f"{_BACKBONE} {side}") for name, side in _SIDE_CHAINS.items()}
"""Bonds of amino acids and caps, by the name of the residue."""

LINKS: Final = (("C", "N"), ("O3'", "P"))
"""What joins a residue to the next: the peptide bond, the phosphodiester."""


def amino_acid(residue_name: str) -> Pairs | None:
    """Return the bonds of an amino acid under any of its names; None for other residues.

    Examples
    --------
    >>> sorted(amino_acid("NALA"))[:3]
    [('C', 'O'), ('C', 'O1'), ('C', 'O2')]
    """
    if residue_name not in PROTEIN:
        return None
    # AMBER marks the ends of a chain with N or C before the name.
    for name in (residue_name, residue_name[1:]):
        plain = _VARIANTS.get(name, name)
        if plain in AMINO_ACID:
            return AMINO_ACID[plain]
    # Of any other, the backbone is known.
    return AMINO_ACID["GLY"]
