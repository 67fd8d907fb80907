/* Lennard-Jones and Coulomb with reaction field between clusters, in both precisions. */
#include "nonbonded_rows.h"

#include "gd.h"
#include "levels.h"
#include "simd.h"

typedef vf v_mixed;
typedef vfm m_mixed;
typedef vd v_double;
typedef vdm m_double;

/* Differences of fractions: the nearest image. */
static inline vd difference_double(vd a, vd b) {
    const vd d = vd_sub(a, b);
    return vd_sub(d, vd_round(d));
}

#define public_mixed GD_NAME(nonbonded_row_mixed)
#define public_double GD_NAME(nonbonded_row_double)

#define REAL float
#define V(name) vf_##name
#define LANES VF_LANES
#define COORD int32_t
#define VC vi
#define VC_LOAD vi_load
#define VC_SET1 vi_set1
#define DIFFERENCE vi_difference
#define IS_MIXED 1
#define IS_EWALD 0
#define OF_TYPE(name) name##_mixed
#include "nonbonded_rows_of_type.h"
#undef REAL
#undef V
#undef LANES
#undef COORD
#undef VC
#undef VC_LOAD
#undef VC_SET1
#undef DIFFERENCE
#undef IS_MIXED
#undef IS_EWALD
#undef OF_TYPE

#define REAL double
#define V(name) vd_##name
#define LANES GD_LANES
#define COORD double
#define VC vd
#define VC_LOAD vd_load
#define VC_SET1 vd_set1
#define DIFFERENCE difference_double
#define IS_MIXED 0
#define IS_EWALD 0
#define OF_TYPE(name) name##_double
#include "nonbonded_rows_of_type.h"
