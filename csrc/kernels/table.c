#include "table.h"

#include "levels.h"
#include "simd.h"

#define OF_BOTH(name) {GD_NAME(name##_float32), GD_NAME(name##_float64)}
#define OF_ALL(name) {GD_NAME(name##_float32), GD_NAME(name##_float64), GD_NAME(name##_exact)}

const struct gd_table GD_NAME(gd_table) = {
    .fit_sums = OF_ALL(fit_sums),
    .residual_sums = OF_BOTH(residual_sums),
    .difference_sums = OF_BOTH(difference_sums),
    .spread_sums = OF_ALL(spread_sums),
    .tensor_sums = OF_ALL(tensor_sums),
    .transform = OF_BOTH(transform),
    .pair_sums = GD_NAME(pair_sums),
    .pair_sums_exact = GD_NAME(pair_sums_exact),
    .pair_totals = GD_NAME(pair_totals),
    .largest_roots = GD_NAME(largest_roots),

    .nonbonded_row = {GD_NAME(nonbonded_row_mixed), GD_NAME(nonbonded_row_double)},
    .ewald_row = {GD_NAME(ewald_row_mixed), GD_NAME(ewald_row_double)},

    .mesh_spread = {GD_NAME(mesh_spread_mixed), GD_NAME(mesh_spread_double)},
    .mesh_gather = {GD_NAME(mesh_gather_mixed), GD_NAME(mesh_gather_double)},
    .mesh_convolve = {GD_NAME(mesh_convolve_mixed), GD_NAME(mesh_convolve_double)},
};
