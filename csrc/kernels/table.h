/* The kernels that exist once an instruction set. table.c, compiled once for each, fills one of
 * these; dispatch.c chooses among them. A new kernel family adds its inner loops here. */
#ifndef GD_KERNELS_TABLE_H
#define GD_KERNELS_TABLE_H

#include <stdint.h>

struct gd_row;
struct gd_mesh_work;
struct gd_mesh_row;

/* Float32 coordinates as they stand, all weights being 1; beside the two of gd_type. */
enum { GD_EXACT = 2, GD_KINDS = 3 };

struct gd_table {
    /* frames/sums.c: one for each gd_type, and for sums of exact products */
    void (*fit_sums[GD_KINDS])(const void *x, int64_t groups, const double *pivot,
                               const double *permuted, const double *weights, const char *near,
                               const char *far, double *sums);
    void (*residual_sums[2])(const void *x, int64_t groups, const double *center,
                             const double *coefficients, const double *permuted,
                             const double *weights, const char *near, const char *far,
                             double *sums);
    void (*difference_sums[2])(const void *x, int64_t groups, const double *reference,
                               const double *weights, const char *near, const char *far,
                               double *sums);
    void (*spread_sums[GD_KINDS])(const void *x, int64_t groups, const double *pivot,
                                  const double *weights, const char *near, const char *far,
                                  double *sums);
    void (*tensor_sums[GD_KINDS])(const void *x, int64_t groups, const double *pivot,
                                  const double *weights, const char *near, const char *far,
                                  double *sums);
    void (*transform[2])(const void *x, int64_t n_atoms, const double *rotation,
                         const double *translation, void *out);

    /* rmsd/pair_sums.c */
    void (*pair_sums)(const double *a, const double *b, int64_t groups, int further, double *sums);
    void (*pair_sums_exact)(const double *a, const double *b, int64_t groups, int further,
                            double *sums);
    void (*pair_totals)(const double *sums, int n, double *moments);

    /* rmsd/largest_roots.c */
    void (*largest_roots)(const double *moments, const double *bounds, double *roots,
                          int64_t *good);

    /* nonbonded/rows_reaction_field.c: mixed, double */
    void (*nonbonded_row[2])(struct gd_row *row);
    /* nonbonded/rows_ewald.c: mixed, double */
    void (*ewald_row[2])(struct gd_row *row);

    /* ewald/mesh_splines.c: mixed, double */
    void (*mesh_spread[2])(const struct gd_mesh_work *work);
    void (*mesh_gather[2])(const struct gd_mesh_work *work);
    void (*mesh_convolve[2])(struct gd_mesh_row *row);
};

extern const struct gd_table gd_table_scalar;
extern const struct gd_table gd_table_avx2;
extern const struct gd_table gd_table_avx512;

/* The table in use. Read it once at the top of a public function. */
const struct gd_table *gd_table(void);

#endif
