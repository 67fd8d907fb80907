/* Numbers in columns of fixed width: GROMOS text, GRO and PDB files. */
#ifndef GD_COLUMNS_H
#define GD_COLUMNS_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Where the numbers of a frame stand in its text: rows of `n` columns, one behind the other. Row r
 * begins at first + r * row_size + (r / 10) * gap, from the frame's beginning. */
struct gd_columns {
    int64_t first;
    int64_t row_size;
    int64_t gap;      /* bytes between the tenth row and the next, as of a comment */
    int32_t n;        /* numbers in a row */
    int32_t width;    /* characters of a number, at most 24 */
    int32_t decimals; /* digits behind the point, at most 9 */
    int32_t power;    /* written are the digits of value * 10^power, at most 10: to be `decimals`
                         for the number itself, one more for ten times it (nm in Å) */
};

/* Write (n_frames, n_rows, columns->n) numbers of `type` (enum gd_type) into text that is there.
 * Each is what printf gives for %*.*f: rounded once, from its exact value, halves to even.
 *   starts   n_frames: where in `text`, of `size` bytes, each frame begins
 * GD_NOT_FINITE, GD_UNSUPPORTED (a number that needs more than the width): where.frame, and
 * where.atom is the row. GD_BAD_ARGUMENT. */
int gd_columns_format(const void *values, int type, int64_t n_frames, int64_t n_rows,
                      const struct gd_columns *columns, const int64_t *starts, char *text,
                      int64_t size, struct gd_where *where);

/* Read such numbers: the rows `wanted` (n_wanted of them; NULL: the first n_wanted) of each frame.
 * Digits behind the point are as many as there are; `power` is what the number is divided by, as a
 * power of ten (1: Å to nm). Rounded once.
 * GD_CORRUPT (no number, or one of more than 15 digits), GD_NOT_FINITE, GD_TRUNCATED (beyond
 * `size`): where.frame, where.atom is the row. GD_BAD_ARGUMENT. */
int gd_columns_parse(const char *text, int64_t size, const struct gd_columns *columns,
                     int64_t n_frames, const int64_t *starts, int64_t n_wanted,
                     const int64_t *wanted, int type, void *values, struct gd_where *where);

#endif
