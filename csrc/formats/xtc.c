/* XTC: GROMACS' compressed positions.
 *
 * Coordinates are integers, precision times nm. Atoms come in groups. The first of a group is three
 * integers between the frame's bounds, mixed into one number of just enough bits; then a bit says
 * whether five more follow, which hold the length of the group and whether differences become
 * smaller or larger from here on; otherwise the group is as long as the one before. The others of a
 * group are differences from the atom before, three in a number of `small` bits. The first two
 * atoms of a group are exchanged, for the sake of water, whose hydrogens are close to the oxygen.
 * Mixed numbers stand with their lowest byte first, each byte with its highest bit first. */
#include "gd/xtc.h"
#include "xdr.h"
#include "xtc_format.h"

#include <math.h>

enum {
    SMALL_WORD = 57,  /* bits that one load of 64 has at any bit of a byte */
    GROUP_ATOMS = 11, /* at most, as a length of 30 integers */
    /* Bytes that decoding a group may touch: 96 + 6 + 10 * 72 bits, and a load of 8 bytes. */
    GROUP_BYTES = 128
};

typedef uint32_t four_words __attribute__((vector_size(16)));
typedef int32_t four_ints __attribute__((vector_size(16)));
typedef float four_floats __attribute__((vector_size(16)));
typedef double four_doubles __attribute__((vector_size(32)));

/* ---- the header ---- */

static int corrupt(struct gd_xtc_frame *frame, struct gd_where *where, int fault, int64_t byte,
                   int64_t expected, int64_t found) {
    frame->fault = fault;
    return xdr_fail(where, GD_CORRUPT, byte, expected, found);
}

static int64_t padded(int64_t size) { return (size + 3) & ~(int64_t)3; }

static int compressed_header(const unsigned char *data, int64_t size, int is_long,
                             struct gd_xtc_frame *frame, struct gd_where *where) {
    const int64_t n_atoms = frame->n_atoms, header = is_long ? 96 : 92;
    if (size < header)
        return xdr_fail(where, GD_TRUNCATED, 0, header, size);
    float precision = xdr_float(data + 56), inverse = 1.0f / precision;
    if (!(precision > 0.0f) || !isfinite(precision) || !isfinite(inverse))
        return corrupt(frame, where, GD_XTC_PRECISION, 56, -1, -1);
    frame->precision = (double)precision;
    for (int k = 0; k < 3; k++) {
        int32_t low = xdr_int(data + 60 + 4 * k), high = xdr_int(data + 72 + 4 * k);
        if (low > high || (int64_t)high - low >= UINT32_MAX)
            return corrupt(frame, where, GD_XTC_BOUNDS, 72 + 4 * k, low, high);
        if (!isfinite((float)low * inverse) || !isfinite((float)high * inverse))
            return corrupt(frame, where, GD_XTC_PRECISION, 56, -1, -1);
        frame->low[k] = low;
        frame->high[k] = high;
    }
    frame->small = xdr_int(data + 84);
    if (frame->small < XTC_SMALL_FIRST || frame->small > XTC_SMALL_LAST)
        return corrupt(frame, where, GD_XTC_SMALL, 84, XTC_SMALL_LAST, frame->small);
    /* At least a bit of position and one of length for every atom, at most 96 and 6 bits. */
    int64_t n = is_long ? (int64_t)xdr_long(data + 88) : xdr_int(data + 88);
    int64_t least = (n_atoms + 3) / 4, most = 13 * n_atoms;
    if (n < least || n > most)
        return corrupt(frame, where, GD_XTC_SIZE, 88, n < least ? least : most, n);
    frame->data = header;
    frame->data_size = n;
    frame->size = header + padded(n);
    return GD_OK;
}

