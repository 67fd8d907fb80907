/* The vector layer with AVX-512: 8 doubles, 16 floats. */
#include <immintrin.h>
#include <stdint.h>

#define GD_LANES 8
typedef __m512d vd;

static inline vd vd_zero(void) { return _mm512_setzero_pd(); }
static inline vd vd_set1(double x) { return _mm512_set1_pd(x); }
static inline vd vd_load(const double *p) { return _mm512_loadu_pd(p); }
static inline vd vd_load_f32(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
static inline void vd_store(double *p, vd a) { _mm512_storeu_pd(p, a); }
static inline vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
static inline vd vd_sub(vd a, vd b) { return _mm512_sub_pd(a, b); }
static inline vd vd_mul(vd a, vd b) { return _mm512_mul_pd(a, b); }
static inline vd vd_add_exact(vd sum, vd a, vd b) { return _mm512_fmadd_pd(a, b, sum); }
/* Keeps what was loaded in a register; compilers like to load it again for each use. */
static inline vd vd_keep(vd a) {
    __asm__("" : "+v"(a));
    return a;
}
static inline vd vd_sqrt(vd a) { return _mm512_sqrt_pd(a); }
static inline vd vd_quotient(vd a, vd b) { return _mm512_div_pd(a, b); }
static inline void vd_transpose(vd *rows) {
    vd pairs[8], fours[8];
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm512_unpacklo_pd(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_pd(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = i; j < i + 2; j++) {
            fours[j] = _mm512_shuffle_f64x2(pairs[j], pairs[j + 2], 0x88);
            fours[j + 2] = _mm512_shuffle_f64x2(pairs[j], pairs[j + 2], 0xdd);
        }
    for (int i = 0; i < 4; i++) {
        rows[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);
        rows[i + 4] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0xdd);
    }
}

/* For pair interactions; see scalar.h. */
#define VF_LANES 16
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vfm;
typedef __mmask8 vdm;

static inline vd vd_fma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
static inline vd vd_fnma(vd a, vd b, vd c) { return _mm512_fnmadd_pd(a, b, c); }
static inline vd vd_max(vd a, vd b) { return _mm512_max_pd(a, b); }
static inline vd vd_min(vd a, vd b) { return _mm512_min_pd(a, b); }
static inline vd vd_abs(vd a) { return _mm512_abs_pd(a); }
static inline vd vd_round(vd a) {
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static const double vd_scale = 1.0;
/* 14 bits, and an iteration of fifth order on e = 1 - a y^2. */
static inline vd vd_inverse_sqrt(vd a) {
    const vd y = _mm512_rsqrt14_pd(a);
    const vd e = vd_fnma(vd_mul(a, y), y, vd_set1(1.0));
    vd p = vd_fma(e, vd_set1(35.0 / 128.0), vd_set1(5.0 / 16.0));
    p = vd_fma(e, p, vd_set1(3.0 / 8.0));
    p = vd_fma(e, p, vd_set1(0.5));
    return vd_fma(vd_mul(y, e), p, y);
}
static inline vd vd_divide(vd a, vd b) {
    const vd y = _mm512_rcp14_pd(b);
    const vd e = vd_fnma(b, y, vd_set1(1.0));
    const vd p = vd_fma(e, vd_fma(e, e, e), e);
    return vd_mul(a, vd_fma(y, p, y));
}
static inline vd vd_times_power(vd a, vd n) { return _mm512_scalef_pd(a, n); }
static inline vdm vd_at_most(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
static inline vd vd_where(vdm m, vd a) { return _mm512_maskz_mov_pd(m, a); }
static inline vd vd_choose(vdm m, vd a, vd b) { return _mm512_mask_blend_pd(m, b, a); }
static inline uint32_t vd_bits(vdm m) { return m; }
static inline vdm vd_mask(uint32_t bits) { return (vdm)bits; }
static inline vd vd_lookup(const double *table, const int32_t *index) {
    return _mm512_i32gather_pd(_mm256_loadu_si256((const __m256i *)index), table, 8);
}
static inline void vd_add_to(double *p, vd a) {
    _mm512_storeu_pd(p, _mm512_add_pd(_mm512_loadu_pd(p), a));
}
static inline double vd_sum(vd a) { return _mm512_reduce_add_pd(a); }

static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm512_abs_ps(a); }
static const double vf_scale = 2.0;
/* 14 bits and one iteration of Newton's, without its last halving. */
static inline vf vf_inverse_sqrt(vf a) {
    const vf y = _mm512_rsqrt14_ps(a);
    return vf_mul(vf_fnma(vf_mul(a, y), y, vf_set1(3.0f)), y);
}
static inline vf vf_round(vf a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* 14 bits of the inverse and one iteration of Newton's. */
static inline vf vf_divide(vf a, vf b) {
    const vf y = _mm512_rcp14_ps(b);
    return vf_mul(a, vf_fma(vf_fnma(b, y, vf_set1(1.0f)), y, y));
}
static inline vf vf_times_power(vf a, vf n) { return _mm512_scalef_ps(a, n); }
static inline vfm vf_at_most(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vf vf_where(vfm m, vf a) { return _mm512_maskz_mov_ps(m, a); }
static inline uint32_t vf_bits(vfm m) { return m; }
static inline vfm vf_mask(uint32_t bits) { return (vfm)bits; }
static inline vf vf_lookup(const float *table, const int32_t *index) {
    return _mm512_i32gather_ps(_mm512_loadu_si512(index), table, 4);
}
static inline void vf_add_to(double *p, vf a) {
    vd_add_to(p, _mm512_cvtps_pd(_mm512_castps512_ps256(a)));
    vd_add_to(p + 8, _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)));
}
static inline double vf_sum(vf a) {
    return _mm512_reduce_add_pd(_mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a)),
                                              _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))));
}
static inline vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline vf vi_difference(vi a, vi b) { return _mm512_cvtepi32_ps(_mm512_sub_epi32(a, b)); }
