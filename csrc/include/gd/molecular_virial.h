/* Molecular virials from atomic ones. */
#ifndef GD_MOLECULAR_VIRIAL_H
#define GD_MOLECULAR_VIRIAL_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Turn atomic virials into molecular ones, in place: add 1/2 sum of (x - R) f, R being the centre
 * of mass of an atom's molecule and f the force on it.
 * molecules: n_molecules + 1, their first atoms and n_atoms. Successive atoms of a molecule are
 *   brought next to each other, so that it is whole. */
int gd_molecular_virial(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                        const double *boxes, const double *forces, const int64_t *molecules,
                        int64_t n_molecules, const double *masses, double *virial,
                        struct gd_where *where);

#endif
