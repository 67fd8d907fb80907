/* Box vectors made short, and their reciprocal ones. */
#include "lattice.h"

#include <string.h>

static double dot(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

int gd_reciprocal(const double *box, double *inverse) {
    int zeros = 0;
    for (int i = 0; i < 9; i++) {
        if (!isfinite(box[i]))
            return 0;
        zeros += box[i] == 0.0;
    }
    if (zeros == 9)
        return 0;
    const double *a = box, *b = box + 3, *c = box + 6;
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        inverse[3 * i] = b[j] * c[k] - b[k] * c[j];
        inverse[3 * i + 1] = c[j] * a[k] - c[k] * a[j];
        inverse[3 * i + 2] = a[j] * b[k] - a[k] * b[j];
    }
    double volume = a[0] * inverse[0] + a[1] * inverse[3] + a[2] * inverse[6];
    if (!(fabs(volume) > 0.0) || !isfinite(volume))
        return -1;
    for (int i = 0; i < 9; i++)
        inverse[i] /= volume;
    return 1;
}

/* Subtract from the longer vector of each pair what it has of the shorter, and from the longest
 * the sums of the others, while any gets shorter: in three dimensions that ends with the shortest
 * vectors there are (I. Semaev, Cryptography and Lattices (2001) 181). */
static void reduce(double *vectors) {
    const double gain = 1.0 - 1e-12;
    for (int round = 0, changed = 1; changed && round < 1000; round++) {
        changed = 0;
        for (int i = 0; i < 3; i++) {
            double *longer = vectors + 3 * i,
                   *others[2] = {vectors + 3 * ((i + 1) % 3), vectors + 3 * ((i + 2) % 3)};
            for (int step = 0; step < 9; step++) {
                double moved[3];
                for (int c = 0; c < 3; c++)
                    moved[c] =
                        longer[c] + (step % 3 - 1) * others[0][c] + (step / 3 - 1) * others[1][c];
                if (dot(moved, moved) < gain * dot(longer, longer)) {
                    memcpy(longer, moved, sizeof moved);
                    changed = 1;
                }
            }
            for (int k = 0; k < 2; k++) {
                const double times = rint(dot(longer, others[k]) / dot(others[k], others[k]));
                double moved[3];
                for (int c = 0; c < 3; c++)
                    moved[c] = longer[c] - times * others[k][c];
                if (dot(moved, moved) < gain * dot(longer, longer)) {
                    memcpy(longer, moved, sizeof moved);
                    changed = 1;
                }
            }
        }
    }
}

int gd_lattice_open(const double *box, struct gd_lattice *lattice) {
    memset(lattice, 0, sizeof *lattice);
    int status = box ? gd_reciprocal(box, lattice->inverse) : 0;
    if (status <= 0)
        return status;
    memcpy(lattice->vectors, box, sizeof lattice->vectors);
    lattice->periodic = lattice->rectangular = 1;
    for (int i = 0; i < 9; i++)
        if (i % 4 && box[i] != 0.0)
            lattice->rectangular = 0;
    if (!lattice->rectangular) {
        reduce(lattice->vectors);
        status = gd_reciprocal(lattice->vectors, lattice->inverse);
    }
    lattice->shortest = INFINITY;
    for (int v = 0; v < 3; v++) {
        const double *inverse = lattice->inverse + v;
        lattice->heights[v] =
            1.0 / sqrt(inverse[0] * inverse[0] + inverse[3] * inverse[3] + inverse[6] * inverse[6]);
        const double length = sqrt(dot(lattice->vectors + 3 * v, lattice->vectors + 3 * v));
        if (length < lattice->shortest)
            lattice->shortest = length;
    }
    return status;
}
