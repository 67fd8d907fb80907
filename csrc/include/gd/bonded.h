/* Bonded terms: bonds, angles, dihedrals. */
#ifndef GD_BONDED_H
#define GD_BONDED_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Energy of a term, its atoms and its parameters. Angles in radians; of a dihedral i, j, k, l the
 * angle is 0 for cis and positive for a clockwise turn (IUPAC). */
enum gd_bonded_form {
    GD_BOND_QUARTIC = 0,   /* 1/4 K (b^2 - b0^2)^2; i, j; K, b0 */
    GD_BOND_HARMONIC = 1,  /* 1/2 K (b - b0)^2; i, j; K, b0 */
    GD_ANGLE_COSINE = 2,   /* 1/2 K (cos t - cos t0)^2; i, j, k about j; K, cos t0 */
    GD_ANGLE_HARMONIC = 3, /* 1/2 K (t - t0)^2; i, j, k about j; K, t0 */
    GD_IMPROPER = 4,       /* 1/2 K (q - q0)^2, the way round that is shorter; i, j, k, l; K, q0 */
    GD_DIHEDRAL = 5,       /* K (1 + cos(m q - d)); i, j, k, l; K, d, m */
    GD_CROSS_DIHEDRAL = 6  /* K (1 + cos(m (q + r) - d)); i, j, k, l, then four of r; K, d, m */
};

/* A list of terms of one form. Atoms and kinds are trusted: the caller has checked them. */
struct gd_bonded_terms {
    int form; /* enum gd_bonded_form */
    int64_t n;
    const int32_t *atoms;     /* n times as many as the form has */
    const int32_t *kinds;     /* n rows of parameters */
    const double *parameters; /* a row a kind: as many as the form has */
};

/* Forces, energies and virial of bonded terms; double throughout, one after the other: the same
 * bits on every instruction set. Between two atoms the nearest image is taken.
 *   boxes          n_frames x 9, rows are the box vectors, nm; a frame whose box is zero or not
 *                  finite, and every frame when it is NULL, is not periodic
 *   terms          n_lists lists
 *   energy_groups  of each atom, 0 .. n_energy_groups - 1; NULL: all 0
 *   forces         n_frames x n_atoms x 3, which the terms' forces are added to; may be NULL
 *   energies       n_frames x n_lists x n_energy_groups; a term counts for the group of its first
 *                  atom
 *   virials        n_frames x 9, -1/2 of the sum of r_a f_b over the atoms of every term; may be
 *                  NULL
 * Three atoms in a line (GD_ANGLE_HARMONIC), or an atom within 1e-5 nm of the axis of a dihedral,
 * give the energy but no force, since it has no direction.
 * GD_SAME_PLACE: a term is not defined. GD_NOT_FINITE, GD_NO_VOLUME, GD_BAD_ARGUMENT. */
int gd_bonded(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const double *boxes, const struct gd_bonded_terms *terms, int64_t n_lists,
              const int32_t *energy_groups, int64_t n_energy_groups, double *forces,
              double *energies, double *virials, struct gd_where *where);

#endif
