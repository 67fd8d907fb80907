/* The layout that sums.c works on.
 *
 * A frame is a flat row of numbers x y z x y z ...; eight atoms make a group of 24. Every sum has
 * 24 lanes, one for each place in a group, and lane i adds up place i of group 0, 1, 2, ... in that
 * order. A vector unit holds 1, 4 or 8 lanes, which changes nothing about any of them: this is what
 * makes the bits the same on every instruction set. No step moves a number across lanes; what a
 * coordinate is multiplied with has been permuted beforehand instead. */
#ifndef GD_KERNELS_FRAMES_SUMS_H
#define GD_KERNELS_FRAMES_SUMS_H

enum {
    GD_GROUP_ATOMS = 8,
    GD_GROUP = 24,
    GD_PERMUTED = 3 * GD_GROUP, /* doubles of permuted reference a group */

    /* Rows of 24 lanes that each kernel fills. */
    GD_FIT_ROWS = 5,        /* w v; w v v; w v p0; w v p1; w v p2 */
    GD_RESIDUAL_ROWS = 1,   /* w e e */
    GD_DIFFERENCE_ROWS = 1, /* w d d */
    GD_SPREAD_ROWS = 2,     /* w v; w v v */
    GD_TENSOR_ROWS = 4      /* w v; w v v; w v v(+1); w v v(+2) */
};

/* Atoms whose fluctuations are summed for several frames before those of the next: they stay in the
 * first-level cache. */
enum { GD_TILE = 256 };
struct gd_fluctuations_of_tile {
    double pivot[3][GD_TILE];
    double sums[3][GD_TILE]; /* of w d, d being how far an atom is from its pivot */
    double squares[GD_TILE]; /* of w |d|^2 */
};

#endif
