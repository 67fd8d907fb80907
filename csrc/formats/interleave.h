/* Loops over whole frames of numbers, compiled once an instruction set: planes of x, y and z to
 * (atom, xyz), and the order of bytes. */
#ifndef GD_INTERLEAVE_H
#define GD_INTERLEAVE_H

#include <stdint.h>

struct gd_interleave {
    /* Three planes of n float32 (any alignment), times scale in double, to (n, 3). */
    void (*f32)(const unsigned char *const planes[3], int64_t n, double scale, float *out);
    void (*f64)(const unsigned char *const planes[3], int64_t n, double scale, double *out);
    /* Turn the byte order of n words of 4 bytes, in place. */
    void (*swap_bytes)(unsigned char *words, int64_t n);
};

extern const struct gd_interleave gd_interleave_scalar;
extern const struct gd_interleave gd_interleave_avx2;
extern const struct gd_interleave gd_interleave_avx512;

/* Those of the instruction set in use. Read it once at the top of a public function. */
const struct gd_interleave *gd_interleave(void);

#endif
