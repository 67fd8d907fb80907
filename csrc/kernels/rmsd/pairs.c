/* Deviations of all frames from all others: frames centred, and their pairs block by block. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/gyration.h"
#include "gd/rmsd.h"
#include "rmsd/pair_sums.h"
#include "rmsd/rotation.h"
#include "table.h"

/* Blocking: BLOCK x BLOCK pairs have their sums in `work`; a tile of atoms of ROWS frames of a
 * stays in the first-level cache while one frame of b after the other meets it. */
enum { BLOCK = 24, ROWS = 4, TILE_GROUPS = 32, TILE = GD_GROUP * TILE_GROUPS };

/* What stands behind a frame's groups: where its centre lies in them, the sum of their squares, and
 * whether they are float32 numbers. */
enum { MEAN, TOTAL = 3, EXACT, TAIL = 8 };

int64_t gd_centered_size(int64_t n) {
    return GD_GROUP * ((n + GD_GROUP_ATOMS - 1) / GD_GROUP_ATOMS) + TAIL;
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

/* Sums over n atoms relative to a point, each component apart, and of their squares. */
static double sums_around(const double *groups, int64_t n, const double *point, double *sums) {
    double lanes[GD_GROUP] = {0}, squares[GD_GROUP] = {0};
    for (int64_t first = 0; first < n; first += GD_GROUP_ATOMS) {
        const int there = n - first < GD_GROUP_ATOMS ? (int)(n - first) : GD_GROUP_ATOMS;
        for (int c = 0; c < 3; c++) {
            for (int lane = 8 * c; lane < 8 * c + there; lane++) {
                const double v = groups[3 * first + lane] - point[c];
                lanes[lane] += v;
                squares[lane] += v * v;
            }
        }
    }
    for (int c = 0; c < 3; c++)
        sums[c] = gd_sum_of_lanes(lanes + 8 * c);
    return (gd_sum_of_lanes(squares) + gd_sum_of_lanes(squares + 8)) +
           gd_sum_of_lanes(squares + 16);
}

/* Move a component of float32 numbers to where one of them lies at zero, if all remain such. If
 * not, some are less than half of it or more than twice, so that zero is near enough. */
static void move_exactly(double *groups, int64_t n, int64_t pivot) {
    const double shift = groups[GD_GROUP * (pivot / 8) + pivot % 8];
    for (int64_t i = 0; i < n; i++)
        if (!gd_is_float32(groups[GD_GROUP * (i / 8) + i % 8] - shift))
            return;
    for (int64_t i = 0; i < n; i++)
        groups[GD_GROUP * (i / 8) + i % 8] -= shift;
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
    const int exact = type == GD_FLOAT32 && !set.weights;
    for (int64_t frame = 0; frame < n_frames; frame++) {
        double center[3] = {0, 0, 0}, sums[3], *out = centered + size * frame;
        if (!exact) {
            const char *here = frames.positions + 3 * frames.number * n_atoms * frame;
            status = gd_gyration(here, type, 1, n_atoms, set_of_atoms, center, 0, 0, where);
            if (status != GD_OK) {
                where->frame = frame;
                return status;
            }
        }
        struct walk walk = {.center = center, .out = out, .type = type};
        gd_walk(&frames, frame, 1, &set, centre_piece, &walk);
        for (int c = 0; c < 3 && exact; c++)
            move_exactly(out + 8 * c, set.n, set.pivot);
        double *tail = out + GD_GROUP * set.groups, *mean = tail + MEAN;
        memset(tail, 0, sizeof(double) * TAIL);
        tail[EXACT] = exact;
        tail[TOTAL] = spreads[frame] = sums_around(out, set.n, mean, sums);
        if (!isfinite(tail[TOTAL]))
            return gd_not_finite(&frames, frame, &set, where);
        /* Twice: the second time takes what rounding of the first left. */
        for (int pass = 0; pass < 2 && exact; pass++) {
            for (int c = 0; c < 3; c++)
                mean[c] += sums[c] / set.weight;
            spreads[frame] = sums_around(out, set.n, mean, sums);
        }
    }
    return GD_OK;
}

/* Sum of |(a - mean) - R^T (b - mean)|^2 over the n atoms of two frames. */
static double residual(const double *a, const double *b, int64_t n, const double *r) {
    const int64_t groups = (n + GD_GROUP_ATOMS - 1) / GD_GROUP_ATOMS;
    const double *mean_a = a + GD_GROUP * groups + MEAN, *mean_b = b + GD_GROUP * groups + MEAN;
    double lanes[GD_PAIR_LANES] = {0};
    for (int64_t g = 0; g < groups; g++) {
        const double *p = a + GD_GROUP * g, *q = b + GD_GROUP * g;
        for (int i = 0; i < GD_PAIR_LANES && GD_GROUP_ATOMS * g + i < n; i++) {
            const double x = q[i] - mean_b[0], y = q[8 + i] - mean_b[1], z = q[16 + i] - mean_b[2];
            const double ex = (p[i] - mean_a[0]) - ((r[0] * x + r[3] * y) + r[6] * z);
            const double ey = (p[8 + i] - mean_a[1]) - ((r[1] * x + r[4] * y) + r[7] * z);
            const double ez = (p[16 + i] - mean_a[2]) - ((r[2] * x + r[5] * y) + r[8] * z);
            lanes[i] += (ex * ex + ey * ey) + ez * ez;
        }
    }
    return gd_sum_of_lanes(lanes);
}

static int equal(const double *a, const double *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

/* The residual of a pair summed over its atoms, from both sides, so that it doesn't matter which
 * of the two comes first. */
static double explicit_residual(const double *a, const double *b, int64_t n, const double *moments,
                                double root, int good) {
    double quaternion[4], rotation[9], inverse[9];
    if (equal(a, b, gd_centered_size(n)))
        return 0;
    if (good)
        gd_quaternion_of_root(moments, root, quaternion);
    else
        gd_largest_root_jacobi(moments, quaternion);
    gd_rotation_of_quaternion(quaternion, rotation);
    for (int c = 0; c < 3; c++)
        for (int d = 0; d < 3; d++)
            inverse[3 * c + d] = rotation[3 * d + c];
    return 0.5 * (residual(a, b, n, rotation) + residual(b, a, n, inverse));
}

/* The next tile of the frames of both blocks, of which each pair asks for its share: they lie far
 * apart, where the processor's own prefetching does not follow. */
struct ahead {
    const double *at, *end; /* what is left of one frame's tile */
    const double *b;        /* the tile of the first frame of the other block */
    int64_t tile, size, n_a, n_b, lines_a_pair;
};

static void prefetch(struct ahead *ahead) {
    for (int64_t line = 0; line < ahead->lines_a_pair && ahead->n_a > 0; line++) {
        __builtin_prefetch(ahead->at, 0, 2);
        ahead->at += 8;
        if (ahead->at < ahead->end)
            continue;
        ahead->at += ahead->size - ahead->tile;
        if (--ahead->n_a == 0) {
            ahead->at = ahead->b;
            ahead->n_a = ahead->n_b;
            ahead->n_b = 0;
        }
        ahead->end = ahead->at + ahead->tile;
    }
}

/* Frames of the two trajectories whose pairs have their sums in `work` at once. */
struct block {
    const struct gd_table *table;
    const struct gd_set *set;
    const double *a, *b; /* the first frame of each */
    const double *spreads_a, *spreads_b;
    int64_t size, tail; /* doubles of a frame, and of its groups */
    int64_t rows, columns;
    double *work;
};

/* Sums over all atoms, tile by tile. */
static void sum_block(const struct block *block) {
    const int64_t size = block->size, tail = block->tail, pairs = block->rows * block->columns;
    for (int64_t from = 0; from < tail; from += TILE) {
        const int64_t groups = (tail - from < TILE ? tail - from : TILE) / GD_GROUP;
        const int64_t next = from + TILE, left = tail - next < TILE ? tail - next : TILE;
        struct ahead ahead = {.at = block->a + next,
                              .b = block->b + next,
                              .tile = left,
                              .size = size,
                              .n_a = block->rows,
                              .n_b = block->columns};
        ahead.end = ahead.at + left;
        if (left > 0)
            ahead.lines_a_pair = (left / 8 * (block->rows + block->columns) + pairs - 1) / pairs;
        for (int64_t row = 0; row < block->rows; row += ROWS) {
            for (int64_t j = 0; j < block->columns; j++) {
                const double *q = block->b + size * j;
                for (int64_t i = row; i < block->rows && i < row + ROWS; i++) {
                    const double *p = block->a + size * i;
                    const int exact = p[tail + EXACT] != 0 && q[tail + EXACT] != 0;
                    prefetch(&ahead);
                    (exact ? block->table->pair_sums_exact : block->table->pair_sums)(
                        p + from, q + from, groups, from > 0,
                        block->work + GD_PAIR_SUMS * (block->columns * i + j));
                }
            }
        }
    }
}

/* The deviations of row i and columns j .. j + n - 1. */
static void solve(const struct block *block, int64_t i, int64_t j, int n, double *rmsd) {
    double moments[9 * GD_BATCH], bounds[GD_BATCH] = {0}, roots[GD_BATCH];
    int64_t good[GD_BATCH];
    const double *p = block->a + block->size * i, *p_tail = p + block->tail;
    block->table->pair_totals(block->work + GD_PAIR_SUMS * (block->columns * i + j), n, moments);
    for (int k = 0; k < n; k++) {
        const double *q_tail = block->b + block->size * (j + k) + block->tail;
        bounds[k] = sqrt(block->spreads_a[i]) * sqrt(block->spreads_b[j + k]);
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 3; d++)
                moments[GD_BATCH * (3 * c + d) + k] -=
                    block->set->weight * (p_tail[MEAN + c] * q_tail[MEAN + d]);
    }
    block->table->largest_roots(moments, bounds, roots, good);
    for (int k = 0; k < n; k++) {
        const double *q = block->b + block->size * (j + k), *q_tail = q + block->tail;
        double m[9], quaternion[4], root = roots[k];
        for (int l = 0; l < 9; l++)
            m[l] = moments[GD_BATCH * l + k];
        if (!good[k])
            root = gd_largest_root_jacobi(m, quaternion);
        double left = block->spreads_a[i] + block->spreads_b[j + k] - 2 * root;
        if (gd_is_cancelled(left, p_tail[TOTAL] + q_tail[TOTAL]))
            left = explicit_residual(p, q, block->set->n, m, root, good[k] != 0);
        rmsd[k] = sqrt(left / block->set->weight);
    }
}

/* A side of a block: of frames of one tile the sums of a block stay in the first-level cache. */
static int64_t side(const struct gd_set *set) {
    return set->groups > TILE_GROUPS ? BLOCK : GD_BATCH;
}

int64_t gd_rmsd_pairs_size(void) { return BLOCK * BLOCK * GD_PAIR_SUMS; }

int gd_rmsd_pairs(const double *a, const double *spreads_a, int64_t n_a, const double *b,
                  const double *spreads_b, int64_t n_b, const struct gd_atom_set *set_of_atoms,
                  double *work, double *rmsd) {
    struct gd_set set;
    if (n_a < 0 || n_b < 0 || !gd_set_open(set_of_atoms, &set))
        return GD_BAD_ARGUMENT;
    const int symmetric = a == b && n_a == n_b;
    const int64_t step = side(&set);
    struct block block = {.table = gd_table(),
                          .set = &set,
                          .size = gd_centered_size(set.n),
                          .tail = GD_GROUP * set.groups,
                          .work = work};

    for (int64_t i0 = 0; i0 < n_a; i0 += step) {
        block.a = a + block.size * i0;
        block.spreads_a = spreads_a + i0;
        block.rows = n_a - i0 < step ? n_a - i0 : step;
        for (int64_t j0 = symmetric ? i0 : 0; j0 < n_b; j0 += step) {
            block.b = b + block.size * j0;
            block.spreads_b = spreads_b + j0;
            block.columns = n_b - j0 < step ? n_b - j0 : step;
            sum_block(&block);
            for (int64_t i = 0; i < block.rows; i++) {
                double *row = rmsd + n_b * (i0 + i) + j0;
                for (int64_t j = 0; j < block.columns; j += GD_BATCH) {
                    const int64_t left = block.columns - j;
                    solve(&block, i, j, left < GD_BATCH ? (int)left : GD_BATCH, row + j);
                }
                for (int64_t j = 0; j < block.columns && symmetric; j++)
                    rmsd[n_b * (j0 + j) + i0 + i] = row[j];
            }
        }
    }
    return GD_OK;
}
