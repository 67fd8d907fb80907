/* Charges on a mesh: the piece of work of the inner loops. */
#ifndef GD_KERNELS_EWALD_MESH_H
#define GD_KERNELS_EWALD_MESH_H

#include <stdint.h>

enum {
    GD_MESH_BLOCK = 16, /* charges whose splines are computed side by side */
    GD_MESH_MOST = 12   /* the highest order of splines */
};

struct gd_mesh_work {
    int order;
    int64_t n; /* charges, filled up to a whole block with ones of 0 */
    /* For each block x, y and z of its charges, in points of the mesh, from 0 up. */
    const double *places;
    const double *charge;   /* divided by (order - 1)! three times */
    const int64_t *along_x; /* where a point's plane begins; beyond the end it is the first again */
    const int64_t *along_y; /* where its row begins in the plane */
    int64_t last[3];        /* the last point along each axis */
    void *mesh; /* float or double; rows are longer than the mesh is, so that splines may go on
                   behind its end */
    double *gradients; /* laid out as places: the charge times the potential's derivatives */
};

/* One row of the transformed mesh. */
struct gd_mesh_row {
    int64_t n;             /* complex numbers */
    void *numbers;         /* float or double */
    double exponent[3];    /* of k^0, k^1, k^2: -pi^2 m^2 / alpha^2 as a power of 2 */
    double square[3];      /* the same of m^2 */
    double width;          /* pi^2 / alpha^2 */
    double factor;         /* of the influence function */
    const double *moduli;  /* n, of the splines along the row */
    const double *weights; /* n: how many numbers of the whole mesh each stands for */
    int with_origin;       /* the first number is that of m = 0 */
    double *influence;     /* n, working space */
    double *share;         /* n, working space */
    double energy;         /* added to */
    double moments[3];     /* sums of what makes the virial, times k^0, k^1, k^2; set */
};

#endif
