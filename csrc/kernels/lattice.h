/* The lattice of a periodic box, and nearest images in it. */
#ifndef GD_KERNELS_LATTICE_H
#define GD_KERNELS_LATTICE_H

#include <math.h>

struct gd_lattice {
    int periodic;
    int rectangular;   /* box vectors along x, y and z */
    double vectors[9]; /* rows; reduced: as short and as close to right angles as they get */
    double inverse[9]; /* columns are the reciprocal vectors */
    double heights[3]; /* distances of opposite faces */
    double shortest;   /* length of the shortest lattice vector */
};

/* The inverse of a matrix whose rows are the box vectors: columns are the reciprocal vectors.
 * Returns 0 when there is no lattice (all zero, or not finite), -1 when it has no volume. */
int gd_reciprocal(const double *box, double *inverse);

/* The same lattice with short vectors. Returns what gd_reciprocal does. */
int gd_lattice_open(const double *box, struct gd_lattice *lattice);

/* What is nearer than this (squared) has no nearer image. */
static inline double gd_sure_square(const struct gd_lattice *lattice) {
    return 0.25 * (1.0 - 1e-12) * lattice->shortest * lattice->shortest;
}

/* Move a difference of two positions to the nearest image. */
static inline void gd_nearest_image(const struct gd_lattice *lattice, double *d) {
    if (!lattice->periodic)
        return;
    const double *box = lattice->vectors, *inverse = lattice->inverse;
    if (lattice->rectangular) {
        /* Most are the nearest image already; rint is a call without SSE4. */
        for (int c = 0; c < 3; c++)
            if (fabs(d[c]) > 0.5 * box[4 * c])
                d[c] -= box[4 * c] * rint(d[c] / box[4 * c]);
        return;
    }
    double in_cell[3];
    for (int c = 0; c < 3; c++)
        in_cell[c] = d[c];
    for (int v = 0; v < 3; v++) {
        const double cells =
            rint(d[0] * inverse[v] + d[1] * inverse[3 + v] + d[2] * inverse[6 + v]);
        for (int c = 0; c < 3; c++)
            in_cell[c] -= cells * box[3 * v + c];
    }
    if (in_cell[0] * in_cell[0] + in_cell[1] * in_cell[1] + in_cell[2] * in_cell[2] <
        gd_sure_square(lattice)) {
        for (int c = 0; c < 3; c++)
            d[c] = in_cell[c];
        return;
    }
    /* With reduced vectors the nearest image is among the neighbours of the one in the cell. */
    double least = INFINITY;
    for (int image = 0; image < 27; image++) {
        const int steps[3] = {image % 3 - 1, image / 3 % 3 - 1, image / 9 - 1};
        double moved[3], square = 0.0;
        for (int c = 0; c < 3; c++) {
            moved[c] =
                in_cell[c] + (steps[0] * box[c] + steps[1] * box[3 + c] + steps[2] * box[6 + c]);
            square += moved[c] * moved[c];
        }
        if (square < least) {
            least = square;
            for (int c = 0; c < 3; c++)
                d[c] = moved[c];
        }
    }
}

#endif
