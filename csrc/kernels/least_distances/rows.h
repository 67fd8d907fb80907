/* A row of groups as seen from one of them. */
#ifndef GD_KERNELS_LEAST_DISTANCES_ROWS_H
#define GD_KERNELS_LEAST_DISTANCES_ROWS_H

#include <stdint.h>

#include "lattice.h"

struct gd_reach_row {
    const double *x, *y, *z; /* centres; NaN where there is none, and up to a multiple of 8 */
    const double *radius;
    int64_t from, to; /* from: a multiple of 8 */
    double center[3];
    double reach; /* what is farther than this and its radius is left out */
    const struct gd_lattice *lattice;
    double *squares; /* distances of the centres squared; in a box that is not rectangular right */
                     /* where less than a quarter of its shortest vector's square */
    int32_t *near;   /* those in reach, and those whose image is not sure; NULL: not asked for */
    int64_t n_near;
};

#endif
