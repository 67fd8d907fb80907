#include "gd.h"
#include "table.h"

static const struct gd_table *active = &gd_table_scalar;

const struct gd_table *gd_table(void) { return active; }

int gd_isa_best(void) {
#if defined(GD_HAVE_AVX512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return GD_ISA_AVX512;
#endif
#if defined(GD_HAVE_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return GD_ISA_AVX2;
#endif
    return GD_ISA_SCALAR;
}

int gd_isa_active(void) { return active->isa; }

int gd_isa_select(int isa) {
    if (isa < GD_ISA_SCALAR || isa > gd_isa_best())
        return GD_BAD_ARGUMENT;
    switch (isa) {
#if defined(GD_HAVE_AVX512)
    case GD_ISA_AVX512:
        active = &gd_table_avx512;
        break;
#endif
#if defined(GD_HAVE_AVX2)
    case GD_ISA_AVX2:
        active = &gd_table_avx2;
        break;
#endif
    default:
        active = &gd_table_scalar;
    }
    return GD_OK;
}
