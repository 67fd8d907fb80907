/* Particle-mesh Ewald: the sum over the reciprocal lattice.
 *
 * The smooth method (U. Essmann et al., J. Chem. Phys. 103 (1995) 8577). Charges are spread over a
 * mesh along the box vectors by cardinal B-splines; in its Fourier transform the sum is taken, and
 * multiplied with the influence function it becomes the potential, from which forces are gathered.
 * The caller does the transforms, real to complex and back, without any factor:
 *   gd_mesh_spread, forward, gd_mesh_convolve, backward, gd_mesh_gather
 * one frame at a time. GD_MIXED has meshes of float, GD_DOUBLE of double; energy and virial are
 * double. The same bits on every instruction set.
 *
 * The mesh has the points shape[0] x shape[1] x shape[2] along the box vectors, or, of a skewed
 * box, along shorter vectors of the same lattice. `work` is gd_mesh_work doubles, best aligned to
 * 64 bytes, and the same for the three functions.
 *
 * GD_NO_VOLUME: no box, or a flat one. GD_BAD_ARGUMENT: an order or a size out of range. */
#ifndef GD_EWALD_MESH_H
#define GD_EWALD_MESH_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

struct gd_ewald_mesh {
    int64_t n_atoms;
    int64_t n_charges;      /* atoms that have a charge */
    const int32_t *charged; /* which; trusted */
    const double *charge;   /* theirs, e */
    int32_t order;          /* of the splines, 4, 6, ... 12: points they reach along each axis */
    double splitting;       /* alpha, nm^-1 */
    double coulomb;         /* 1/(4 pi eps0), kJ nm / (mol e^2) */
};

/* The smallest mesh whose points are at most `spacing` (nm) apart. */
int gd_mesh_shape(const double *box, double spacing, int64_t *shape, struct gd_where *where);

/* How many doubles of working space the functions below share; shape[i] is at least the order. */
int64_t gd_mesh_work(const struct gd_ewald_mesh *mesh, const int64_t *shape);

/* How many numbers a row of `values` below has: the last ones are room for what goes on behind the
 * end of the mesh. */
int64_t gd_mesh_row_length(const struct gd_ewald_mesh *mesh, const int64_t *shape);

/* Spread the charges of one frame: values is shape[0] x shape[1] x gd_mesh_row_length, of which the
 * first shape[2] of each row are the mesh. Also GD_NOT_FINITE. */
int gd_mesh_spread(const struct gd_ewald_mesh *mesh, int precision, const void *positions, int type,
                   const double *box, const int64_t *shape, void *values, double *work,
                   struct gd_where *where);

/* Sum energy and virial (9, -1/2 of the sum of r f) over the transformed mesh, shape[0] x shape[1]
 * x (shape[2] / 2 + 1) complex numbers, and make it that of the potential, in place.
 * moduli: for each axis |b|^2 of Essmann's eq. 4.4 for every frequency, shape[axis] of them. */
int gd_mesh_convolve(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                     const int64_t *shape, const double *const moduli[3], void *spectrum,
                     double *energy, double *virial, double *work, struct gd_where *where);

/* Add the forces (n_atoms x 3) of the potential, shape[0] x shape[1] x shape[2], on the charges
 * that gd_mesh_spread left in `work`. values: as there, overwritten. */
int gd_mesh_gather(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                   const int64_t *shape, const void *potential, void *values, double *forces,
                   double *work, struct gd_where *where);

#endif
