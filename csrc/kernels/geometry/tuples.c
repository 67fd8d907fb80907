/* Distances, angles and torsions in frames side by side: a lane is a frame, so that any list of
 * atoms is read in whole vectors. */
#include "gd/geometry.h"
#include "geometry/arc_tangent_coefficients.h"
#include "geometry/side_by_side.h"
#include "prototypes.h"
#include "simd.h"

enum { TOGETHER = 8, ALL_LANES = (1 << GD_LANES) - 1 };

#define INLINE static inline __attribute__((always_inline))

INLINE vd dot(const vd *a, const vd *b) {
    return vd_add(vd_add(vd_mul(a[0], b[0]), vd_mul(a[1], b[1])), vd_mul(a[2], b[2]));
}

INLINE void cross(const vd *a, const vd *b, vd *out) {
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        out[i] = vd_sub(vd_mul(a[j], b[k]), vd_mul(a[k], b[j]));
    }
}

/* The nearest image in lattices that are not rectangular: with reduced vectors it is that in the
 * cell around zero or in a neighbouring one. Where there is no such lattice all vectors are zero,
 * and nothing is moved. */
static __attribute__((noinline)) void nearest_of_skewed(const struct gd_side_by_side *frames,
                                                        int lane, vd *d) {
    vd best[3] = {d[0], d[1], d[2]};
    for (int v = 0; v < 3; v++) {
        vd along[3];
        for (int c = 0; c < 3; c++)
            along[c] = vd_load(frames->inverse[3 * c + v] + lane);
        const vd cells = vd_round(dot(d, along));
        for (int c = 0; c < 3; c++)
            best[c] = vd_sub(best[c], vd_mul(cells, vd_load(frames->vectors[3 * v + c] + lane)));
    }
    vd least = dot(best, best);
    if (vd_bits(vd_at_most(least, vd_load(frames->sure + lane))) != ALL_LANES) {
        const vd in_cell[3] = {best[0], best[1], best[2]};
        for (int image = 0; image < GD_IMAGES; image++) {
            vd moved[3];
            for (int c = 0; c < 3; c++)
                moved[c] = vd_add(in_cell[c], vd_load(frames->images[image][c] + lane));
            const vd square = dot(moved, moved);
            const vdm stays = vd_at_most(least, square);
            least = vd_choose(stays, least, square);
            for (int c = 0; c < 3; c++)
                best[c] = vd_choose(stays, best[c], moved[c]);
        }
    }
    for (int c = 0; c < 3; c++)
        d[c] = best[c];
}

/* From one atom to another. */
INLINE void apart(const struct gd_side_by_side *frames, int lane, int64_t from, int64_t to, vd *d) {
    const gd_side *a = frames->positions + 3 * from, *b = frames->positions + 3 * to;
    for (int c = 0; c < 3; c++)
        d[c] = vd_sub(vd_load(b[c] + lane), vd_load(a[c] + lane));
    if (!frames->periodic)
        return;
    for (int c = 0; c < 3; c++) {
        const vd cells = vd_round(vd_mul(d[c], vd_load(frames->inverse_edges[c] + lane)));
        d[c] = vd_sub(d[c], vd_mul(cells, vd_load(frames->edges[c] + lane)));
    }
    if (frames->skewed)
        nearest_of_skewed(frames, lane, d);
}

/* The angle of (x, y) in degrees, in (-180, 180]; NaN where both are zero. The ratio of the smaller
 * to the larger is brought below tan(22.5 degrees), and what was done is undone in whole degrees.
 */
INLINE vd angle_of(vd y, vd x) {
    const vd degrees = vd_set1(57.295779513082320877), zero = vd_zero();
    const vd width = vd_abs(x), height = vd_abs(y);
    const vdm flat = vd_at_most(height, width);
    const vd large = vd_choose(flat, width, height), small = vd_choose(flat, height, width);
    const vdm narrow = vd_at_most(small, vd_mul(large, vd_set1(0.41421356237309504880)));
    const vd r = vd_quotient(vd_choose(narrow, small, vd_sub(small, large)),
                             vd_choose(narrow, large, vd_add(small, large)));
    const vd z = vd_mul(r, r);
    const int degree = sizeof arc_tangent_coefficients / sizeof *arc_tangent_coefficients - 1;
    vd p = vd_set1(arc_tangent_coefficients[degree]);
    for (int k = degree - 1; k >= 0; k--)
        p = vd_add(vd_mul(p, z), vd_set1(arc_tangent_coefficients[k]));
    vd angle = vd_mul(vd_add(r, vd_mul(vd_mul(r, z), p)), degrees);
    angle = vd_choose(narrow, angle, vd_add(angle, vd_set1(45.0)));
    angle = vd_choose(flat, angle, vd_sub(vd_set1(90.0), angle));
    angle = vd_choose(vd_at_most(zero, x), angle, vd_sub(vd_set1(180.0), angle));
    const vdm below = vd_at_most(vd_set1(180.0), angle);
    const vd turned = vd_choose(below, angle, vd_sub(zero, angle));
    return vd_choose(vd_at_most(zero, y), angle, turned);
}

