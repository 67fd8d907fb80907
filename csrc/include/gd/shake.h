/* Constraints of distances. */
#ifndef GD_SHAKE_H
#define GD_SHAKE_H

#include <stdint.h>

#include "gd/status.h"

/* Distances that are kept, of molecules that are alike and follow one another. */
struct gd_constraints {
    int64_t first;         /* atom that the first molecule begins with */
    int64_t n_copies;      /* how many molecules */
    int64_t n_atoms;       /* atoms of each */
    int64_t n;             /* constraints of each */
    const int32_t *pairs;  /* n x 2, atoms of the molecule from 0; trusted */
    const double *lengths; /* n, nm */
    double tolerance;      /* relative error of a length */
    int64_t max_rounds;    /* over the constraints of a molecule */
};

/* SHAKE: move atoms, in place, along the old directions of their constraints until all of these
 * hold within the tolerance. Constraints are corrected one after the other, in their order;
 * a molecule's rounds end when none of its had to be.
 *   positions       n_atoms x 3, nm, after a step without constraints
 *   before          n_atoms x 3, before the step, where they held
 *   box             3 x 3, the rows are the box vectors; NULL, NaN or zeros: none
 *   inverse_masses  n_atoms
 * GD_NOT_CONVERGED: after max_rounds, when a constraint has turned by nearly a right angle, or when
 * numbers are not finite; positions then hold nothing of use. GD_NO_VOLUME. GD_BAD_ARGUMENT. */
int gd_shake(double *positions, const double *before, int64_t n_atoms, const double *box,
             const double *inverse_masses, const struct gd_constraints *constraints,
             struct gd_where *where);

#endif
