#include <math.h>
#include <string.h>

#include "frames.h"
#include "gd.h"
#include "pairs.h"
#include "rotation.h"
#include "table.h"

/* Blocking: BLOCK x BLOCK pairs have their sums in `work`; a tile of atoms of ROWS frames of a
 * stays in the first-level cache while one frame of b after the other meets it. */
enum { BLOCK = 32, ROWS = 4, TILE_GROUPS = 32 };

static const double cancelled = 1e-6;

int64_t gd_centered_size(int64_t n) {
    return GD_GROUP * ((n + GD_GROUP_ATOMS - 1) / GD_GROUP_ATOMS);
}

struct walk {
    const double *center;
    double *out;
    int type;
};

/* Inlined once for each type and with and without weights. */
static inline __attribute__((always_inline)) void centre_groups(const struct gd_piece *piece,
                                                                const double *center,
                                                                double *restrict out, int type,
                                                                const double *weights) {
    const double c[3] = {center[0], center[1], center[2]};
    const float *floats = piece->x;
    const double *doubles = piece->x;
    for (int64_t g = 0; g < piece->groups; g++) {
        for (int i = 0; i < GD_GROUP_ATOMS; i++) {
            for (int k = 0; k < 3; k++) {
                const int64_t at = GD_GROUP * g + 3 * i + k;
                const double v = (type == GD_FLOAT32 ? (double)floats[at] : doubles[at]) - c[k];
                out[GD_GROUP * g + 8 * k + i] = weights ? sqrt(weights[at]) * v : v;
            }
        }
    }
}

static void centre_piece(void *context, int i, const struct gd_piece *piece) {
    const struct walk *walk = context;
    double *out = walk->out + GD_GROUP * piece->group;
    (void)i;
    if (walk->type == GD_FLOAT32 && piece->weights)
        centre_groups(piece, walk->center, out, GD_FLOAT32, piece->weights);
    else if (walk->type == GD_FLOAT32)
        centre_groups(piece, walk->center, out, GD_FLOAT32, 0);
    else if (piece->weights)
        centre_groups(piece, walk->center, out, GD_FLOAT64, piece->weights);
    else
        centre_groups(piece, walk->center, out, GD_FLOAT64, 0);
}

static double spread_of(const double *centered, int64_t groups) {
    double lanes[GD_GROUP] = {0};
    for (int64_t g = 0; g < groups; g++)
        for (int lane = 0; lane < GD_GROUP; lane++)
            lanes[lane] += centered[GD_GROUP * g + lane] * centered[GD_GROUP * g + lane];
    double xyz[3];
    for (int c = 0; c < 3; c++) {
        const double *s = lanes + 8 * c;
        xyz[c] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
    }
    return (xyz[0] + xyz[1]) + xyz[2];
}

int gd_center_frames(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                     const struct gd_atom_set *set_of_atoms, double *centered, double *spreads,
                     struct gd_where *where) {
    struct gd_frames frames;
    struct gd_set set;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    if (!gd_set_open(set_of_atoms, &set))
        return GD_BAD_ARGUMENT;
    const int64_t size = gd_centered_size(set.n);
    for (int64_t frame = 0; frame < n_frames; frame++) {
        double center[3];
        const char *here = frames.positions + 3 * frames.number * n_atoms * frame;
        status = gd_gyration(here, type, 1, n_atoms, set_of_atoms, center, 0, 0, where);
        if (status != GD_OK) {
            where->frame = frame;
            return status;
        }
        struct walk walk = {.center = center, .out = centered + size * frame, .type = type};
        gd_walk(&frames, frame, 1, &set, centre_piece, &walk);
        spreads[frame] = spread_of(walk.out, set.groups);
    }
    return GD_OK;
}

int64_t gd_rmsd_pairs_size(void) { return BLOCK * BLOCK * GD_PAIR_SUMS; }

