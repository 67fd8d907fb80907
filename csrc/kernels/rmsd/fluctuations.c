/* Where atoms are on average, and how far they are from there: frames are put onto a reference some
 * at a time, and summed while they are in the cache. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/rmsd.h"
#include "table.h"

enum { TOGETHER = GD_FRAMES_TOGETHER };

static int64_t tiles_of(int64_t n_atoms) { return (n_atoms + GD_TILE - 1) / GD_TILE; }

int64_t gd_fluctuations_size(int64_t n_atoms) {
    return tiles_of(n_atoms) * (int64_t)(sizeof(struct gd_fluctuations_of_tile) / sizeof(double));
}

/* Fill `where` with the first coordinate that is not finite. */
static int not_finite(const struct gd_frames *frames, struct gd_where *where) {
    where->frame = 0;
    where->atom = -1;
    for (int64_t frame = 0; frame < frames->n_frames; frame++) {
        for (int64_t atom = 0; atom < frames->n_atoms; atom++) {
            double xyz[3];
            gd_frame_atom(frames, frame, atom, xyz);
            if (!isfinite(xyz[0]) || !isfinite(xyz[1]) || !isfinite(xyz[2])) {
                where->frame = frame;
                where->atom = atom;
                return GD_NOT_FINITE;
            }
        }
    }
    return GD_NOT_FINITE;
}

static void first_frame(const struct gd_frames *frames, const double *rotation,
                        const double *translation, struct gd_fluctuations_of_tile *tiles) {
    for (int64_t i = 0; i < frames->n_atoms; i++) {
        double x[3];
        gd_frame_atom(frames, 0, i, x);
        for (int c = 0; c < 3; c++) {
            const double *r = rotation + 3 * c;
            tiles[i / GD_TILE].pivot[c][i % GD_TILE] =
                ((r[0] * x[0] + r[1] * x[1]) + r[2] * x[2]) + translation[c];
        }
    }
}

/* From sums relative to the pivots to means, and squares around them. Returns whether all are
 * finite.
 */
static int finish(const struct gd_fluctuations_of_tile *tiles, int64_t n_atoms, double weight,
                  double *means, double *squares) {
    const double inverse = weight > 0 ? 1 / weight : 0;
    double wrong = 0; /* x - x is 0 for every finite number, NaN for all others */
    for (int64_t i = 0; i < n_atoms; i++) {
        const struct gd_fluctuations_of_tile *tile = tiles + i / GD_TILE;
        const int64_t at = i % GD_TILE;
        double shift[3];
        for (int c = 0; c < 3; c++) {
            shift[c] = tile->sums[c][at] * inverse;
            means[n_atoms * c + i] = tile->pivot[c][at] + shift[c];
        }
        const double left =
            tile->squares[at] -
            weight * ((shift[0] * shift[0] + shift[1] * shift[1]) + shift[2] * shift[2]);
        wrong += left - left;
        squares[i] = left > 0 ? left : 0; /* rounding may leave less than nothing */
    }
    return wrong == 0;
}

int gd_fluctuations(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                    const struct gd_atom_set *fit, const double *weights, double *work,
                    double *weight, double *means, double *squares, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    double rotations[TOGETHER][9], translations[TOGETHER][3];
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    const int64_t atom_bytes = 3 * frames.number, frame_bytes = atom_bytes * n_atoms;
    const int64_t n_tiles = tiles_of(n_atoms);
    struct gd_fluctuations_of_tile *tiles = (struct gd_fluctuations_of_tile *)work;
    memset(tiles, 0, sizeof *tiles * (size_t)n_tiles);
    memset(translations, 0, sizeof translations);
    memset(rotations, 0, sizeof rotations);
    for (int i = 0; i < TOGETHER; i++)
        rotations[i][0] = rotations[i][4] = rotations[i][8] = 1;

    for (int64_t frame = 0; frame < n_frames; frame += TOGETHER) {
        const int n = n_frames - frame < TOGETHER ? (int)(n_frames - frame) : TOGETHER;
        const char *block = frames.positions + frame_bytes * frame;
        if (fit) {
            status =
                gd_rmsd(block, type, n, n_atoms, fit, 0, 0, rotations[0], translations[0], where);
            if (status != GD_OK) {
                where->frame += frame;
                return status;
            }
        }
        if (frame == 0)
            first_frame(&frames, rotations[0], translations[0], tiles);
        for (int64_t tile = 0; tile < n_tiles; tile++) {
            const int64_t atom = GD_TILE * tile, left = n_atoms - atom;
            const char *first = block + atom_bytes * atom;
            for (int i = 0; i < n; i++) {
                const char *x = first + frame_bytes * i;
                table->fluctuation_sums[type](x, left < GD_TILE ? left : GD_TILE, rotations[i],
                                              translations[i], weights[frame + i],
                                              i + 1 < n ? x + frame_bytes : first, tiles + tile);
            }
        }
    }
    *weight = 0;
    for (int64_t frame = 0; frame < n_frames; frame++)
        *weight += weights[frame];
    return finish(tiles, n_atoms, *weight, means, squares) ? GD_OK : not_finite(&frames, where);
}
