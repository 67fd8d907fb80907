/* The kernels that exist once an instruction set, as pointers: table.c, compiled once for each,
 * fills one of these from kernels.def; dispatch.c chooses among them. */
#ifndef GD_KERNELS_TABLE_H
#define GD_KERNELS_TABLE_H

#include <stdint.h>

#include "gd/numbers.h"

struct gd_row;
struct gd_run;
struct gd_mesh_work;
struct gd_mesh_row;

/* Float32 coordinates as they stand, all weights being 1; beside the two of gd_type. */
enum { GD_EXACT = GD_FLOAT64 + 1, GD_KINDS };

struct gd_table {
#define KERNEL(variants, name, arguments) void(*name variants##_DIMENSION) arguments;
#include "kernels.def"
};

extern const struct gd_table gd_table_scalar;
extern const struct gd_table gd_table_avx2;
extern const struct gd_table gd_table_avx512;

/* The table in use. Read it once at the top of a public function. */
const struct gd_table *gd_table(void);

#endif
