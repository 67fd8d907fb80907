#include "lattice.h"

#include <string.h>

int gd_lattice_open(int boundary, const double *box, struct gd_lattice *lattice) {
    memset(lattice, 0, sizeof *lattice);
    lattice->boundary = boundary;
    if (boundary == GD_VACUUM)
        return GD_OK;
    if (boundary != GD_RECTANGULAR && boundary != GD_TRICLINIC && boundary != GD_OCTAHEDRAL)
        return GD_BAD_ARGUMENT;
    memcpy(lattice->box, box, sizeof lattice->box);
    if (boundary != GD_TRICLINIC) {
        for (int c = 0; c < 3; c++) {
            const double edge = box[4 * c];
            if (!(edge > 0.0) || !isfinite(edge))
                return GD_NO_VOLUME;
            lattice->half[c] = 0.5 * edge;
            lattice->per_edge[c] = 1.0 / edge;
        }
        return GD_OK;
    }
    const double *a = box, *b = box + 3, *c = box + 6;
    double *inverse = lattice->inverse;
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        inverse[3 * i] = b[j] * c[k] - b[k] * c[j];
        inverse[3 * i + 1] = c[j] * a[k] - c[k] * a[j];
        inverse[3 * i + 2] = a[j] * b[k] - a[k] * b[j];
    }
    const double volume = a[0] * inverse[0] + a[1] * inverse[3] + a[2] * inverse[6];
    if (!(fabs(volume) > 0.0) || !isfinite(volume))
        return GD_NO_VOLUME;
    for (int i = 0; i < 9; i++)
        inverse[i] /= volume;
    return GD_OK;
}
