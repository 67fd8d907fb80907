/* Periodic boundaries: the nearest image of a vector between two atoms. */
#ifndef GD_LATTICE_H
#define GD_LATTICE_H

#include <math.h>
#include <stdint.h>

#include "gd.h"

struct gd_lattice {
    int boundary;       /* enum gd_boundary */
    double box[9];      /* rows are the vectors; rectangular: only the diagonal counts */
    double inverse[9];  /* triclinic: columns are the reciprocal vectors */
    double half[3];     /* of the diagonal */
    double per_edge[3]; /* one over it */
};

/* GD_OK, GD_BAD_ARGUMENT (no such boundary) or GD_NO_VOLUME. */
int gd_lattice_open(int boundary, const double *box, struct gd_lattice *lattice);

/* Move a vector by lattice vectors to where it is shortest. In a triclinic box it is the one whose
 * fractional coordinates are at most one half: that is the shortest when it is shorter than half
 * the smallest height of the box. */
static inline void gd_nearest_image(const struct gd_lattice *lattice, double *d) {
    if (lattice->boundary == GD_VACUUM)
        return;
    if (lattice->boundary == GD_TRICLINIC) {
        const double *inverse = lattice->inverse, *box = lattice->box;
        double cells[3];
        for (int v = 0; v < 3; v++)
            cells[v] = nearbyint(d[0] * inverse[v] + d[1] * inverse[3 + v] + d[2] * inverse[6 + v]);
        for (int c = 0; c < 3; c++)
            d[c] -= cells[0] * box[c] + cells[1] * box[3 + c] + cells[2] * box[6 + c];
        return;
    }
    for (int c = 0; c < 3; c++)
        if (fabs(d[c]) > lattice->half[c])
            d[c] -= lattice->box[4 * c] * nearbyint(d[c] * lattice->per_edge[c]);
    if (lattice->boundary == GD_OCTAHEDRAL && fabs(d[0]) * lattice->per_edge[0] +
                                                      fabs(d[1]) * lattice->per_edge[1] +
                                                      fabs(d[2]) * lattice->per_edge[2] >
                                                  0.75)
        for (int c = 0; c < 3; c++)
            d[c] -= copysign(lattice->half[c], d[c]);
}

#endif
