/* A cluster with all clusters in its reach: the piece of work of the inner loops. */
#ifndef GD_KERNELS_NONBONDED_ROW_H
#define GD_KERNELS_NONBONDED_ROW_H

#include <stdint.h>

#include "nonbonded/clusters.h"

/* What is wanted. */
enum { GD_WANT_FORCES = 1, GD_WANT_ENERGIES = 2, GD_WANT_VIRIAL = 4 };

enum gd_precision_place { GD_MIXED_PLACE = 0, GD_DOUBLE_PLACE = 1 };

/* What is compared with the cutoff. */
enum gd_row_cutoff {
    GD_BETWEEN_POINTS,      /* reference points of units */
    GD_BETWEEN_FIRST_SITES, /* the same, which are the first sites in both sets */
    GD_BETWEEN_SITES        /* each site with each; the first ones are how units are found */
};

/* What holds for all rows of two sets; real is float or double by precision. */
struct gd_row_settings {
    int wanted;
    int rectangular;
    /* Differences of places that are counted from the middle of a row's cluster are the nearest
     * images'. */
    int local;
    double matrix[9];   /* rows: box vectors, by one unit of a coordinate */
    double heights[3];  /* distances of the box' faces, by the same */
    double cutoff2;     /* nm^2 */
    double near_cutoff; /* relative width of what mixed precision cannot decide */
    enum gd_row_cutoff cutoff_kind;
    double reach;  /* points farther apart have no sites within the cutoff, nm */
    double reach2; /* its square, or infinite where the image of a point may be a farther one */
    double force_term, energy_term;
    double ewald;          /* 0: reaction field */
    const double *vectors; /* the box vectors, for fractions in double */
    int64_t n_lj_types;
    const double *c6; /* n_lj_types x n_lj_types */
    const double *c12;
    const void *table_c6; /* the same as REAL */
    const void *table_c12;
    /* Sites of a with those of b; where a is not uniform, charges of b and no more. */
    double charges[GD_MAX_SITES * GD_MAX_SITES];
    double pair_c6[GD_MAX_SITES * GD_MAX_SITES];
    double pair_c12[GD_MAX_SITES * GD_MAX_SITES];
    int32_t types_b[GD_MAX_SITES]; /* of the sites of b, when uniform */
    uint64_t lennard_jones;        /* bit 8 a + b: sites a and b have it */
};

struct gd_row {
    const struct gd_row_settings *settings;
    const struct gd_cluster_set *a, *b;
    int64_t cluster;         /* of a */
    int n_units;             /* of that cluster */
    int64_t n;               /* clusters of b */
    const int32_t *clusters; /* n */
    const int32_t *allowed;  /* n: row of `bits`, or -1: all units may interact */
    const uint16_t *bits;    /* 16 each: for each unit of a the units of b that may */
    double energies[2];      /* added to */
    double force[3];         /* on a from b; added to */
    double virial[6];        /* xx, yy, zz, xy, xz, yz of the sum of r f; added to */
};

#endif
