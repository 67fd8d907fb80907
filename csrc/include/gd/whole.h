/* Molecules that are broken at the box, made whole. */
#ifndef GD_WHOLE_H
#define GD_WHOLE_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Undo the breaking of molecules at the box: move atoms, in place, by lattice vectors so that each
 * lies next to the one that it is linked to.
 *   boxes  (n_frames, 3, 3), the rows are the box vectors; NaN or zeros: frames without lattice,
 *          which stay as they are
 *   links  (n_links, 2): an atom and one bonded to it that is in place already, in this order;
 *          instead of the latter, -1 - k is point k of the frame
 *   points (n_frames, n_points, 3)
 * The image is right while the two are closer than half the shortest lattice vector.
 * GD_NO_VOLUME, GD_BAD_ARGUMENT; GD_NOT_FINITE for atoms that are linked, in frames with a box. */
int gd_make_whole(void *positions, int type, int64_t n_frames, int64_t n_atoms, const double *boxes,
                  const int64_t *links, int64_t n_links, const double *points, int64_t n_points,
                  struct gd_where *where);

#endif
