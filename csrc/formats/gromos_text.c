/* GROMOS text: .trc, .trv, .trf, .cnf.
 *
 * A file is a sequence of blocks: a line with the block's name, lines of data, a line END. Whatever
 * follows a # on a line is a comment. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gromos_text.h"

enum {
    N_BLOCKS = 5,
    OTHER = 64,
    VECTORS = 1 + 2 + 4 + 16,
    LABEL_SIZE = 24,
    LONGEST_NUMBER = 255,
    STEP_WIDTH = 15,
    TIME_WIDTH = 15
};

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_blanks(const char *p, const char *end) {
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* ---- numbers ---- */

/* Exact by strtod; rare, so the copy is no matter. The C library expects its locale's decimal
 * separator, which is what it prints itself. */
static double slow_number(const char *p, const char *end) {
    char separator[16];
    char copy[LONGEST_NUMBER + sizeof separator];
    char *to = copy;
    snprintf(separator, sizeof separator, "%.1f", 0.5);
    separator[strlen(separator) - 1] = 0;
    for (; p < end; p++) {
        if (*p == '.') {
            strcpy(to, separator + 1);
            to += strlen(to);
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return strtod(copy, NULL);
}

/* nan, inf, -nan, NaN, infinity: what printf writes for numbers that are none. */
static int is_not_finite(const char *p, const char *end) {
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (end - p < 3)
        return 0;
    char word[4] = {(char)(p[0] | 32), (char)(p[1] | 32), (char)(p[2] | 32), 0};
    return !strcmp(word, "nan") || !strcmp(word, "inf");
}

/* Read the number at *p, which must end with a blank or at `end`, and move *p behind it. */
static int number(const char **p, const char *end, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *begin = *p, *q = *p;
    uint64_t digits = 0;
    int n_digits = 0, significant = 0, exponent = 0, negative = 0;
    if (q < end && (*q == '-' || *q == '+'))
        negative = *q++ == '-';
    for (int fraction = 0; q < end; q++) {
        if (*q == '.' && !fraction) {
            fraction = 1;
            continue;
        }
        if (!is_digit(*q))
            break;
        n_digits++;
        exponent -= fraction;
        significant += significant || *q != '0';
        if (significant <= 19)
            digits = digits * 10 + (uint64_t)(*q - '0');
    }
    if (n_digits == 0)
        return is_not_finite(begin, end) ? GD_NOT_FINITE : GD_CORRUPT;
    if (q < end && (*q == 'e' || *q == 'E')) {
        int sign = 1, power = 0;
        if (++q < end && (*q == '-' || *q == '+'))
            sign = *q++ == '-' ? -1 : 1;
        if (q == end || !is_digit(*q))
            return GD_CORRUPT;
        for (; q < end && is_digit(*q); q++)
            power = power < 100000 ? power * 10 + (*q - '0') : power;
        exponent += sign * power;
    }
    if ((q < end && !is_blank(*q)) || q - begin > LONGEST_NUMBER)
        return GD_CORRUPT;
    *p = q;
    /* Both exact, so their quotient or product is rounded once. */
    if (significant <= 19 && digits < (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22) {
        double magnitude =
            exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
        *value = negative ? -magnitude : magnitude;
        return GD_OK;
    }
    *value = slow_number(begin, q);
    return isfinite(*value) ? GD_OK : GD_CORRUPT;
}

/* ---- fixed columns ---- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIXED_COLUMNS 1

static inline uint64_t load(const char *p) {
    uint64_t bytes;
    memcpy(&bytes, p, 8);
    return bytes;
}

/* 0 if all eight bytes are digits. */
static inline uint64_t not_digits(uint64_t bytes) {
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), zeros = UINT64_C(0x3030303030303030);
    return ((bytes & high) ^ zeros) | (((bytes + UINT64_C(0x0606060606060606)) & high) ^ zeros);
}

/* The number that eight digits spell, the first in the lowest byte: pairs, fours, eight. */
static inline uint64_t eight_digits(uint64_t bytes) {
    bytes &= UINT64_C(0x0f0f0f0f0f0f0f0f);
    bytes = (bytes * 10 + (bytes >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes * 100 + (bytes >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (bytes * 10000 + (bytes >> 32)) & UINT64_C(0xffffffff);
}

/* Turn blanks before a number, and its minus sign, into zeros. Blanks elsewhere stay. */
static inline uint64_t unsign(uint64_t bytes, uint64_t *negative) {
    uint64_t blank = bytes ^ UINT64_C(0x2020202020202020);
    unsigned shift = (unsigned)__builtin_ctzll(blank | UINT64_C(1) << 63) & 56u;
    *negative = ((bytes >> shift) & 0xff) == '-';
    bytes |= UINT64_C(0x1010101010101010) & ((UINT64_C(1) << shift) - 1);
    return bytes ^ (*negative * ('-' ^ '0')) << shift;
}

static inline double scaled(uint64_t digits, uint64_t negative) {
    double magnitude = (double)(int64_t)digits / 1e9;
    return negative ? -magnitude : magnitude;
}

/* A number of format %15.9f in exactly 15 characters; 0 if it is anything else. */
static inline int fixed_15(const char *p, double *value) {
    uint64_t begin = load(p), tail = load(p + 7), negative;
    /* Two blanks, the five characters before the point, the one behind it. */
    uint64_t head = (begin & UINT64_C(0xffffffffff)) << 16 | (begin >> 48 & 0xff) << 56 | 0x2020;
    head = unsign(head, &negative);
    int bad = (not_digits(head) | not_digits(tail)) != 0;
    bad |= p[5] != '.';
    bad |= (unsigned char)(p[4] - '0') > 9;
    *value = scaled(eight_digits(head) * 100000000 + eight_digits(tail), negative);
    return !bad;
}

/* A number of format %18.9f in exactly 18 characters; 0 if it is anything else, or has more digits
 * than a double holds. */
static inline int fixed_18(const char *p, double *value) {
    uint64_t head = load(p), tail = load(p + 10), negative;
    head = unsign(head, &negative);
    int bad = (not_digits(head) | not_digits(tail)) != 0;
    bad |= p[8] != '.';
    bad |= (unsigned char)(p[7] - '0') > 9;
    bad |= (unsigned char)(p[9] - '0') > 9;
    uint64_t digits = eight_digits(head) * 10 + (uint64_t)(p[9] - '0');
    digits = digits * 100000000 + eight_digits(tail);
    *value = scaled(digits, negative);
    return !bad && digits < UINT64_C(1) << 53;
}
#else
#define FIXED_COLUMNS 0
static inline int fixed_15(const char *p, double *value) { return (void)p, (void)value, 0; }
static inline int fixed_18(const char *p, double *value) { return (void)p, (void)value, 0; }
#endif

static inline int three_of_15(const char *p, double v[3]) {
    return fixed_15(p, v) & fixed_15(p + 15, v + 1) & fixed_15(p + 30, v + 2);
}

static inline int three_of_18(const char *p, double v[3]) {
    return fixed_18(p, v) & fixed_18(p + 18, v + 1) & fixed_18(p + 36, v + 2);
}

/* ---- lines ---- */

enum kind { EMPTY, DATA, NAME, END };

/* The name of a block or END: capitals, digits, underscores, from the first column. */
static int is_name(const char *p, const char *end) {
    const char *q = p;
    if (q == end || *q < 'A' || *q > 'Z')
        return 0;
    while (q < end && ((*q >= 'A' && *q <= 'Z') || is_digit(*q) || *q == '_'))
        q++;
    return q - p >= 3 && skip_blanks(q, end) == end;
}

static int is_word(const char *p, const char *end, const char *word) {
    size_t size = strlen(word);
    return (size_t)(end - p) >= size && !memcmp(p, word, size) && skip_blanks(p + size, end) == end;
}

/* What a line is, without its line feed. */
static enum kind line_kind(const char *p, const char *end) {
    const char *q = skip_blanks(p, end);
    if (q == end || *q == '#')
        return EMPTY;
    if (*p < 'A' || *p > 'Z')
        return DATA;
    if (is_word(p, end, "END"))
        return END;
    return is_name(p, end) ? NAME : DATA;
}

/* Three numbers in columns of 15 or 18 characters, which need not be separated by blanks. */
static int three_columns(const char *p, const char *end, double v[3]) {
    const int width = end - p == 45 ? 15 : 18;
    if (end - p != 3 * width)
        return GD_CORRUPT;
    for (int i = 0; i < 3; i++) {
        const char *column_end = p + width;
        if (p[width - 10] != '.')
            return GD_CORRUPT;
        p = skip_blanks(p, column_end);
        int status = number(&p, column_end, v + i);
        if (status != GD_OK || p != column_end)
            return GD_CORRUPT;
    }
    return GD_OK;
}

/* Three numbers, freely spaced, behind the labels if there are any. */
static int three_numbers(const char *p, const char *end, int labelled, double v[3]) {
    if (labelled) {
        if (end - p < LABEL_SIZE)
            return GD_CORRUPT;
        p += LABEL_SIZE;
    }
    if (three_columns(p, end, v) == GD_OK)
        return GD_OK;
    const char *comment = memchr(p, '#', (size_t)(end - p));
    if (comment)
        end = comment;
    for (int i = 0; i < 3; i++) {
        p = skip_blanks(p, end);
        int status = number(&p, end, v + i);
        if (status != GD_OK)
            return status;
    }
    return skip_blanks(p, end) == end ? GD_OK : GD_CORRUPT;
}

/* ---- scan ---- */

static int field_of(const char *p, const char *end, int32_t *labelled) {
    static const struct {
        const char *name;
        int field, labelled;
    } known[] = {
        {"POSITIONRED", GD_GROMOS_POSITIONS, 0},
        {"POSITION", GD_GROMOS_POSITIONS, 1},
        {"VELOCITYRED", GD_GROMOS_VELOCITIES, 0},
        {"VELOCITY", GD_GROMOS_VELOCITIES, 1},
        {"FREEFORCERED", GD_GROMOS_FORCES, 0},
        {"FREEFORCE", GD_GROMOS_FORCES, 1},
        {"CONSFORCERED", GD_GROMOS_CONSTRAINT_FORCES, 0},
        {"CONSFORCE", GD_GROMOS_CONSTRAINT_FORCES, 1},
        {"GENBOX", GD_GROMOS_BOX, 0},
        {"BOX", GD_GROMOS_BOX, 1},
        {"TIMESTEP", GD_GROMOS_TIMESTEP, 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is_word(p, end, known[i].name)) {
            *labelled = known[i].labelled;
            return known[i].field;
        }
    }
    return OTHER;
}

static int slot(int64_t field) { return __builtin_ctzll((uint64_t)field); }

static int fail(struct gd_gromos_scan *state, struct gd_where *where, int fault, int status) {
    state->fault = fault;
    where->frame = state->n_frames;
    where->line = state->line;
    where->byte = state->byte;
    return status;
}

/* Close the frame that is open, if any. */
static int close_frame(struct gd_gromos_scan *state, struct gd_gromos_frame *frames, int64_t *found,
                       int final, struct gd_where *where) {
    struct gd_gromos_frame *frame = &state->frame;
    if (frame->fields == 0)
        return GD_OK;
    if (state->fields == 0) {
        if (!(frame->fields & VECTORS))
            return fail(state, where, GD_GROMOS_NO_VECTORS, GD_CORRUPT);
        state->fields = frame->fields;
    } else if (state->fields != frame->fields) {
        int cut = final && (frame->fields & ~state->fields) == 0;
        where->expected = state->fields;
        where->found = frame->fields;
        return fail(state, where, cut ? GD_GROMOS_CUT_FRAME : GD_GROMOS_OTHER_BLOCKS,
                    cut ? GD_TRUNCATED : GD_CORRUPT);
    }
    if (!(frame->fields & GD_GROMOS_TIMESTEP)) {
        frame->step = state->n_frames;
        frame->time = (double)state->n_frames;
    }
    frames[(*found)++] = *frame;
    state->n_frames++;
    memset(frame, 0, sizeof *frame);
    return GD_OK;
}

/* The text ends inside a line or a block; the frame before that may be whole. */
static int cut_off(struct gd_gromos_scan *state, struct gd_gromos_frame *frames, int64_t *found,
                   int fault, struct gd_where *where) {
    if (!(state->inside & ~OTHER) && state->fields && state->frame.fields == state->fields)
        close_frame(state, frames, found, 1, where);
    where->expected = state->fields;
    where->found = state->frame.fields;
    return fail(state, where, fault, GD_TRUNCATED);
}

static void open_block(struct gd_gromos_scan *state, int field, int labelled, int64_t line_size) {
    struct gd_gromos_frame *frame = &state->frame;
    state->inside = field;
    state->count = 0;
    state->after_comment = 0;
    state->regular = 1;
    if (field == OTHER)
        return;
    if (frame->fields == 0) {
        frame->byte = state->byte;
        frame->line = state->line;
    }
    frame->fields |= field;
    if (field != GD_GROMOS_TIMESTEP) {
        struct gd_gromos_block *block = frame->blocks + slot(field);
        memset(block, 0, sizeof *block);
        block->byte = state->byte;
        block->line = state->line;
        block->first = (int32_t)line_size;
        block->labelled = labelled;
    }
}

/* Count a line of a block of vectors, and see whether the block is still regular: lines of one
 * length, and either no comments or one after every tenth atom. */
static inline void vector_line(struct gd_gromos_scan *state, enum kind kind, int64_t line_size) {
    struct gd_gromos_block *block = state->frame.blocks + slot(state->inside);
    int tenth = state->count > 0 && state->count % 10 == 0;
    if (kind == EMPTY) {
        if (state->count == 0)
            return;
        if (state->count == 10 && block->comment_size == 0)
            block->comment_size = (int32_t)line_size;
        state->regular &= tenth && !state->after_comment && line_size == block->comment_size;
        state->after_comment = 1;
        return;
    }
    if (state->count == 0) {
        int64_t first = state->byte - block->byte;
        state->regular = first < INT32_MAX && line_size < INT32_MAX;
        if (state->regular) {
            block->first = (int32_t)first;
            block->line_size = (int32_t)line_size;
        }
    } else {
        state->regular &= line_size == block->line_size;
        state->regular &= !tenth || state->after_comment == (block->comment_size > 0);
    }
    state->after_comment = 0;
    state->count++;
}

/* Step and time that touch: %15d%15.9f, which is what MD++ writes, from 10000 ps on. */
static int touching_columns(const char *p, const char *end, double v[2]) {
    const char *middle = p + STEP_WIDTH, *q;
    while (end > p && is_blank(end[-1]))
        end--;
    if (end - p < STEP_WIDTH + TIME_WIDTH || end[-10] != '.')
        return GD_CORRUPT;
    p = skip_blanks(p, middle);
    for (q = p + (p < middle && *p == '-'); q < middle; q++)
        if (!is_digit(*q))
            return GD_CORRUPT;
    if (number(&p, middle, v) != GD_OK || number(&middle, end, v + 1) != GD_OK)
        return GD_CORRUPT;
    return middle == end ? GD_OK : GD_CORRUPT;
}

static int timestep_line(struct gd_gromos_scan *state, const char *p, const char *end) {
    const char *comment = memchr(p, '#', (size_t)(end - p));
    double both[2];
    if (comment)
        end = comment;
    if (state->count == 0 && touching_columns(p, end, both) == GD_OK) {
        state->frame.step = (int64_t)both[0];
        state->frame.time = both[1];
        state->count = 2;
        return GD_OK;
    }
    for (p = skip_blanks(p, end); p < end && state->count < 2; p = skip_blanks(p, end)) {
        double value;
        const char *begin = p;
        if (number(&p, end, &value) != GD_OK)
            return GD_CORRUPT;
        if (state->count++ == 1) {
            state->frame.time = value;
            continue;
        }
        int64_t step = 0;
        int negative = *begin == '-';
        for (const char *q = begin + (negative || *begin == '+'); q < p; q++) {
            if (!is_digit(*q) || step > INT64_MAX / 10 - 10)
                return GD_CORRUPT;
            step = step * 10 + (*q - '0');
        }
        state->frame.step = negative ? -step : step;
    }
    return GD_OK;
}

static int close_block(struct gd_gromos_scan *state, int64_t line_size, struct gd_where *where) {
    struct gd_gromos_frame *frame = &state->frame;
    int64_t field = state->inside;
    state->inside = 0;
    if (field == OTHER)
        return GD_OK;
    if (field == GD_GROMOS_TIMESTEP)
        return state->count == 2 ? GD_OK : fail(state, where, GD_GROMOS_BAD_TIMESTEP, GD_CORRUPT);
    struct gd_gromos_block *block = frame->blocks + slot(field);
    block->size = state->byte + line_size - block->byte;
    if (!(field & VECTORS))
        return GD_OK;
    if (!state->regular)
        block->line_size = block->comment_size = 0;
    if (state->count == 0)
        return fail(state, where, GD_GROMOS_NO_ATOMS, GD_CORRUPT);
    if (state->n_atoms < 0)
        state->n_atoms = state->count;
    if (state->count != state->n_atoms) {
        where->expected = state->n_atoms;
        where->found = state->count;
        return fail(state, where, GD_GROMOS_ATOM_COUNT, GD_CORRUPT);
    }
    return GD_OK;
}

int gd_gromos_scan(const char *text, int64_t size, int final, struct gd_gromos_scan *state,
                   struct gd_gromos_frame *frames, int64_t capacity, int64_t *found, int64_t *used,
                   struct gd_where *where) {
    const char *p = text, *end = text + size;
    int status = GD_OK;
    *found = *used = 0;
    if (size < 0 || capacity < 1)
        return GD_BAD_ARGUMENT;
    while (p < end && status == GD_OK) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        int whole = line_end != NULL;
        if (!whole) {
            if (!final)
                break;
            line_end = end;
        }
        int64_t line_size = line_end - p + whole;
        enum kind kind = line_kind(p, line_end);
        if (!whole && state->inside && kind != END)
            break; /* a line cut short says nothing */
        if (!whole && !state->inside && kind != EMPTY && (state->n_frames || state->frame.fields)) {
            if (*found < capacity)
                status = cut_off(state, frames, found, GD_GROMOS_CUT_FRAME, where);
            break;
        }
        if (state->inside == 0) {
            int32_t labelled = 0;
            int field = kind == NAME ? field_of(p, line_end, &labelled) : OTHER;
            int begins = field == GD_GROMOS_TIMESTEP || (state->frame.fields & field) ||
                         (kind == NAME && is_word(p, line_end, "TITLE"));
            if (begins && state->frame.fields) {
                if (*found == capacity)
                    break;
                status = close_frame(state, frames, found, 0, where);
            }
            if (status != GD_OK)
                break;
            if (kind == NAME)
                open_block(state, field, labelled, line_size);
            else if (kind != EMPTY)
                status = fail(state, where, GD_GROMOS_NOT_A_BLOCK, GD_CORRUPT);
        } else if (kind == END) {
            status = close_block(state, line_size, where);
        } else if (state->inside == OTHER) {
            /* anything may stand here */
        } else if (kind == NAME) {
            status = fail(state, where, GD_GROMOS_NO_END, GD_CORRUPT);
        } else if (state->inside & VECTORS) {
            vector_line(state, kind, line_size);
        } else if (state->inside == GD_GROMOS_TIMESTEP &&
                   timestep_line(state, p, line_end) != GD_OK) {
            status = fail(state, where, GD_GROMOS_BAD_TIMESTEP, GD_CORRUPT);
        }
        if (status != GD_OK)
            break;
        p += line_size;
        state->byte += line_size;
        state->line++;
    }
    if (status == GD_OK && final && *found < capacity) {
        if (state->inside)
            status = cut_off(state, frames, found, GD_GROMOS_CUT_BLOCK, where);
        else if (p == end)
            status = close_frame(state, frames, found, 1, where);
    }
    *used = p - text;
    return status;
}

/* ---- read ---- */

struct text {
    const char *begin, *end;
    int64_t origin;
};

/* Say where in the stream the line at `p` of a block is; counts lines, so for errors only. */
static int fail_at(const struct text *text, const struct gd_gromos_block *block, const char *p,
                   int64_t frame, int64_t atom, int status, struct gd_where *where) {
    int64_t from = block->byte - text->origin, line = block->line;
    where->frame = frame;
    where->atom = atom;
    where->byte = text->origin + (p - text->begin);
    where->line = -1;
    if (from >= 0) {
        for (const char *q = text->begin + from; q < p; q++)
            line += *q == '\n';
        where->line = line;
    }
    return status;
}

/* One atom's line at `p`; moves *next behind it. GD_TRUNCATED if the line does not end. */
static inline int atom_line(const char *p, const char *end, int labelled, const char **next,
                            double v[3]) {
    const char *numbers = p;
    if (labelled) {
        const char *label = skip_blanks(p, end);
        if (label < end && *label == '#')
            return GD_CORRUPT; /* a comment, and what stands behind it no numbers */
        numbers += LABEL_SIZE;
    }
    if (FIXED_COLUMNS && end - p > LABEL_SIZE + 45) {
        if (numbers[45] == '\n' && three_of_15(numbers, v)) {
            *next = numbers + 46;
            if (!labelled || !memchr(p, '\n', LABEL_SIZE))
                return GD_OK;
        }
    }
    if (FIXED_COLUMNS && end - p > LABEL_SIZE + 54) {
        if (numbers[54] == '\n' && three_of_18(numbers, v)) {
            *next = numbers + 55;
            if (!labelled || !memchr(p, '\n', LABEL_SIZE))
                return GD_OK;
        }
    }
    const char *line_end = memchr(p, '\n', (size_t)(end - p));
    if (!line_end)
        return GD_TRUNCATED;
    *next = line_end + 1;
    return three_numbers(p, line_end, labelled, v);
}

static inline void store(void *out, int is_double, int64_t row, const double v[3]) {
    if (is_double) {
        memcpy((double *)out + row * 3, v, 3 * sizeof(double));
    } else {
        float *to = (float *)out + row * 3;
        to[0] = (float)v[0];
        to[1] = (float)v[1];
        to[2] = (float)v[2];
    }
}

/* All atoms, or the wanted ones of a block whose lines have several lengths. */
static int read_lines(const struct text *text, const struct gd_gromos_block *block, int64_t frame,
                      int64_t n_atoms, int64_t n_wanted, const int64_t *wanted, const int64_t *rows,
                      int is_double, void *out, struct gd_where *where) {
    const char *p = text->begin + (block->byte - text->origin + block->first);
    int64_t k = 0, atom = 0;
    for (;;) {
        const char *next;
        double v[3];
        int status = GD_CORRUPT;
        int skip = wanted && wanted[k] > atom;
        if (!skip)
            status = atom_line(p, text->end, block->labelled, &next, v);
        if (status != GD_OK) {
            const char *line_end = memchr(p, '\n', (size_t)(text->end - p));
            enum kind kind = line_kind(p, line_end ? line_end : text->end);
            if (kind == END)
                break;
            if (!line_end)
                return fail_at(text, block, p, frame, atom, GD_TRUNCATED, where);
            next = line_end + 1;
            if (kind == EMPTY) {
                p = next;
                continue;
            }
            if (kind == NAME || (!skip && atom < n_atoms))
                return fail_at(text, block, p, frame, atom, status, where);
        }
        if (atom == n_atoms) {
            where->expected = n_atoms;
            where->found = n_atoms + 1;
            return fail_at(text, block, p, frame, -1, GD_CORRUPT, where);
        }
        if (!wanted)
            store(out, is_double, atom, v);
        else
            while (k < n_wanted && wanted[k] == atom)
                store(out, is_double, rows[k++], v);
        atom++;
        p = next;
        if (wanted && k == n_wanted)
            return GD_OK;
    }
    if (atom == n_atoms)
        return GD_OK;
    where->expected = n_atoms;
    where->found = atom;
    return fail_at(text, block, p, frame, -1, GD_CORRUPT, where);
}

/* The wanted atoms of a regular block, by arithmetic. */
static int read_regular(const struct text *text, const struct gd_gromos_block *block, int64_t frame,
                        int64_t n_wanted, const int64_t *wanted, const int64_t *rows, int is_double,
                        void *out, struct gd_where *where) {
    int64_t size = text->end - text->begin;
    double v[3] = {0, 0, 0};
    for (int64_t k = 0; k < n_wanted; k++) {
        int64_t atom = wanted[k];
        if (k == 0 || atom != wanted[k - 1]) {
            int64_t from = block->byte - text->origin + block->first + atom * block->line_size +
                           atom / 10 * block->comment_size;
            const char *p = text->begin + from, *next = NULL;
            if (from < 0 || from > size - block->line_size)
                return fail_at(text, block, text->end, frame, atom, GD_TRUNCATED, where);
            int status = from > 0 && p[-1] != '\n' ? GD_CORRUPT : GD_OK;
            if (status == GD_OK)
                status = atom_line(p, text->end, block->labelled, &next, v);
            if (status == GD_OK && next != p + block->line_size)
                status = GD_CORRUPT;
            if (status != GD_OK)
                return fail_at(text, block, p, frame, atom, status, where);
        }
        store(out, is_double, rows[k], v);
    }
    return GD_OK;
}

int gd_gromos_vectors(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                      const struct gd_gromos_block *blocks, int64_t n_atoms, int64_t n_wanted,
                      const int64_t *wanted, const int64_t *rows, int is_double, void *out,
                      struct gd_where *where) {
    const struct text all = {text, text + size, origin};
    const size_t bytes = (size_t)n_wanted * 3 * (is_double ? sizeof(double) : sizeof(float));
    if (size < 0 || n_blocks < 0 || n_atoms < 1 || n_wanted < 1 || (!wanted && n_wanted != n_atoms))
        return GD_BAD_ARGUMENT;
    for (int64_t k = 0; wanted && k < n_wanted; k++) {
        if (wanted[k] < 0 || wanted[k] >= n_atoms || (k > 0 && wanted[k] < wanted[k - 1]) ||
            rows[k] < 0 || rows[k] >= n_wanted) {
            where->found = wanted[k];
            return GD_BAD_ARGUMENT;
        }
    }
    for (int64_t i = 0; i < n_blocks; i++) {
        const struct gd_gromos_block *block = blocks + i;
        char *to = (char *)out + (size_t)i * bytes;
        int status;
        if (wanted && block->line_size > 0) {
            status = read_regular(&all, block, i, n_wanted, wanted, rows, is_double, to, where);
        } else {
            int64_t from = block->byte - origin;
            if (from < 0 || block->size < block->first || from > size - block->size ||
                block->first < 0)
                return fail_at(&all, block, all.end, i, -1, GD_TRUNCATED, where);
            const struct text one = {text, text + from + block->size, origin};
            status =
                read_lines(&one, block, i, n_atoms, n_wanted, wanted, rows, is_double, to, where);
        }
        if (status != GD_OK)
            return status;
    }
    return GD_OK;
}

/* The cosine of an angle in degrees; exact for the commonest. */
static double cosine(double degrees) {
    return degrees == 90 ? 0 : cos(degrees * (3.14159265358979323846 / 180));
}

static double sine(double degrees) {
    return degrees == 0 ? 0 : sin(degrees * (3.14159265358979323846 / 180));
}

/* Turn a vector by `angle` degrees about an axis: 0, 1, 2 are x, y, z. */
static void rotate(double v[3], int axis, double angle) {
    int i = (axis + 1) % 3, j = (axis + 2) % 3;
    double c = angle == 0 ? 1 : cosine(angle), s = sine(angle), vi = v[i];
    v[i] = c * vi - s * v[j];
    v[j] = s * vi + c * v[j];
}

/* Box vectors in rows from lengths, angles and Euler angles phi, theta, psi: a along x, b in the
 * x-y plane, all then turned about x by psi, about y by theta, about z by phi. */
static int triclinic(const double length[3], const double angle[3], const double euler[3],
                     double out[9], int64_t *wrong) {
    double cos_alpha = cosine(angle[0]), cos_beta = cosine(angle[1]), cos_gamma = cosine(angle[2]);
    double sin_gamma = sqrt(1 - cos_gamma * cos_gamma);
    double y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
    double z = sqrt(1 - cos_beta * cos_beta - y * y);
    for (*wrong = 4; *wrong < 7; ++*wrong)
        if (!(angle[*wrong - 4] > 0 && angle[*wrong - 4] < 180))
            return GD_CORRUPT;
    *wrong = 6;
    if (!(z > 0))
        return GD_CORRUPT;
    out[0] = length[0];
    out[3] = length[1] * cos_gamma;
    out[4] = length[1] * sin_gamma;
    out[6] = length[2] * cos_beta;
    out[7] = length[2] * y;
    out[8] = length[2] * z;
    for (int i = 0; i < 3; i++)
        for (int axis = 0; axis < 3; axis++)
            rotate(out + 3 * i, axis, euler[2 - axis]);
    return GD_OK;
}

/* Whether an angle is what that of a rectangular box is, in degrees: programs that compute it with
 * an arc cosine get no nearer to it than 1e-6. */
static int is_angle(double degrees, double expected) { return fabs(degrees - expected) <= 1e-5; }

/* `v`: type, lengths, angles, Euler angles, origin, of which the last, and in vacuum all but the
 * type, may be missing; or, without a type, three lengths, all 0 in vacuum. `wrong`: which of them
 * is, or -1 when there are too many or too few. */
static int box_vectors(const double *v, int n, int with_type, int32_t *kind, double out[9],
                       int64_t *wrong) {
    const int first = with_type ? 1 : 0;
    const double *length = with_type ? v + 1 : v;
    const double type = with_type ? v[0] : length[0] != 0 || length[1] != 0 || length[2] != 0;
    memset(out, 0, 9 * sizeof *out);
    *wrong = -1;
    if (with_type ? n != 10 && n != 13 && (n != 1 || type != 0) : n != 3)
        return GD_CORRUPT;
    *wrong = 0;
    if (type != 0 && type != 1 && type != 2 && type != -1)
        return GD_UNSUPPORTED;
    *kind = (int32_t)type;
    if (*kind == 0) {
        for (int i = 0; i < 9; i++)
            out[i] = NAN;
        return GD_OK;
    }
    for (*wrong = first; *wrong < first + 3; ++*wrong)
        if (!(v[*wrong] > 0))
            return GD_CORRUPT;
    for (*wrong = first + 1; *kind == -1 && *wrong < first + 3; ++*wrong)
        if (fabs(v[*wrong] - length[0]) > 1e-6 * length[0])
            return GD_CORRUPT;
    if (*kind == 2)
        return triclinic(length, v + 4, v + 7, out, wrong);
    for (*wrong = 4; with_type && *wrong < 10; ++*wrong)
        if (!is_angle(v[*wrong], *wrong < 7 ? 90 : 0))
            return GD_CORRUPT;
    for (int i = 0; i < 3; i++)
        out[4 * i] = length[i];
    return GD_OK;
}

int gd_gromos_boxes(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                    const struct gd_gromos_block *blocks, int32_t *kinds, double *out,
                    struct gd_where *where) {
    const struct text all = {text, text + size, origin};
    if (size < 0 || n_blocks < 0)
        return GD_BAD_ARGUMENT;
    for (int64_t i = 0; i < n_blocks; i++) {
        const struct gd_gromos_block *block = blocks + i;
        int64_t from = block->byte - origin;
        if (from < 0 || block->first < 0 || block->size < block->first || from > size - block->size)
            return fail_at(&all, block, all.end, i, -1, GD_TRUNCATED, where);
        const char *end = text + from + block->size, *p = text + from + block->first, *next;
        const char *at[13] = {text + from};
        double v[13] = {0};
        int64_t wrong = -1;
        int n = 0, status = GD_OK;
        for (; p < end; p = next) {
            const char *line_end = memchr(p, '\n', (size_t)(end - p));
            next = line_end ? line_end + 1 : end;
            if (!line_end)
                line_end = end;
            enum kind kind = line_kind(p, line_end);
            if (kind == END)
                break;
            const char *comment = memchr(p, '#', (size_t)(line_end - p));
            const char *q = skip_blanks(p, comment ? comment : line_end);
            for (; q < (comment ? comment : line_end);
                 q = skip_blanks(q, comment ? comment : line_end)) {
                const char *begin = q;
                where->found = n;
                status = n == 13 ? GD_CORRUPT : number(&q, comment ? comment : line_end, v + n);
                if (status != GD_OK)
                    return fail_at(&all, block, begin, i, -1, status, where);
                at[n++] = begin;
            }
        }
        status = box_vectors(v, n, !block->labelled, kinds + i, out + 9 * i, &wrong);
        where->found = wrong;
        if (status != GD_OK)
            return fail_at(&all, block, at[wrong < 0 ? 0 : wrong], i, -1, status, where);
    }
    return GD_OK;
}

/* ---- blocks of numbers ---- */

static int table_kind(const char *p, const char *end) {
    static const struct {
        const char *name;
        int kind;
    } known[] = {
        {"TIMESTEP", GD_GROMOS_TIME_BLOCK},
        {"ENERGY03", GD_GROMOS_ENERGY_BLOCK},
        {"VOLUMEPRESSURE03", GD_GROMOS_VOLUME_PRESSURE_BLOCK},
        {"FREEENERDERIVS03", GD_GROMOS_DERIVATIVE_BLOCK},
        {"FREEENERGYDERIVS03", GD_GROMOS_DERIVATIVE_BLOCK},
        {"ENEVERSION", GD_GROMOS_VERSION_BLOCK},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_word(p, end, known[i].name))
            return known[i].kind;
    return GD_GROMOS_OTHER_BLOCK;
}

int gd_gromos_tables(const char *text, int64_t size, int final, int64_t origin, int64_t *line,
                     struct gd_gromos_table *tables, int64_t capacity, int64_t *found,
                     int64_t *used, int64_t *fault, struct gd_where *where) {
    struct gd_gromos_table table = {0};
    int64_t done = 0, at_line = *line;
    int inside = 0, status = GD_OK;
    *found = *used = *fault = 0;
    if (size < 0 || capacity < 1)
        return GD_BAD_ARGUMENT;
    while (done < size) {
        const char *p = text + done;
        const char *line_end = memchr(p, '\n', (size_t)(size - done));
        int64_t line_size = (line_end ? line_end + 1 : text + size) - p;
        if (!line_end) {
            if (!final)
                break;
            line_end = text + size;
        }
        enum kind kind = line_kind(p, line_end);
        if (!inside && kind == NAME) {
            if (*found == capacity)
                break;
            inside = 1;
            table.byte = origin + done;
            table.line = at_line;
            table.kind = table_kind(p, line_end);
        } else if (inside && kind == END) {
            inside = 0;
            table.size = origin + done + line_size - table.byte;
            tables[(*found)++] = table;
        } else if (inside ? kind == NAME && table.kind != GD_GROMOS_OTHER_BLOCK : kind != EMPTY) {
            /* A line that the end of the file cuts short says nothing. */
            int cut = text + size == line_end;
            *fault = cut ? GD_GROMOS_CUT_BLOCK : inside ? GD_GROMOS_NO_END : GD_GROMOS_NOT_A_BLOCK;
            status = cut ? GD_TRUNCATED : GD_CORRUPT;
            break;
        }
        done += line_size;
        at_line++;
        if (!inside) {
            *used = done;
            *line = at_line;
        }
    }
    if (status == GD_OK && inside && final && done == size) {
        *fault = GD_GROMOS_CUT_BLOCK;
        status = GD_TRUNCATED;
    }
    if (status != GD_OK) {
        where->line = at_line;
        where->byte = origin + done;
    }
    return status;
}

/* The numbers of the lines from `p` on; moves *at to the line it has come to. A step and a time may
 * touch. */
static int read_numbers(const char *p, const char *end, int is_timestep, int64_t n_values,
                        double *out, const char **at, int64_t *count) {
    *count = 0;
    for (const char *next; p < end; p = next) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        next = line_end ? line_end + 1 : end;
        if (!line_end)
            line_end = end;
        *at = p;
        if (*p == 'E' && is_word(p, line_end, "END"))
            return *count == n_values ? GD_OK : GD_CORRUPT;
        const char *comment = memchr(p, '#', (size_t)(line_end - p));
        if (comment)
            line_end = comment;
        if (is_timestep && *count == 0 && touching_columns(p, line_end, out) == GD_OK) {
            *count = 2;
            continue;
        }
        for (p = skip_blanks(p, line_end); p < line_end; p = skip_blanks(p, line_end)) {
            double value;
            int status = number(&p, line_end, &value);
            if (status != GD_OK) {
                *count = -1;
                return status;
            }
            if (*count == n_values) {
                (*count)++;
                return GD_CORRUPT;
            }
            out[(*count)++] = value;
        }
    }
    *at = end;
    *count = -1;
    return GD_TRUNCATED;
}

int gd_gromos_numbers(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                      const struct gd_gromos_table *tables, int64_t n_values, double *out,
                      struct gd_where *where) {
    if (size < 0 || n_blocks < 0 || n_values < 1)
        return GD_BAD_ARGUMENT;
    for (int64_t i = 0; i < n_blocks; i++) {
        int64_t from = tables[i].byte - origin, count = -1;
        const char *at = text + size, *name_end = NULL;
        int status = GD_TRUNCATED;
        if (from >= 0 && tables[i].size > 0 && from <= size - tables[i].size) {
            at = text + from;
            name_end = memchr(at, '\n', (size_t)tables[i].size);
        }
        if (name_end)
            status = read_numbers(name_end + 1, text + from + tables[i].size,
                                  n_values == 2 && tables[i].kind == GD_GROMOS_TIME_BLOCK, n_values,
                                  out + i * n_values, &at, &count);
        if (status == GD_OK)
            continue;
        where->frame = i;
        where->byte = origin + (at - text);
        where->line = tables[i].line;
        for (const char *q = text + (from > 0 ? from : 0); name_end && q < at; q++)
            where->line += *q == '\n';
        if (count >= 0) {
            where->expected = n_values;
            where->found = count;
        }
        return status;
    }
    return GD_OK;
}
