/* Two frames against each other. A centred frame is a row of groups of eight atoms, each x8 y8 z8;
 * the sum for component c of a and d of b has eight lanes, lane i adding up atom i of each group.
 */
#include <stdint.h>

#include "prototypes.h"
#include "rmsd/pair_sums.h"
#include "simd.h"

static inline vd add(vd sum, vd a, vd b, int exact) {
    return exact ? vd_add_exact(sum, a, b) : vd_add(sum, vd_mul(a, b));
}

/* The first tile of a pair writes its sums, a further one adds to them. */
static inline void put(double *sums, vd sum, int further) {
    if (further)
        vd_add_to(sums, sum);
    else
        vd_store(sums, sum);
}

static inline __attribute__((always_inline)) void
sum(const double *a, const double *b, int64_t groups, int further, int exact, double *sums) {
    for (int from = 0; from < GD_PAIR_LANES; from += GD_LANES) {
        const double *p = a + from, *q = b + from;
        double *out = sums + from;
        vd xx = vd_zero(), xy = vd_zero(), xz = vd_zero();
        vd yx = vd_zero(), yy = vd_zero(), yz = vd_zero();
        vd zx = vd_zero(), zy = vd_zero(), zz = vd_zero();
        for (int64_t group = 0; group < groups; group++) {
            const vd ax = vd_keep(vd_load(p)), ay = vd_keep(vd_load(p + 8));
            const vd az = vd_keep(vd_load(p + 16));
            const vd bx = vd_keep(vd_load(q)), by = vd_keep(vd_load(q + 8));
            const vd bz = vd_keep(vd_load(q + 16));
            xx = add(xx, ax, bx, exact);
            yx = add(yx, ay, bx, exact);
            zx = add(zx, az, bx, exact);
            xy = add(xy, ax, by, exact);
            yy = add(yy, ay, by, exact);
            zy = add(zy, az, by, exact);
            xz = add(xz, ax, bz, exact);
            yz = add(yz, ay, bz, exact);
            zz = add(zz, az, bz, exact);
            p += GD_GROUP;
            q += GD_GROUP;
        }
        put(out, xx, further);
        put(out + 8, xy, further);
        put(out + 16, xz, further);
        put(out + 24, yx, further);
        put(out + 32, yy, further);
        put(out + 40, yz, further);
        put(out + 48, zx, further);
        put(out + 56, zy, further);
        put(out + 64, zz, further);
    }
}

void GD_NAME(pair_sums)(const double *a, const double *b, int64_t groups, int further,
                        double *sums) {
    sum(a, b, groups, further, 0, sums);
}

/* Of numbers that a float32 holds. */
void GD_NAME(pair_sums_exact)(const double *a, const double *b, int64_t groups, int further,
                              double *sums) {
    sum(a, b, groups, further, 1, sums);
}

/* Add up the lanes of n pairs of a batch: moments[k][pair]; the others are zero. */
void GD_NAME(pair_totals)(const double *sums, int n, double *moments) {
    for (int pair = 0; pair < GD_BATCH; pair++) {
        for (int k = 0; k < 9; k++) {
            const double *s = sums + GD_PAIR_SUMS * pair + GD_PAIR_LANES * k;
            moments[GD_BATCH * k + pair] = pair < n ? gd_sum_of_lanes(s) : 0;
        }
    }
}
