/* What the non-bonded kernels share: results, reference points, the field of two unit charges. */
#ifndef GD_KERNELS_NONBONDED_BASE_H
#define GD_KERNELS_NONBONDED_BASE_H

#include <math.h>

#include "frames/frames.h"
#include "gd/nonbonded.h"
#include "lattice.h"

/* Where results of one frame go; each NULL if not wanted. Forces are added to; the virial is the
 * sum of r f over the pairs. */
struct gd_results {
    double *forces;
    double *energies;
    double *virial;
    double *group_forces; /* only the upper triangle, until all is added */
};

struct gd_results gd_results_of(const struct gd_nonbonded *field, int64_t frame, double *forces,
                                double *energies, double *virial, double *group_forces);
void gd_clear_results(const struct gd_nonbonded *field, const struct gd_results *results);

/* The reference points of all charge groups, where they are in the frame of `listed`, or where that
 * is NULL in that of `frames`, and all of the latter's positions. GD_NOT_FINITE with where.atom. */
int gd_points_and_positions(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                            const struct gd_frames *frames, const struct gd_frames *listed,
                            int64_t frame, double *points, double *positions,
                            struct gd_where *where);

/* Whether every atom is a charge group, also those of a unit. */
static inline int gd_is_between_sites(const struct gd_nonbonded *field) {
    return field->n_charge_groups == field->n_atoms;
}

/* Whether the pair list leaves this pair out. */
static inline int gd_is_unlisted(const struct gd_nonbonded *field, int64_t i, int64_t j) {
    for (int64_t k = field->unlisted_begin[i]; k < field->unlisted_begin[i + 1]; k++)
        if (field->unlisted[k] == j)
            return 1;
    return 0;
}

/* Whether the groups of two atoms interact. */
static inline int gd_interact(const struct gd_nonbonded *field, int64_t i, int64_t j) {
    return !field->interacting ||
           field->interacting[field->n_energy_groups * field->energy_group[i] +
                              field->energy_group[j]];
}

/* Add what the atoms of i's group feel from those of j's. */
static inline void gd_add_group_force(const struct gd_nonbonded *field, int64_t i, int64_t j,
                                      const double *force, double *group_forces) {
    const int64_t n = field->n_energy_groups;
    const int64_t a = field->energy_group[i], b = field->energy_group[j];
    double *place = group_forces + 3 * (a < b ? n * a + b : n * b + a);
    if (a == b)
        return;
    for (int c = 0; c < 3; c++)
        place[c] += a < b ? force[c] : -force[c];
}

/* Add what i feels from j, d away, to all that is made of forces; `force` is divided by the
 * distance.
 */
static inline void gd_add_force(const struct gd_nonbonded *field, int64_t i, int64_t j,
                                const double *d, double force, const struct gd_results *results) {
    const double on_i[3] = {force * d[0], force * d[1], force * d[2]};
    if (results->group_forces)
        gd_add_group_force(field, i, j, on_i, results->group_forces);
    for (int c = 0; c < 3; c++) {
        if (results->forces) {
            results->forces[3 * i + c] += on_i[c];
            results->forces[3 * j + c] -= on_i[c];
        }
        for (int k = 0; k < 3 && results->virial; k++)
            results->virial[3 * c + k] += d[c] * on_i[k];
    }
}

/* Add a pair's energies to the matrix, whichever group comes first to the upper triangle. */
static inline void gd_add_energies(const struct gd_nonbonded *field, int64_t i, int64_t j,
                                   double lennard_jones, double electric, double *energies) {
    const int64_t n = field->n_energy_groups;
    const int64_t a = field->energy_group[i], b = field->energy_group[j];
    const int64_t place = a < b ? n * a + b : n * b + a;
    energies[place] += lennard_jones;
    energies[n * n + place] += electric;
}

/* Energy of unit charges and force divided by their distance; inverse is that of the distance. */
static inline void gd_coulomb(const struct gd_nonbonded *field, double square, double inverse,
                              double *energy, double *force) {
    if (field->ewald > 0.0) {
        const double y = field->ewald * square * inverse;
        *energy = erfc(y) * inverse;
        *force = (*energy + 2.0 / sqrt(M_PI) * field->ewald * exp(-y * y)) * (inverse * inverse);
    } else {
        *energy = inverse - 0.5 * field->force_term * square - field->energy_term;
        *force = inverse * inverse * inverse + field->force_term;
    }
}

/* The pairs of fixed lists (excluded, special) and the atoms with themselves. */
void gd_fixed_pairs(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                    const double *positions, const struct gd_results *results);

/* The pairs within the cutoff, found by looking at all pairs of charge groups. */
void gd_plain_pairs(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                    const double *positions, const double *points,
                    const struct gd_results *results);

/* After all is added: the lower triangles from the upper ones, the virial's factor, and
 * whether everything is finite (GD_SAME_PLACE). */
int gd_finish_results(const struct gd_nonbonded *field, const struct gd_results *results,
                      struct gd_where *where);

/* The sizes and pointers of an argument make sense. */
int gd_nonbonded_check(const struct gd_nonbonded *field, struct gd_where *where);

#endif
