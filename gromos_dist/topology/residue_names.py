"""Residue names that stand for protein, nucleic acid and water in the usual force fields."""

from __future__ import annotations

from typing import Final

_AMINO_ACIDS = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL"
# Protonation states, disulfides and modified residues of GROMOS, CHARMM, AMBER, OPLS and the PDB.
_VARIANTS = (
    "ARGN ASH ASPH ASPP ASN1 ASF GLH GLUH GLUP LYN LYSH LSN LYSN CYM CYX CYSH CYS1 CYS2 CME "
    "HID HIE HIP HISA HISB HISH HIS1 HIS2 HISD HISE HSD HSE HSP "
    "MSE HYP ORN DAB PGLU QLN ALAD SEP TPO PTR SEC CSE PYL PYH "
    "ALY CAS CGU CMT CRO CSD CSO CSS CSX DAH FME KCX LLP M3L MEN MHO MLY MLZ NLE OCS PCA SAC SMC "
    "SNC TPQ TRQ TYS YCM"
)
_CAPS = "ACE NME NMA NH2 NHE"
_AMBER_VARIANTS = "CYX CYM HID HIE HIP ASF ASH GLH LYN"
# AMBER marks the residue at a chain's beginning with N before its name, at its end with C.
_AMBER_ENDS = [end + name for end in "NC" for name in f"{_AMINO_ACIDS} {_AMBER_VARIANTS}".split()]

PROTEIN: Final = frozenset([*f"{_AMINO_ACIDS} {_VARIANTS} {_CAPS}".split(), *_AMBER_ENDS])
"""Amino acids, their variants, and the caps of a chain (ACE, NME, NMA, NH2, NHE).

Others are known by their backbone: see `gromos_dist.topology.residue_kinds`.
"""

_RIBOSE = "A C G U RA RC RG RU ADE CYT GUA URA"
_DEOXYRIBOSE = "T DA DC DG DT DU THY DADE DCYT DGUA DTHY"
_STRAND_ENDS = [f"{kind}{base}{end}" for kind in ("", "D", "R") for base in "ACGTU" for end in "35"]

NUCLEIC: Final = frozenset([*f"{_RIBOSE} {_DEOXYRIBOSE}".split(), *_STRAND_ENDS])
"""Nucleotides of DNA and RNA."""

_WATER_MODELS = (
    "SOLV SOL WAT HOH H2O HHO OHH OH2 DOD D2O TIP TIP2 TIP3 TIP4 TIP5 TP3 TP4 TP5 T3P T4P T5P T3H "
    "TIP3P TIP4P TIP5P SPC SPCE OPC OPC3"
)

WATER: Final = frozenset(_WATER_MODELS.split())
"""Water models. SOLV and SOL are any solvent: they count as water when made of O and H only."""

ANY_SOLVENT: Final = frozenset({"SOLV", "SOL"})
"""Names that GROMOS and GROMACS give to the solvent, whatever it is."""
