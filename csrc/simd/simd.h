/* One thin vector layer: `vd` is a vector of GD_LANES doubles. The same kernel source is compiled
 * once an instruction set, with GD_ISA set to its name. Only operations that round once and alike
 * everywhere are here (no fused multiply-add), so every set gives the same bits. */
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
