/* Eight frames side by side, as geometry is computed: lane by lane, whatever the vectors' width. */
#ifndef GD_KERNELS_GEOMETRY_SIDE_BY_SIDE_H
#define GD_KERNELS_GEOMETRY_SIDE_BY_SIDE_H

#include <stdint.h>

enum { GD_SIDE_BY_SIDE = 8, GD_IMAGES = 26 };

/* One number of each frame. */
typedef double gd_side[GD_SIDE_BY_SIDE];

struct gd_side_by_side {
    int n_frames;             /* what lies behind these repeats the last one */
    const gd_side *positions; /* (atom, xyz) */
    int periodic;             /* whether any frame has a lattice */
    int skewed;               /* whether any frame's lattice is not rectangular */
    gd_side edges[3];         /* zeros, and their inverses too, of frames without such a lattice */
    gd_side inverse_edges[3];
    gd_side vectors[9];           /* rows, reduced; zeros of frames that are not skewed */
    gd_side inverse[9];           /* columns are the reciprocal vectors */
    gd_side images[GD_IMAGES][3]; /* the way to the neighbouring cells */
    gd_side sure;                 /* nearer than this (squared) no other image is */
};

/* Tuples that are measured in them. */
struct gd_tuples {
    const struct gd_side_by_side *frames;
    const int64_t *tuples;
    int64_t n;
    int measure; /* enum gd_measure */
    double *out; /* of the first frame */
    int64_t row; /* from one frame's results to the next's */
};

#endif
