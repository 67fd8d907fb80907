/* The loops of row_of_type.h in mixed and double precision. Before including:
 *   IS_EWALD                    see there; with it erfc_coefficients.h
 *   public_mixed, public_double the names of what is made */
#include "nonbonded/row.h"
#include "prototypes.h"
#include "simd.h"

/* What is known of a row when its loops are compiled. */
struct row_kind {
    int wanted;
    int is_fixed; /* the numbers of sites are known, too */
    int local, rectangular;
    int n_a, n_b;
    int uniform_a, uniform_b;
    uint64_t lennard_jones; /* bit 8 s + t: sites s and t have it */
    enum gd_row_cutoff cutoff;
};

typedef vf v_mixed;
typedef vfm m_mixed;
typedef vd v_double;
typedef vdm m_double;

/* Differences of fractions: the nearest image. */
static inline vd difference_double(vd a, vd b) {
    const vd d = vd_sub(a, b);
    return vd_sub(d, vd_round(d));
}

#define REAL float
#define V(name) vf_##name
#define LANES VF_LANES
#define COORD int32_t
#define VC vi
#define VC_LOAD vi_load
#define VC_SET1 vi_set1
#define DIFFERENCE vi_difference
#define IS_MIXED 1
#define OF_TYPE(name) name##_mixed
#define ERFC(name) erfc_##name##_float
#define POWER(name) power_##name##_float
#include "nonbonded/row_of_type.h"
#undef REAL
#undef V
#undef LANES
#undef COORD
#undef VC
#undef VC_LOAD
#undef VC_SET1
#undef DIFFERENCE
#undef IS_MIXED
#undef OF_TYPE
#undef ERFC
#undef POWER

#define REAL double
#define V(name) vd_##name
#define LANES GD_LANES
#define COORD double
#define VC vd
#define VC_LOAD vd_load
#define VC_SET1 vd_set1
#define DIFFERENCE difference_double
#define IS_MIXED 0
#define OF_TYPE(name) name##_double
#define ERFC(name) erfc_##name##_double
#define POWER(name) power_##name##_double
#include "nonbonded/row_of_type.h"
