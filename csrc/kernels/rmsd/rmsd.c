/* Deviations from a reference, best fits, and frames moved by them. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/rmsd.h"
#include "rmsd/pair_sums.h"
#include "rmsd/rotation.h"
#include "table.h"

enum { TOGETHER = GD_FRAMES_TOGETHER };
_Static_assert((int)TOGETHER % (int)GD_BATCH == 0, "frames are solved in whole batches");

static const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

/* One superposition on the reference. */
struct superposition {
    double center[3];
    double rotation[9];
    double mean_square;
    int same; /* equal to the reference to the bit */
};

struct walk {
    const struct gd_table *table;
    const struct gd_set *set;
    int kind; /* of sums */
    _Alignas(64) double pivots[TOGETHER][GD_GROUP];
    double coefficients[TOGETHER][3 * GD_GROUP];
    double sums[TOGETHER][GD_FIT_ROWS * GD_GROUP];
};

static void fit_piece(void *context, int i, const struct gd_piece *piece) {
    struct walk *walk = context;
    walk->table->fit_sums[walk->kind](piece->x, piece->groups, walk->pivots[i],
                                      walk->set->permuted + GD_PERMUTED * piece->group,
                                      piece->weights, piece->near, piece->far, walk->sums[i]);
}

static void residual_piece(void *context, int i, const struct gd_piece *piece) {
    struct walk *walk = context;
    walk->table->residual_sums[walk->kind](piece->x, piece->groups, walk->pivots[i],
                                           walk->coefficients[i],
                                           walk->set->permuted + GD_PERMUTED * piece->group,
                                           piece->weights, piece->near, piece->far, walk->sums[i]);
}

static void difference_piece(void *context, int i, const struct gd_piece *piece) {
    struct walk *walk = context;
    walk->table->difference_sums[walk->kind](
        piece->x, piece->groups, walk->set->reference + GD_GROUP * piece->group, piece->weights,
        piece->near, piece->far, walk->sums[i]);
}

static void begin(struct walk *walk, const struct gd_table *table, const struct gd_frames *frames,
                  const struct gd_set *set, int n) {
    walk->table = table;
    walk->set = set;
    walk->kind = frames->type;
    memset(walk->sums, 0, sizeof walk->sums[0] * (size_t)n);
}

static double mean_of(const double *sums, const struct gd_set *set) {
    double xyz[3];
    gd_add_lanes(sums, xyz);
    return ((xyz[0] + xyz[1]) + xyz[2]) / set->weight;
}

/* Mean square deviations of frames as they stand. */
static void differences(const struct gd_table *table, const struct gd_frames *frames, int64_t frame,
                        int n, const struct gd_set *set, double *mean_squares) {
    struct walk walk;
    begin(&walk, table, frames, set, n);
    gd_walk(frames, frame, n, set, difference_piece, &walk);
    for (int i = 0; i < n; i++)
        mean_squares[i] = mean_of(walk.sums[i], set);
}

/* Mean square deviations after superposition: |(x - c) - R^T (r - d)|^2, with the fit's centre at d
 * in the set's reference. */
static void residuals(const struct gd_table *table, const struct gd_frames *frames, int64_t frame,
                      int n, const struct gd_set *set, const struct superposition *fits,
                      double *mean_squares) {
    struct walk walk;
    begin(&walk, table, frames, set, n);
    for (int i = 0; i < n; i++) {
        const double *r = fits[i].rotation, *d = set->offset;
        double pivot[3];
        for (int c = 0; c < 3; c++)
            pivot[c] = fits[i].center[c] - ((r[c] * d[0] + r[3 + c] * d[1]) + r[6 + c] * d[2]);
        gd_pattern(pivot, GD_GROUP, walk.pivots[i]);
        for (int k = 0; k < 3; k++)
            for (int lane = 0; lane < GD_GROUP; lane++)
                walk.coefficients[i][GD_GROUP * k + lane] = r[3 * ((lane + k) % 3) + lane % 3];
    }
    gd_walk(frames, frame, n, set, residual_piece, &walk);
    for (int i = 0; i < n; i++)
        mean_squares[i] = mean_of(walk.sums[i], set);
}

