#include <math.h>
#include <string.h>

#include "frames.h"
#include "gd.h"
#include "table.h"

struct walk {
    void (*sum)(const void *x, int64_t groups, const double *pivot, const double *weights,
                double *sums);
    double pivot[GD_GROUP + 2];
    double sums[GD_TENSOR_ROWS * GD_GROUP];
};

static void at_piece(void *context, int i, const struct gd_piece *piece) {
    struct walk *walk = context;
    (void)i;
    walk->sum(piece->x, piece->groups, walk->pivot, piece->weights, walk->sums);
}

int gd_gyration(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const struct gd_atom_set *set_of_atoms, double *centers, double *radii,
                double *tensors, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    struct gd_set set;
    const int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    if (!gd_set_open(set_of_atoms, &set))
        return GD_BAD_ARGUMENT;
    struct walk walk = {.sum = tensors ? table->tensor_sums[type] : table->spread_sums[type]};

    for (int64_t frame = 0; frame < n_frames; frame++) {
        double pivot[3];
        memset(walk.sums, 0, sizeof walk.sums);
        gd_frame_atom(&frames, frame, gd_set_atom(&set, set.pivot), pivot);
        gd_pattern(pivot, GD_GROUP + 2, walk.pivot);
        gd_walk(&frames, frame, 1, &set, at_piece, &walk);

        const double *sums = walk.sums;
        double mean[3], square[3];
        gd_add_lanes(sums, mean);
        gd_add_lanes(sums + GD_GROUP, square);
        for (int c = 0; c < 3; c++) {
            mean[c] /= set.weight;
            square[c] = square[c] / set.weight - mean[c] * mean[c];
        }
        const double total = (square[0] + square[1]) + square[2];
        if (!isfinite(total))
            return gd_not_finite(&frames, frame, &set, where);
        for (int c = 0; c < 3 && centers; c++)
            centers[3 * (frame) + c] = pivot[c] + mean[c];
        if (radii)
            radii[frame] = sqrt(total > 0 ? total : 0);
        if (tensors) {
            double next[3], second[3], *t = tensors + 9 * (frame);
            gd_add_lanes(sums + 2 * GD_GROUP, next);
            gd_add_lanes(sums + 3 * GD_GROUP, second);
            t[0] = square[0];
            t[4] = square[1];
            t[8] = square[2];
            t[1] = t[3] = next[0] / set.weight - mean[0] * mean[1];
            t[5] = t[7] = next[1] / set.weight - mean[1] * mean[2];
            t[2] = t[6] = second[0] / set.weight - mean[0] * mean[2];
        }
    }
    return GD_OK;
}