int gd_xtc_header(const unsigned char *data, int64_t size, struct gd_xtc_frame *frame,
                  struct gd_where *where) {
    memset(frame, 0, sizeof *frame);
    if (size < 4)
        return xdr_fail(where, GD_TRUNCATED, 0, XTC_HEADER, size);
    int32_t magic = xdr_int(data);
    if (magic != 1995 && magic != 2023)
        return corrupt(frame, where, GD_XTC_MAGIC, 0, 1995, magic);
    if (size < XTC_HEADER)
        return xdr_fail(where, GD_TRUNCATED, 0, XTC_HEADER, size);
    frame->n_atoms = xdr_int(data + 4);
    if (frame->n_atoms < 1)
        return corrupt(frame, where, GD_XTC_ATOMS, 4, 1, frame->n_atoms);
    if (xdr_int(data + 52) != frame->n_atoms)
        return corrupt(frame, where, GD_XTC_ATOMS, 52, frame->n_atoms, xdr_int(data + 52));
    frame->step = xdr_int(data + 8);
    frame->time = (double)xdr_float(data + 12);
    int has_box = 0;
    for (int k = 0; k < 9; k++) {
        frame->box[k] = (double)xdr_float(data + 16 + 4 * k);
        has_box |= frame->box[k] != 0.0;
    }
    for (int k = 0; k < 9 && !has_box; k++)
        frame->box[k] = NAN;
    if (frame->n_atoms > XTC_UNCOMPRESSED)
        return compressed_header(data, size, magic == 2023, frame, where);
    frame->data = XTC_HEADER;
    frame->data_size = 12 * frame->n_atoms;
    frame->size = XTC_HEADER + frame->data_size;
    return GD_OK;
}

/* ---- numbers of many bits ---- */

#define INVERSE(d, t) ((uint64_t)(((((uint128)1) << (63 + (t))) - 1) / (d) + 1))
#define DIVISOR(d, t) {.inverse = INVERSE(d, t), .shift = (t) - 1}

static inline uint64_t quotient(uint64_t value, const struct divisor *divisor) {
    return (uint64_t)(((uint128)value * divisor->inverse) >> 64) >> divisor->shift;
}

