/* Sizes and an order of adding up that the kernels for pairs of frames share. */
#ifndef GD_KERNELS_RMSD_PAIR_SUMS_H
#define GD_KERNELS_RMSD_PAIR_SUMS_H

#include "frames/sums.h"

enum {
    GD_PAIR_LANES = 8,
    GD_PAIR_SUMS = 9 * GD_PAIR_LANES, /* doubles of sums a pair */
    GD_BATCH = 8                      /* quaternion matrices solved side by side */
};

/* The sum of the lanes of a sum, in the order that every instruction set has. */
static inline double gd_sum_of_lanes(const double *s) {
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

#endif
