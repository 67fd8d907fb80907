/* TRR: GROMACS' positions, velocities and forces in full precision. A frame is a header, which
 * tells the size of each block, and the blocks, of float or double. */
#include "gd/trr.h"
#include "interleave.h"
#include "xdr.h"

#include <math.h>

enum {
    HEADER_FLOAT = 84,
    HEADER_DOUBLE = 92,
    SIZES = 24, /* where the sizes of the blocks begin */
    MAGIC = 1993,
    HEAD = HEADER_DOUBLE + 72, /* header and box */
    SCRATCH_LEAST = 4096
};

static int corrupt(struct gd_trr_frame *frame, struct gd_where *where, int fault, int64_t byte,
                   int64_t expected, int64_t found) {
    frame->fault = fault;
    return xdr_fail(where, GD_CORRUPT, byte, expected, found);
}

/* ---- the header ---- */

/* Blocks in the order in which the header has their sizes, which is that in the file too. */
enum { INPUT, ENERGY, BOX, VIRIAL, PRESSURE, TOPOLOGY, SYMBOLS, VECTORS, N_SIZES = VECTORS + 3 };

/* Bytes of a number, from the first block that tells. */
static int64_t real_size(const int64_t sizes[N_SIZES], int64_t n_atoms) {
    static const int order[] = {BOX, VIRIAL, PRESSURE, VECTORS, VECTORS + 1, VECTORS + 2};
    for (int i = 0; i < 6; i++)
        if (sizes[order[i]])
            return sizes[order[i]] / (order[i] < VECTORS ? 9 : 3 * n_atoms);
    return 0;
}

int gd_trr_header(const unsigned char *data, int64_t size, struct gd_trr_frame *frame,
                  struct gd_where *where) {
    memset(frame, 0, sizeof *frame);
    if (size < 4)
        return xdr_fail(where, GD_TRUNCATED, 0, HEADER_FLOAT, size);
    if (xdr_int(data) != MAGIC)
        return corrupt(frame, where, GD_TRR_MAGIC, 0, MAGIC, xdr_int(data));
    if (size < HEADER_FLOAT)
        return xdr_fail(where, GD_TRUNCATED, 0, HEADER_FLOAT, size);
    if (xdr_int(data + 4) != 13 || xdr_int(data + 8) != 12 ||
        memcmp(data + 12, "GMX_trn_file", 12) != 0)
        return corrupt(frame, where, GD_TRR_MAGIC, 4, 13, xdr_int(data + 4));

    int64_t sizes[N_SIZES];
    for (int i = 0; i < N_SIZES; i++)
        sizes[i] = xdr_int(data + SIZES + 4 * i);
    const unsigned char *rest = data + SIZES + 4 * N_SIZES;
    frame->n_atoms = xdr_int(rest);
    frame->step = xdr_int(rest + 4);
    if (frame->n_atoms < 1)
        return corrupt(frame, where, GD_TRR_ATOMS, SIZES + 4 * N_SIZES, 1, frame->n_atoms);
    int64_t real = real_size(sizes, frame->n_atoms);
    frame->real_size = real == 8 ? 8 : 4;
    for (int i = 0; i < N_SIZES; i++) {
        int64_t n = i >= VECTORS ? 3 * frame->n_atoms : 9;
        int is_known = i >= VECTORS || i == BOX || i == VIRIAL || i == PRESSURE;
        int64_t expected = is_known ? n * frame->real_size : 0;
        if (sizes[i] != 0 && sizes[i] != expected)
            return corrupt(frame, where, GD_TRR_SIZE, SIZES + 4 * i, expected, sizes[i]);
    }
    if (real == 0)
        return corrupt(frame, where, GD_TRR_SIZE, SIZES, 9 * 4, 0);

    int64_t header = frame->real_size == 8 ? HEADER_DOUBLE : HEADER_FLOAT;
    if (size < header)
        return xdr_fail(where, GD_TRUNCATED, 0, header, size);
    if (frame->real_size == 8) {
        frame->time = xdr_double(rest + 12);
        frame->lambda = xdr_double(rest + 20);
    } else {
        frame->time = (double)xdr_float(rest + 12);
        frame->lambda = (double)xdr_float(rest + 16);
    }
    frame->size = header;
    frame->box = -1;
    for (int i = 0; i < N_SIZES; i++) {
        int64_t at = sizes[i] ? frame->size : -1;
        if (i == BOX)
            frame->box = at;
        if (i >= VECTORS)
            frame->vectors[i - VECTORS] = at;
        frame->size += sizes[i];
    }
    return GD_OK;
}

