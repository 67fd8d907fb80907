/* Planes of x, y and z to (atom, xyz), and the order of bytes, in vectors where they exist. */
#include "interleave.h"

#include <string.h>

#include "simd.h"

static double load_one(const unsigned char *plane, int64_t i) {
    float value;
    memcpy(&value, plane + 4 * i, sizeof value);
    return (double)value;
}

#if defined(GD_BUILD_AVX512)

static __m512 scaled(const unsigned char *p, __m512d scale) {
    __m512d low = _mm512_cvtps_pd(_mm256_loadu_ps((const float *)p));
    __m512d high = _mm512_cvtps_pd(_mm256_loadu_ps((const float *)(p + 32)));
    __m256 first = _mm512_cvtpd_ps(_mm512_mul_pd(low, scale));
    __m256 second = _mm512_cvtpd_ps(_mm512_mul_pd(high, scale));
    return _mm512_insertf32x8(_mm512_castps256_ps512(first), second, 1);
}

static int64_t blocks_f32(const unsigned char *const planes[3], int64_t n, double scale,
                          float *out) {
    const __m512d factor = _mm512_set1_pd(scale);
    /* Lane i of the k-th output vector is coordinate (16 k + i) % 3 of atom (16 k + i) / 3; from 16
     * on an index means the second operand. First x and y are merged, then z is put between. */
    const __m512i xy0 = _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    const __m512i xy1 = _mm512_setr_epi32(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    const __m512i xy2 = _mm512_setr_epi32(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    const __m512i z0 = _mm512_setr_epi32(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
    const __m512i z1 = _mm512_setr_epi32(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
    const __m512i z2 = _mm512_setr_epi32(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512 x = scaled(planes[0] + 4 * i, factor);
        __m512 y = scaled(planes[1] + 4 * i, factor);
        __m512 z = scaled(planes[2] + 4 * i, factor);
        __m512 a = _mm512_permutex2var_ps(_mm512_permutex2var_ps(x, xy0, y), z0, z);
        __m512 b = _mm512_permutex2var_ps(_mm512_permutex2var_ps(x, xy1, y), z1, z);
        __m512 c = _mm512_permutex2var_ps(_mm512_permutex2var_ps(x, xy2, y), z2, z);
        _mm512_storeu_ps(out + 3 * i, a);
        _mm512_storeu_ps(out + 3 * i + 16, b);
        _mm512_storeu_ps(out + 3 * i + 32, c);
    }
    return i;
}

static int64_t blocks_f64(const unsigned char *const planes[3], int64_t n, double scale,
                          double *out) {
    const __m512d factor = _mm512_set1_pd(scale);
    const __m512i xy0 = _mm512_setr_epi64(0, 8, 0, 1, 9, 0, 2, 10);
    const __m512i xy1 = _mm512_setr_epi64(0, 3, 11, 0, 4, 12, 0, 5);
    const __m512i xy2 = _mm512_setr_epi64(13, 0, 6, 14, 0, 7, 15, 0);
    const __m512i z0 = _mm512_setr_epi64(0, 1, 8, 3, 4, 9, 6, 7);
    const __m512i z1 = _mm512_setr_epi64(10, 1, 2, 11, 4, 5, 12, 7);
    const __m512i z2 = _mm512_setr_epi64(0, 13, 2, 3, 14, 5, 6, 15);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512d x = _mm512_mul_pd(vd_load_f32((const float *)(planes[0] + 4 * i)), factor);
        __m512d y = _mm512_mul_pd(vd_load_f32((const float *)(planes[1] + 4 * i)), factor);
        __m512d z = _mm512_mul_pd(vd_load_f32((const float *)(planes[2] + 4 * i)), factor);
        __m512d a = _mm512_permutex2var_pd(_mm512_permutex2var_pd(x, xy0, y), z0, z);
        __m512d b = _mm512_permutex2var_pd(_mm512_permutex2var_pd(x, xy1, y), z1, z);
        __m512d c = _mm512_permutex2var_pd(_mm512_permutex2var_pd(x, xy2, y), z2, z);
        _mm512_storeu_pd(out + 3 * i, a);
        _mm512_storeu_pd(out + 3 * i + 8, b);
        _mm512_storeu_pd(out + 3 * i + 16, c);
    }
    return i;
}

#elif defined(GD_BUILD_AVX2)

static __m256 scaled(const unsigned char *p, __m256d scale) {
    __m128 low = _mm256_cvtpd_ps(_mm256_mul_pd(vd_load_f32((const float *)p), scale));
    __m128 high = _mm256_cvtpd_ps(_mm256_mul_pd(vd_load_f32((const float *)(p + 16)), scale));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
}

static int64_t blocks_f32(const unsigned char *const planes[3], int64_t n, double scale,
                          float *out) {
    const __m256d factor = _mm256_set1_pd(scale);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 x = scaled(planes[0] + 4 * i, factor);
        __m256 y = scaled(planes[1] + 4 * i, factor);
        __m256 z = scaled(planes[2] + 4 * i, factor);
        /* In each half of 4 atoms: x0 x2 y0 y2, y1 y3 z1 z3, z0 z2 x1 x3. */
        __m256 xy = _mm256_shuffle_ps(x, y, 0x88);
        __m256 yz = _mm256_shuffle_ps(y, z, 0xdd);
        __m256 zx = _mm256_shuffle_ps(z, x, 0xd8);
        __m256 a = _mm256_shuffle_ps(xy, zx, 0x88); /* x0 y0 z0 x1 */
        __m256 b = _mm256_shuffle_ps(yz, xy, 0xd8); /* y1 z1 x2 y2 */
        __m256 c = _mm256_shuffle_ps(zx, yz, 0xdd); /* z2 x3 y3 z3 */
        _mm256_storeu_ps(out + 3 * i, _mm256_permute2f128_ps(a, b, 0x20));
        _mm256_storeu_ps(out + 3 * i + 8, _mm256_permute2f128_ps(c, a, 0x30));
        _mm256_storeu_ps(out + 3 * i + 16, _mm256_permute2f128_ps(b, c, 0x31));
    }
    return i;
}

static int64_t blocks_f64(const unsigned char *const planes[3], int64_t n, double scale,
                          double *out) {
    const __m256d factor = _mm256_set1_pd(scale);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256d x = _mm256_mul_pd(vd_load_f32((const float *)(planes[0] + 4 * i)), factor);
        __m256d y = _mm256_mul_pd(vd_load_f32((const float *)(planes[1] + 4 * i)), factor);
        __m256d z = _mm256_mul_pd(vd_load_f32((const float *)(planes[2] + 4 * i)), factor);
        __m256d xy = _mm256_unpacklo_pd(x, y);     /* x0 y0 | x2 y2 */
        __m256d yz = _mm256_unpackhi_pd(y, z);     /* y1 z1 | y3 z3 */
        __m256d zx = _mm256_shuffle_pd(z, x, 0xa); /* z0 x1 | z2 x3 */
        _mm256_storeu_pd(out + 3 * i, _mm256_permute2f128_pd(xy, zx, 0x20));
        _mm256_storeu_pd(out + 3 * i + 4, _mm256_permute2f128_pd(yz, xy, 0x30));
        _mm256_storeu_pd(out + 3 * i + 8, _mm256_permute2f128_pd(zx, yz, 0x31));
    }
    return i;
}

#else

static int64_t blocks_f32(const unsigned char *const planes[3], int64_t n, double scale,
                          float *out) {
    (void)planes, (void)n, (void)scale, (void)out;
    return 0;
}

static int64_t blocks_f64(const unsigned char *const planes[3], int64_t n, double scale,
                          double *out) {
    (void)planes, (void)n, (void)scale, (void)out;
    return 0;
}

#endif

static void interleave_f32(const unsigned char *const planes[3], int64_t n, double scale,
                           float *out) {
    for (int64_t i = blocks_f32(planes, n, scale, out); i < n; i++)
        for (int k = 0; k < 3; k++)
            out[3 * i + k] = (float)(load_one(planes[k], i) * scale);
}

static void interleave_f64(const unsigned char *const planes[3], int64_t n, double scale,
                           double *out) {
    for (int64_t i = blocks_f64(planes, n, scale, out); i < n; i++)
        for (int k = 0; k < 3; k++)
            out[3 * i + k] = load_one(planes[k], i) * scale;
}

static void swap_bytes(unsigned char *words, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, words + 4 * i, sizeof word);
        word = __builtin_bswap32(word);
        memcpy(words + 4 * i, &word, sizeof word);
    }
}

const struct gd_interleave GD_NAME(gd_interleave) = {interleave_f32, interleave_f64, swap_bytes};
