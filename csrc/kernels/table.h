/* The kernels that exist once an instruction set. table.c, compiled once for each, fills one of
 * these; dispatch.c chooses among them. A new kernel family adds its inner loops here. */
#ifndef GD_TABLE_H
#define GD_TABLE_H

#include <stdint.h>

struct gd_table {
    /* A placeholder-free table starts with the level itself, so that a mix-up shows. */
    int isa;
};

extern const struct gd_table gd_table_scalar;
extern const struct gd_table gd_table_avx2;
extern const struct gd_table gd_table_avx512;

/* The table in use. Read it once at the top of a public function. */
const struct gd_table *gd_table(void);

#endif
