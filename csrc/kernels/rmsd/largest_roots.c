/* The largest eigenvalue of the quaternion matrix, for eight at a time.
 *
 * For moments m[c][d] = sum of w x_c r_d the characteristic polynomial is
 *     l^4 - 2 |m|^2 l^2 - 8 det(m) l + |m|^4 - 4 |cof(m)|^2
 * (norms are Frobenius', cof the matrix of cofactors). Newton's method from above its largest root
 * converges to it without fail (Theobald 2005). Each of the eight is frozen once it has converged:
 * its value doesn't depend on its neighbours. Every sum below is grouped so that transposing m
 * changes no bit. Only operations that round alike everywhere are used, so the compiler may make
 * vectors of the inner loops. */
#include <math.h>
#include <stdint.h>

#include "prototypes.h"
#include "rmsd/pair_sums.h"
#include "simd.h"

enum { MOST_STEPS = 40 };
/* The polynomial's slope at the root, over l^3: below this the root is too close to the next one to
 * be had from the polynomial in full precision. 4 for a structure that extends equally in x, y, z.
 */
static const double least_slope = 0.05;
/* Convergence is quadratic: after a relative step this small the next would not change a bit. */
static const double last_step = 1e-9;

#define EACH for (int i = 0; i < GD_BATCH; i++)

/* bounds: an upper bound of each root; good: whether the root is well conditioned. */
void GD_NAME(largest_roots)(const double *restrict moments, const double *restrict bounds,
                            double *restrict roots, int64_t *restrict good) {
    double c0[GD_BATCH], c1[GD_BATCH], c2[GD_BATCH], root[GD_BATCH], slope[GD_BATCH];
    int64_t frozen[GD_BATCH];
    EACH {
        const double bound = bounds[i];
        const double scale = bound > 0 ? 1 / bound : 0;
        const double xx = moments[i] * scale, xy = moments[8 + i] * scale;
        const double xz = moments[16 + i] * scale, yx = moments[24 + i] * scale;
        const double yy = moments[32 + i] * scale, yz = moments[40 + i] * scale;
        const double zx = moments[48 + i] * scale, zy = moments[56 + i] * scale;
        const double zz = moments[64 + i] * scale;
        const double cxx = yy * zz - yz * zy, cxy = yz * zx - yx * zz, cxz = yx * zy - yy * zx;
        const double cyx = xz * zy - xy * zz, cyy = xx * zz - xz * zx, cyz = xy * zx - xx * zy;
        const double czx = xy * yz - xz * yy, czy = xz * yx - xx * yz, czz = xx * yy - xy * yx;
        const double norm = ((xx * xx + yy * yy) + zz * zz) +
                            (((xy * xy + yx * yx) + (xz * xz + zx * zx)) + (yz * yz + zy * zy));
        const double cofactors =
            ((cxx * cxx + cyy * cyy) + czz * czz) +
            (((cxy * cxy + cyx * cyx) + (cxz * cxz + czx * czx)) + (cyz * cyz + czy * czy));
        const double row = xy * cxy + xz * cxz, column = yx * cyx + zx * czx;
        const double determinant = xx * cxx + 0.5 * (row + column);
        c0[i] = norm * norm - 4 * cofactors;
        c1[i] = -8 * determinant;
        c2[i] = -2 * norm;
        const double widest = sqrt(3 * norm);
        root[i] = widest < 1 ? widest : 1;
        frozen[i] = 0;
    }
    for (int step = 0; step < MOST_STEPS; step++) {
        int64_t n_frozen = 0;
        EACH {
            const double l = root[i], l2 = l * l;
            const double value = ((l2 + c2[i]) * l2 + c1[i] * l) + c0[i];
            const double rise = (4 * l2 + 2 * c2[i]) * l + c1[i];
            const double change = rise > 0 ? value / rise : 0;
            const double next = l - change;
            slope[i] = rise;
            root[i] = frozen[i] ? l : next;
            frozen[i] |= fabs(change) <= last_step * next;
            n_frozen += frozen[i];
        }
        if (n_frozen == GD_BATCH)
            break;
    }
    EACH {
        const double l = root[i], l2 = l * l;
        slope[i] = (4 * l2 + 2 * c2[i]) * l + c1[i];
        good[i] = frozen[i] && slope[i] > least_slope * (l2 * l);
        roots[i] = root[i] * bounds[i];
    }
}
