/* gromos_dist: the C core, a header a family.
 *
 * Pure functions over plain arrays. Nothing here knows Python, starts a thread,
 * or keeps memory: the caller owns every buffer. Every function that can fail
 * returns a gd_status and, where it can tell, says in a gd_where what it met.
 *
 * cffi reads these very files, so they stay declarations only: enums, structs of
 * plain members, functions.
 */
#ifndef GD_H
#define GD_H

#include "gd/instruction_set.h"
#include "gd/numbers.h"
#include "gd/status.h"

#include "gd/columns.h"
#include "gd/dcd.h"
#include "gd/gromos_text.h"
#include "gd/trr.h"
#include "gd/xtc.h"

#include "gd/frames.h"
#include "gd/geometry.h"
#include "gd/gyration.h"
#include "gd/hydrogen_bonds.h"
#include "gd/least_distances.h"
#include "gd/neighbors.h"
#include "gd/periodic.h"
#include "gd/rmsd.h"
#include "gd/whole.h"

#include "gd/bonded.h"
#include "gd/ewald_mesh.h"
#include "gd/molecular_virial.h"
#include "gd/nonbonded.h"
#include "gd/shake.h"

#endif
