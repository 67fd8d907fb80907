/* Working space of gd_nonbonded_forces: what is laid out of a frame, in memory of the caller's. */
#ifndef GD_KERNELS_NONBONDED_WORKING_H
#define GD_KERNELS_NONBONDED_WORKING_H

#include "nonbonded/base.h"
#include "nonbonded/clusters.h"

struct gd_working {
    const struct gd_nonbonded *field;
    int precision;
    int64_t number; /* bytes of one coordinate and of one number of the arithmetic */
    double *positions;
    double *points;
    int32_t *group_of_atom;
    int32_t *set_of_atom;   /* only with unlisted pairs, as the next */
    int32_t *place_of_atom; /* in its set's clusters */
    struct gd_spot *spots;
    struct gd_cluster_set *sets;
    int32_t *row_clusters;
    int32_t *row_allowed;
    int32_t *row_of_bits; /* for each cluster: its row of bits, or -1 */
    uint16_t *bits;
    void *c6, *c12; /* in the precision of the arithmetic */
};

/* Lay working space out in the gd_nonbonded_size bytes of `base`. */
void gd_working_open(const struct gd_nonbonded *field, int precision, void *base,
                     struct gd_working *working);

/* Fill in what stays the same from frame to frame. `listed`: points are those of other positions.
 */
void gd_working_prepare(struct gd_working *working, int listed);

/* Sort the units of a set in space and lay them out (clusters.c). */
void gd_fill_set(struct gd_working *working, struct gd_cluster_set *set,
                 const struct gd_lattice *lattice, const double *origin);

/* A number of the arithmetic. */
static inline void gd_put_number(const struct gd_working *working, void *array, int64_t place,
                                 double number) {
    if (working->precision == GD_MIXED)
        ((float *)array)[place] = (float)number;
    else
        ((double *)array)[place] = number;
}

#endif
