/* Molecular virials from atomic ones. */
#include <string.h>

#include "frames/frames.h"
#include "gd/molecular_virial.h"
#include "lattice.h"

/* Move from the last atom to this one, by the nearest image. */
static void next_atom(const struct gd_frames *frames, const struct gd_lattice *lattice,
                      int64_t frame, int64_t atom, double *last) {
    double d[3], xyz[3];
    gd_frame_atom(frames, frame, atom, xyz);
    for (int c = 0; c < 3; c++)
        d[c] = xyz[c] - last[c];
    gd_nearest_image(lattice, d);
    for (int c = 0; c < 3; c++)
        last[c] += d[c];
}

int gd_molecular_virial(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                        const double *boxes, const double *forces, const int64_t *molecules,
                        int64_t n_molecules, const double *masses, double *virial,
                        struct gd_where *where) {
    struct gd_frames frames;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    for (int64_t frame = 0; frame < n_frames; frame++) {
        struct gd_lattice lattice;
        double sum[9] = {0.0};
        if (gd_lattice_open(boxes ? boxes + 9 * frame : 0, &lattice) < 0) {
            where->frame = frame;
            return GD_NO_VOLUME;
        }
        for (int64_t m = 0; m < n_molecules; m++) {
            const int64_t first = molecules[m], end = molecules[m + 1];
            double start[3], last[3], center[3] = {0.0, 0.0, 0.0}, mass = 0.0;
            gd_frame_atom(&frames, frame, first, start);
            memcpy(last, start, sizeof last);
            for (int64_t atom = first; atom < end; atom++) {
                next_atom(&frames, &lattice, frame, atom, last);
                mass += masses[atom];
                for (int c = 0; c < 3; c++)
                    center[c] += masses[atom] * (last[c] - start[c]);
            }
            if (!(mass > 0.0)) {
                where->atom = first;
                return GD_NO_WEIGHT;
            }
            for (int c = 0; c < 3; c++)
                center[c] = start[c] + center[c] / mass;
            memcpy(last, start, sizeof last);
            for (int64_t atom = first; atom < end; atom++) {
                const double *force = forces + 3 * (frame * n_atoms + atom);
                next_atom(&frames, &lattice, frame, atom, last);
                for (int c = 0; c < 3; c++)
                    for (int k = 0; k < 3; k++)
                        sum[3 * c + k] += (last[c] - center[c]) * force[k];
            }
        }
        for (int i = 0; i < 9; i++)
            virial[9 * frame + i] += 0.5 * sum[i];
    }
    return GD_OK;
}
