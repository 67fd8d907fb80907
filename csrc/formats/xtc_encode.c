/* Writing XTC; what the bits mean is told in xtc.c.
 *
 * The numbers are given by the precision; free to choose are the atoms of each group, and the range
 * of small differences that it uses, which may go up or down by one after every group. A group is
 * as long as its range allows; the range follows what would take the fewest bits in the atoms that
 * come next. */
#include "gd/xtc.h"
#include "xdr.h"
#include "xtc_format.h"

#include <math.h>

enum {
    LONGEST_RUN = 8, /* atoms of a group after the first: as many as GROMACS writes */
    NO_RANGE = 255,  /* no range of small differences is large enough, or it would not pay */
    LOOK_AHEAD = 12, /* atoms */
    FIRST_LOOK = 600
};

static const double largest_integer = 2147483644.0; /* as that of GROMACS, nearly 2^31 */

/* ---- bits ---- */

struct writer {
    unsigned char *out;
    int64_t size;
    uint64_t held; /* from the top */
    int n_held;    /* bits, below 64 */
};

static void write_bits(struct writer *writer, uint64_t bits, int n) {
    if (n == 0)
        return;
    writer->held |= bits >> writer->n_held;
    writer->n_held += n;
    if (writer->n_held < 64)
        return;
    xdr_put_long(writer->out + writer->size, writer->held);
    writer->size += 8;
    writer->n_held -= 64;
    writer->held = writer->n_held ? bits << (n - writer->n_held) : 0;
}

static void write_plain(struct writer *writer, uint32_t value, int n) {
    if (n)
        write_bits(writer, (uint64_t)value << (64 - n), n);
}

static void write_bytes(struct writer *writer, uint64_t value, int n) {
    const struct field field = FIELD(n);
    value = (value & field.whole) | (value & field.rest) << field.rest_shift;
    write_bits(writer, __builtin_bswap64(value), n);
}

/* Three integers as one number of n bits. */
static void write_mixed(struct writer *writer, const uint32_t v[3], const uint32_t sizes[3],
                        int n) {
    if (n <= 64) {
        write_bytes(writer, ((uint64_t)v[0] * sizes[1] + v[1]) * sizes[2] + v[2], n);
        return;
    }
    uint128 value = ((uint128)v[0] * sizes[1] + v[1]) * sizes[2] + v[2];
    write_bytes(writer, (uint64_t)value, 64);
    write_plain(writer, (uint32_t)(value >> 64), n - 64);
}

static int64_t finish(struct writer *writer) {
    for (; writer->n_held > 0; writer->n_held -= 8, writer->held <<= 8)
        writer->out[writer->size++] = (unsigned char)(writer->held >> 56);
    return writer->size;
}

/* ---- integers ---- */

struct integers {
    int32_t *x; /* (n, 3) */
    int64_t n;
    int32_t low[3];
    int32_t high[3];
    uint32_t sizes[3];
    int separate_bits[3];
    int is_separate;
    int bits; /* of the first atom of a group */
};

/* Which coordinate is wrong, and how. */
static int find_wrong(const void *positions, int type, double precision, int64_t n,
                      struct gd_where *where) {
    for (int64_t i = 0; i < 3 * n; i++) {
        double x = type == GD_FLOAT64 ? ((const double *)positions)[i]
                                      : (double)((const float *)positions)[i];
        if (!(fabs(x * precision) < largest_integer)) {
            where->atom = i / 3;
            return isfinite(x) ? GD_UNSUPPORTED : GD_NOT_FINITE;
        }
    }
    return GD_OK;
}

static inline int32_t rounded(double x, double precision, int *is_wrong) {
    double scaled = x * precision;
    int is_good = fabs(scaled) < largest_integer;
    *is_wrong |= !is_good;
    return (int32_t)((is_good ? scaled : 0.0) + copysign(0.5, scaled));
}

static int round_all(const void *positions, int type, double precision, struct integers *integers,
                     struct gd_where *where) {
    const int64_t n = 3 * integers->n;
    int32_t *x = integers->x;
    int is_wrong = 0;
    if (type == GD_FLOAT64)
        for (int64_t i = 0; i < n; i++)
            x[i] = rounded(((const double *)positions)[i], precision, &is_wrong);
    else
        for (int64_t i = 0; i < n; i++)
            x[i] = rounded((double)((const float *)positions)[i], precision, &is_wrong);
    if (is_wrong)
        return find_wrong(positions, type, precision, integers->n, where);

    uint128 product = 1;
    integers->is_separate = 0;
    for (int k = 0; k < 3; k++) {
        int32_t low = x[k], high = x[k];
        for (int64_t i = k; i < n; i += 3) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
        int64_t range = (int64_t)high - low;
        if ((double)range >= largest_integer) {
            where->atom = -1;
            return GD_UNSUPPORTED;
        }
        integers->low[k] = low;
        integers->high[k] = high;
        integers->sizes[k] = (uint32_t)range + 1;
        integers->separate_bits[k] = bit_length(integers->sizes[k]);
        integers->is_separate |= integers->sizes[k] > XTC_SEPARATE;
        product *= integers->sizes[k];
    }
    integers->bits =
        integers->separate_bits[0] + integers->separate_bits[1] + integers->separate_bits[2];
    if (!integers->is_separate)
        integers->bits = bit_length(product);
    return GD_OK;
}

