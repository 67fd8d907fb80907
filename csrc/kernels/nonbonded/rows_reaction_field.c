/* Lennard-Jones and Coulomb with reaction field between clusters, in both precisions. */
#define IS_EWALD 0
#define public_mixed GD_NAME(reaction_field_row_mixed)
#define public_double GD_NAME(reaction_field_row_double)
#include "nonbonded/rows_of_precisions.h"
