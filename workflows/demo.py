"""The main job on real input, as `make demo` runs it: the RMSD of adenylate kinase, and of PLA2.

Every step is a command that works the same when typed; what it writes is in demo/.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "demo"


def mdanalysis_data() -> Path:
    """Return the folder of trajectories of MDAnalysisTests, without importing MDAnalysis."""
    spec = importlib.util.find_spec("MDAnalysisTests")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The demo's trajectory comes with MDAnalysisTests: run `make demo`.")
    return Path(spec.submodule_search_locations[0]) / "data"


def reference_systems() -> Path | None:
    """Return the folder of the GROMOS systems, when this machine has it."""
    named = os.environ.get("GROMOS_DIST_REFERENCE")
    reference = Path(named) if named else ROOT.parent / "shared" / "reference"
    systems = reference / "rerun" / "systems"
    return systems if (systems / "pla2.trc.gz").is_file() else None


def fetch(source: Path) -> str:
    """Copy a file beside the output, so that the commands are short, and return its name."""
    shutil.copyfile(source, OUTPUT / source.name)
    return source.name


def run(*arguments: str) -> None:
    """Print a gromos-dist command, then run it in demo/."""
    print(f"\n$ {shlex.join(('gromos-dist', *arguments))}", flush=True)
    program = Path(sys.executable).with_name("gromos-dist")
    finished = subprocess.run([program, *arguments], cwd=OUTPUT, check=False)
    if finished.returncode:
        raise SystemExit(finished.returncode)


def main() -> None:
    """Run the demo."""
    began = time.perf_counter()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    data = mdanalysis_data()
    psf, dcd = fetch(data / "adk.psf"), fetch(data / "adk_dims.dcd")

    run("info", dcd, "--top", psf)
    backbone = ("--top", psf, "--atoms", "backbone")
    run("rmsd", dcd, *backbone, "--reference", "0", "-o", "adk_rmsd.nc", "--plot", "adk_rmsd.png")
    run("rgyr", dcd, *backbone, "-o", "adk_rgyr.csv", "--plot", "adk_rgyr.png")

    systems = reference_systems()
    if systems is not None:
        top, trc = fetch(systems / "pla2.top"), fetch(systems / "pla2.trc.gz")
        run("info", trc, "--top", top)
        print("\nMD++ wrote every atom inside the box, so the protein is cut: --whole mends it.")
        backbone = ("--top", top, "--whole", "--atoms", "backbone")
        run("rmsd", trc, *backbone, "-o", "pla2_rmsd.csv")

    made = sorted(path for path in OUTPUT.iterdir() if path.suffix in {".nc", ".csv", ".png"})
    print(f"\nDone in {time.perf_counter() - began:.0f} s. To keep:")
    for path in made:
        print(f"  {path.relative_to(ROOT)}  {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
