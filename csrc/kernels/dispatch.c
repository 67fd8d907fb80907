/* Choose the table of kernels that is in use. */
#include "dispatch.h"
#include "table.h"

const struct gd_table *gd_table(void) { return GD_OF_ACTIVE(gd_table); }
