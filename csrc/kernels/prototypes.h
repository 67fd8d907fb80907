/* Prototypes of the kernels, in the instruction set that is compiled for. */
#ifndef GD_KERNELS_PROTOTYPES_H
#define GD_KERNELS_PROTOTYPES_H

#include "simd.h"
#include "table.h"

#define PROTOTYPE(name, variant, place, arguments) void GD_NAME(name##variant) arguments;
#define KERNEL(variants, name, arguments) variants(PROTOTYPE, name, arguments)
#include "kernels.def"
#undef PROTOTYPE

#endif
