/* Blocks of frames, and which of their atoms take part in a kernel.
 *
 * positions: n_frames x n_atoms x 3 numbers of `type`, one after the other, aligned to the size of
 * one number. Sums, products and eigenvalues are double, in an order that depends neither on the
 * instruction set nor on how many frames a call is given: same input, same bits.
 *
 * Every function that reads positions can return GD_NOT_FINITE (where.frame and where.atom, counted
 * from 0 within the block; atom is -1 when the numbers are finite but so large that their squares
 * overflow) and GD_BAD_ARGUMENT (a negative size, or an atom set that is empty). After an error the
 * outputs hold nothing of use. */
#ifndef GD_FRAMES_H
#define GD_FRAMES_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* The atoms that take part, in order: those of `index`, or, when it is NULL, the ones from `first`
 * on. Indices are trusted: the caller has checked that each is in 0 .. n_atoms - 1. `data` is what
 * gd_set_prepare filled; how many atoms there are stands in it. */
struct gd_atom_set {
    const int64_t *index;
    int64_t first;
    const double *data;
};

/* How many doubles gd_set_prepare writes for n atoms. */
int64_t gd_set_size(int64_t n, int weighted, int with_reference);

/* Lay out weights and reference coordinates of an atom set as the kernels want them.
 *
 * reference: n x 3, or NULL where the set is only for centres, gyration or pairs.
 * weights: n, or NULL for equal ones.
 * center: the point (3) that the reference is laid out around; NULL: its own (weighted) centre.
 *   A set that is measured after a fit on another set takes the centre of that one.
 * data: gd_set_size doubles, best aligned to 64 bytes.
 * Returns GD_OK, GD_BAD_ARGUMENT (n < 1), GD_NO_WEIGHT, or GD_NOT_FINITE (where.atom, an index into
 * the reference as given here; where.frame stays -1). */
int gd_set_prepare(const double *reference, int64_t n, const double *weights, const double *center,
                   double *data, struct gd_where *where);

/* The centre around which a set's reference was laid out. */
void gd_set_center(const double *data, double *center);

#endif
