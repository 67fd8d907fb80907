/* Sums over the atoms of one frame, of every kind that RMSD and gyration need. See sums.h for
 * the layout, and moments_of_type.h and deviations_of_type.h for the loops, which are the same
 * for all types. */
#include "frames/sums.h"

#include <stddef.h>
#include <stdint.h>

#include "prototypes.h"
#include "simd.h"

/* How many vectors a pass over the data carries: as many as leave no accumulator outside the
 * registers (32 in AVX-512, 16 before). */
#if GD_LANES == 8
#define TOGETHER 3
#else
#define TOGETHER 2
#endif
#define PASS (TOGETHER * GD_LANES)
#define EACH(j) _Pragma("GCC unroll 3") for (int j = 0; j < TOGETHER; j++)
/* Ask for a group's share of what comes next, and of what comes later (see frames.c). */
#define FETCH(group)                                                                               \
    for (size_t byte = 0; byte < GD_GROUP * sizeof(NUMBER); byte += 64) {                          \
        __builtin_prefetch(near + (group) * GD_GROUP * sizeof(NUMBER) + byte, 0, 3);               \
        __builtin_prefetch(far + (group) * GD_GROUP * sizeof(NUMBER) + byte, 0, 2);                \
    }
#define INLINE static inline __attribute__((always_inline))

#define WEIGHTED 1
#define CENTERED(v, pivot) vd_sub(v, pivot)
#define ADD_PRODUCT(sum, a, b) vd_add(sum, vd_mul(a, b))

#define NUMBER float
#define LOAD vd_load_f32
#define OF_TYPE(name) GD_NAME(name##_float32)
#include "frames/deviations_of_type.h"
#include "frames/moments_of_type.h"
#undef NUMBER
#undef LOAD
#undef OF_TYPE

#define NUMBER double
#define LOAD vd_load
#define OF_TYPE(name) GD_NAME(name##_float64)
#include "frames/deviations_of_type.h"
#include "frames/moments_of_type.h"
#undef NUMBER
#undef LOAD
#undef OF_TYPE

#undef TOGETHER
#undef WEIGHTED
#undef CENTERED
#undef ADD_PRODUCT

/* Numbers that are float32 as they stand: their products are exact in double, so that a fused
 * multiply-add rounds as a multiplication and an addition do. */
#define TOGETHER 3
#define WEIGHTED 0
#define CENTERED(v, pivot) ((void)(pivot), (v))
#define ADD_PRODUCT vd_add_exact
#define NUMBER float
#define LOAD vd_load_f32
#define OF_TYPE(name) GD_NAME(name##_exact)
#include "frames/moments_of_type.h"
