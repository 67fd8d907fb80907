/* Choosing among what was compiled once an instruction set. */
#ifndef GD_DISPATCH_H
#define GD_DISPATCH_H

#include "gd/instruction_set.h"

/* The symbol's address, where the compiler could build it. */
#if defined(GD_HAVE_AVX2)
#define GD_IF_AVX2(symbol) &symbol
#else
#define GD_IF_AVX2(symbol) 0
#endif
#if defined(GD_HAVE_AVX512)
#define GD_IF_AVX512(symbol) &symbol
#else
#define GD_IF_AVX512(symbol) 0
#endif

/* Of name_scalar, name_avx2 and name_avx512: a pointer to that of the set in use. */
#define GD_OF_ACTIVE(name)                                                                         \
    (gd_isa_active() == GD_ISA_AVX512 ? GD_IF_AVX512(name##_avx512)                                \
     : gd_isa_active() == GD_ISA_AVX2 ? GD_IF_AVX2(name##_avx2)                                    \
                                      : &name##_scalar)

#endif
