/* Which instruction sets this machine has, and the one in use. */
#include "gd/instruction_set.h"

#include "gd/status.h"

static int active = GD_ISA_SCALAR;

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

int gd_isa_active(void) { return active; }

int gd_isa_select(int isa) {
    if (isa < GD_ISA_SCALAR || isa > gd_isa_best())
        return GD_BAD_ARGUMENT;
    active = isa;
    return GD_OK;
}