int gd_trr_scan(int fd, int64_t file_size, struct gd_trr_scan *state, int64_t *bytes,
                int64_t *steps, double *times, double *lambdas, int64_t capacity, int64_t *found,
                unsigned char *scratch, int64_t scratch_size, struct gd_where *where) {
    struct xdr_window window = {0, 0, scratch, scratch_size};
    *found = 0;
    if (scratch_size < HEADER_DOUBLE || capacity < 1 || state->byte < 0)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, HEADER_DOUBLE, scratch_size);
    while (*found < capacity && state->byte < file_size) {
        struct gd_trr_frame *frame = &state->frame;
        int64_t left = file_size - state->byte;
        int64_t wanted = left < HEADER_DOUBLE ? left : HEADER_DOUBLE;
        int status = xdr_show(&window, fd, file_size, state->byte, wanted, frame->size, where);
        if (status != GD_OK) {
            where->frame = state->n_frames;
            return status;
        }
        status = gd_trr_header(scratch + (state->byte - window.begin), wanted, frame, where);
        if (status == GD_OK && state->n_atoms >= 0 && frame->n_atoms != state->n_atoms)
            status = corrupt(frame, where, GD_TRR_ATOMS, SIZES + 4 * N_SIZES, state->n_atoms,
                             frame->n_atoms);
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
        lambdas[*found] = frame->lambda;
        ++*found;
        for (int k = 0; k < 3; k++)
            state->has[k] |= frame->vectors[k] >= 0;
        state->n_atoms = frame->n_atoms;
        state->n_frames++;
        state->byte += frame->size;
    }
    return GD_OK;
}

/* ---- vectors ---- */

struct reading {
    int fd;
    const struct gd_interleave *interleave;
    int64_t n_atoms;
    const int64_t *atoms;
    int64_t n_wanted;
    int64_t lowest;
    int64_t n_span; /* atoms from the lowest to the highest wanted */
    int is_run;     /* they are the atoms wanted, in this order */
    int out_size;   /* bytes of a number of the result */
    unsigned char *scratch;
    int64_t scratch_size;
};

static void swap_reals(const struct reading *reading, unsigned char *reals, int64_t n, int size) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (size == 4) {
        reading->interleave->swap_bytes(reals, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t word;
        memcpy(&word, reals + 8 * i, 8);
        word = __builtin_bswap64(word);
        memcpy(reals + 8 * i, &word, 8);
    }
#else
    (void)reading, (void)reals, (void)n, (void)size;
#endif
}

static void store(void *out, int out_size, int64_t to, const unsigned char *in, int in_size,
                  int64_t from, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float single;
        double value;
        if (in_size == 8) {
            memcpy(&value, in + 8 * (from + i), 8);
        } else {
            memcpy(&single, in + 4 * (from + i), 4);
            value = (double)single;
        }
        if (out_size == 8)
            ((double *)out)[to + i] = value;
        else
            ((float *)out)[to + i] = (float)value;
    }
}

