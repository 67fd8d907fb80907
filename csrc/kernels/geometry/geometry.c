/* Frames laid side by side, with their lattices, and tuples of atoms measured in them. */
#include "gd/geometry.h"

#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "geometry/side_by_side.h"
#include "lattice.h"
#include "table.h"

int64_t gd_geometry_size(int64_t n_used) { return 3 * GD_SIDE_BY_SIDE * n_used; }

/* The lattice of frame `lane`; that of the frame before where the box is the same. */
static int set_lattice(struct gd_side_by_side *frames, int lane, const double *box) {
    struct gd_lattice lattice;
    const int status = gd_lattice_open(box, &lattice);
    if (status < 0)
        return status;
    const int rectangular = lattice.periodic && lattice.rectangular;
    const int skewed = lattice.periodic && !lattice.rectangular;
    frames->periodic |= lattice.periodic;
    frames->skewed |= skewed;
    for (int c = 0; c < 3; c++) {
        frames->edges[c][lane] = rectangular ? lattice.vectors[4 * c] : 0.0;
        frames->inverse_edges[c][lane] = rectangular ? 1.0 / lattice.vectors[4 * c] : 0.0;
    }
    for (int i = 0; i < 9; i++) {
        frames->vectors[i][lane] = skewed ? lattice.vectors[i] : 0.0;
        frames->inverse[i][lane] = skewed ? lattice.inverse[i] : 0.0;
    }
    frames->sure[lane] = skewed ? gd_sure_square(&lattice) : INFINITY;
    const double *vectors = lattice.vectors;
    for (int image = 0, cell = 0; cell < GD_IMAGES + 1; cell++) {
        const int steps[3] = {cell % 3 - 1, cell / 3 % 3 - 1, cell / 9 - 1};
        if (!steps[0] && !steps[1] && !steps[2])
            continue;
        for (int c = 0; c < 3; c++)
            frames->images[image][c][lane] =
                skewed
                    ? steps[0] * vectors[c] + steps[1] * vectors[3 + c] + steps[2] * vectors[6 + c]
                    : 0.0;
        image++;
    }
    return status;
}

static void repeat_lattice(struct gd_side_by_side *frames, int lane) {
    gd_side *all[] = {frames->edges,   frames->inverse_edges, frames->vectors,
                      frames->inverse, frames->images[0],     &frames->sure};
    const int counts[] = {3, 3, 9, 9, 3 * GD_IMAGES, 1};
    for (int k = 0; k < 6; k++)
        for (int i = 0; i < counts[k]; i++)
            all[k][i][lane] = all[k][i][lane - 1];
}

static int set_lattices(struct gd_side_by_side *frames, const double *boxes) {
    frames->periodic = frames->skewed = 0;
    for (int lane = 0; lane < GD_SIDE_BY_SIDE && boxes; lane++) {
        const int is_there = lane < frames->n_frames;
        const double *box = boxes + 9 * lane;
        if (lane && (!is_there || memcmp(box, box - 9, 9 * sizeof *box) == 0))
            repeat_lattice(frames, lane);
        else if (set_lattice(frames, lane, box) < 0)
            return lane;
    }
    return -1;
}

/* Lay frames side by side. Returns whether all numbers are finite. */
#define DEFINE_LAY(type)                                                                           \
    static int lay_##type(const type *positions, int64_t frame, int n_frames, const int64_t *used, \
                          int64_t n_used, double *out) {                                           \
        const type *of[GD_SIDE_BY_SIDE];                                                           \
        gd_side wrong = {0.0};                                                                     \
        for (int lane = 0; lane < GD_SIDE_BY_SIDE; lane++)                                         \
            of[lane] = positions + frame * (lane < n_frames ? lane : n_frames - 1);                \
        for (int64_t i = 0; i < n_used; i++, out += 3 * GD_SIDE_BY_SIDE) {                         \
            const int64_t at = 3 * (used ? used[i] : i);                                           \
            for (int lane = 0; lane < GD_SIDE_BY_SIDE; lane++) {                                   \
                const double x = of[lane][at], y = of[lane][at + 1], z = of[lane][at + 2];         \
                out[lane] = x;                                                                     \
                out[GD_SIDE_BY_SIDE + lane] = y;                                                   \
                out[2 * GD_SIDE_BY_SIDE + lane] = z;                                               \
                /* 0 for finite numbers, NaN for all others. */                                    \
                wrong[lane] += (x - x) + (y - y) + (z - z);                                        \
            }                                                                                      \
        }                                                                                          \
        double any = 0.0;                                                                          \
        for (int lane = 0; lane < GD_SIDE_BY_SIDE; lane++)                                         \
            any += wrong[lane];                                                                    \
        return any == 0.0;                                                                         \
    }
DEFINE_LAY(float)
DEFINE_LAY(double)

static void find_not_finite(const double *laid, const int64_t *used, int64_t n_used, int n_frames,
                            int64_t first_frame, struct gd_where *where) {
    for (int lane = 0; lane < n_frames; lane++)
        for (int64_t i = 0; i < 3 * n_used; i++)
            if (!isfinite(laid[GD_SIDE_BY_SIDE * i + lane])) {
                where->frame = first_frame + lane;
                where->atom = used ? used[i / 3] : i / 3;
                return;
            }
}

int gd_geometry(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const double *boxes, const int64_t *used, int64_t n_used, const int64_t *tuples,
                int64_t n_tuples, int measure, double *work, double *out, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames opened;
    const int status = gd_frames_open(positions, type, n_frames, n_atoms, &opened, where);
    if (status != GD_OK)
        return status;
    if (measure < GD_MEASURE_DISTANCE || measure > GD_MEASURE_TORSION) {
        where->found = measure;
        return GD_BAD_ARGUMENT;
    }
    struct gd_side_by_side frames = {.positions = (const gd_side *)work};
    struct gd_tuples all = {.frames = &frames, .tuples = tuples, .n = n_tuples, .measure = measure};
    all.row = measure == GD_MEASURE_DISPLACEMENT ? 3 * n_tuples : n_tuples;
    for (int64_t first = 0; first < n_frames; first += GD_SIDE_BY_SIDE) {
        frames.n_frames =
            n_frames - first < GD_SIDE_BY_SIDE ? (int)(n_frames - first) : GD_SIDE_BY_SIDE;
        const int64_t frame = 3 * n_atoms;
        const int flat = set_lattices(&frames, boxes ? boxes + 9 * first : 0);
        if (flat >= 0) {
            where->frame = first + flat;
            return GD_NO_VOLUME;
        }
        const int finite = type == GD_FLOAT32
                               ? lay_float((const float *)positions + frame * first, frame,
                                           frames.n_frames, used, n_used, work)
                               : lay_double((const double *)positions + frame * first, frame,
                                            frames.n_frames, used, n_used, work);
        if (!finite) {
            find_not_finite(work, used, n_used, frames.n_frames, first, where);
            return GD_NOT_FINITE;
        }
        all.out = out + all.row * first;
        table->measure_tuples(&all);
    }
    return GD_OK;
}
