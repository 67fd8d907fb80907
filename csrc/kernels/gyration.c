#include <math.h>
#include <string.h>

#include "frames.h"
#include "gd.h"
#include "table.h"

enum { TOGETHER = GD_FRAMES_TOGETHER };

struct walk {
    void (*sum)(const void *x, int64_t groups, const double *pivot, const double *weights,
                double *sums);
    double pivots[TOGETHER][GD_GROUP + 2];
    double sums[TOGETHER][GD_TENSOR_ROWS * GD_GROUP];
};

static void piece(void *context, int i, const void *x, int64_t group, int64_t groups,
                  const double *weights) {
    struct walk *walk = context;
    (void)group;
    walk->sum(x, groups, walk->pivots[i], weights, walk->sums[i]);
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

    for (int64_t frame = 0; frame < n_frames; frame += TOGETHER) {
        const int n = n_frames - frame < TOGETHER ? (int)(n_frames - frame) : TOGETHER;
        double pivots[TOGETHER][3];
        memset(walk.sums, 0, sizeof walk.sums);
        for (int i = 0; i < n; i++) {
            gd_frame_atom(&frames, frame + i, gd_set_atom(&set, set.pivot), pivots[i]);
            gd_pattern(pivots[i], GD_GROUP + 2, walk.pivots[i]);
        }
        gd_walk(&frames, frame, n, &set, piece, &walk);

        for (int i = 0; i < n; i++) {
            const double *sums = walk.sums[i];
            double mean[3], square[3];
            gd_add_lanes(sums, mean);
            gd_add_lanes(sums + GD_GROUP, square);
            for (int c = 0; c < 3; c++) {
                mean[c] /= set.weight;
                square[c] = square[c] / set.weight - mean[c] * mean[c];
            }
            const double total = (square[0] + square[1]) + square[2];
            if (!isfinite(total))
                return gd_not_finite(&frames, frame + i, &set, where);
            for (int c = 0; c < 3 && centers; c++)
                centers[3 * (frame + i) + c] = pivots[i][c] + mean[c];
            if (radii)
                radii[frame + i] = sqrt(total > 0 ? total : 0);
            if (tensors) {
                double next[3], second[3], *t = tensors + 9 * (frame + i);
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
    }
    return GD_OK;
}
