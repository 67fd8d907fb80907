"""Residue names of protein, nucleic acid, water, ions and lipids in the usual force fields."""

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

_IONS = (
    "LI LI+ NA NA+ SOD K K+ POT RB RB+ RUB CS CS+ CES MG MG2+ MG+2 CA2+ CA+2 CAL SR BA BAR "
    "ZN ZN2 ZN2+ CD CD2 CAD FE FE2 FE3 MN MN2 CO CU CU1 CU2 CU2+ NI HG AG AL "
    "F- CL CL- CLA BR BR- BRO I- IOD ION IONS"
)

ION: Final = frozenset(_IONS.split())
"""Ions of one atom. Others are known by their elements: `gromos_dist.topology.residue_kinds`."""

_HEADS = "PC PE PG PS PA PI"
_TAILS = "DL DM DP DS DO DY DA PO SO SL SD PL PA PD PE"
# Two fatty acids and a head: DPPC, POPE, DOPG, ...
_PHOSPHOLIPIDS = " ".join(tails + head for tails in _TAILS.split() for head in _HEADS.split())
_OTHER_LIPIDS = (
    "CHL CHL1 CHOL CLR ERG CER CER1 CER160 CER180 PSM SSM DPSM POSM NSM TMCL TOCL CDL "
    "LPPC LPC LYPC LSM DHPC PALM PLM OLE OLEO STE MYR LAU "
    "PA PC PE PS PGR PH- LAL OL MY ST DHA"
)

LIPID: Final = frozenset(f"{_PHOSPHOLIPIDS} {_OTHER_LIPIDS}".split())
"""Lipids, fatty acids and sterols; AMBER's are of three residues each: two tails and a head."""
