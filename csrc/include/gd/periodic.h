/* Atoms in a periodic box: into the cell, and out of it along their ways in time. */
#ifndef GD_PERIODIC_H
#define GD_PERIODIC_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Atoms that are moved together, by where the middle of their coordinates is.
 *   group    (n_atoms): the group of each atom, 0 .. n_groups - 1; NULL: each atom is one
 *   scratch  2 * gd_unwrap_size(n_groups) + n_groups doubles, where there are groups */
struct gd_groups {
    const int64_t *group;
    int64_t n_groups;
    double *scratch;
};

enum gd_unwrapping {
    GD_LATTICE = 0, /* boxes crossed, times the vectors of the box as it is now */
    GD_TOROIDAL = 1 /* the sum of the vectors of the boxes as they were when they were crossed */
};

/* Doubles that hold three numbers of each group: of 64 groups the x, the y, the z, and so on. */
int64_t gd_unwrap_size(int64_t n_groups);

/* Begin to unwrap at a frame: where its groups are inside the box, and, unless `state` is NULL, the
 * state with which all stay where they are in this frame.
 *   box             (3, 3), the rows are the box vectors
 *   before, state   gd_unwrap_size doubles each
 * GD_NO_VOLUME (also without box), GD_NOT_FINITE, GD_TOO_FAR, GD_BAD_ARGUMENT. */
int gd_unwrap_begin(const void *positions, int type, int64_t n_atoms,
                    const struct gd_groups *groups, const double *box, int scheme, double *before,
                    double *state, struct gd_where *where);

/* Follow groups through frames: each goes to the image that is nearest to where it was one frame
 * before. The state holds whole numbers, so that sums of it are exact in any order: of the lattice
 * vectors crossed (GD_LATTICE), or of 2^-38 nm (GD_TOROIDAL).
 *   before, state   of the frame before; afterwards of the last one
 *   out             where the moved frames go, in the type of `positions`; NULL: the state alone is
 *                   wanted
 * Returns as gd_unwrap_begin. */
int gd_unwrap(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const struct gd_groups *groups, const double *boxes, int scheme, double *before,
              double *state, void *out, struct gd_where *where);

/* Put groups into the cell around a point of each frame.
 *   middles   (n_frames, 3)
 *   compact   0: the cell spanned by the box vectors, without its upper faces; 1: the points
 *             that are nearer to the middle than to any image of it
 *   out       where the moved frames go, in the type of `positions`
 * Returns as gd_unwrap_begin. */
int gd_wrap(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
            const struct gd_groups *groups, const double *boxes, const double *middles, int compact,
            void *out, struct gd_where *where);

#endif
