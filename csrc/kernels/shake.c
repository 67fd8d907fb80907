/* Constraints of distances: J.-P. Ryckaert, G. Ciccotti and H. J. C. Berendsen, J. Comput. Phys. 23
 * (1977) 327. */
#include <math.h>

#include "gd/shake.h"
#include "lattice.h"

/* A constraint that has turned by nearly a right angle within a step: its length cannot be
 * corrected along its old direction. As a fraction of the squared length. */
#define TURNED_TOO_FAR 1e-4

/* The nearest image of x_i - x_j. */
static void between(const struct gd_lattice *lattice, const double *positions, int64_t i, int64_t j,
                    double *d) {
    for (int c = 0; c < 3; c++)
        d[c] = positions[3 * i + c] - positions[3 * j + c];
    gd_nearest_image(lattice, d);
}

static double dot(const double *a, const double *b) {
    return (a[0] * b[0] + a[1] * b[1]) + a[2] * b[2];
}

/* Correct one constraint. Returns 1 when it had to be, 0 when it held, -1 when it cannot be. */
static int correct(const struct gd_lattice *lattice, double *positions, const double *before,
                   const double *inverse_masses, int64_t i, int64_t j, double square,
                   double tolerance) {
    double now[3], then[3];
    between(lattice, positions, i, j, now);
    const double missing = square - dot(now, now);
    if (fabs(missing) <= 2.0 * tolerance * square)
        return 0;
    between(lattice, before, i, j, then);
    const double along = dot(then, now);
    /* Written so that numbers that are not finite end here. */
    if (!(along > TURNED_TOO_FAR * square))
        return -1;
    const double factor = missing / (2.0 * along * (inverse_masses[i] + inverse_masses[j]));
    for (int c = 0; c < 3; c++) {
        positions[3 * i + c] += factor * inverse_masses[i] * then[c];
        positions[3 * j + c] -= factor * inverse_masses[j] * then[c];
    }
    return 1;
}

/* Correct the constraints of the molecule that begins at atom `first`, one after the other, until
 * all hold. Returns 0, or the number (from 1) of the constraint that fails. */
static int64_t shake_molecule(const struct gd_lattice *lattice, double *positions,
                              const double *before, const double *inverse_masses, int64_t first,
                              const struct gd_constraints *constraints) {
    int64_t moved = 0;
    for (int64_t round = 0; round < constraints->max_rounds; round++) {
        moved = 0;
        for (int64_t k = 0; k < constraints->n; k++) {
            const int64_t i = first + constraints->pairs[2 * k];
            const int64_t j = first + constraints->pairs[2 * k + 1];
            const double square = constraints->lengths[k] * constraints->lengths[k];
            const int done = correct(lattice, positions, before, inverse_masses, i, j, square,
                                     constraints->tolerance);
            if (done < 0)
                return k + 1;
            if (done)
                moved = k + 1;
        }
        if (!moved)
            return 0;
    }
    return moved;
}

int gd_shake(double *positions, const double *before, int64_t n_atoms, const double *box,
             const double *inverse_masses, const struct gd_constraints *constraints,
             struct gd_where *where) {
    const int64_t copies = constraints->n_copies, atoms = constraints->n_atoms;
    struct gd_lattice lattice;
    if (n_atoms < 0 || copies < 0 || atoms < 0 || constraints->first < 0 || constraints->n < 0 ||
        constraints->first > n_atoms || (copies && atoms > (n_atoms - constraints->first) / copies))
        return GD_BAD_ARGUMENT;
    if (gd_lattice_open(box, &lattice) < 0) {
        where->frame = 0;
        return GD_NO_VOLUME;
    }
    for (int64_t copy = 0; copy < copies; copy++) {
        const int64_t first = constraints->first + copy * atoms;
        const int64_t failed =
            shake_molecule(&lattice, positions, before, inverse_masses, first, constraints);
        if (failed) {
            where->atom = first + constraints->pairs[2 * (failed - 1)];
            where->found = first + constraints->pairs[2 * (failed - 1) + 1];
            return GD_NOT_CONVERGED;
        }
    }
    return GD_OK;
}
