/* Numbers in columns of fixed width: what GROMOS text, GRO and PDB files are made of. */
#include <math.h>
#include <string.h>

#include "gd/columns.h"

enum { MOST_DECIMALS = 9, WIDEST = 24, MOST_POWER = 10 };

static const uint64_t POWERS[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  UINT64_C(10000000000)};

/* |value| * 10^power, rounded to the nearest integer, halves to the even one, as printf does it on
 * the exact number. 0: it has more than 63 bits. */
static inline int scaled_integer(double value, uint64_t power_of_ten, uint64_t *result) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent)
        mantissa |= UINT64_C(1) << 52;
    else
        exponent = 1;
    /* The value is mantissa / 2^shift. */
    int shift = 1075 - exponent;
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)mantissa * power_of_ten;
    if (shift <= 0) {
        if (shift < -10)
            return 0;
        product <<= -shift;
    } else if (shift < 100) {
        wide rest = product & (((wide)1 << shift) - 1), half = (wide)1 << (shift - 1);
        product >>= shift;
        product += rest > half || (rest == half && (product & 1));
    } else {
        product = 0;
    }
    if (product >> 63)
        return 0;
    *result = (uint64_t)product;
    return 1;
}

static const char PAIRS[201] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

static inline void two_digits(char *out, uint32_t value) { memcpy(out, PAIRS + 2 * value, 2); }

static inline void eight_digits(char *out, uint32_t value) {
    uint32_t high = value / 10000, low = value % 10000;
    two_digits(out, high / 100);
    two_digits(out + 2, high % 100);
    two_digits(out + 4, low / 100);
    two_digits(out + 6, low % 100);
}