static void write_first(struct writer *writer, const struct integers *integers, int64_t atom) {
    uint32_t v[3];
    for (int k = 0; k < 3; k++)
        v[k] = (uint32_t)integers->x[3 * atom + k] - (uint32_t)integers->low[k];
    if (integers->is_separate) {
        for (int k = 0; k < 3; k++)
            write_plain(writer, v[k], integers->separate_bits[k]);
        return;
    }
    write_mixed(writer, v, integers->sizes, integers->bits);
}

static void write_difference(struct writer *writer, const struct integers *integers, int64_t atom,
                             int64_t from, int small) {
    const uint32_t size = xtc_smalls[small].size, sizes[3] = {size, size, size};
    uint32_t v[3];
    for (int k = 0; k < 3; k++)
        v[k] = (uint32_t)integers->x[3 * atom + k] - (uint32_t)integers->x[3 * from + k] + size / 2;
    write_mixed(writer, v, sizes, small);
}

/* ---- ranges ---- */

/* The range that each difference needs at least. */
struct needs {
    unsigned char *next;   /* between an atom and the next */
    unsigned char *second; /* between an atom and the one after the next */
    int64_t n;
    int first_bits;
};

/* The largest difference in each range; beyond the last one none is too large. */
struct limits {
    int64_t of[XTC_SMALL_LAST + 5];
};

static struct limits limits_to(int last) {
    struct limits limits;
    for (int i = 0; i < XTC_SMALL_LAST + 5; i++)
        limits.of[i] = i < XTC_SMALL_FIRST ? -1
                       : i <= last         ? ((int64_t)xtc_smalls[i].size - 1) / 2
                                           : INT64_MAX;
    return limits;
}

static unsigned char range_for(const int32_t *a, const int32_t *b, const struct limits *limits,
                               int last) {
    int64_t largest = 0;
    for (int k = 0; k < 3; k++) {
        int64_t difference = (int64_t)a[k] - b[k];
        difference = difference < 0 ? -difference : difference;
        largest = difference > largest ? difference : largest;
    }
    /* A range of 3 i bits has about 2^i numbers, so the one wanted is among the next four. */
    int small = 3 * (64 - __builtin_clzll((uint64_t)largest | 3));
    small = small < XTC_SMALL_LAST ? small : XTC_SMALL_LAST;
    const int64_t *of = limits->of + small;
    small += (of[0] < largest) + (of[1] < largest) + (of[2] < largest) + (of[3] < largest);
    small = small < XTC_SMALL_FIRST ? XTC_SMALL_FIRST : small;
    return (unsigned char)(small <= last ? small : NO_RANGE);
}

/* How many atoms follow the first one of a group that begins at `atom`. */
static int run_at(const struct needs *needs, int64_t atom, int small) {
    if (atom + 1 >= needs->n || needs->next[atom] > small)
        return 0;
    if (atom + 2 >= needs->n || needs->second[atom] > small)
        return 1;
    int run = 2;
    while (run < LONGEST_RUN && atom + run + 1 < needs->n && needs->next[atom + run] <= small)
        run++;
    return run;
}

struct price {
    int64_t bits;
    int64_t atoms;
};

/* What the groups from `atom` to about `stop` take when they are written with one range. */
static struct price price_of(const struct needs *needs, int64_t atom, int64_t stop, int small,
                             int run, int64_t bits) {
    const int64_t first = atom;
    do {
        int next = run_at(needs, atom, small);
        bits += needs->first_bits + 1 + next * small + (next != run ? 5 : 0);
        run = next;
        atom += run + 1;
    } while (atom < stop);
    return (struct price){bits, atom - first};
}

static int is_lower(struct price a, struct price b) { return a.bits * b.atoms < b.bits * a.atoms; }

static int first_range(const struct needs *needs, int last) {
    int64_t stop = needs->n < FIRST_LOOK ? needs->n : FIRST_LOOK;
    int best = XTC_SMALL_FIRST;
    struct price lowest = price_of(needs, 0, stop, best, -1, 0);
    for (int small = XTC_SMALL_FIRST + 1; small <= last; small++) {
        struct price price = price_of(needs, 0, stop, small, -1, 0);
        if (is_lower(price, lowest)) {
            lowest = price;
            best = small;
        }
    }
    return best;
}