/* Sum of |a - R^T b|^2 over the groups of two centred frames. */
static double residual(const double *a, const double *b, int64_t groups, const double *r) {
    double lanes[GD_PAIR_LANES] = {0};
    for (int64_t g = 0; g < groups; g++) {
        const double *p = a + GD_GROUP * g, *q = b + GD_GROUP * g;
        for (int i = 0; i < GD_PAIR_LANES; i++) {
            const double x = q[i], y = q[8 + i], z = q[16 + i];
            const double ex = p[i] - ((r[0] * x + r[3] * y) + r[6] * z);
            const double ey = p[8 + i] - ((r[1] * x + r[4] * y) + r[7] * z);
            const double ez = p[16 + i] - ((r[2] * x + r[5] * y) + r[8] * z);
            lanes[i] += (ex * ex + ey * ey) + ez * ez;
        }
    }
    const double *s = lanes;
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static int equal(const double *a, const double *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

/* The residual of a pair summed over its atoms, from both sides, so that it doesn't matter which
 * of the two comes first. */
static double explicit_residual(const double *a, const double *b, int64_t groups,
                                const double *moments, double root, int good) {
    double quaternion[4], rotation[9], inverse[9];
    if (equal(a, b, GD_GROUP * groups))
        return 0;
    if (good)
        gd_quaternion_of_root(moments, root, quaternion);
    else
        gd_largest_root_jacobi(moments, quaternion);
    gd_rotation_of_quaternion(quaternion, rotation);
    for (int c = 0; c < 3; c++)
        for (int d = 0; d < 3; d++)
            inverse[3 * c + d] = rotation[3 * d + c];
    return 0.5 * (residual(a, b, groups, rotation) + residual(b, a, groups, inverse));
}

/* Numbers from .. to - 1 of the next tile of both blocks. */
struct ahead {
    const double *a, *b;
    int64_t size, n_a, n_b, from, to;
};

/* Ask for the share of pair k of n in what comes next: the frames' tiles lie far apart, where the
 * processor's own prefetching does not follow. */
static void prefetch(const struct ahead *ahead, int64_t k, int64_t n) {
    const int64_t lines = (ahead->to - ahead->from + 7) / 8;
    if (lines <= 0)
        return;
    const int64_t all = lines * (ahead->n_a + ahead->n_b);
    for (int64_t line = all * k / n; line < all * (k + 1) / n; line++) {
        const int64_t frame = line / lines, at = ahead->from + 8 * (line % lines);
        const double *start = frame < ahead->n_a ? ahead->a + ahead->size * frame
                                                 : ahead->b + ahead->size * (frame - ahead->n_a);
        __builtin_prefetch(start + at, 0, 2);
    }
}

int gd_rmsd_pairs(const double *a, const double *spreads_a, int64_t n_a, const double *b,
                  const double *spreads_b, int64_t n_b, const struct gd_atom_set *set_of_atoms,
                  double *work, double *rmsd) {
    const struct gd_table *table = gd_table();
    struct gd_set set;
    if (n_a < 0 || n_b < 0 || !gd_set_open(set_of_atoms, &set))
        return GD_BAD_ARGUMENT;
    const int64_t size = GD_GROUP * set.groups;
    const int symmetric = a == b && n_a == n_b;

    for (int64_t i0 = 0; i0 < n_a; i0 += BLOCK) {
        const int64_t i1 = i0 + BLOCK < n_a ? i0 + BLOCK : n_a;
        for (int64_t j0 = symmetric ? i0 : 0; j0 < n_b; j0 += BLOCK) {
            const int64_t j1 = j0 + BLOCK < n_b ? j0 + BLOCK : n_b;
            const int64_t width = j1 - j0, n_pairs = (i1 - i0) * width;
            memset(work, 0, sizeof(double) * GD_PAIR_SUMS * BLOCK * BLOCK);
            for (int64_t group = 0; group < set.groups; group += TILE_GROUPS) {
                const int64_t groups =
                    set.groups - group < TILE_GROUPS ? set.groups - group : TILE_GROUPS;
                struct ahead ahead = {a + size * i0, b + size * j0, size, i1 - i0, width, 0, 0};
                ahead.from = GD_GROUP * (group + TILE_GROUPS);
                ahead.to = ahead.from + GD_GROUP * TILE_GROUPS < size
                               ? ahead.from + GD_GROUP * TILE_GROUPS
                               : size;
                int64_t k = 0;
                for (int64_t row = i0; row < i1; row += ROWS) {
                    for (int64_t j = j0; j < j1; j++) {
                        for (int64_t i = row; i < i1 && i < row + ROWS; i++) {
                            prefetch(&ahead, k++, n_pairs);
                            table->pair_sums(a + size * i + GD_GROUP * group,
                                             b + size * j + GD_GROUP * group, groups,
                                             work + GD_PAIR_SUMS * ((i - i0) * width + (j - j0)));
                        }
                    }
                }
            }
            for (int64_t pair = 0; pair < n_pairs; pair += GD_BATCH) {
                double moments[9 * GD_BATCH], bounds[GD_BATCH] = {0}, roots[GD_BATCH];
                int64_t good[GD_BATCH];
                const int n = n_pairs - pair < GD_BATCH ? (int)(n_pairs - pair) : GD_BATCH;
                table->pair_totals(work + GD_PAIR_SUMS * pair, moments);
                for (int k = 0; k < n; k++) {
                    const int64_t i = i0 + (pair + k) / width, j = j0 + (pair + k) % width;
                    bounds[k] = sqrt(spreads_a[i]) * sqrt(spreads_b[j]);
                }
                table->largest_roots(moments, bounds, roots, good);
                for (int k = 0; k < n; k++) {
                    const int64_t i = i0 + (pair + k) / width, j = j0 + (pair + k) % width;
                    double m[9], quaternion[4], root = roots[k];
                    for (int l = 0; l < 9; l++)
                        m[l] = moments[GD_BATCH * l + k];
                    if (!good[k])
                        root = gd_largest_root_jacobi(m, quaternion);
                    const double both = spreads_a[i] + spreads_b[j];
                    double left = both - 2 * root;
                    if (left <= cancelled * both)
                        left = explicit_residual(a + size * i, b + size * j, set.groups, m, root,
                                                 good[k] != 0);
                    rmsd[n_b * i + j] = sqrt(left / set.weight);
                    if (symmetric)
                        rmsd[n_b * j + i] = rmsd[n_b * i + j];
                }
            }
        }
    }
    return GD_OK;
}
