/* Distances of centres in a row of groups, and the least distance of the atoms of two groups. */
#include "least_distances/rows.h"

#include "prototypes.h"
#include "simd.h"

enum { NONE, RECTANGULAR, ANY };

static inline __attribute__((always_inline)) void in_box(const struct gd_lattice *lattice, int kind,
                                                         vd *d) {
    const double *box = lattice->vectors, *inverse = lattice->inverse;
    if (kind == RECTANGULAR)
        for (int c = 0; c < 3; c++)
            d[c] = vd_sub(
                d[c], vd_mul(vd_set1(box[4 * c]), vd_round(vd_mul(d[c], vd_set1(inverse[4 * c])))));
    for (int v = 0; v < 3 && kind == ANY; v++) {
        const vd along =
            vd_add(vd_add(vd_mul(d[0], vd_set1(inverse[v])), vd_mul(d[1], vd_set1(inverse[3 + v]))),
                   vd_mul(d[2], vd_set1(inverse[6 + v])));
        const vd cells = vd_round(along);
        for (int c = 0; c < 3; c++)
            d[c] = vd_sub(d[c], vd_mul(cells, vd_set1(box[3 * v + c])));
    }
}

static inline __attribute__((always_inline)) void walk(struct gd_reach_row *row, int kind) {
    const double half = 0.5 * row->lattice->shortest * (1.0 - 1e-12);
    const vd unsure = vd_set1(half * half), reach = vd_set1(row->reach);
    int32_t *near = row->near;
    for (int64_t j = row->from; j < row->to; j += GD_LANES) {
        vd d[3] = {vd_sub(vd_load(row->x + j), vd_set1(row->center[0])),
                   vd_sub(vd_load(row->y + j), vd_set1(row->center[1])),
                   vd_sub(vd_load(row->z + j), vd_set1(row->center[2]))};
        in_box(row->lattice, kind, d);
        const vd square =
            vd_add(vd_add(vd_mul(d[0], d[0]), vd_mul(d[1], d[1])), vd_mul(d[2], d[2]));
        const vd bound = vd_add(reach, vd_load(row->radius + j));
        vd_store(row->squares + j, square);
        if (!near)
            continue;
        uint32_t bits = vd_bits(vd_at_most(square, vd_mul(bound, bound)));
        if (kind == ANY)
            bits |= vd_bits(vd_at_most(unsure, square));
        for (; bits; bits &= bits - 1)
            *near++ = (int32_t)j + __builtin_ctz(bits);
    }
    row->n_near = near ? near - row->near : 0;
}

void GD_NAME(reach_row)(struct gd_reach_row *row) {
    if (!row->lattice->periodic)
        walk(row, NONE);
    else if (row->lattice->rectangular)
        walk(row, RECTANGULAR);
    else
        walk(row, ANY);
}

/* Coordinates stand x, y and z apart, each `stride` after the one before; those of `other` are
 * moved by `shift`, and go on to a multiple of 8 with some of themselves. */
void GD_NAME(least_square)(const double *one, int64_t n, int64_t stride, const double *other,
                           int64_t n_other, int64_t other_stride, const double *shift,
                           double *least) {
    vd lowest = vd_set1(1.0 / 0.0);
    for (int64_t j = 0; j < n_other; j += GD_LANES) {
        const vd x = vd_keep(vd_add(vd_load(other + j), vd_set1(shift[0])));
        const vd y = vd_keep(vd_add(vd_load(other + other_stride + j), vd_set1(shift[1])));
        const vd z = vd_keep(vd_add(vd_load(other + 2 * other_stride + j), vd_set1(shift[2])));
        for (int64_t i = 0; i < n; i++) {
            const vd dx = vd_sub(x, vd_set1(one[i]));
            const vd dy = vd_sub(y, vd_set1(one[stride + i]));
            const vd dz = vd_sub(z, vd_set1(one[2 * stride + i]));
            lowest = vd_min(lowest, vd_add(vd_add(vd_mul(dx, dx), vd_mul(dy, dy)), vd_mul(dz, dz)));
        }
    }
    double lanes[GD_LANES];
    vd_store(lanes, lowest);
    *least = lanes[0];
    for (int lane = 1; lane < GD_LANES; lane++)
        *least = lanes[lane] < *least ? lanes[lane] : *least;
}

void GD_NAME(square_roots)(double *numbers, int64_t n) {
    int64_t i = 0;
    for (; i + GD_LANES <= n; i += GD_LANES)
        vd_store(numbers + i, vd_sqrt(vd_load(numbers + i)));
    for (; i < n; i++)
        numbers[i] = __builtin_sqrt(numbers[i]);
}
