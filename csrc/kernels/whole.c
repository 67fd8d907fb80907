/* Molecules that are broken at the box, made whole. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/whole.h"
#include "lattice.h"

/* Move `xyz` by lattice vectors so that it lies next to `neighbour`. */
static void bring_next_to(const double *neighbour, const struct gd_lattice *lattice, double *xyz) {
    double difference[3], nearest[3];
    for (int c = 0; c < 3; c++)
        difference[c] = nearest[c] = xyz[c] - neighbour[c];
    gd_nearest_image(lattice, nearest);
    /* Whole vectors are subtracted: an atom that stays keeps its bits. */
    double moved[3] = {xyz[0], xyz[1], xyz[2]};
    for (int v = 0; v < 3; v++) {
        double along = 0.0;
        for (int c = 0; c < 3; c++)
            along += (difference[c] - nearest[c]) * lattice->inverse[3 * c + v];
        double cells = nearbyint(along);
        for (int c = 0; c < 3; c++)
            moved[c] -= cells * lattice->vectors[3 * v + c];
    }
    memcpy(xyz, moved, sizeof moved);
}

/* Returns an atom that is nowhere, which would take those linked to it along; -1 if there is none.
 */
#define DEFINE_WHOLE(type)                                                                         \
    static int64_t whole_##type(type *frame, const struct gd_lattice *lattice,                     \
                                const int64_t *links, int64_t n_links, const double *points) {     \
        for (int64_t i = 0; i < n_links; i++) {                                                    \
            const int64_t near = links[2 * i + 1];                                                 \
            type *own = frame + 3 * links[2 * i];                                                  \
            double neighbour[3];                                                                   \
            for (int c = 0; c < 3; c++)                                                            \
                neighbour[c] =                                                                     \
                    near < 0 ? points[3 * (-1 - near) + c] : (double)frame[3 * near + c];          \
            double xyz[3] = {own[0], own[1], own[2]};                                              \
            if (!isfinite(xyz[0] + xyz[1] + xyz[2]))                                               \
                return links[2 * i];                                                               \
            if (!isfinite(neighbour[0] + neighbour[1] + neighbour[2]))                             \
                return near < 0 ? links[2 * i] : near;                                             \
            bring_next_to(neighbour, lattice, xyz);                                                \
            for (int c = 0; c < 3; c++)                                                            \
                own[c] = (type)xyz[c];                                                             \
        }                                                                                          \
        return -1;                                                                                 \
    }
DEFINE_WHOLE(float)
DEFINE_WHOLE(double)

int gd_make_whole(void *positions, int type, int64_t n_frames, int64_t n_atoms, const double *boxes,
                  const int64_t *links, int64_t n_links, const double *points, int64_t n_points,
                  struct gd_where *where) {
    struct gd_frames frames;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    for (int64_t f = 0; f < n_frames; f++) {
        struct gd_lattice lattice;
        int periodic = gd_lattice_open(boxes + 9 * f, &lattice);
        if (periodic < 0) {
            where->frame = f;
            return GD_NO_VOLUME;
        }
        if (periodic == 0)
            continue;
        const double *own = points ? points + 3 * f * n_points : NULL;
        const int64_t first = 3 * f * n_atoms;
        const int64_t nowhere =
            type == GD_FLOAT32
                ? whole_float((float *)positions + first, &lattice, links, n_links, own)
                : whole_double((double *)positions + first, &lattice, links, n_links, own);
        if (nowhere >= 0) {
            where->frame = f;
            where->atom = nowhere;
            return GD_NOT_FINITE;
        }
    }
    return GD_OK;
}
