/* What the fuzz targets share: a check that stops the fuzzer, exact-size buffers, choices. */
#ifndef GD_FUZZ_H
#define GD_FUZZ_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gd_where nowhere = {-1, -1, -1, -1, -1, -1, -1};

/* A buffer of exactly so many bytes, so that AddressSanitizer sees one more. */
static inline void *buffer_of(int64_t n, int64_t size) {
    void *buffer = calloc((size_t)(n > 0 ? n : 1), (size_t)size);
    REQUIRE(buffer);
    return buffer;
}

static inline void *copy_of(const uint8_t *data, size_t size) {
    void *copy = buffer_of((int64_t)size, 1);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

/* The same input always makes the same choices. */
static inline uint64_t seed_of(const uint8_t *data, size_t size) {
    uint64_t seed = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * UINT64_C(0x100000001b3);
    return seed | 1;
}

static inline int64_t choose(uint64_t *seed, int64_t n) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (int64_t)(*seed % (uint64_t)n);
}

/* Some of n atoms: from one to twice as many as there are, in any order, or rising, or one run. */
static inline int64_t *choose_atoms(uint64_t *seed, int64_t n, int rising, int64_t *n_wanted) {
    int64_t kind = choose(seed, 3);
    *n_wanted = 1 + choose(seed, kind == 2 ? n : 2 * n);
    int64_t *atoms = buffer_of(*n_wanted, sizeof *atoms);
    int64_t first = kind == 2 ? choose(seed, n - *n_wanted + 1) : 0;
    for (int64_t k = 0; k < *n_wanted; k++)
        atoms[k] = kind == 2 ? first + k : choose(seed, n);
    for (int64_t k = 1; (rising || kind == 1) && k < *n_wanted; k++) {
        int64_t atom = atoms[k], at = k;
        for (; at > 0 && atoms[at - 1] > atom; at--)
            atoms[at] = atoms[at - 1];
        atoms[at] = atom;
    }
    return atoms;
}

static inline int same(double a, double b) {
    return isnan(a) ? isnan(b) : !memcmp(&a, &b, sizeof a);
}

/* What was read of some atoms is what was read of all; a NaN is a NaN. */
static inline void same_vectors(const float *f32, const double *f64, const float *all32,
                                const double *all64, int64_t n_frames, int64_t n_atoms,
                                const int64_t *atoms, int64_t n_wanted) {
    for (int64_t i = 0; i < n_frames; i++)
        for (int64_t k = 0; k < n_wanted; k++)
            for (int64_t x = 0; x < 3; x++) {
                int64_t to = 3 * (i * n_wanted + k) + x, from = 3 * (i * n_atoms + atoms[k]) + x;
                REQUIRE(same((double)f32[to], (double)all32[from]));
                REQUIRE(same(f64[to], all64[from]));
            }
}

#endif