/* The 64 bits from `bit` on, of which the last seven may be missing. */
static inline uint64_t bits_at(const unsigned char *data, uint64_t bit) {
    uint64_t bytes;
    memcpy(&bytes, data + (bit >> 3), 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    return bytes << (bit & 7);
}

static inline uint64_t take(uint64_t bits, const struct field *field) {
    uint64_t bytes = __builtin_bswap64(bits);
    return (bytes & field->whole) | (bytes >> field->rest_shift & field->rest);
}

/* A number of up to 32 bits that was not mixed: those stand with their highest bit first. */
static inline uint32_t plain_at(const unsigned char *data, uint64_t bit, int bits) {
    return bits == 0 ? 0 : (uint32_t)(bits_at(data, bit) >> (64 - bits));
}

/* Any number of up to 72 bits, slowly. */
static uint128 number_at(const unsigned char *data, uint64_t bit, int bits) {
    uint128 value = 0;
    int shift = 0;
    for (; bits > 8; bits -= 8, bit += 8, shift += 8)
        value |= (uint128)plain_at(data, bit, 8) << shift;
    return value | (uint128)plain_at(data, bit, bits) << shift;
}

/* Three integers mixed into a number: (i * sizes[1] + j) * sizes[2] + k. */
static four_words unmixed(uint128 value, const uint32_t sizes[3], uint32_t *excess) {
    uint32_t k = (uint32_t)(value % sizes[2]);
    value /= sizes[2];
    uint32_t j = (uint32_t)(value % sizes[1]);
    value /= sizes[1];
    *excess |= value >= sizes[0];
    return (four_words){(uint32_t)value, j, k, 0};
}

/* ---- small differences ---- */

#define SMALL(i, n)                                                                                \
    [i] = {.by_size = DIVISOR(n, ((i) + 2) / 3),                                                   \
           .by_square = DIVISOR((uint64_t)(n) * (n), (2 * (i) + 2) / 3),                           \
           .field = FIELD(i),                                                                      \
           .size = (n)}
#define LARGE(i, n) [i] = {.field = {.bits = (i)}, .size = (n)}

/* The ranges of small differences: about 2^(i / 3), so that three take i bits. */
const struct xtc_small xtc_smalls[XTC_SMALL_LAST + 1] = {
    SMALL(9, 8),        SMALL(10, 10),       SMALL(11, 12),       SMALL(12, 16),
    SMALL(13, 20),      SMALL(14, 25),       SMALL(15, 32),       SMALL(16, 40),
    SMALL(17, 50),      SMALL(18, 64),       SMALL(19, 80),       SMALL(20, 101),
    SMALL(21, 128),     SMALL(22, 161),      SMALL(23, 203),      SMALL(24, 256),
    SMALL(25, 322),     SMALL(26, 406),      SMALL(27, 512),      SMALL(28, 645),
    SMALL(29, 812),     SMALL(30, 1024),     SMALL(31, 1290),     SMALL(32, 1625),
    SMALL(33, 2048),    SMALL(34, 2580),     SMALL(35, 3250),     SMALL(36, 4096),
    SMALL(37, 5060),    SMALL(38, 6501),     SMALL(39, 8192),     SMALL(40, 10321),
    SMALL(41, 13003),   SMALL(42, 16384),    SMALL(43, 20642),    SMALL(44, 26007),
    SMALL(45, 32768),   SMALL(46, 41285),    SMALL(47, 52015),    SMALL(48, 65536),
    SMALL(49, 82570),   SMALL(50, 104031),   SMALL(51, 131072),   SMALL(52, 165140),
    SMALL(53, 208063),  SMALL(54, 262144),   SMALL(55, 330280),   SMALL(56, 416127),
    SMALL(57, 524287),  LARGE(58, 660561),   LARGE(59, 832255),   LARGE(60, 1048576),
    LARGE(61, 1321122), LARGE(62, 1664510),  LARGE(63, 2097152),  LARGE(64, 2642245),
    LARGE(65, 3329021), LARGE(66, 4194304),  LARGE(67, 5284491),  LARGE(68, 6658042),
    LARGE(69, 8388607), LARGE(70, 10568983), LARGE(71, 13316085), LARGE(72, 16777216),
};

/* ---- the first atom of a group ---- */

enum large_kind { MIXED, MIXED_SLOWLY, SEPARATE };

struct large {
    enum large_kind kind;
    int bits;
    int separate_bits[3];
    uint32_t sizes[3];
    struct field field;
    struct divisor by_last; /* sizes[2] */
    struct divisor by_two;  /* sizes[1] * sizes[2] */
};

static struct divisor divisor_of(uint64_t d) {
    int t = bit_length(d - 1);
    return (struct divisor)DIVISOR(d, t);
}

static struct large large_of(const struct gd_xtc_frame *frame) {
    struct large large = {.kind = MIXED};
    for (int k = 0; k < 3; k++) {
        large.sizes[k] = (uint32_t)frame->high[k] - (uint32_t)frame->low[k] + 1;
        large.separate_bits[k] = bit_length(large.sizes[k]);
        if (large.sizes[k] > XTC_SEPARATE)
            large.kind = SEPARATE;
    }
    if (large.kind == SEPARATE) {
        large.bits = large.separate_bits[0] + large.separate_bits[1] + large.separate_bits[2];
        return large;
    }
    uint64_t two = (uint64_t)large.sizes[1] * large.sizes[2];
    large.bits = bit_length((uint128)two * large.sizes[0]);
    if (large.bits > SMALL_WORD || large.sizes[2] < 2) {
        large.kind = MIXED_SLOWLY;
        return large;
    }
    large.field = (struct field)FIELD(large.bits);
    large.by_last = divisor_of(large.sizes[2]);
    large.by_two = divisor_of(two);
    return large;
}

static four_words large_slowly(const unsigned char *data, uint64_t bit, const struct large *large,
                               uint32_t *excess) {
    if (large->kind == MIXED_SLOWLY)
        return unmixed(number_at(data, bit, large->bits), large->sizes, excess);
    four_words v = {0, 0, 0, 0};
    for (int k = 0; k < 3; k++) {
        v[k] = plain_at(data, bit, large->separate_bits[k]);
        *excess |= v[k] >= large->sizes[k];
        bit += (uint64_t)large->separate_bits[k];
    }
    return v;
}

/* ---- groups ---- */

struct decoder {
    const struct gd_xtc_frame *frame;
    struct large large;
    uint64_t bit; /* of the frame's data */
    int64_t atom; /* how many are decoded */
    int run;      /* integers of the group's other atoms */
    int small;
    uint32_t excess; /* not 0: a number beyond its range was met */
    four_ints outside;
};

static inline void put(void *out, int is_double, int64_t i, four_ints v, four_floats inverse,
                       const four_doubles *precision) {
    if (is_double) {
        four_doubles x = __builtin_convertvector(v, four_doubles) / *precision;
        memcpy((double *)out + 3 * i, &x, sizeof x);
    } else {
        four_floats x = __builtin_convertvector(v, four_floats) * inverse;
        memcpy((float *)out + 3 * i, &x, sizeof x);
    }
}

/* Decode groups up to atom `stop` or bit `last_bit`, whichever comes first, or until something is
 * wrong. A group has up to GROUP_ATOMS atoms and touches up to GROUP_BYTES bytes; `out`, where the
 * atom decoder->atom comes first, has room for one number behind the last group. */
static inline __attribute__((always_inline)) void decode_groups(struct decoder *decoder,
                                                                const unsigned char *data,
                                                                int64_t stop, uint64_t last_bit,
                                                                void *out, int is_double) {
    const struct gd_xtc_frame *frame = decoder->frame;
    const struct large large = decoder->large;
    const float single = 1.0f / (float)frame->precision;
    const four_floats inverse = {single, single, single, single};
    const four_doubles precision = {frame->precision, frame->precision, frame->precision,
                                    frame->precision};
    const four_words low = {(uint32_t)frame->low[0], (uint32_t)frame->low[1],
                            (uint32_t)frame->low[2], 0};
    const four_ints least = (four_ints)low;
    const four_ints most = {frame->high[0], frame->high[1], frame->high[2], 0};
    const struct xtc_small *small = xtc_smalls + decoder->small;
    const int64_t first = decoder->atom;
    uint64_t bit = decoder->bit;
    int64_t atom = first;
    int run = decoder->run;
    uint32_t excess = 0;
    four_ints outside = {0, 0, 0, 0};

    while (atom < stop && bit <= last_bit) {
        four_words v;
        if (large.kind == MIXED) {
            uint64_t value = take(bits_at(data, bit), &large.field);
            uint64_t both = quotient(value, &large.by_last);
            uint64_t i = quotient(value, &large.by_two);
            uint32_t k = (uint32_t)value - (uint32_t)both * large.sizes[2];
            uint32_t j = (uint32_t)both - (uint32_t)i * large.sizes[1];
            excess |= i >= large.sizes[0];
            v = (four_words){(uint32_t)i, j, k, 0};
        } else {
            v = large_slowly(data, bit, &large, &excess);
        }
        v += low;
        bit += (uint64_t)large.bits;

        uint64_t length = bits_at(data, bit);
        int change = 0;
        if (length >> 63) {
            int both = (int)(length >> 58 & 31);
            change = both % 3 - 1;
            run = both - both % 3;
            bit += 6;
        } else {
            bit += 1;
        }
        if (run == 0) {
            put(out, is_double, atom++ - first, (four_ints)v, inverse, &precision);
        } else {
            const four_words half = {small->size / 2, small->size / 2, small->size / 2, 0};
            const four_words origin = v;
            for (int done = 0; done < run; done += 3) {
                four_words difference;
                if (small->field.bits <= SMALL_WORD) {
                    uint64_t value = take(bits_at(data, bit), &small->field);
                    uint64_t both = quotient(value, &small->by_size);
                    uint64_t i = quotient(value, &small->by_square);
                    uint32_t k = (uint32_t)value - (uint32_t)both * small->size;
                    uint32_t j = (uint32_t)both - (uint32_t)i * small->size;
                    excess |= i >= small->size;
                    difference = (four_words){(uint32_t)i, j, k, 0};
                } else {
                    const uint32_t sizes[3] = {small->size, small->size, small->size};
                    difference = unmixed(number_at(data, bit, small->field.bits), sizes, &excess);
                }
                bit += (uint64_t)small->field.bits;
                v += difference - half;
                outside |= ((four_ints)v > most) | ((four_ints)v < least);
                put(out, is_double, atom++ - first, (four_ints)v, inverse, &precision);
                if (done == 0)
                    put(out, is_double, atom++ - first, (four_ints)origin, inverse, &precision);
            }
        }
        if (change) {
            int index = (int)(small - xtc_smalls) + change;
            if (index < XTC_SMALL_FIRST || index > XTC_SMALL_LAST) {
                excess = 1;
                break;
            }
            small += change;
        }
    }
    decoder->bit = bit;
    decoder->atom = atom;
    decoder->run = run;
    decoder->small = (int)(small - xtc_smalls);
    decoder->excess |= excess;
    decoder->outside |= outside;
}

static void groups_f32(struct decoder *decoder, const unsigned char *data, int64_t stop,
                       uint64_t last_bit, void *out) {
    decode_groups(decoder, data, stop, last_bit, out, 0);
}

static void groups_f64(struct decoder *decoder, const unsigned char *data, int64_t stop,
                       uint64_t last_bit, void *out) {
    decode_groups(decoder, data, stop, last_bit, out, 1);
}

/* ---- frames ---- */

static int decode_compressed(const unsigned char *data, int64_t size, struct gd_xtc_frame *frame,
                             int64_t n, void *out, int is_double, struct gd_where *where) {
    void (*groups)(struct decoder *, const unsigned char *, int64_t, uint64_t, void *) =
        is_double ? groups_f64 : groups_f32;
    const int64_t width = 3 * (is_double ? (int64_t)sizeof(double) : (int64_t)sizeof(float));
    const unsigned char *bytes = data + frame->data;
    int64_t have = size - frame->data < frame->data_size ? size - frame->data : frame->data_size;
    struct decoder decoder = {.frame = frame, .large = large_of(frame), .small = frame->small};
    if (have > GROUP_BYTES && n > GROUP_ATOMS)
        groups(&decoder, bytes, n - GROUP_ATOMS, 8 * (uint64_t)(have - GROUP_BYTES), out);

    /* The last groups one by one, from a copy where the bytes end, to a copy. */
    while (decoder.atom < n && !decoder.excess) {
        unsigned char last_bytes[GROUP_BYTES];
        double last_atoms[3 * GROUP_ATOMS + 1];
        const int64_t first = decoder.atom, byte = (int64_t)(decoder.bit >> 3);
        const unsigned char *from = bytes;
        uint64_t moved = 0;
        if (byte >= have)
            break;
        if (byte + GROUP_BYTES > have) {
            memset(last_bytes, 0, sizeof last_bytes);
            memcpy(last_bytes, bytes + byte, (size_t)(have - byte));
            from = last_bytes;
            moved = 8 * (uint64_t)byte;
        }
        decoder.bit -= moved;
        groups(&decoder, from, first + 1, decoder.bit, last_atoms);
        decoder.bit += moved;
        if (decoder.bit > 8 * (uint64_t)have)
            break;
        int64_t kept = decoder.atom < n ? decoder.atom - first : n - first;
        memcpy((char *)out + first * width, last_atoms, (size_t)(kept * width));
    }

    int is_wrong = decoder.excess != 0 || decoder.atom > frame->n_atoms;
    for (int k = 0; k < 3; k++)
        is_wrong |= decoder.outside[k] != 0;
    int is_short = decoder.atom < n || decoder.bit > 8 * (uint64_t)have;
    if (is_short && have < frame->data_size)
        return xdr_fail(where, GD_TRUNCATED, 0, frame->size, size);
    /* Some programs count the bytes that fill the last word. */
    int64_t left = frame->data_size - (int64_t)((decoder.bit + 7) >> 3);
    if (is_wrong || is_short || (decoder.atom == frame->n_atoms && left > 3)) {
        where->atom = is_wrong ? -1 : decoder.atom;
        return corrupt(frame, where, GD_XTC_DATA, frame->data, -1, -1);
    }
    return GD_OK;
}

int gd_xtc_decode(const unsigned char *data, int64_t size, struct gd_xtc_frame *frame, int64_t n,
                  float *f32, double *f64, struct gd_where *where) {
    if (n < 0 || n > frame->n_atoms)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, frame->n_atoms, n);
    if (frame->n_atoms <= XTC_UNCOMPRESSED) {
        if (size < frame->data + 12 * n)
            return xdr_fail(where, GD_TRUNCATED, 0, frame->size, size);
        for (int64_t i = 0; i < 3 * n; i++) {
            float value = xdr_float(data + frame->data + 4 * i);
            if (f32)
                f32[i] = value;
            if (f64)
                f64[i] = (double)value;
        }
        return GD_OK;
    }
    if (size < frame->data)
        return xdr_fail(where, GD_TRUNCATED, 0, frame->size, size);
    int status = GD_OK;
    if (f32)
        status = decode_compressed(data, size, frame, n, f32, 0, where);
    if (f64 && status == GD_OK)
        status = decode_compressed(data, size, frame, n, f64, 1, where);
    return status;
}

