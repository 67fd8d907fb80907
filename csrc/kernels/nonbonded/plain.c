/* gd_nonbonded_plain: all pairs of charge groups, one after the other. */
#include <math.h>

#include "nonbonded/base.h"

int64_t gd_nonbonded_plain_size(const struct gd_nonbonded *field) {
    return 3 * (field->n_atoms + field->n_charge_groups);
}

static void pair(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                 const double *positions, int64_t i, int64_t j, const struct gd_results *results) {
    const int64_t types = field->n_lj_types * field->lj_type[i] + field->lj_type[j];
    const double c6 = field->c6[types], c12 = field->c12[types];
    const double charges = field->coulomb * field->charge[i] * field->charge[j];
    if (c6 == 0.0 && c12 == 0.0 && charges == 0.0)
        return;
    double d[3];
    for (int c = 0; c < 3; c++)
        d[c] = positions[3 * i + c] - positions[3 * j + c];
    gd_nearest_image(lattice, d);
    const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
    const double inverse2 = 1.0 / square, inverse = sqrt(inverse2),
                 inverse6 = inverse2 * inverse2 * inverse2;
    double electric, pull;
    gd_coulomb(field, square, inverse, &electric, &pull);
    const double force = (12.0 * c12 * inverse6 - 6.0 * c6) * inverse6 * inverse2 + charges * pull;
    gd_add_force(field, i, j, d, force, results);
    if (results->energies)
        gd_add_energies(field, i, j, (c12 * inverse6 - c6) * inverse6, charges * electric,
                        results->energies);
}

void gd_plain_pairs(const struct gd_nonbonded *field, const struct gd_lattice *lattice,
                    const double *positions, const double *points,
                    const struct gd_results *results) {
    const double cutoff2 = field->cutoff * field->cutoff;
    const int64_t *first = field->charge_group;
    for (int64_t a = 0; a < field->n_charge_groups; a++) {
        for (int64_t b = a; b < field->n_charge_groups; b++) {
            double d[3];
            if (a == b && a >= field->n_centered)
                continue;
            for (int c = 0; c < 3; c++)
                d[c] = points[3 * a + c] - points[3 * b + c];
            gd_nearest_image(lattice, d);
            if (!(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] <= cutoff2))
                continue;
            for (int64_t i = first[a]; i < first[a + 1]; i++)
                for (int64_t j = a == b ? i + 1 : first[b]; j < first[b + 1]; j++)
                    if (gd_interact(field, i, j) && !gd_is_unlisted(field, i, j))
                        pair(field, lattice, positions, i, j, results);
        }
    }
}

int gd_nonbonded_plain(const struct gd_nonbonded *field, const void *positions,
                       const double *listed, int type, int64_t n_frames, const double *boxes,
                       double *forces, double *energies, double *virial, double *group_forces,
                       double *work, struct gd_where *where) {
    struct gd_frames frames, list;
    int status = gd_frames_open(positions, type, n_frames, field->n_atoms, &frames, where);
    if (status == GD_OK && listed)
        status = gd_frames_open(listed, GD_FLOAT64, n_frames, field->n_atoms, &list, where);
    if (status == GD_OK)
        status = gd_nonbonded_check(field, where);
    double *frame_positions = work, *points = work + 3 * field->n_atoms;
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        struct gd_lattice lattice;
        where->frame = frame;
        if (gd_lattice_open(boxes ? boxes + 9 * frame : 0, &lattice) < 0)
            return GD_NO_VOLUME;
        if (lattice.periodic && field->cutoff > 0.5 * lattice.shortest)
            return GD_SMALL_BOX;
        status = gd_points_and_positions(field, &lattice, &frames, listed ? &list : 0, frame,
                                         points, frame_positions, where);
        if (status != GD_OK)
            return status;
        const struct gd_results results =
            gd_results_of(field, frame, forces, energies, virial, group_forces);
        gd_clear_results(field, &results);
        gd_plain_pairs(field, &lattice, frame_positions, points, &results);
        gd_fixed_pairs(field, &lattice, frame_positions, &results);
        status = gd_finish_results(field, &results, where);
    }
    return status;
}
