/* Planes of x, y and z to (atom, xyz): what table.h says of interleave_f32, interleave_f64 and
 * swap_bytes. */
#ifndef GD_INTERLEAVE_H
#define GD_INTERLEAVE_H

#include <stdint.h>

#include "simd.h"

void GD_NAME(interleave_f32)(const unsigned char *const planes[3], int64_t n, double scale,
                             float *out);
void GD_NAME(interleave_f64)(const unsigned char *const planes[3], int64_t n, double scale,
                             double *out);
void GD_NAME(swap_bytes)(unsigned char *words, int64_t n);

#endif