/* ---- files ---- */

int gd_xtc_scan(int fd, int64_t file_size, struct gd_xtc_scan *state, int64_t *bytes,
                int64_t *steps, double *times, int64_t capacity, int64_t *found,
                unsigned char *scratch, int64_t scratch_size, struct gd_where *where) {
    struct xdr_window window = {0, 0, scratch, scratch_size};
    *found = 0;
    if (scratch_size < XTC_HEADER_LONG || capacity < 1 || state->byte < 0)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, XTC_HEADER_LONG, scratch_size);
    while (*found < capacity && state->byte < file_size) {
        struct gd_xtc_frame *frame = &state->frame;
        int64_t left = file_size - state->byte;
        int64_t wanted = left < XTC_HEADER_LONG ? left : XTC_HEADER_LONG;
        int status = xdr_show(&window, fd, file_size, state->byte, wanted, frame->size, where);
        if (status != GD_OK) {
            where->frame = state->n_frames;
            return status;
        }
        status = gd_xtc_header(scratch + (state->byte - window.begin), wanted, frame, where);
        if (status == GD_OK && state->n_atoms >= 0 && frame->n_atoms != state->n_atoms)
            status = corrupt(frame, where, GD_XTC_ATOMS, 4, state->n_atoms, frame->n_atoms);
        if (status == GD_OK && frame->size > left)
            status = xdr_fail(where, GD_TRUNCATED, 0, frame->size, left);
        if (status != GD_OK) {
            where->frame = state->n_frames;
            where->byte += state->byte;
            return status;
        }
        bytes[*found] = state->byte;
        steps[*found] = frame->step;
        times[*found] = frame->time;
        ++*found;
        if (state->n_frames == 0)
            state->precision = frame->precision;
        state->n_atoms = frame->n_atoms;
        state->n_frames++;
        state->byte += frame->size;
    }
    return GD_OK;
}

