/* The types of numbers: of positions, and of the arithmetic of forces. */
#ifndef GD_NUMBERS_H
#define GD_NUMBERS_H

#include <stdint.h>

enum gd_type { GD_FLOAT32 = 0, GD_FLOAT64 = 1 };

/* GD_MIXED: pair interactions in float, of positions that are counted in 2^-32 of the box and,
 * where the box is wide enough, from the middle of a cluster nearby; sums in double. The same pairs
 * are within the cutoff as in GD_DOUBLE. */
enum gd_precision { GD_MIXED = 0, GD_DOUBLE = 1 };

#endif