/* Where moment k of frame i stands. */
static int moment(int i, int k) {
    return 9 * GD_BATCH * (i / GD_BATCH) + GD_BATCH * k + i % GD_BATCH;
}

/* Superpose frames on the reference of the set. With exact sums coordinates are taken as they
 * stand, otherwise relative to an atom; what far frames lose with the former is regained with the
 * latter. */
static int superpose(const struct gd_table *table, const struct gd_frames *frames, int64_t frame,
                     int n, const struct gd_set *set, int exact, int with_rotation,
                     struct superposition *fits, struct gd_where *where) {
    struct walk walk;
    /* Batches of moments, bounds and roots lie one behind the other. */
    double pivots[TOGETHER][3] = {{0}}, moments[9 * TOGETHER], spreads[TOGETHER];
    double bounds[TOGETHER], roots[TOGETHER], totals[TOGETHER];
    int64_t good[TOGETHER];
    const double *offset = set->offset;
    const double reference_total =
        set->spread +
        set->weight * ((offset[0] * offset[0] + offset[1] * offset[1]) + offset[2] * offset[2]);
    const int padded = (n + GD_BATCH - 1) / GD_BATCH * GD_BATCH;
    memset(moments, 0, sizeof(double) * 9 * (size_t)padded);
    memset(bounds, 0, sizeof(double) * (size_t)padded);
    begin(&walk, table, frames, set, n);
    if (exact)
        walk.kind = GD_EXACT;
    for (int i = 0; i < n && !exact; i++) {
        gd_frame_atom(frames, frame + i, gd_set_atom(set, set->pivot), pivots[i]);
        gd_pattern(pivots[i], GD_GROUP, walk.pivots[i]);
    }
    gd_walk(frames, frame, n, set, fit_piece, &walk);

    for (int i = 0; i < n; i++) {
        const double *sums = walk.sums[i];
        double sum[3], square[3], norm = 0;
        gd_add_lanes(sums, sum);
        gd_add_lanes(sums + GD_GROUP, square);
        for (int k = 0; k < 3; k++) {
            double product[3];
            gd_add_lanes(sums + GD_GROUP * (2 + k), product);
            for (int c = 0; c < 3; c++) {
                const double m = product[c] - sum[c] * offset[(c + k) % 3];
                moments[moment(i, 3 * c + (c + k) % 3)] = m;
                norm += m * m;
            }
        }
        const double total = (square[0] + square[1]) + square[2];
        const double around =
            total - ((sum[0] * sum[0] + sum[1] * sum[1]) + sum[2] * sum[2]) / set->weight;
        if (!isfinite(around) || !isfinite(norm))
            return gd_not_finite(frames, frame + i, set, where);
        for (int c = 0; c < 3; c++)
            fits[i].center[c] = pivots[i][c] + sum[c] / set->weight;
        totals[i] = total;
        spreads[i] = around > 0 ? around : 0;
        bounds[i] = sqrt(spreads[i]) * sqrt(set->spread);
    }
    for (int i = 0; i < n; i += GD_BATCH)
        table->largest_roots(moments + 9 * i, bounds + i, roots + i, good + i);

    for (int i = 0; i < n; i++) {
        struct superposition *fit = fits + i;
        if (exact && gd_is_far(totals[i], spreads[i])) {
            const int status =
                superpose(table, frames, frame + i, 1, set, 0, with_rotation, fit, where);
            if (status != GD_OK)
                return status;
            continue;
        }
        double m[9], quaternion[4], root = roots[i];
        for (int k = 0; k < 9; k++)
            m[k] = moments[moment(i, k)];
        if (!good[i])
            root = gd_largest_root_jacobi(m, quaternion);
        const double size = spreads[i] + set->spread;
        const double left = size - 2 * root;
        const int refine = gd_is_cancelled(left, totals[i] + reference_total);
        fit->same = 0;
        fit->mean_square = left / set->weight;
        if (refine || with_rotation) {
            if (good[i])
                gd_quaternion_of_root(m, root, quaternion);
            gd_rotation_of_quaternion(quaternion, fit->rotation);
        }
        if (!refine)
            continue;
        if (gd_frame_is_reference(frames, frame + i, set)) {
            fit->same = 1;
            fit->mean_square = 0;
            memcpy(fit->rotation, identity, sizeof identity);
            memcpy(fit->center, set->center, sizeof fit->center);
        } else {
            residuals(table, frames, frame + i, 1, set, fit, &fit->mean_square);
        }
    }
    return GD_OK;
}