struct reading {
    int fd;
    int64_t n_atoms;
    const int64_t *atoms;
    int64_t n_wanted;
    int64_t n_decoded;      /* atoms up to the last one wanted */
    int is_prefix;          /* those are the atoms wanted, in this order */
    unsigned char *scratch; /* for bytes of the file, */
    int64_t room;           /* so many */
    void *decoded;          /* the part of the scratch for atoms among which to choose */
};

/* Of a frame of `size` bytes, how many are most likely enough for the atoms wanted. */
static int64_t likely_size(const struct reading *reading, int64_t size) {
    double part = (double)reading->n_decoded / (double)reading->n_atoms;
    int64_t likely = (int64_t)((double)size * part * 1.25) + 4096;
    return likely < size ? likely : size;
}

static void choose(const struct reading *reading, float *f32, double *f64) {
    for (int64_t j = 0; j < reading->n_wanted; j++) {
        const int64_t at = 3 * reading->atoms[j];
        if (f32)
            memcpy(f32 + 3 * j, (const float *)reading->decoded + at, 12);
        if (f64)
            memcpy(f64 + 3 * j, (const double *)reading->decoded + at, 24);
    }
}

static int decode_wanted(const struct reading *reading, const unsigned char *data, int64_t size,
                         struct gd_xtc_frame *frame, float *f32, double *f64,
                         struct gd_where *where) {
    if (reading->is_prefix)
        return gd_xtc_decode(data, size, frame, reading->n_decoded, f32, f64, where);
    int status = gd_xtc_decode(data, size, frame, reading->n_decoded, f32 ? reading->decoded : NULL,
                               f64 ? reading->decoded : NULL, where);
    if (status == GD_OK)
        choose(reading, f32, f64);
    return status;
}

