/* Units of one kind (molecules, charge groups, atoms), sorted in space into clusters that lie next
 * to each other in memory, so that vectors of them are read and written without gathering.
 *
 * Coordinates are fractions of the box: a double, or in mixed precision an integer that counts in
 * 2^-32 of the box vector. Integers wrap around as the box does, so that the difference of two is
 * the nearest image's, and exact. */
#ifndef GD_KERNELS_NONBONDED_CLUSTERS_H
#define GD_KERNELS_NONBONDED_CLUSTERS_H

#include <stdint.h>

#include "gd/nonbonded.h"
#include "lattice.h"

enum {
    GD_CLUSTER = 16,           /* units of a cluster */
    GD_BLOCK = 3 * GD_CLUSTER, /* numbers of a coordinate block: x, y and z of 16 units */
    GD_BRANCHES = 16,          /* children of a node of the tree of boxes */
    GD_TREE_LEVELS = 9         /* enough for 2^36 clusters */
};

/* Bounding boxes of one level of the tree, in fractions. Axis c of box i is at n * c + i. */
struct gd_boxes {
    int64_t n;
    float *center;
    float *half;
};

struct gd_cluster_set {
    const struct gd_units *units;
    int64_t n_clusters;
    int32_t n_sites;
    int32_t uniform;
    int64_t *order; /* n_clusters x 16: unit of each place; -1 behind the last one */
    /* By precision int32_t or double. */
    void *points;         /* reference points: a block for each cluster */
    int64_t point_stride; /* numbers between two of them */
    void *sites;          /* n_sites blocks for each cluster */
    void *charges;        /* n_clusters x 16 float or double; NULL when uniform */
    int32_t *types;       /* n_clusters x 16; NULL when uniform */
    double *fractions;    /* in double: a block for each cluster of its reference points or, with a
                             cutoff between sites, n_sites blocks of these */
    int64_t fraction_stride; /* numbers between two clusters' */
    double *forces;          /* n_sites blocks for each cluster */
    void *center;            /* of bounding boxes: n_clusters x 3, coordinates */
    void *half;              /* n_clusters x 3 float or double: in fractions, or in 2^-32 of them */
    double arm[3];           /* the largest distance of a site from its point, in fractions */
    double longest_arm;      /* the same in nm; only with a cutoff between sites */
    struct gd_boxes levels[GD_TREE_LEVELS];
    int n_levels;
};

/* A point to be sorted. */
struct gd_spot {
    float x[3];
    int32_t unit;
};

#endif
