/* Choose the loops of interleave.c that are in use. */
#include "dispatch.h"
#include "interleave.h"

const struct gd_interleave *gd_interleave(void) { return GD_OF_ACTIVE(gd_interleave); }