static int header_as_expected(const struct reading *reading, const unsigned char *data,
                              int64_t have, int64_t size, const int64_t *step,
                              struct gd_xtc_frame *frame, struct gd_where *where) {
    int status = gd_xtc_header(data, have, frame, where);
    if (status != GD_OK)
        return status;
    if (frame->n_atoms != reading->n_atoms)
        return corrupt(frame, where, GD_XTC_ATOMS, 4, reading->n_atoms, frame->n_atoms);
    if (frame->size != size)
        return corrupt(frame, where, GD_XTC_CHANGED, 0, size, frame->size);
    if (step && frame->step != *step)
        return corrupt(frame, where, GD_XTC_CHANGED, 8, *step, frame->step);
    return GD_OK;
}

static int read_frames(const struct reading *reading, const int64_t *begins, const int64_t *ends,
                       const int64_t *steps, int64_t n_frames, float *f32, double *f64,
                       double *boxes, struct gd_xtc_frame *frame, struct gd_where *where) {
    const int64_t row = 3 * reading->n_wanted;
    int64_t from = 0, have = 0; /* what of the file is in the scratch */
    for (int64_t i = 0; i < n_frames; i++) {
        const int64_t begin = begins[i], size = ends[i] - begin;
        int64_t needed = f32 || f64 ? likely_size(reading, size) : XTC_HEADER_LONG;
        needed = needed < size ? needed : size;
        where->frame = i;
        if (begin < from || begin + needed > from + have) {
            /* Frames that follow each other are read together. */
            from = begin;
            have = needed;
            for (int64_t j = i + 1; needed == size && j < n_frames && begins[j] == ends[j - 1] &&
                                    ends[j] - begin <= reading->room;
                 j++)
                have = ends[j] - begin;
            int status = xdr_fetch(reading->fd, from, have, reading->scratch, where);
            if (status != GD_OK)
                return status;
        }
        unsigned char *data = reading->scratch + (begin - from);
        int64_t here = from + have - begin < size ? from + have - begin : size;
        int status =
            header_as_expected(reading, data, here, size, steps ? steps + i : NULL, frame, where);
        float *to_f32 = f32 ? f32 + i * row : NULL;
        double *to_f64 = f64 ? f64 + i * row : NULL;
        if (status == GD_OK && (f32 || f64))
            status = decode_wanted(reading, data, here, frame, to_f32, to_f64, where);
        if (status == GD_TRUNCATED && here < size) {
            from = begin;
            have = size;
            status = xdr_fetch(reading->fd, from, have, reading->scratch, where);
            if (status != GD_OK)
                return status;
            status = decode_wanted(reading, reading->scratch, size, frame, to_f32, to_f64, where);
        }
        if (status != GD_OK) {
            where->byte += begin;
            return status;
        }
        if (boxes)
            memcpy(boxes + 9 * i, frame->box, sizeof frame->box);
    }
    where->frame = -1;
    return GD_OK;
}

