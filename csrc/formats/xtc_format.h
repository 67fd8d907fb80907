/* What reading and writing XTC have in common. */
#ifndef GD_XTC_FORMAT_H
#define GD_XTC_FORMAT_H

#include <stdint.h>

enum {
    XTC_SMALL_FIRST = 9,
    XTC_SMALL_LAST = 72,
    XTC_UNCOMPRESSED = 9, /* atoms, at most */
    XTC_HEADER = 56,
    XTC_HEADER_LONG = 96,   /* of a frame that is compressed */
    XTC_SEPARATE = 0xffffff /* a range above this is not mixed with the others */
};

__extension__ typedef unsigned __int128 uint128;

/* How a number of `bits` bits stands in the eight bytes that it begins with: all whole bytes, and
 * what is left of it at the top of the last one. */
struct field {
    uint64_t whole;
    uint64_t rest;
    int rest_shift;
    int bits;
};

#define FIELD(n)                                                                                   \
    {.whole = ((uint64_t)1 << (((n) - 1) / 8 * 8)) - 1,                                            \
     .rest = (((uint64_t)1 << (((n) - 1) % 8 + 1)) - 1) << (((n) - 1) / 8 * 8),                    \
     .rest_shift = 7 - ((n) - 1) % 8,                                                              \
     .bits = (n)}

/* Division of numbers below 2^63 by d > 1, where t is the least with d <= 2^t: multiply by
 * 2^(63 + t) / d, rounded up, whose error is too small to reach the next quotient. */
struct divisor {
    uint64_t inverse;
    int shift;
};

/* A range of small differences. */
struct xtc_small {
    struct divisor by_size;
    struct divisor by_square;
    struct field field;
    uint32_t size;
};

extern const struct xtc_small xtc_smalls[XTC_SMALL_LAST + 1];

static inline int bit_length(uint128 value) {
    int n = 0;
    for (; value; value >>= 1)
        n++;
    return n;
}

#endif
