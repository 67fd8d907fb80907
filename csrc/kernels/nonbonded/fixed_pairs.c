/* The pairs of fixed lists, whatever their distance: excluded atoms, of which only the field's
 * terms act, pairs with parameters of their own, and atoms with themselves. */
#include <math.h>

#include "nonbonded/base.h"

static void difference(const struct gd_lattice *lattice, const double *positions, int64_t i,
                       int64_t j, double *d) {
    for (int c = 0; c < 3; c++)
        d[c] = positions[3 * i + c] - positions[3 * j + c];
    gd_nearest_image(lattice, d);
}

/* What an Ewald sum leaves to the reciprocal lattice, taken away: -erf(splitting r)/r and its force
 * divided by r, for any r from 0 on. */
static void ewald_beyond(double splitting, double square, double *energy, double *force) {
    /* erf(y)/y is 2/sqrt(pi) times the sum of these times (-y^2)^n: 1/(n! (2 n + 1)). */
    static const double series[] = {
        1.0,
        1.0 / 3,
        1.0 / 10,
        1.0 / 42,
        1.0 / 216,
        1.0 / 1320,
        1.0 / 9360,
        1.0 / 75600,
        1.0 / 685440,
        1.0 / 6894720,
        1.0 / 76204800,
        1.0 / 918086400,
        1.0 / 11975040000,
        1.0 / 168129561600,
        1.0 / 2528170444800,
        1.0 / 40537905408000,
        1.0 / 690452066304000,
    };
    const double slope = 2.0 / sqrt(M_PI) * splitting, minus_x = -splitting * splitting * square;
    if (minus_x > -0.8) {
        double sum = 0.0, derivative = 0.0;
        for (int n = sizeof series / sizeof series[0] - 1; n >= 0; n--) {
            derivative = derivative * minus_x + sum;
            sum = sum * minus_x + series[n];
        }
        *energy = -slope * sum;
        *force = -2.0 * slope * splitting * splitting * derivative;
        return;
    }
    const double r = sqrt(square);
    *energy = -erf(splitting * r) / r;
    *force = (slope * exp(minus_x) + *energy) / square;
}

void gd_fixed_pairs(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                    const double *positions, const struct gd_results *results) {
    for (int64_t k = 0; k < field->n_excluded; k++) {
        const int64_t i = field->excluded[2 * k], j = field->excluded[2 * k + 1];
        const double charges = field->coulomb * field->charge[i] * field->charge[j];
        double d[3];
        if (!gd_interact(field, i, j))
            continue;
        difference(lattice, positions, i, j, d);
        const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
        double force = field->force_term;
        double energy = -(0.5 * field->force_term * square + field->energy_term);
        if (field->ewald > 0.0)
            ewald_beyond(field->ewald, square, &energy, &force);
        if (k < field->n_excluded_forces)
            gd_add_force(field, i, j, d, charges * force, results);
        if (results->energies)
            gd_add_energies(field, i, j, 0.0, charges * energy, results->energies);
    }
    for (int64_t k = 0; k < field->n_special; k++) {
        const int64_t i = field->special[2 * k], j = field->special[2 * k + 1];
        const double charges = field->coulomb * field->charge[i] * field->charge[j];
        const double c6 = field->special_c6[k], c12 = field->special_c12[k];
        double d[3];
        if (!gd_interact(field, i, j))
            continue;
        difference(lattice, positions, i, j, d);
        const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
        const double inverse = 1.0 / sqrt(square), inverse2 = inverse * inverse,
                     inverse6 = inverse2 * inverse2 * inverse2;
        double energy, force;
        gd_coulomb(field, square, inverse, &energy, &force);
        gd_add_force(field, i, j, d,
                     (12.0 * c12 * inverse6 - 6.0 * c6) * inverse6 * inverse2 + charges * force,
                     results);
        if (results->energies)
            gd_add_energies(field, i, j, (c12 * inverse6 - c6) * inverse6, charges * energy,
                            results->energies);
    }
    if (!results->energies || !field->self_terms)
        return;
    for (int64_t i = 0; i < field->n_atoms; i++)
        if (gd_interact(field, i, i))
            gd_add_energies(field, i, i, 0.0,
                            -0.5 * field->coulomb * field->charge[i] * field->charge[i] *
                                field->energy_term,
                            results->energies);
}
