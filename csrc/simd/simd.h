/* One thin vector layer: `vd` is a vector of GD_LANES doubles. The same kernel source is compiled
 * once an instruction set, with GD_ISA set to its name. The first operations of each file round
 * once and alike everywhere (vd_add_exact may fuse: its product is exact), so every set gives the
 * same bits. Those for pair interactions, on `vd` and on `vf`, VF_LANES floats, do not. */
#ifndef GD_SIMD_H
#define GD_SIMD_H

#define GD_CONCAT_(a, b) a##_##b
#define GD_CONCAT(a, b) GD_CONCAT_(a, b)
/* A kernel's name in this instruction set: GD_NAME(moments) is moments_avx2. */
#define GD_NAME(name) GD_CONCAT(name, GD_ISA)

#if defined(GD_BUILD_AVX512)
#define GD_ISA avx512
#include "avx512.h"
#elif defined(GD_BUILD_AVX2)
#define GD_ISA avx2
#include "avx2.h"
#else
#define GD_ISA scalar
#include "scalar.h"
#endif

#endif
