#include "table.h"

#include "gd.h"
#include "simd.h"

#if defined(GD_BUILD_AVX512)
#define GD_LEVEL GD_ISA_AVX512
#elif defined(GD_BUILD_AVX2)
#define GD_LEVEL GD_ISA_AVX2
#else
#define GD_LEVEL GD_ISA_SCALAR
#endif

const struct gd_table GD_NAME(gd_table) = {
    .isa = GD_LEVEL,
};
