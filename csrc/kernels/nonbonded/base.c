#include <math.h>
#include <string.h>

#include "nonbonded/base.h"

int gd_nonbonded_check(const struct gd_nonbonded *field, struct gd_where *where) {
    if (!(field->cutoff > 0.0) || field->n_lj_types < 1 || field->n_energy_groups < 1 ||
        field->n_charge_groups < 1 || field->n_centered > field->n_charge_groups ||
        field->n_atoms > INT32_MAX || !(field->ewald >= 0.0) ||
        (field->ewald > 0.0 && (field->force_term != 0.0 || field->energy_term != 0.0))) {
        where->found = field->n_atoms;
        return GD_BAD_ARGUMENT;
    }
    return GD_OK;
}

struct gd_results gd_results_of(const struct gd_nonbonded *field, int64_t frame, double *forces,
                                double *energies, double *virial, double *group_forces) {
    const int64_t n_groups = field->n_energy_groups;
    return (struct gd_results){
        .forces = forces ? forces + 3 * field->n_atoms * frame : 0,
        .energies = energies ? energies + 2 * n_groups * n_groups * frame : 0,
        .virial = virial ? virial + 9 * frame : 0,
        .group_forces = group_forces ? group_forces + 3 * n_groups * n_groups * frame : 0,
    };
}

void gd_clear_results(const struct gd_nonbonded *field, const struct gd_results *results) {
    const size_t n_groups = (size_t)field->n_energy_groups;
    if (results->forces)
        memset(results->forces, 0, sizeof(double) * 3 * (size_t)field->n_atoms);
    if (results->energies)
        memset(results->energies, 0, sizeof(double) * 2 * n_groups * n_groups);
    if (results->virial)
        memset(results->virial, 0, sizeof(double) * 9);
    if (results->group_forces)
        memset(results->group_forces, 0, sizeof(double) * 3 * n_groups * n_groups);
}

int gd_frame_positions(const struct gd_frames *frames, int64_t frame, double *positions,
                       struct gd_where *where) {
    const int64_t n = 3 * frames->n_atoms;
    const char *from = frames->positions + frames->number * n * frame;
    if (frames->type == GD_FLOAT32) {
        const float *numbers = (const float *)from;
        for (int64_t i = 0; i < n; i++)
            positions[i] = (double)numbers[i];
    } else {
        memcpy(positions, from, sizeof(double) * (size_t)n);
    }
    /* x - x is 0 for every finite number, NaN for all others. */
    double wrong = 0.0;
    for (int64_t i = 0; i < n; i++)
        wrong += positions[i] - positions[i];
    if (wrong == 0.0)
        return GD_OK;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(positions[i])) {
            where->frame = frame;
            where->atom = i / 3;
            break;
        }
    return GD_NOT_FINITE;
}

static void reference_points(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                             const double *positions, double *points) {
    for (int64_t group = 0; group < field->n_charge_groups; group++) {
        const int64_t first = field->charge_group[group], end = field->charge_group[group + 1];
        const double *from = positions + 3 * first;
        double *point = points + 3 * group, sum[3] = {0.0, 0.0, 0.0};
        memcpy(point, from, 3 * sizeof(double));
        if (group >= field->n_centered || end == first + 1)
            continue;
        for (int64_t atom = first + 1; atom < end; atom++) {
            double d[3];
            for (int c = 0; c < 3; c++)
                d[c] = positions[3 * atom + c] - from[c];
            gd_nearest_image(lattice, d);
            for (int c = 0; c < 3; c++)
                sum[c] += d[c];
        }
        for (int c = 0; c < 3; c++)
            point[c] += sum[c] / (double)(end - first);
    }
}

int gd_points_and_positions(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                            const struct gd_frames *frames, const struct gd_frames *listed,
                            int64_t frame, double *points, double *positions,
                            struct gd_where *where) {
    const struct gd_frames *of_points = listed ? listed : frames;
    const int status = gd_frame_positions(of_points, frame, positions, where);
    if (status != GD_OK)
        return status;
    reference_points(field, lattice, positions, points);
    return listed ? gd_frame_positions(frames, frame, positions, where) : GD_OK;
}

static void difference(const struct gd_lattice *lattice, const double *positions, int64_t i,
                       int64_t j, double *d) {
    for (int c = 0; c < 3; c++)
        d[c] = positions[3 * i + c] - positions[3 * j + c];
    gd_nearest_image(lattice, d);
}

void gd_ewald_beyond(double splitting, double square, double *energy, double *force) {
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

/* force is the force on i divided by the distance. */
static void add_pair(const struct gd_nonbonded *field, int64_t i, int64_t j, const double *d,
                     double force, const struct gd_results *results) {
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
            gd_ewald_beyond(field->ewald, square, &energy, &force);
        if (k < field->n_excluded_forces)
            add_pair(field, i, j, d, charges * force, results);
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
        add_pair(field, i, j, d,
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

int gd_finish_results(const struct gd_nonbonded *field, const struct gd_results *results,
                      struct gd_where *where) {
    const int64_t n = field->n_energy_groups;
    double wrong = 0.0;
    for (int64_t kind = 0; kind < 2 && results->energies; kind++) {
        double *energies = results->energies + n * n * kind;
        for (int64_t a = 0; a < n; a++)
            for (int64_t b = a; b < n; b++) {
                energies[n * b + a] = energies[n * a + b];
                wrong += energies[n * a + b] - energies[n * a + b];
            }
    }
    for (int64_t a = 0; a < n && results->group_forces; a++)
        for (int64_t b = a + 1; b < n; b++)
            for (int c = 0; c < 3; c++)
                results->group_forces[3 * (n * b + a) + c] =
                    -results->group_forces[3 * (n * a + b) + c];
    for (int i = 0; i < 9 && results->virial; i++) {
        wrong += results->virial[i] - results->virial[i];
        results->virial[i] *= -0.5;
    }
    for (int64_t i = 0; i < 3 * field->n_atoms && results->forces; i++)
        if (!isfinite(results->forces[i])) {
            where->atom = i / 3;
            return GD_SAME_PLACE;
        }
    return wrong == 0.0 ? GD_OK : GD_SAME_PLACE;
}
