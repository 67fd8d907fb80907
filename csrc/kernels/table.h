/* The kernels that exist once an instruction set. table.c, compiled once for each, fills one of
 * these; dispatch.c chooses among them. A new kernel family adds its inner loops here. */
#ifndef GD_TABLE_H
#define GD_TABLE_H

#include <stdint.h>

struct gd_table {
    /* A placeholder-free table starts with the level itself, so that a mix-up shows. */
    int isa;

    /* Three planes of n float32 (any alignment), times scale in double, to (n, 3). */
    void (*interleave_f32)(const unsigned char *const planes[3], int64_t n, double scale,
                           float *out);
    void (*interleave_f64)(const unsigned char *const planes[3], int64_t n, double scale,
                           double *out);
    /* Turn the byte order of n words of 4 bytes, in place. */
    void (*swap_bytes)(unsigned char *words, int64_t n);
};

extern const struct gd_table gd_table_scalar;
extern const struct gd_table gd_table_avx2;
extern const struct gd_table gd_table_avx512;

/* The table in use. Read it once at the top of a public function. */
const struct gd_table *gd_table(void);

#endif
