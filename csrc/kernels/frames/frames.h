/* A block of frames, and the walk over the atoms of a set in a few of them at a time. */
#ifndef GD_KERNELS_FRAMES_FRAMES_H
#define GD_KERNELS_FRAMES_FRAMES_H

#include <stdint.h>

#include "frames/atom_set.h"
#include "frames/sums.h"

/* Frames that are walked together at most, so that a tile of the reference is used several times
 * while it is in the fastest cache. */
enum { GD_FRAMES_TOGETHER = 16 };

struct gd_frames {
    const char *positions;
    int type;       /* enum gd_type */
    int64_t number; /* bytes of one number */
    int64_t n_frames;
    int64_t n_atoms;
};

/* GD_BAD_ARGUMENT (and where) when the sizes or the type make no sense. */
int gd_frames_open(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                   struct gd_frames *frames, struct gd_where *where);

/* One atom's coordinates as doubles. */
void gd_frame_atom(const struct gd_frames *frames, int64_t frame, int64_t atom, double *xyz);

/* All of one frame's positions as doubles. GD_NOT_FINITE with where.atom. */
int gd_frame_positions(const struct gd_frames *frames, int64_t frame, double *positions,
                       struct gd_where *where);

/* Whole groups of atoms of one frame. */
struct gd_piece {
    const void *x;         /* two numbers after the piece are readable */
    int64_t group;         /* of the set, with which it begins */
    int64_t groups;        /* how many */
    const double *weights; /* of this piece; NULL: all 1; zero marks padding, which is at zero */
    const char *near;      /* what will be read next, and a little later; the piece itself where */
    const char *far;       /* nothing follows */
};

/* Called for each piece of frame `number` (0 .. n - 1 of those walked). */
typedef void gd_at_piece(void *context, int number, const struct gd_piece *piece);

/* Walk the atoms of a set in n frames from `frame` on. Each frame sees its groups in rising order.
 * With n > 1 the frames are walked tile by tile. */
void gd_walk(const struct gd_frames *frames, int64_t frame, int n, const struct gd_set *set,
             gd_at_piece *at_piece, void *context);

/* Fill `where` with the first atom of the set that is not finite in this frame. */
int gd_not_finite(const struct gd_frames *frames, int64_t frame, const struct gd_set *set,
                  struct gd_where *where);

/* Whether the frame's atoms of the set equal the reference to the bit. */
int gd_frame_is_reference(const struct gd_frames *frames, int64_t frame, const struct gd_set *set);

/* Repeat xyz over `lanes` places. */
static inline void gd_pattern(const double *xyz, int lanes, double *pattern) {
    for (int lane = 0; lane < lanes; lane++)
        pattern[lane] = xyz[lane % 3];
}

/* Whether a frame lies so far from zero, against its size, that sums over its coordinates as they
 * stand have lost too much; `total` is the sum of their squares, `around` that around the centre.
 */
static inline int gd_is_far(double total, double around) { return total > 256 * around; }

/* Whether what is left of two sums of squares has lost too many digits to cancellation: it is then
 * summed over the atoms instead. */
static inline int gd_is_cancelled(double left, double squares) { return left <= 1e-6 * squares; }

/* Add up the 24 lanes of a row: x, y and z apart, in a fixed tree. */
static inline void gd_add_lanes(const double *row, double *xyz) {
    for (int c = 0; c < 3; c++) {
        const double *r = row + c;
        xyz[c] = ((r[0] + r[12]) + (r[6] + r[18])) + ((r[3] + r[15]) + (r[9] + r[21]));
    }
}

#endif
