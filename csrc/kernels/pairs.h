/* Sizes that the kernels for pairs of frames share. */
#ifndef GD_PAIRS_H
#define GD_PAIRS_H

#include "frame_sums.h"

enum {
    GD_PAIR_LANES = 8,
    GD_PAIR_SUMS = 9 * GD_PAIR_LANES, /* doubles of sums a pair */
    GD_BATCH = 8                      /* quaternion matrices solved side by side */
};

#endif
