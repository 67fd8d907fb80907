/* Which vector instructions the kernels use. */
#ifndef GD_INSTRUCTION_SET_H
#define GD_INSTRUCTION_SET_H

#include <stdint.h>

/* Instruction sets, in rising order. */
enum gd_isa { GD_ISA_SCALAR = 0, GD_ISA_AVX2 = 1, GD_ISA_AVX512 = 2 };

/* The highest set that this processor, its operating system and the compiler that built this
 * library have in common. */
int gd_isa_best(void);

/* The set in use. */
int gd_isa_active(void);

/* Use this set (at most gd_isa_best; GD_BAD_ARGUMENT otherwise, and nothing changes). Called when
 * the module loads, and by tests; not while another thread runs a kernel. */
int gd_isa_select(int isa);

#endif
