/* Two frames against each other. A centred frame is a row of groups of eight atoms, each x8 y8 z8;
 * the sum for component c of a and d of b has eight lanes, lane i adding up atom i of each group.
 */
#include <stdint.h>

#include "levels.h"
#include "pairs.h"
#include "simd.h"

void GD_NAME(pair_sums)(const double *a, const double *b, int64_t groups, double *sums) {
    for (int from = 0; from < GD_PAIR_LANES; from += GD_LANES) {
        const double *p = a + from, *q = b + from;
        double *out = sums + from;
        vd xx = vd_load(out), xy = vd_load(out + 8), xz = vd_load(out + 16);
        vd yx = vd_load(out + 24), yy = vd_load(out + 32), yz = vd_load(out + 40);
        vd zx = vd_load(out + 48), zy = vd_load(out + 56), zz = vd_load(out + 64);
        for (int64_t group = 0; group < groups; group++) {
            const vd ax = vd_keep(vd_load(p)), ay = vd_keep(vd_load(p + 8));
            const vd az = vd_keep(vd_load(p + 16));
            const vd bx = vd_keep(vd_load(q)), by = vd_keep(vd_load(q + 8));
            const vd bz = vd_keep(vd_load(q + 16));
            xx = vd_add(xx, vd_mul(ax, bx));
            yx = vd_add(yx, vd_mul(ay, bx));
            zx = vd_add(zx, vd_mul(az, bx));
            xy = vd_add(xy, vd_mul(ax, by));
            yy = vd_add(yy, vd_mul(ay, by));
            zy = vd_add(zy, vd_mul(az, by));
            xz = vd_add(xz, vd_mul(ax, bz));
            yz = vd_add(yz, vd_mul(ay, bz));
            zz = vd_add(zz, vd_mul(az, bz));
            p += GD_GROUP;
            q += GD_GROUP;
        }
        vd_store(out, xx);
        vd_store(out + 8, xy);
        vd_store(out + 16, xz);
        vd_store(out + 24, yx);
        vd_store(out + 32, yy);
        vd_store(out + 40, yz);
        vd_store(out + 48, zx);
        vd_store(out + 56, zy);
        vd_store(out + 64, zz);
    }
}

/* Add up the lanes of a batch of pairs: moments[k][pair]. */
void GD_NAME(pair_totals)(const double *sums, double *moments) {
    for (int pair = 0; pair < GD_BATCH; pair++) {
        for (int k = 0; k < 9; k++) {
            const double *s = sums + GD_PAIR_SUMS * pair + GD_PAIR_LANES * k;
            moments[GD_BATCH * k + pair] =
                ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
        }
    }
}
