/* What gd_set_prepare wrote, opened again. */
#ifndef GD_KERNELS_FRAMES_ATOM_SET_H
#define GD_KERNELS_FRAMES_ATOM_SET_H

#include <stdint.h>

#include "gd/frames.h"

struct gd_set {
    int64_t n;            /* atoms */
    int64_t groups;       /* of eight, the last one padded */
    const int64_t *index; /* or NULL: the atoms from `first` on */
    int64_t first;
    int64_t pivot; /* which atom of the set (not of the frame) coordinates are taken relative to */
    double weight; /* sum of weights */
    double spread; /* sum of w |r|^2 around the centre */
    double center[3];
    double offset[3];        /* where in `permuted` the centre lies */
    int exact;               /* `permuted` holds nothing but float32 numbers; all weights are 1 */
    const double *weights;   /* 24 a group, zero in the padding; NULL: all 1 */
    const double *permuted;  /* 72 a group: r[c], r[c + 1], r[c + 2] (mod 3) around the centre or,
                                if exact, near it; NULL: prepared without a reference */
    const double *reference; /* 24 a group, as given */
};

/* Returns 0 when the set is not one that gd_set_prepare made. */
int gd_set_open(const struct gd_atom_set *atoms, struct gd_set *set);

/* Whether a float32 holds this number to the bit. */
static inline int gd_is_float32(double number) { return (double)(float)number == number; }

/* Which atom of the frame is number i of the set. */
static inline int64_t gd_set_atom(const struct gd_set *set, int64_t i) {
    return set->index ? set->index[i] : set->first + i;
}

#endif
