/* Centres, radii and tensors of gyration, from sums over the atoms. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/gyration.h"
#include "table.h"

struct walk {
    void (*sum)(const void *x, int64_t groups, const double *pivot, const double *weights,
                const char *near, const char *far, double *sums);
    double pivot[GD_GROUP + 2];
    double sums[GD_TENSOR_ROWS * GD_GROUP];
};

static void at_piece(void *context, int i, const struct gd_piece *piece) {
    struct walk *walk = context;
    (void)i;
    walk->sum(piece->x, piece->groups, walk->pivot, piece->weights, piece->near, piece->far,
              walk->sums);
}

/* One frame's sums, as they stand or relative to an atom, and from them the mean (relative to the
 * pivot) and the mean squares around it. Returns whether the sums have lost too much. */
static int moments(const struct gd_table *table, const struct gd_frames *frames, int64_t frame,
                   const struct gd_set *set, int exact, int with_tensor, struct walk *walk,
                   double *mean, double *square) {
    const int kind = exact ? GD_EXACT : frames->type;
    double pivot[3] = {0, 0, 0}, total[3];
    walk->sum = with_tensor ? table->tensor_sums[kind] : table->spread_sums[kind];
    memset(walk->sums, 0, sizeof walk->sums);
    if (!exact)
        gd_frame_atom(frames, frame, gd_set_atom(set, set->pivot), pivot);
    gd_pattern(pivot, GD_GROUP + 2, walk->pivot);
    gd_walk(frames, frame, 1, set, at_piece, walk);
    gd_add_lanes(walk->sums, mean);
    gd_add_lanes(walk->sums + GD_GROUP, total);
    for (int c = 0; c < 3; c++) {
        mean[c] /= set->weight;
        total[c] /= set->weight;
        square[c] = total[c] - mean[c] * mean[c];
    }
    return exact &&
           gd_is_far((total[0] + total[1]) + total[2], (square[0] + square[1]) + square[2]);
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
    const int exact = type == GD_FLOAT32 && !set.weights, with_tensor = tensors != 0;

    for (int64_t frame = 0; frame < n_frames; frame++) {
        struct walk walk;
        double mean[3], square[3];
        if (moments(table, &frames, frame, &set, exact, with_tensor, &walk, mean, square))
            moments(table, &frames, frame, &set, 0, with_tensor, &walk, mean, square);
        const double total = (square[0] + square[1]) + square[2];
        if (!isfinite(total))
            return gd_not_finite(&frames, frame, &set, where);
        for (int c = 0; c < 3 && centers; c++)
            centers[3 * frame + c] = walk.pivot[c] + mean[c];
        if (radii)
            radii[frame] = sqrt(total > 0 ? total : 0);
        if (tensors) {
            double next[3], second[3], *t = tensors + 9 * frame;
            gd_add_lanes(walk.sums + 2 * GD_GROUP, next);
            gd_add_lanes(walk.sums + 3 * GD_GROUP, second);
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