/* Write the digits of `value` so that the last stands before `end`; return where the first is. */
static inline char *digits_before(char *end, uint64_t value) {
    while (value >= 100) {
        end -= 2;
        two_digits(end, (uint32_t)(value % 100));
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        two_digits(end, (uint32_t)value);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

/* Write one number; 0 if it needs more than the width. */
static inline int format_number(char *out, double value, const struct gd_columns *columns) {
    uint64_t scaled;
    if (!scaled_integer(value, POWERS[columns->power], &scaled))
        return 0;
    char text[WIDEST + 8];
    char *end = text + sizeof text, *p = end;
    uint64_t whole = scaled;
    if (columns->decimals == 9) {
        uint64_t rest = scaled % POWERS[9];
        whole = scaled / POWERS[9];
        p -= 10;
        p[0] = '.';
        p[1] = (char)('0' + rest / 100000000);
        eight_digits(p + 2, (uint32_t)(rest % 100000000));
    } else if (columns->decimals > 0) {
        uint64_t rest = scaled % POWERS[columns->decimals];
        whole = scaled / POWERS[columns->decimals];
        for (int i = 0; i < columns->decimals; i++) {
            *--p = (char)('0' + rest % 10);
            rest /= 10;
        }
        *--p = '.';
    }
    p = digits_before(p, whole);
    if (signbit(value))
        *--p = '-';
    int64_t size = end - p;
    if (size > columns->width)
        return 0;
    memset(out, ' ', (size_t)(columns->width - size));
    memcpy(out + columns->width - size, p, (size_t)size);
    return 1;
}

static int bad_columns(const struct gd_columns *columns) {
    return columns->n < 1 || columns->width < 1 || columns->width > WIDEST ||
           columns->decimals < 0 || columns->decimals > MOST_DECIMALS || columns->power < 0 ||
           columns->power > MOST_POWER || columns->first < 0 || columns->row_size < 0 ||
           columns->gap < 0;
}

/* Where the text of n_rows ends, counted from the frame's beginning. */
static int64_t end_of_rows(const struct gd_columns *columns, int64_t n_rows) {
    if (n_rows == 0)
        return 0;
    return columns->first + (n_rows - 1) * columns->row_size + (n_rows - 1) / 10 * columns->gap +
           (int64_t)columns->n * columns->width;
}

static int64_t row_at(const struct gd_columns *columns, int64_t row) {
    return columns->first + row * columns->row_size + row / 10 * columns->gap;
}

int gd_columns_format(const void *values, int type, int64_t n_frames, int64_t n_rows,
                      const struct gd_columns *columns, const int64_t *starts, char *text,
                      int64_t size, struct gd_where *where) {
    if (n_frames < 0 || n_rows < 0 || size < 0 || bad_columns(columns))
        return GD_BAD_ARGUMENT;
    const float *f32 = type == GD_FLOAT32 ? values : NULL;
    const double *f64 = type == GD_FLOAT32 ? NULL : values;
    int64_t at = 0;
    for (int64_t frame = 0; frame < n_frames; frame++) {
        if (starts[frame] < 0 || starts[frame] > size - end_of_rows(columns, n_rows)) {
            where->found = starts[frame];
            return GD_BAD_ARGUMENT;
        }
        for (int64_t row = 0; row < n_rows; row++) {
            char *out = text + starts[frame] + row_at(columns, row);
            for (int i = 0; i < columns->n; i++, at++, out += columns->width) {
                double value = f32 ? (double)f32[at] : f64[at];
                if (isfinite(value) && format_number(out, value, columns))
                    continue;
                where->frame = frame;
                where->atom = row;
                return isfinite(value) ? GD_UNSUPPORTED : GD_NOT_FINITE;
            }
        }
    }
    return GD_OK;
}

/* Read a number that stands, right or left, in `width` characters. */
static int parse_number(const char *p, int width, int power, double *value) {
    const char *end = p + width;
    while (p < end && *p == ' ')
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\r'))
        end--;
    int negative = p < end && *p == '-', n_digits = 0, decimals = 0, point = 0;
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (end - p >= 3 && ((p[0] | 32) == 'n' || (p[0] | 32) == 'i'))
        return GD_NOT_FINITE;
    uint64_t digits = 0;
    for (; p < end; p++) {
        if (*p == '.' && !point) {
            point = 1;
            continue;
        }
        if (*p < '0' || *p > '9')
            return GD_CORRUPT;
        if (digits > UINT64_C(900000000000000))
            return GD_CORRUPT;
        digits = digits * 10 + (uint64_t)(*p - '0');
        n_digits++;
        decimals += point;
    }
    /* Both below 2^53 and 10^22, so the quotient is rounded once. */
    if (n_digits == 0 || decimals + power > 22)
        return GD_CORRUPT;
    double divisor = 1;
    for (int i = 0; i < decimals + power; i++)
        divisor *= 10;
    double magnitude = (double)digits / divisor;
    *value = negative ? -magnitude : magnitude;
    return GD_OK;
}

int gd_columns_parse(const char *text, int64_t size, const struct gd_columns *columns,
                     int64_t n_frames, const int64_t *starts, int64_t n_wanted,
                     const int64_t *wanted, int type, void *values, struct gd_where *where) {
    if (n_frames < 0 || n_wanted < 0 || size < 0 || bad_columns(columns))
        return GD_BAD_ARGUMENT;
    const int64_t length = (int64_t)columns->n * columns->width;
    int64_t to = 0;
    for (int64_t frame = 0; frame < n_frames; frame++) {
        for (int64_t k = 0; k < n_wanted; k++) {
            int64_t row = wanted ? wanted[k] : k;
            if (row < 0 || row > (INT64_MAX >> 24))
                return GD_BAD_ARGUMENT;
            int64_t from = starts[frame] + row_at(columns, row);
            if (starts[frame] < 0 || from > size - length) {
                where->frame = frame;
                where->atom = row;
                return GD_TRUNCATED;
            }
            for (int i = 0; i < columns->n; i++, to++) {
                double value = 0;
                int status = parse_number(text + from + (int64_t)i * columns->width, columns->width,
                                          columns->power, &value);
                if (status != GD_OK) {
                    where->frame = frame;
                    where->atom = row;
                    return status;
                }
                if (type == GD_FLOAT32)
                    ((float *)values)[to] = (float)value;
                else
                    ((double *)values)[to] = value;
            }
        }
    }
    return GD_OK;
}
