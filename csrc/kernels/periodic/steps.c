/* Steps of groups through the periodic box, some at a time: plain loops, of which compilers make
 * vectors. */
#include "periodic/steps.h"

#include "prototypes.h"
#include "simd.h"

/* The nearest whole number, even in the middle, of what is smaller than 2^51. */
#define NEAREST(x) ((x) + 0x1.8p52 - 0x1.8p52)
#define ALONG(x, y, z, vectors, c) ((x) * vectors[c] + (y) * vectors[3 + c] + (z) * vectors[6 + c])
#define EACH for (int i = 0; i < GD_TILE; i++)

static void rectangular(const struct gd_steps *steps, struct gd_tile *tile, double *before,
                        double *state) {
    for (int c = 0; c < 3; c++) {
        const double length = steps->box[4 * c], inverse = steps->inverse[4 * c],
                     unit = steps->unit[4 * c], scale = steps->scale[4 * c];
        const double *center = tile->center[c];
        double *restrict shift = tile->shift[c], *restrict was = before + c * GD_TILE,
                         *restrict sum = state + c * GD_TILE;
        EACH {
            const double cells = NEAREST(center[i] * inverse - 0.5);
            const double inside = center[i] - cells * length;
            const double crossed = NEAREST((inside - was[i]) * inverse);
            const double grown = sum[i] - crossed * unit;
            was[i] = inside;
            sum[i] = grown;
            shift[i] = (grown - cells * unit) * scale;
        }
    }
}

/* before, state: of these groups, ordered as the tile is. */
void GD_NAME(unwrap_steps)(const struct gd_steps *steps, struct gd_tile *restrict tile,
                           double *restrict before, double *restrict state) {
    if (steps->rectangular) {
        rectangular(steps, tile, before, state);
        return;
    }
    const struct gd_steps s = *steps;
    EACH {
        const double x = tile->center[0][i], y = tile->center[1][i], z = tile->center[2][i];
        const double a = NEAREST(ALONG(x, y, z, s.inverse, 0) - 0.5),
                     b = NEAREST(ALONG(x, y, z, s.inverse, 1) - 0.5),
                     c = NEAREST(ALONG(x, y, z, s.inverse, 2) - 0.5);
        const double inside_x = x - ALONG(a, b, c, s.box, 0),
                     inside_y = y - ALONG(a, b, c, s.box, 1),
                     inside_z = z - ALONG(a, b, c, s.box, 2);
        const double way_x = inside_x - before[i], way_y = inside_y - before[GD_TILE + i],
                     way_z = inside_z - before[2 * GD_TILE + i];
        before[i] = inside_x;
        before[GD_TILE + i] = inside_y;
        before[2 * GD_TILE + i] = inside_z;
        const double k = NEAREST(ALONG(way_x, way_y, way_z, s.reduced_inverse, 0)),
                     l = NEAREST(ALONG(way_x, way_y, way_z, s.reduced_inverse, 1)),
                     m = NEAREST(ALONG(way_x, way_y, way_z, s.reduced_inverse, 2));
        const double rest_x = way_x - ALONG(k, l, m, s.reduced, 0),
                     rest_y = way_y - ALONG(k, l, m, s.reduced, 1),
                     rest_z = way_z - ALONG(k, l, m, s.reduced, 2);
        tile->rest[0][i] = rest_x;
        tile->rest[1][i] = rest_y;
        tile->rest[2][i] = rest_z;
        tile->far[i] = rest_x * rest_x + rest_y * rest_y + rest_z * rest_z > s.limit ? 1.0 : 0.0;
        const double state_x = state[i] - ALONG(k, l, m, s.reduced_unit, 0),
                     state_y = state[GD_TILE + i] - ALONG(k, l, m, s.reduced_unit, 1),
                     state_z = state[2 * GD_TILE + i] - ALONG(k, l, m, s.reduced_unit, 2);
        state[i] = state_x;
        state[GD_TILE + i] = state_y;
        state[2 * GD_TILE + i] = state_z;
        const double left_x = state_x - ALONG(a, b, c, s.unit, 0),
                     left_y = state_y - ALONG(a, b, c, s.unit, 1),
                     left_z = state_z - ALONG(a, b, c, s.unit, 2);
        tile->shift[0][i] = ALONG(left_x, left_y, left_z, s.scale, 0);
        tile->shift[1][i] = ALONG(left_x, left_y, left_z, s.scale, 1);
        tile->shift[2][i] = ALONG(left_x, left_y, left_z, s.scale, 2);
    }
}
