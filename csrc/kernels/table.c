#include "table.h"

#include "gd.h"
#include "simd.h"

#include "interleave.h"

#if defined(GD_BUILD_AVX512)
#define GD_LEVEL GD_ISA_AVX512
#elif defined(GD_BUILD_AVX2)
#define GD_LEVEL GD_ISA_AVX2
#else
#define GD_LEVEL GD_ISA_SCALAR
#endif

const struct gd_table GD_NAME(gd_table) = {
    .isa = GD_LEVEL,
    .interleave_f32 = GD_NAME(interleave_f32),
    .interleave_f64 = GD_NAME(interleave_f64),
    .swap_bytes = GD_NAME(swap_bytes),
};
