/* Non-bonded interactions: Lennard-Jones, Coulomb with reaction field or Ewald.
 *
 * Between two atoms (kJ/mol, nm, e):
 *   c12/r^12 - c6/r^6 + coulomb q q' (1/r - force_term r^2 / 2 - energy_term)
 * where (GROMOS manual, volume 2) force_term = C/R^3, energy_term = (1 - C/2)/R, R being the radius
 * of the reaction field and C its strength; or, with an Ewald splitting,
 *   c12/r^12 - c6/r^6 + coulomb q q' erfc(ewald r)/r
 * and -coulomb q q' erf(ewald r)/r between excluded atoms, which takes out what the sum over the
 * reciprocal lattice has of them: the real-space half of an Ewald sum.
 *
 * A pair interacts when the reference points of its charge groups are within the cutoff (distance
 * <= cutoff, nearest image); its own nearest image is taken atom by atom. */
#ifndef GD_NONBONDED_H
#define GD_NONBONDED_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Units whose atoms follow each other: whole charge groups of one kind (also where the cutoff holds
 * between atoms), or single atoms. */
struct gd_units {
    int64_t n;
    int64_t n_sites;           /* atoms of a unit, at most GD_MAX_SITES */
    const int64_t *first_atom; /* n */
    int32_t uniform;           /* 1: all have the charges and types of the first one */
    int32_t energy_group;      /* of all their atoms */
};

enum { GD_MAX_SITES = 8 };

struct gd_nonbonded {
    int64_t n_atoms;
    const double *charge;   /* n_atoms, e */
    const int32_t *lj_type; /* n_atoms, 0 .. n_lj_types - 1 */
    int64_t n_lj_types;
    const double *c6; /* n_lj_types x n_lj_types, symmetric, kJ nm^6 / mol */
    const double *c12;
    const int32_t *energy_group; /* n_atoms, 0 .. n_energy_groups - 1 */
    int64_t n_energy_groups;
    const uint8_t *interacting; /* n_energy_groups x n_energy_groups, symmetric: which groups
                                   interact with which; NULL: all with all */
    int64_t n_charge_groups;
    const int64_t *charge_group; /* n_charge_groups + 1: their first atoms, then n_atoms */
    int64_t n_centered; /* the first ones, whose reference point is the centre of geometry; that of
                           the others is their first atom, and their own atoms never interact */
    const int64_t *unlisted_begin; /* n_atoms + 1: where an atom's partners begin */
    const int32_t *unlisted;       /* partners, both ways, that the pair list leaves out */
    int64_t n_excluded;            /* pairs of which only the field's terms act */
    const int32_t *excluded;       /* n_excluded x 2 */
    int64_t n_excluded_forces;     /* the first of them act with forces too */
    int32_t self_terms;     /* whether every atom with itself has the reaction field's energy */
    int64_t n_special;      /* pairs with own parameters, whatever their distance */
    const int32_t *special; /* n_special x 2 */
    const double *special_c6;
    const double *special_c12;
    int64_t n_unit_sets; /* every atom is in one set; used by gd_nonbonded_forces only */
    const struct gd_units *unit_sets;
    double coulomb;     /* 1/(4 pi eps0 eps1), kJ nm / (mol e^2) */
    double cutoff;      /* nm */
    double force_term;  /* nm^-3 */
    double energy_term; /* nm^-1 */
    double ewald;       /* nm^-1; 0: reaction field; otherwise its two terms are 0 */
};

/* How many doubles of working space gd_nonbonded_plain needs. */
int64_t gd_nonbonded_plain_size(const struct gd_nonbonded *field);

/* Non-bonded forces, energies and virial of every frame, in double, by going over all pairs of
 * charge groups: the yardstick for gd_nonbonded_forces, and what takes its place where a skewed box
 * is small against the cutoff.
 *
 * listed: n_frames x n_atoms x 3, where the atoms were when the list of pairs was made: distances
 *   there are compared with the cutoff; NULL: those of `positions` are.
 * boxes: n_frames x 3 x 3, rows are the box vectors; a frame whose box is zero or not finite, and
 *   every frame when it is NULL, is not periodic.
 * forces: n_frames x n_atoms x 3; energies: n_frames x 2 x n_energy_groups x n_energy_groups,
 *   Lennard-Jones and Coulomb with reaction field between two groups, the same either way round;
 *   virial: n_frames x 3 x 3, -1/2 sum over pairs of r f; group_forces: n_frames x n_energy_groups
 * x n_energy_groups x 3, the sum of forces on one group from another. Each NULL if not wanted;
 *   group_forces only together with forces.
 * Returns also GD_NO_VOLUME, GD_SMALL_BOX, GD_SAME_PLACE. */
int gd_nonbonded_plain(const struct gd_nonbonded *field, const void *positions,
                       const double *listed, int type, int64_t n_frames, const double *boxes,
                       double *forces, double *energies, double *virial, double *group_forces,
                       double *work, struct gd_where *where);

/* How many bytes of working space gd_nonbonded_forces needs. */
int64_t gd_nonbonded_size(const struct gd_nonbonded *field, int precision);

/* As gd_nonbonded_plain, with clusters of units and neighbours found by a tree of their bounding
 * boxes. Results differ between instruction sets by rounding; they do not depend on how many
 * frames a call is given. work: gd_nonbonded_size bytes, best aligned to 64. With `listed` no unit
 * may have several atoms that are charge groups each (GD_BAD_ARGUMENT). */
int gd_nonbonded_forces(const struct gd_nonbonded *field, int precision, const void *positions,
                        const double *listed, int type, int64_t n_frames, const double *boxes,
                        double *forces, double *energies, double *virial, double *group_forces,
                        void *work, struct gd_where *where);

#endif
