/* The inner loops of the instruction set being compiled, for table.c to collect. */
#ifndef GD_KERNELS_LEVELS_H
#define GD_KERNELS_LEVELS_H

#include <stdint.h>

#include "simd.h"

#define GD_DECLARE(kind)                                                                           \
    void GD_NAME(fit_sums_##kind)(const void *, int64_t, const double *, const double *,           \
                                  const double *, const char *, const char *, double *);           \
    void GD_NAME(spread_sums_##kind)(const void *, int64_t, const double *, const double *,        \
                                     const char *, const char *, double *);                        \
    void GD_NAME(tensor_sums_##kind)(const void *, int64_t, const double *, const double *,        \
                                     const char *, const char *, double *);
GD_DECLARE(float32)
GD_DECLARE(float64)
GD_DECLARE(exact)
#undef GD_DECLARE

#define GD_DECLARE(type)                                                                           \
    void GD_NAME(residual_sums_##type)(const void *, int64_t, const double *, const double *,      \
                                       const double *, const double *, const char *, const char *, \
                                       double *);                                                  \
    void GD_NAME(difference_sums_##type)(const void *, int64_t, const double *, const double *,    \
                                         const char *, const char *, double *);                    \
    void GD_NAME(transform_##type)(const void *, int64_t, const double *, const double *, void *);
GD_DECLARE(float32)
GD_DECLARE(float64)
#undef GD_DECLARE

void GD_NAME(pair_sums)(const double *a, const double *b, int64_t groups, int further,
                        double *sums);
void GD_NAME(pair_sums_exact)(const double *a, const double *b, int64_t groups, int further,
                              double *sums);
void GD_NAME(pair_totals)(const double *sums, int n, double *moments);
void GD_NAME(largest_roots)(const double *moments, const double *bounds, double *roots,
                            int64_t *good);

struct gd_row;
void GD_NAME(nonbonded_row_mixed)(struct gd_row *row);
void GD_NAME(nonbonded_row_double)(struct gd_row *row);
void GD_NAME(ewald_row_mixed)(struct gd_row *row);
void GD_NAME(ewald_row_double)(struct gd_row *row);

struct gd_mesh_work;
struct gd_mesh_row;
void GD_NAME(mesh_spread_mixed)(const struct gd_mesh_work *work);
void GD_NAME(mesh_spread_double)(const struct gd_mesh_work *work);
void GD_NAME(mesh_gather_mixed)(const struct gd_mesh_work *work);
void GD_NAME(mesh_gather_double)(const struct gd_mesh_work *work);
void GD_NAME(mesh_convolve_mixed)(struct gd_mesh_row *row);
void GD_NAME(mesh_convolve_double)(struct gd_mesh_row *row);

#endif
