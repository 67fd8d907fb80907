/* What the non-bonded kernels share: arguments checked, reference points of a frame, results
 * cleared and finished. */
#include "nonbonded/base.h"

#include <math.h>
#include <string.h>

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