/* A block of vectors at `offset` of the file, as numbers of `size` bytes. */
static int read_vectors(const struct reading *reading, int64_t offset, int size, void *out,
                        struct gd_where *where) {
    const int is_direct = reading->is_run && size == reading->out_size;
    const int64_t atom_size = 3 * size, piece = reading->scratch_size / atom_size;
    for (int64_t done = 0; done < reading->n_span; done += piece) {
        const int64_t left = reading->n_span - done, n = left < piece ? left : piece;
        const int64_t first = reading->lowest + done;
        unsigned char *into =
            is_direct ? (unsigned char *)out + done * atom_size : reading->scratch;
        int status = xdr_fetch(reading->fd, offset + first * atom_size, n * atom_size, into, where);
        if (status != GD_OK)
            return status;
        swap_reals(reading, into, 3 * n, size);
        if (is_direct)
            continue;
        if (reading->is_run) {
            store(out, reading->out_size, 3 * done, into, size, 0, 3 * n);
            continue;
        }
        for (int64_t j = 0; j < reading->n_wanted; j++) {
            const int64_t i = reading->atoms[j] - first;
            if (i >= 0 && i < n)
                store(out, reading->out_size, 3 * j, into, size, 3 * i, 3);
        }
    }
    return GD_OK;
}

static void fill_nan(const struct reading *reading, void *out) {
    for (int64_t i = 0; i < 3 * reading->n_wanted; i++) {
        if (reading->out_size == 8)
            ((double *)out)[i] = NAN;
        else
            ((float *)out)[i] = NAN;
    }
}

static void read_box(const unsigned char *head, const struct gd_trr_frame *frame, double *box) {
    int has_box = 0;
    for (int k = 0; k < 9; k++) {
        box[k] = 0.0;
        if (frame->box >= 0) {
            const unsigned char *p = head + frame->box + k * frame->real_size;
            box[k] = frame->real_size == 8 ? xdr_double(p) : (double)xdr_float(p);
        }
        has_box |= box[k] != 0.0;
    }
    for (int k = 0; k < 9 && !has_box; k++)
        box[k] = NAN;
}

/* Read the header and the box of a frame, and see that it is the one meant. */
static int read_head(const struct reading *reading, int64_t begin, int64_t size,
                     const int64_t *step, double *box, struct gd_trr_frame *frame,
                     struct gd_where *where) {
    unsigned char head[HEAD];
    const int64_t have = size < HEAD ? size : HEAD, atoms_at = SIZES + 4 * N_SIZES;
    int status = xdr_fetch(reading->fd, begin, have, head, where);
    if (status != GD_OK)
        return status;
    status = gd_trr_header(head, have, frame, where);
    if (status == GD_OK && frame->n_atoms != reading->n_atoms)
        status = corrupt(frame, where, GD_TRR_ATOMS, atoms_at, reading->n_atoms, frame->n_atoms);
    if (status == GD_OK && frame->size != size)
        status = corrupt(frame, where, GD_TRR_CHANGED, 0, size, frame->size);
    if (status == GD_OK && step && frame->step != *step)
        status = corrupt(frame, where, GD_TRR_CHANGED, atoms_at + 4, *step, frame->step);
    if (status != GD_OK)
        where->byte += begin;
    else if (box)
        read_box(head, frame, box);
    return status;
}

