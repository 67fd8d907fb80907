/* Centres, radii and tensors of gyration. */
#ifndef GD_GYRATION_H
#define GD_GYRATION_H

#include <stdint.h>

#include "gd/frames.h"

/* Weighted centre (n_frames x 3), radius of gyration (n_frames) and gyration tensor
 * (n_frames x 3 x 3, sum of w (x - c)(x - c)^T over the sum of weights); each NULL if not wanted.
 */
int gd_gyration(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const struct gd_atom_set *set, double *centers, double *radii, double *tensors,
                struct gd_where *where);

#endif
