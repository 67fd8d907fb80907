/* Which atoms of two sets are near each other, and histograms of their distances.
 *
 * A distance is that of the nearest images: of the difference of two positions in double, moved by
 * lattice vectors. boxes: (n_frames, 3, 3), rows are lattice vectors, in any triclinic box; NaN or
 * zeros, or NULL for all: a frame without lattice. Every function can return GD_NOT_FINITE,
 * GD_NO_VOLUME and GD_BAD_ARGUMENT. */
#ifndef GD_NEIGHBORS_H
#define GD_NEIGHBORS_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Pairs of one atom of each set, or with `second` NULL pairs within the first, each once. Sets hold
 * no atom twice; indices are trusted. */
struct gd_neighbor_sets {
    const int64_t *first;
    int64_t n_first;
    const int64_t *second;
    int64_t n_second;
    const int32_t *labels; /* (n_atoms): atoms that have the same are no pair; NULL: an atom and
                              itself are none, all others are */
};

/* How many doubles of room a search wants, whose memory begins at a multiple of 64 bytes. */
int64_t gd_neighbor_work(const struct gd_neighbor_sets *sets);

/* Pairs at most `cutoff` apart, which may be longer than half the box: of a pair only its nearest
 * images are looked at.
 *   pairs       (room, 2): numbers of atoms; of one set the lower comes first
 *   distances   (room)
 *   first_pair  (n_frames + 1): the pairs of frame f are first_pair[f] to first_pair[f + 1], in no
 *               order. Where the last of these is more than room, there are so many, and what was
 *               written is of no use. */
int gd_neighbor_pairs(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                      const double *boxes, const struct gd_neighbor_sets *sets, double cutoff,
                      double *work, int64_t room, int32_t *pairs, double *distances,
                      int64_t *first_pair, struct gd_where *where);

/* How many pairs lie in each bin, lower edge included, upper edge not.
 *   edges     (n_bins + 1), not negative, rising in equal steps to the digits of a double
 *   excluded  (n_excluded, 2): pairs of the sets that do not count
 *   counts    (n_frames, n_bins)
 * GD_SMALL_BOX (where.frame): the last edge is beyond half the shortest lattice vector, so that
 * nearest images do not fill the shells. */
int gd_distance_histogram(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                          const double *boxes, const struct gd_neighbor_sets *sets,
                          const int64_t *excluded, int64_t n_excluded, const double *edges,
                          int64_t n_bins, double *work, int64_t *counts, struct gd_where *where);

/* The nearest pair of every frame; of several the one whose first atom, then second, is lowest.
 *   pairs      (n_frames, 2): -1 where there is no pair
 *   distances  (n_frames): infinity where there is no pair
 */
int gd_minimum_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                         const double *boxes, const struct gd_neighbor_sets *sets, double *work,
                         int64_t *pairs, double *distances, struct gd_where *where);

/* The least distance of an atom of the first set to an image (not the nearest: another than the one
 * that the positions say) of the same or another atom of it. Arguments and results as above; the
 * pair is one atom twice where nothing is nearer than the shortest lattice vector. GD_NO_VOLUME as
 * well where a frame has no lattice. */
int gd_image_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                       const double *boxes, const struct gd_neighbor_sets *sets, double *work,
                       int64_t *pairs, double *distances, struct gd_where *where);

#endif