int gd_trr_read(int fd, const int64_t *begins, const int64_t *ends, const int64_t *steps,
                int64_t n_frames, int64_t n_atoms, const int64_t *atoms, int64_t n_wanted,
                void *const out[3], const int types[3], double *boxes, unsigned char *scratch,
                int64_t scratch_size, struct gd_trr_frame *frame, struct gd_where *where) {
    struct reading reading = {.fd = fd,
                              .interleave = gd_interleave(),
                              .n_atoms = n_atoms,
                              .atoms = atoms,
                              .n_wanted = n_wanted,
                              .n_span = n_wanted,
                              .is_run = 1,
                              .scratch = scratch,
                              .scratch_size = scratch_size};
    if (n_frames < 0 || n_wanted < 1 || n_atoms < 1 || (!atoms && n_wanted != n_atoms))
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, n_atoms, n_wanted);
    if (scratch_size < SCRATCH_LEAST)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, SCRATCH_LEAST, scratch_size);
    if (atoms) {
        int64_t highest = -1;
        reading.lowest = INT64_MAX;
        for (int64_t j = 0; j < n_wanted; j++) {
            if (atoms[j] < 0 || atoms[j] >= n_atoms) {
                where->atom = j;
                return xdr_fail(where, GD_BAD_ARGUMENT, -1, n_atoms, atoms[j]);
            }
            reading.is_run &= atoms[j] == atoms[0] + j;
            reading.lowest = atoms[j] < reading.lowest ? atoms[j] : reading.lowest;
            highest = atoms[j] > highest ? atoms[j] : highest;
        }
        reading.n_span = highest - reading.lowest + 1;
    }
    for (int64_t i = 0; i < n_frames; i++) {
        where->frame = i;
        if (begins[i] < 0 || ends[i] - begins[i] < HEADER_FLOAT)
            return xdr_fail(where, GD_BAD_ARGUMENT, -1, HEADER_FLOAT, ends[i] - begins[i]);
        int status = read_head(&reading, begins[i], ends[i] - begins[i], steps ? steps + i : NULL,
                               boxes ? boxes + 9 * i : NULL, frame, where);
        for (int k = 0; k < 3 && status == GD_OK; k++) {
            if (!out[k])
                continue;
            reading.out_size = types[k] == GD_FLOAT64 ? 8 : 4;
            void *to = (unsigned char *)out[k] + i * 3 * n_wanted * reading.out_size;
            if (frame->vectors[k] < 0)
                fill_nan(&reading, to);
            else
                status = read_vectors(&reading, begins[i] + frame->vectors[k], frame->real_size, to,
                                      where);
        }
        if (status != GD_OK)
            return status;
    }
    where->frame = -1;
    return GD_OK;
}

/* ---- writing ---- */

static unsigned char *put_real(unsigned char *to, double value, int size) {
    if (size == 8)
        xdr_put_double(to, value);
    else
        xdr_put_float(to, (float)value);
    return to + size;
}

static unsigned char *put_vectors(unsigned char *to, const void *vectors, int type, int64_t n,
                                  int size) {
    if (type == GD_FLOAT64)
        for (int64_t i = 0; i < n; i++)
            to = put_real(to, ((const double *)vectors)[i], size);
    else
        for (int64_t i = 0; i < n; i++)
            to = put_real(to, (double)((const float *)vectors)[i], size);
    return to;
}

int64_t gd_trr_room(int64_t n_atoms, int n_vectors, int real_size) {
    return HEAD + (int64_t)n_vectors * 3 * n_atoms * real_size;
}

int gd_trr_encode(const void *const vectors[3], const int types[3], int64_t n_atoms,
                  const double *box, int64_t step, double time, double lambda, int real_size,
                  unsigned char *out, int64_t *size, struct gd_where *where) {
    const int64_t block = 3 * n_atoms * real_size;
    if (n_atoms < 1 || (real_size != 4 && real_size != 8) || block > INT32_MAX)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, INT32_MAX, n_atoms);
    if (step < INT32_MIN || step > INT32_MAX)
        return xdr_fail(where, GD_BAD_ARGUMENT, -1, INT32_MAX, step);
    xdr_put_word(out, MAGIC);
    xdr_put_word(out + 4, 13);
    xdr_put_word(out + 8, 12);
    memcpy(out + 12, "GMX_trn_file", 12);
    unsigned char *to = out + SIZES;
    for (int i = 0; i < N_SIZES; i++, to += 4) {
        int64_t n = i >= VECTORS && vectors[i - VECTORS] ? block : 0;
        xdr_put_word(to, (uint32_t)(i == BOX ? 9 * real_size : n));
    }
    xdr_put_word(to, (uint32_t)n_atoms);
    xdr_put_word(to + 4, (uint32_t)step);
    xdr_put_word(to + 8, 0);
    to = put_real(to + 12, time, real_size);
    to = put_real(to, lambda, real_size);
    for (int k = 0; k < 9; k++)
        to = put_real(to, box && !isnan(box[k]) ? box[k] : 0.0, real_size);
    for (int k = 0; k < 3; k++)
        if (vectors[k])
            to = put_vectors(to, vectors[k], types[k], 3 * n_atoms, real_size);
    *size = to - out;
    return GD_OK;
}
