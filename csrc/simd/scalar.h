/* The vector layer without vectors: what each of its operations means. */
#include <stdint.h>

#define GD_LANES 1
typedef double vd;

static inline vd vd_zero(void) { return 0.0; }
static inline vd vd_set1(double x) { return x; }
static inline vd vd_load(const double *p) { return *p; }
static inline vd vd_load_f32(const float *p) { return (double)*p; }
static inline void vd_store(double *p, vd a) { *p = a; }
static inline vd vd_add(vd a, vd b) { return a + b; }
static inline vd vd_sub(vd a, vd b) { return a - b; }
static inline vd vd_mul(vd a, vd b) { return a * b; }
static inline vd vd_add_exact(vd sum, vd a, vd b) { return sum + a * b; }
static inline vd vd_keep(vd a) { return a; }
static inline vd vd_sqrt(vd a) { return __builtin_sqrt(a); }
static inline vd vd_quotient(vd a, vd b) { return a / b; }
/* Of GD_LANES vectors: lane i of vector j becomes lane j of vector i. */
static inline void vd_transpose(vd *rows) { (void)rows; }

/* For pair interactions: a multiply and add that may round once or twice, and the inverse of
 * a square root of nearly full precision, so that bits differ between instruction sets. */
#define VF_LANES 1
typedef float vf;
typedef int32_t vi;   /* VF_LANES integers of 32 bits */
typedef uint32_t vfm; /* a mask of VF_LANES lanes */
typedef uint32_t vdm; /* a mask of GD_LANES lanes */

static inline vd vd_fma(vd a, vd b, vd c) { return a * b + c; }
static inline vd vd_fnma(vd a, vd b, vd c) { return c - a * b; }
static inline vd vd_max(vd a, vd b) { return a > b ? a : b; }
static inline vd vd_min(vd a, vd b) { return a < b ? a : b; }
static inline vd vd_abs(vd a) { return __builtin_fabs(a); }
static inline vd vd_round(vd a) {
    /* Rounds to even for the small numbers that pairs have; rint is a call without SSE4. */
    return (a + 0x1.8p52) - 0x1.8p52;
}
/* scale / sqrt(a) */
static const double vd_scale = 1.0;
static inline vd vd_inverse_sqrt(vd a) { return 1.0 / __builtin_sqrt(a); }
static inline vd vd_divide(vd a, vd b) { return a / b; }
/* a 2^n; n is a whole number, of which what is below the least exponent counts as that. */
static inline vd vd_times_power(vd a, vd n) {
    const union {
        uint64_t bits;
        double number;
    } power = {(uint64_t)((int64_t)vd_max(n, -1022.0) + 1023) << 52};
    return a * power.number;
}
static inline vdm vd_at_most(vd a, vd b) { return a <= b; }
static inline vd vd_where(vdm m, vd a) { return m ? a : 0.0; }
static inline vd vd_choose(vdm m, vd a, vd b) { return m ? a : b; }
static inline uint32_t vd_bits(vdm m) { return m; }
static inline vdm vd_mask(uint32_t bits) { return bits & 1; }
static inline vd vd_lookup(const double *table, const int32_t *index) { return table[*index]; }
static inline void vd_add_to(double *p, vd a) { *p += a; }
static inline double vd_sum(vd a) { return a; }

static inline vf vf_zero(void) { return 0.0f; }
static inline vf vf_set1(float x) { return x; }
static inline vf vf_load(const float *p) { return *p; }
static inline void vf_store(float *p, vf a) { *p = a; }
static inline vf vf_add(vf a, vf b) { return a + b; }
static inline vf vf_sub(vf a, vf b) { return a - b; }
static inline vf vf_mul(vf a, vf b) { return a * b; }
static inline vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static inline vf vf_fnma(vf a, vf b, vf c) { return c - a * b; }
static inline vf vf_max(vf a, vf b) { return a > b ? a : b; }
static inline vf vf_abs(vf a) { return __builtin_fabsf(a); }
static const double vf_scale = 1.0;
static inline vf vf_inverse_sqrt(vf a) { return 1.0f / __builtin_sqrtf(a); }
static inline vf vf_round(vf a) { return (a + 0x1.8p23f) - 0x1.8p23f; }
static inline vf vf_divide(vf a, vf b) { return a / b; }
static inline vf vf_times_power(vf a, vf n) {
    const union {
        uint32_t bits;
        float number;
    } power = {(uint32_t)((int32_t)vf_max(n, -126.0f) + 127) << 23};
    return a * power.number;
}
static inline vfm vf_at_most(vf a, vf b) { return a <= b; }
static inline vf vf_where(vfm m, vf a) { return m ? a : 0.0f; }
static inline uint32_t vf_bits(vfm m) { return m; }
static inline vfm vf_mask(uint32_t bits) { return bits & 1; }
static inline vf vf_lookup(const float *table, const int32_t *index) { return table[*index]; }
static inline void vf_add_to(double *p, vf a) { *p += (double)a; }
static inline double vf_sum(vf a) { return (double)a; }
static inline vi vi_load(const int32_t *p) { return *p; }
static inline vi vi_set1(int32_t x) { return x; }
/* The difference as a float; it wraps around. */
static inline vf vi_difference(vi a, vi b) { return (float)(int32_t)((uint32_t)a - (uint32_t)b); }