INLINE void measure(const struct gd_side_by_side *frames, int lane, const int64_t *tuple, int what,
                    vd *out) {
    vd a[3], b[3], c[3], u[3], v[3];
    if (what == GD_MEASURE_DISTANCE) {
        apart(frames, lane, tuple[0], tuple[1], a);
        out[0] = vd_sqrt(dot(a, a));
    } else if (what == GD_MEASURE_DISPLACEMENT) {
        apart(frames, lane, tuple[0], tuple[1], out);
    } else if (what == GD_MEASURE_ANGLE) {
        apart(frames, lane, tuple[1], tuple[0], a);
        apart(frames, lane, tuple[1], tuple[2], b);
        cross(a, b, u);
        out[0] = angle_of(vd_sqrt(dot(u, u)), dot(a, b));
    } else {
        apart(frames, lane, tuple[0], tuple[1], a);
        apart(frames, lane, tuple[1], tuple[2], b);
        apart(frames, lane, tuple[2], tuple[3], c);
        cross(a, b, u);
        cross(b, c, v);
        out[0] = angle_of(vd_mul(vd_sqrt(dot(b, b)), dot(a, v)), dot(u, v));
    }
}

/* From numbers with a lane a frame to rows of frames. */
INLINE void write(const struct gd_tuples *tuples, gd_side *values, int n, double *out) {
    const int n_frames = tuples->frames->n_frames;
    int done = 0;
    if (n_frames == GD_SIDE_BY_SIDE)
        for (; done + GD_LANES <= n; done += GD_LANES)
            for (int lane = 0; lane < GD_SIDE_BY_SIDE; lane += GD_LANES) {
                vd rows[GD_LANES];
                for (int i = 0; i < GD_LANES; i++)
                    rows[i] = vd_load(values[done + i] + lane);
                vd_transpose(rows);
                for (int i = 0; i < GD_LANES; i++)
                    vd_store(out + tuples->row * (lane + i) + done, rows[i]);
            }
    for (; done < n; done++)
        for (int lane = 0; lane < n_frames; lane++)
            out[tuples->row * lane + done] = values[done][lane];
}

INLINE void measure_all(const struct gd_tuples *tuples, int what, int size, int width) {
    _Alignas(64) gd_side values[3 * TOGETHER];
    const vd unknown = vd_set1(__builtin_nan(""));
    for (int64_t first = 0; first < tuples->n; first += TOGETHER) {
        const int n = tuples->n - first < TOGETHER ? (int)(tuples->n - first) : TOGETHER;
        for (int i = 0; i < n; i++) {
            const int64_t *tuple = tuples->tuples + size * (first + i);
            for (int lane = 0; lane < GD_SIDE_BY_SIDE; lane += GD_LANES) {
                vd found[3] = {unknown, unknown, unknown};
                if (tuple[0] >= 0)
                    measure(tuples->frames, lane, tuple, what, found);
                for (int c = 0; c < width; c++)
                    vd_store(values[width * i + c] + lane, found[c]);
            }
        }
        write(tuples, values, width * n, tuples->out + width * first);
    }
}

void GD_NAME(measure_tuples)(const struct gd_tuples *tuples) {
    switch (tuples->measure) {
    case GD_MEASURE_DISTANCE:
        measure_all(tuples, GD_MEASURE_DISTANCE, 2, 1);
        break;
    case GD_MEASURE_DISPLACEMENT:
        measure_all(tuples, GD_MEASURE_DISPLACEMENT, 2, 3);
        break;
    case GD_MEASURE_ANGLE:
        measure_all(tuples, GD_MEASURE_ANGLE, 3, 1);
        break;
    default:
        measure_all(tuples, GD_MEASURE_TORSION, 4, 1);
    }
}
