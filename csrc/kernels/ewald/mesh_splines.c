/* Spreading charges to a mesh and gathering forces from it, in both precisions. The operations and
 * their order are the same on every instruction set. */
#include <string.h>

#include "ewald/erfc_coefficients.h"
#include "ewald/mesh.h"
#include "prototypes.h"
#include "simd.h"

#define UNROLL _Pragma("GCC unroll 16")

/* 2 to a power that is 0 or less. */
static inline double power_of_two(double y) {
    union {
        double number;
        int64_t bits;
    } shifted;
    y = y > -1000.0 ? y : -1000.0;
    /* Behind this number the lowest bits count ones. */
    shifted.number = y + 0x1.8p52;
    const double rest = y - (shifted.number - 0x1.8p52);
    double sum = power_coefficients_double[10];
    UNROLL for (int k = 9; k >= 0; k--) sum = sum * rest + power_coefficients_double[k];
    shifted.number += 1023.0;
    shifted.bits = (int64_t)((uint64_t)shifted.bits << 52);
    return sum * shifted.number;
}

#define REAL float
#define OF_TYPE(name) name##_mixed
#include "ewald/mesh_splines_of_type.h"
#undef REAL
#undef OF_TYPE

#define REAL double
#define OF_TYPE(name) name##_double
#include "ewald/mesh_splines_of_type.h"
