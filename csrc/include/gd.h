/* gromos_dist: the C core.
 *
 * Pure functions over plain arrays. Nothing here knows Python, starts a thread,
 * or keeps memory: the caller owns every buffer. Every function that can fail
 * returns a gd_status and, where it can tell, says in a gd_where what it met.
 *
 * cffi reads this very file, so it stays declarations only: enums, structs of
 * plain members, functions.
 */
#ifndef GD_H
#define GD_H

#include <stdint.h>

enum gd_status {
    GD_OK = 0,
    GD_BAD_ARGUMENT = 1, /* sizes that make no sense; where.found is the value */
    GD_NOT_FINITE = 2,   /* NaN or infinity in the data: where.frame (of the block), where.atom */
    GD_NO_WEIGHT = 3,    /* the weights sum to zero or less, or one is negative or not finite */
    GD_TRUNCATED = 4,    /* the data end inside a frame: where.byte, expected and found in bytes */
    GD_CORRUPT = 5,      /* the data contradict themselves: where.byte or line, expected, found */
    GD_UNSUPPORTED = 6,  /* well formed, but not something this reader handles: where.found */
    GD_SYSTEM = 7        /* the operating system refused: where.system_error is errno */
};

/* Where something went wrong; a member that does not apply is -1. */
struct gd_where {
    int64_t frame;
    int64_t atom;
    int64_t line;
    int64_t byte;
    int64_t expected;
    int64_t found;
    int32_t system_error;
};

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
