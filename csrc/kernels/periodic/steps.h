/* Steps of groups through the periodic box, some at a time. */
#ifndef GD_KERNELS_PERIODIC_STEPS_H
#define GD_KERNELS_PERIODIC_STEPS_H

#include <stdint.h>

/* Groups that are treated at a time: what is known of them stays in the fastest cache. */
enum { GD_TILE = 64 };

/* A frame's box; all matrices have vectors as rows, inverse ones as columns. */
struct gd_steps {
    int rectangular;
    double box[9]; /* as it was given: its vectors are counted */
    double inverse[9];
    double unit[9];    /* what the state grows by for each vector */
    double reduced[9]; /* the same lattice by its shortest vectors */
    double reduced_inverse[9];
    double reduced_unit[9];
    double scale[9]; /* from states to nm */
    double limit;    /* squares of ways up to it are those to the nearest image */
};

/* GD_TILE groups: the x of all, the y of all, the z of all. */
struct gd_tile {
    double center[3][GD_TILE];
    double rest[3][GD_TILE]; /* the ways that were gone, less the lattice vectors found */
    double shift[3][GD_TILE];
    double far[GD_TILE]; /* not zero: an image may be nearer */
};

#endif
