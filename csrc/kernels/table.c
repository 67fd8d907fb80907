/* The table of kernels of one instruction set. */
#include "table.h"

#include "prototypes.h"
#include "simd.h"

const struct gd_table GD_NAME(gd_table) = {
#define ENTRY(name, variant, place, arguments) .name place = GD_NAME(name##variant),
#define KERNEL(variants, name, arguments) variants(ENTRY, name, arguments)
#include "kernels.def"
};
