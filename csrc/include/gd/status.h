/* How a function of the core went: what it returns, and where something was wrong. */
#ifndef GD_STATUS_H
#define GD_STATUS_H

#include <stdint.h>

enum gd_status {
    GD_OK = 0,
    GD_BAD_ARGUMENT = 1, /* sizes that make no sense; where.found is the value */
    GD_NOT_FINITE = 2,   /* NaN or infinity in the data: where.frame (of the block), where.atom */
    GD_NO_WEIGHT = 3,    /* the weights sum to zero or less, or one is negative or not finite */
    GD_TRUNCATED = 4,    /* the data end inside a frame: where.byte, expected and found in bytes */
    GD_CORRUPT = 5,      /* the data contradict themselves: where.byte or line, expected, found */
    GD_UNSUPPORTED = 6,  /* well formed, but not something this reader handles: where.found */
    GD_SYSTEM = 7,       /* the operating system refused: where.system_error is errno */
    GD_NO_VOLUME = 8,    /* a box whose vectors lie in a plane: where.frame (of the block) */
    GD_SMALL_BOX = 9,    /* a cutoff longer than half the shortest box vector: where.frame */
    GD_SAME_PLACE = 10,  /* two interacting atoms in one place (or so near that numbers overflow):
                            where.frame, where.atom (one of them; -1 when it is not known) */
    GD_NOT_CONVERGED = 11, /* constraints that cannot be met: where.atom and where.found, the two
                              atoms of one of them */
    GD_TOO_FAR =
        12 /* coordinates or a box beyond all sense: where.frame, where.atom if it is one */
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

#endif