/* The deviation of a measured set; exactly that of the frame as it stands where the fitted atoms
 * are the reference's own. */
static int measured(const struct gd_table *table, const struct gd_frames *frames, int64_t frame,
                    int n, const struct gd_set *set, const struct superposition *fits,
                    double *mean_squares, struct gd_where *where) {
    if (fits)
        residuals(table, frames, frame, n, set, fits, mean_squares);
    else
        differences(table, frames, frame, n, set, mean_squares);
    for (int i = 0; i < n; i++) {
        if (fits && fits[i].same)
            differences(table, frames, frame + i, 1, set, mean_squares + i);
        if (!isfinite(mean_squares[i]))
            return gd_not_finite(frames, frame + i, set, where);
    }
    return GD_OK;
}

int gd_rmsd(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
            const struct gd_atom_set *fit, const struct gd_atom_set *measure, double *rmsd,
            double *rotations, double *translations, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    struct gd_set fit_set, measure_set;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    if ((!fit && (!measure || rotations || translations)) ||
        (fit && (!gd_set_open(fit, &fit_set) || !fit_set.permuted)) ||
        (measure && (!gd_set_open(measure, &measure_set) || !measure_set.permuted)))
        return GD_BAD_ARGUMENT;
    const int with_rotation = rotations || translations || (measure && rmsd);
    const int exact = fit && fit_set.exact && type == GD_FLOAT32;

    for (int64_t frame = 0; frame < n_frames; frame += TOGETHER) {
        const int n = n_frames - frame < TOGETHER ? (int)(n_frames - frame) : TOGETHER;
        struct superposition fits[TOGETHER];
        double mean_squares[TOGETHER];
        if (fit) {
            status =
                superpose(table, &frames, frame, n, &fit_set, exact, with_rotation, fits, where);
            if (status != GD_OK)
                return status;
        }
        if (measure && rmsd) {
            status = measured(table, &frames, frame, n, &measure_set, fit ? fits : 0, mean_squares,
                              where);
            if (status != GD_OK)
                return status;
        }
        for (int i = 0; i < n; i++) {
            if (rmsd)
                rmsd[frame + i] = sqrt(measure ? mean_squares[i] : fits[i].mean_square);
            if (rotations)
                memcpy(rotations + 9 * (frame + i), fits[i].rotation, sizeof fits[i].rotation);
            for (int c = 0; c < 3 && translations; c++) {
                const double *r = fits[i].rotation + 3 * c, *x = fits[i].center;
                translations[3 * (frame + i) + c] =
                    fits[i].same ? 0
                                 : fit_set.center[c] - ((r[0] * x[0] + r[1] * x[1]) + r[2] * x[2]);
            }
        }
    }
    return GD_OK;
}

int gd_transform(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                 const double *rotations, const double *translations, void *out) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    struct gd_where where;
    const int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, &where);
    if (status != GD_OK)
        return status;
    const int64_t frame_bytes = 3 * frames.number * n_atoms;
    for (int64_t i = 0; i < n_frames; i++)
        table->transform[type](frames.positions + frame_bytes * i, n_atoms, rotations + 9 * i,
                               translations + 3 * i, (char *)out + frame_bytes * i);
    return GD_OK;
}