/* Whether the range should go up or down after a group, before `atom`. */
static int best_change(const struct needs *needs, int64_t atom, int small, int last, int run,
                       int is_told) {
    const int64_t stop = atom + LOOK_AHEAD;
    int best = 0;
    if (atom >= needs->n)
        return 0;
    struct price lowest = price_of(needs, atom, stop, small, run, is_told ? 5 : 0);
    for (int change = -1; change <= 1; change += 2) {
        if (small + change < XTC_SMALL_FIRST || small + change > last)
            continue;
        struct price price = price_of(needs, atom, stop, small + change, run, 5);
        if (is_lower(price, lowest)) {
            lowest = price;
            best = change;
        }
    }
    return best;
}

static int64_t compress(const struct integers *integers, unsigned char *bytes, int32_t *first_small,
                        unsigned char *out) {
    const int64_t n = integers->n;
    struct needs needs = {.next = bytes, .second = bytes + n, .n = n, .first_bits = integers->bits};
    int last = integers->bits < XTC_SMALL_LAST ? integers->bits : XTC_SMALL_LAST;
    last = last < XTC_SMALL_FIRST ? XTC_SMALL_FIRST : last;
    const struct limits limits = limits_to(last);
    for (int64_t i = 0; i < n; i++) {
        const int32_t *x = integers->x + 3 * i;
        needs.next[i] = i + 1 < n ? range_for(x, x + 3, &limits, last) : NO_RANGE;
        needs.second[i] = i + 2 < n ? range_for(x, x + 6, &limits, last) : NO_RANGE;
    }
    struct writer writer = {.out = out};
    int small = first_range(&needs, last), before = 0;
    *first_small = small;
    for (int64_t atom = 0; atom < n;) {
        int run = run_at(&needs, atom, small);
        int change = best_change(&needs, atom + run + 1, small, last, run, run != before);
        write_first(&writer, integers, atom + (run > 0));
        if (run != before || change != 0)
            write_plain(&writer, (uint32_t)(32 | (3 * run + change + 1)), 6);
        else
            write_plain(&writer, 0, 1);
        for (int i = 0; i < run; i++) {
            int64_t to = i == 0 ? atom : atom + i + 1;
            int64_t from = i == 0 ? atom + 1 : i == 1 ? atom : atom + i;
            write_difference(&writer, integers, to, from, small);
        }
        before = run;
        small += change;
        atom += run + 1;
    }
    return finish(&writer);
}

/* ---- frames ---- */

int64_t gd_xtc_room(int64_t n_atoms) { return XTC_HEADER_LONG + 13 * n_atoms + 16; }

int64_t gd_xtc_work(int64_t n_atoms) { return 14 * n_atoms; }

int gd_xtc_encode(const void *positions, int type, int64_t n_atoms, const double *box, int64_t step,
                  double time, double precision, int is_long, void *work, unsigned char *out,
                  int64_t *size, struct gd_where *where) {
    const float single = (float)precision;
    if (n_atoms < 1 || n_atoms > INT32_MAX)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, INT32_MAX, n_atoms);
    if (step < INT32_MIN || step > INT32_MAX)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, INT32_MAX, step);
    if (!(single > 0.0f) || !isfinite(single) || !isfinite(1.0f / single))
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, -1, -1);
    xdr_put_word(out, is_long ? 2023 : 1995);
    xdr_put_word(out + 4, (uint32_t)n_atoms);
    xdr_put_word(out + 8, (uint32_t)step);
    xdr_put_float(out + 12, (float)time);
    for (int k = 0; k < 9; k++)
        xdr_put_float(out + 16 + 4 * k, box && !isnan(box[k]) ? (float)box[k] : 0.0f);
    xdr_put_word(out + 52, (uint32_t)n_atoms);
    *size = XTC_HEADER;
    if (n_atoms <= XTC_UNCOMPRESSED) {
        for (int64_t i = 0; i < 3 * n_atoms; i++, *size += 4)
            xdr_put_float(out + *size, type == GD_FLOAT64 ? (float)((const double *)positions)[i]
                                                          : ((const float *)positions)[i]);
        return GD_OK;
    }

    struct integers integers = {.x = work, .n = n_atoms};
    int status = round_all(positions, type, (double)single, &integers, where);
    if (status != GD_OK)
        return status;
    const int64_t header = is_long ? XTC_HEADER_LONG : XTC_HEADER_LONG - 4;
    int32_t small;
    int64_t n = compress(&integers, (unsigned char *)work + 12 * n_atoms, &small, out + header);
    xdr_put_float(out + 56, single);
    for (int k = 0; k < 3; k++) {
        xdr_put_word(out + 60 + 4 * k, (uint32_t)integers.low[k]);
        xdr_put_word(out + 72 + 4 * k, (uint32_t)integers.high[k]);
    }
    xdr_put_word(out + 84, (uint32_t)small);
    if (is_long)
        xdr_put_long(out + 88, (uint64_t)n);
    else if (n > INT32_MAX)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, INT32_MAX, n);
    else
        xdr_put_word(out + 88, (uint32_t)n);
    for (; n & 3; n++)
        out[header + n] = 0;
    *size = header + n;
    return GD_OK;
}
