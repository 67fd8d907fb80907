/* Lennard-Jones and the real-space part of Ewald's sum between clusters, in both precisions. */
#include "ewald/erfc_coefficients.h"

#define IS_EWALD 1
#define public_mixed GD_NAME(ewald_row_mixed)
#define public_double GD_NAME(ewald_row_double)
#include "nonbonded/rows_of_precisions.h"