int gd_xtc_read(int fd, const int64_t *begins, const int64_t *ends, const int64_t *steps,
                int64_t n_frames, int64_t n_atoms, const int64_t *atoms, int64_t n_wanted,
                float *f32, double *f64, double *boxes, unsigned char *scratch,
                int64_t scratch_size, struct gd_xtc_frame *frame, struct gd_where *where) {
    if (f32 && f64)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, -1, -1);
    struct reading reading = {.fd = fd,
                              .n_atoms = n_atoms,
                              .atoms = atoms,
                              .n_wanted = n_wanted,
                              .n_decoded = atoms ? 0 : n_wanted,
                              .is_prefix = 1,
                              .scratch = scratch,
                              .room = scratch_size};
    if (n_frames < 0 || n_wanted < 0 || n_atoms < 1 || (!atoms && n_wanted != n_atoms))
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, n_atoms, n_wanted);
    for (int64_t j = 0; atoms && j < n_wanted; j++) {
        if (atoms[j] < 0 || atoms[j] >= n_atoms) {
            where->atom = j;
            return xdr_fail(where, GD_BAD_ARGUMENT, -1, n_atoms, atoms[j]);
        }
        reading.is_prefix &= atoms[j] == j;
        if (atoms[j] >= reading.n_decoded)
            reading.n_decoded = atoms[j] + 1;
    }
    int64_t largest = 0;
    for (int64_t i = 0; i < n_frames; i++) {
        if (begins[i] < 0 || ends[i] - begins[i] < XTC_HEADER) {
            where->frame = i;
            return xdr_fail(where, GD_BAD_ARGUMENT, -1, XTC_HEADER, ends[i] - begins[i]);
        }
        largest = ends[i] - begins[i] > largest ? ends[i] - begins[i] : largest;
    }
    if (!reading.is_prefix) {
        reading.room -= reading.n_decoded * (f64 ? 24 : 12);
        reading.room &= ~(int64_t)63;
        reading.decoded = scratch + reading.room;
    }
    if (reading.room < largest)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, scratch_size - reading.room + largest,
                        scratch_size);
    return read_frames(&reading, begins, ends, steps, n_frames, f32, f64, boxes, frame, where);
}
