/* Root-mean-square deviations of frames, from a reference or each other, and best fits. */
#ifndef GD_RMSD_H
#define GD_RMSD_H

#include <stdint.h>

#include "gd/frames.h"

/* Root-mean-square deviation of every frame from the reference, best fit or as it stands.
 *
 * fit: superpose on these atoms first; NULL: no superposition.
 * measure: the atoms of the deviation; NULL: those of fit, with its weights. With fit, its
 *   reference was laid out around fit's centre.
 * rmsd: n_frames, or NULL if not wanted.
 * rotations, translations: n_frames x 3 x 3 and n_frames x 3, or NULL if not wanted; need fit.
 *   x' = R x + t puts a frame onto the reference; R is proper (determinant +1).
 * A frame whose atoms equal the reference's gives exactly 0 (and R = 1, t = 0).
 *
 * The largest eigenvalue of the quaternion matrix is found by Newton's method on its characteristic
 * polynomial (Theobald, Acta Cryst. A61 (2005) 478; Liu, Agrafiotis and Theobald, J. Comput. Chem.
 * 31 (2010) 1561) where that is well conditioned, by Jacobi rotations otherwise. A deviation small
 * against the size of the structure is summed over the superposed atoms, so that nothing cancels.
 */
int gd_rmsd(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
            const struct gd_atom_set *fit, const struct gd_atom_set *measure, double *rmsd,
            double *rotations, double *translations, struct gd_where *where);

/* Mean positions over frames that are put onto a reference, and how far atoms stray from there.
 *
 * fit: the atoms superposed; NULL: frames as they stand.
 * weights: n_frames, how much each frame counts; not negative.
 * work: gd_fluctuations_size doubles, best aligned to 64 bytes.
 * weight: their sum. Where it is zero, the first frame is the mean.
 * means: 3 x n_atoms: x of all atoms, then y, then z.
 * squares: n_atoms, the sums of w |d|^2, where d is how far the atom is from its mean.
 * Sums run over the frames in their order, relative to the first one: nothing cancels. */
int gd_fluctuations(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                    const struct gd_atom_set *fit, const double *weights, double *work,
                    double *weight, double *means, double *squares, struct gd_where *where);
int64_t gd_fluctuations_size(int64_t n_atoms);

/* out = R x + t for every atom, computed in double; out has the type and shape of positions and
 * does not overlap them. Numbers that are not finite are passed on. */
int gd_transform(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                 const double *rotations, const double *translations, void *out);

/* How many doubles gd_center_frames writes for one frame of n atoms. */
int64_t gd_centered_size(int64_t n);

/* Lay every frame out for gd_rmsd_pairs: with its (weighted) centre at the origin, or near it.
 * centered: n_frames x gd_centered_size, best aligned to 64 bytes; spreads: n_frames. */
int gd_center_frames(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                     const struct gd_atom_set *set, double *centered, double *spreads,
                     struct gd_where *where);

/* How many doubles of working space gd_rmsd_pairs needs. */
int64_t gd_rmsd_pairs_size(void);

/* Best-fit deviation of every frame of a from every frame of b: rmsd is n_a x n_b. Both were
 * centred with the same atom set. Pass b = a (same pointer, n_b = n_a) for one trajectory with
 * itself: half the work, same bits. The value of a pair has the same bits either way round. */
int gd_rmsd_pairs(const double *a, const double *spreads_a, int64_t n_a, const double *b,
                  const double *spreads_b, int64_t n_b, const struct gd_atom_set *set, double *work,
                  double *rmsd);

#endif
