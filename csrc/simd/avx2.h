/* The vector layer with AVX2 and FMA: 4 doubles, 8 floats. */
#include <immintrin.h>
#include <stdint.h>

#define GD_LANES 4
typedef __m256d vd;

static inline vd vd_zero(void) { return _mm256_setzero_pd(); }
static inline vd vd_set1(double x) { return _mm256_set1_pd(x); }
static inline vd vd_load(const double *p) { return _mm256_loadu_pd(p); }
static inline vd vd_load_f32(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline void vd_store(double *p, vd a) { _mm256_storeu_pd(p, a); }
static inline vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm256_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm256_mul_pd(a, b); }
static inline vd vd_add_exact(vd sum, vd a, vd b) { return _mm256_fmadd_pd(a, b, sum); }
/* Keeps what was loaded in a register; compilers like to load it again for each use. */
static inline vd vd_keep(vd a) {
    __asm__("" : "+x"(a));
    return a;
}
static inline vd vd_sqrt(vd a) { return _mm256_sqrt_pd(a); }
static inline vd vd_quotient(vd a, vd b) { return _mm256_div_pd(a, b); }
static inline void vd_transpose(vd *rows) {
    const vd a = _mm256_unpacklo_pd(rows[0], rows[1]), b = _mm256_unpackhi_pd(rows[0], rows[1]);
    const vd c = _mm256_unpacklo_pd(rows[2], rows[3]), d = _mm256_unpackhi_pd(rows[2], rows[3]);
    rows[0] = _mm256_permute2f128_pd(a, c, 0x20);
    rows[1] = _mm256_permute2f128_pd(b, d, 0x20);
    rows[2] = _mm256_permute2f128_pd(a, c, 0x31);
    rows[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

/* For pair interactions; see scalar.h. */
#define VF_LANES 8
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vfm;
typedef __m256d vdm;

static inline vd vd_fma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
static inline vd vd_fnma(vd a, vd b, vd c) { return _mm256_fnmadd_pd(a, b, c); }
static inline vd vd_max(vd a, vd b) { return _mm256_max_pd(a, b); }
static inline vd vd_min(vd a, vd b) { return _mm256_min_pd(a, b); }
static inline vd vd_abs(vd a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
static inline vd vd_round(vd a) {
    return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static const double vd_scale = 1.0;
static inline vd vd_inverse_sqrt(vd a) {
    return _mm256_div_pd(_mm256_set1_pd(1.0), _mm256_sqrt_pd(a));
}
static inline vd vd_divide(vd a, vd b) { return _mm256_div_pd(a, b); }
static inline vd vd_times_power(vd a, vd n) {
    /* Added to this the exponent's bits are the lowest ones. */
    const vd shifted =
        _mm256_add_pd(vd_max(n, vd_set1(-1022.0)), _mm256_set1_pd(0x1.8p52 + 1023.0));
    return _mm256_mul_pd(a,
                         _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(shifted), 52)));
}
static inline vdm vd_at_most(vd a, vd b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
static inline vd vd_where(vdm m, vd a) { return _mm256_and_pd(m, a); }
static inline vd vd_choose(vdm m, vd a, vd b) { return _mm256_blendv_pd(b, a, m); }
static inline uint32_t vd_bits(vdm m) { return (uint32_t)_mm256_movemask_pd(m); }
static inline vdm vd_mask(uint32_t bits) {
    const __m256i lanes = _mm256_set_epi64x(8, 4, 2, 1);
    return _mm256_castsi256_pd(
        _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((long long)bits), lanes), lanes));
}
static inline vd vd_lookup(const double *table, const int32_t *index) {
    return _mm256_i32gather_pd(table, _mm_loadu_si128((const __m128i *)index), 8);
}
static inline void vd_add_to(double *p, vd a) {
    _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), a));
}
static inline double vd_sum(vd a) {
    const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

static inline vf vf_zero(void) { return _mm256_setzero_ps(); }
static inline vf vf_set1(float x) { return _mm256_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static const double vf_scale = 1.0;
/* 12 bits, and an iteration of third order: y (1 + e/2 + 3/8 e^2), e = 1 - a y^2. */
static inline vf vf_inverse_sqrt(vf a) {
    const vf y = _mm256_rsqrt_ps(a);
    const vf e = vf_fnma(vf_mul(a, y), y, vf_set1(1.0f));
    return vf_fma(vf_mul(y, e), vf_fma(e, vf_set1(0.375f), vf_set1(0.5f)), y);
}
static inline vf vf_round(vf a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_divide(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vf_times_power(vf a, vf n) {
    const vf shifted =
        _mm256_add_ps(vf_max(n, vf_set1(-126.0f)), _mm256_set1_ps(0x1.8p23f + 127.0f));
    return _mm256_mul_ps(a,
                         _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}
static inline vfm vf_at_most(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vf vf_where(vfm m, vf a) { return _mm256_and_ps(m, a); }
static inline uint32_t vf_bits(vfm m) { return (uint32_t)_mm256_movemask_ps(m); }
static inline vfm vf_mask(uint32_t bits) {
    const __m256i lanes = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    return _mm256_castsi256_ps(
        _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), lanes), lanes));
}
static inline vf vf_lookup(const float *table, const int32_t *index) {
    return _mm256_i32gather_ps(table, _mm256_loadu_si256((const __m256i *)index), 4);
}
static inline void vf_add_to(double *p, vf a) {
    vd_add_to(p, _mm256_cvtps_pd(_mm256_castps256_ps128(a)));
    vd_add_to(p + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)));
}
static inline double vf_sum(vf a) {
    return vd_sum(_mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a)),
                                _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))));
}
static inline vi vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline vf vi_difference(vi a, vi b) { return _mm256_cvtepi32_ps(_mm256_sub_epi32(a, b)); }
