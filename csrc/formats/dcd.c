/* DCD: the header, frames read with pread, cells to box vectors. */
#include "gd/dcd.h"
#include "interleave.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers of either byte order, at any alignment ---- */

static uint32_t word32(const unsigned char *p, int big_endian) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)p[big_endian ? 3 - i : i] << (8 * i);
    return value;
}

static uint64_t word64(const unsigned char *p, int big_endian) {
    uint64_t low = word32(p + (big_endian ? 4 : 0), big_endian);
    uint64_t high = word32(p + (big_endian ? 0 : 4), big_endian);
    return high << 32 | low;
}

static int32_t int32_at(const unsigned char *p, int big_endian) {
    return (int32_t)word32(p, big_endian);
}

static float float_at(const unsigned char *p, int big_endian) {
    uint32_t bits = word32(p, big_endian);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_at(const unsigned char *p, int big_endian) {
    uint64_t bits = word64(p, big_endian);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t marker_at(const unsigned char *p, int size, int big_endian) {
    return size == 8 ? word64(p, big_endian) : word32(p, big_endian);
}

/* A record length as a gd_where member: what no file can have becomes the largest number. */
static int64_t as_int64(uint64_t value) { return value > INT64_MAX ? INT64_MAX : (int64_t)value; }

static int fail(struct gd_where *where, int status, int64_t byte, int64_t expected, int64_t found) {
    where->byte = byte;
    where->expected = expected;
    where->found = found;
    return status;
}

/* ---- the header ---- */

enum {
    CONTROL_SIZE = 84, /* "CORD" and 20 integers */
    TITLE_LIMIT = 1 << 20
};

struct header {
    const unsigned char *data;
    int64_t size;
    int64_t file_size;
    int marker_size;
    int big_endian;
    int64_t at; /* the next record */
};

/* Set marker size and byte order from the first record. */
static int recognise(struct header *header, struct gd_where *where) {
    if (header->size < 16)
        return fail(where, GD_TRUNCATED, 0, CONTROL_SIZE + 8, header->size);
    for (int marker_size = 4; marker_size <= 8; marker_size += 4)
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            const unsigned char *magic = header->data + marker_size;
            if (marker_at(header->data, marker_size, big_endian) != CONTROL_SIZE)
                continue;
            if (memcmp(magic, "VELD", 4) == 0)
                return fail(where, GD_UNSUPPORTED, marker_size, -1, -1);
            if (memcmp(magic, "CORD", 4) == 0) {
                header->marker_size = marker_size;
                header->big_endian = big_endian;
                return GD_OK;
            }
        }
    return fail(where, GD_CORRUPT, 0, CONTROL_SIZE, word32(header->data, 0));
}

/* Step over the next record, of `expected` bytes (-1: any number up to TITLE_LIMIT). */
static int next_record(struct header *header, int64_t expected, const unsigned char **content,
                       struct gd_where *where) {
    int64_t at = header->at, marker = header->marker_size;
    if (header->size - at < marker)
        return fail(where, GD_TRUNCATED, at, at + marker, header->size);
    uint64_t length = marker_at(header->data + at, header->marker_size, header->big_endian);
    if (expected >= 0 && length != (uint64_t)expected)
        return fail(where, GD_CORRUPT, at, expected, as_int64(length));
    if (length > TITLE_LIMIT)
        return fail(where, GD_CORRUPT, at, TITLE_LIMIT, as_int64(length));
    int64_t end = at + marker + (int64_t)length;
    if (header->size - end < marker)
        return fail(where, GD_TRUNCATED, at, end + marker, header->size);
    uint64_t closing = marker_at(header->data + end, header->marker_size, header->big_endian);
    if (closing != length)
        return fail(where, GD_CORRUPT, end, (int64_t)length, as_int64(closing));
    *content = header->data + at + marker;
    header->at = end + marker;
    return GD_OK;
}

/* Step over the title: a count and as many lines of 80 bytes. Some writers (MDAnalysis before 1.0)
 * put 164 into its markers whatever the count: then the count is right. */
static int next_title(struct header *header, struct gd_where *where) {
    const unsigned char *content;
    int64_t at = header->at, marker = header->marker_size;
    int status = next_record(header, -1, &content, where);
    if (status == GD_OK || header->size - at < marker + 4)
        return status;
    int64_t lines = int32_at(header->data + at + marker, header->big_endian);
    int64_t end = at + marker + 4 + 80 * lines;
    if (lines < 0 || lines > TITLE_LIMIT / 80)
        return status;
    if (header->size - end < marker) {
        if (status == GD_CORRUPT && end + marker <= header->file_size)
            return fail(where, GD_TRUNCATED, at, end + marker, header->size);
        return status;
    }
    if (memcmp(header->data + at, header->data + end, (size_t)marker) != 0)
        return status;
    header->at = end + marker;
    *where = (struct gd_where){-1, -1, -1, -1, -1, -1, -1};
    return GD_OK;
}

static int64_t record_size(const struct gd_dcd *dcd, int64_t content) {
    return content + 2 * dcd->marker_size;
}

static int64_t size_of_frame(const struct gd_dcd *dcd, int64_t n_stored) {
    int64_t cell = dcd->has_cell ? record_size(dcd, 48) : 0;
    return cell + (dcd->has_fourth_dimension ? 4 : 3) * record_size(dcd, 4 * n_stored);
}

int gd_dcd_open(const unsigned char *data, int64_t size, int64_t file_size, struct gd_dcd *dcd,
                struct gd_where *where) {
    if (size < 0 || file_size < size)
        return fail(where, GD_BAD_ARGUMENT, -1, file_size, size);
    struct header header = {.data = data, .size = size, .file_size = file_size};
    const unsigned char *control, *count;
    int status = recognise(&header, where);
    if (status == GD_OK)
        status = next_record(&header, CONTROL_SIZE, &control, where);
    if (status == GD_OK)
        status = next_title(&header, where);
    int64_t count_at = header.at + header.marker_size;
    if (status == GD_OK)
        status = next_record(&header, 4, &count, where);
    if (status != GD_OK)
        return status;

    int big = header.big_endian;
    const unsigned char *integers = control + 4;
    int64_t integers_at = header.marker_size + 4;
    int64_t n_atoms = int32_at(count, big), n_fixed = int32_at(integers + 4 * 8, big);
    if (n_atoms < 1)
        return fail(where, GD_CORRUPT, count_at, 1, n_atoms);
    if (n_fixed < 0 || n_fixed >= n_atoms)
        return fail(where, GD_CORRUPT, integers_at + 4 * 8, 0, n_fixed);

    *dcd = (struct gd_dcd){
        .n_atoms = n_atoms,
        .n_free = n_atoms - n_fixed,
        .n_frames_header = int32_at(integers, big),
        .free_atoms = -1,
        .first_frame = header.at,
        .first_step = int32_at(integers + 4, big),
        .step_interval = int32_at(integers + 8, big),
        .version = int32_at(integers + 4 * 19, big),
        .marker_size = header.marker_size,
        .big_endian = big,
    };
    if (dcd->version != 0) {
        dcd->time_step = (double)float_at(integers + 4 * 9, big);
        dcd->has_cell = int32_at(integers + 4 * 10, big) != 0;
        dcd->has_fourth_dimension = int32_at(integers + 4 * 11, big) != 0;
    } else {
        dcd->time_step = double_at(integers + 4 * 9, big);
    }
    if (n_fixed > 0) {
        dcd->free_atoms = header.at;
        dcd->first_frame += record_size(dcd, 4 * dcd->n_free);
        if (dcd->first_frame > file_size)
            return fail(where, GD_TRUNCATED, header.at, dcd->first_frame, file_size);
    }
    dcd->first_frame_size = size_of_frame(dcd, n_atoms);
    dcd->frame_size = size_of_frame(dcd, dcd->n_free);

    /* A wrong number of atoms or a wrong cell flag would show only as nonsense further on. */
    if (size - dcd->first_frame >= dcd->marker_size) {
        int64_t expected = dcd->has_cell ? 48 : 4 * n_atoms;
        uint64_t found = marker_at(data + dcd->first_frame, dcd->marker_size, big);
        if (found != (uint64_t)expected) {
            where->frame = 0;
            return fail(where, GD_CORRUPT, dcd->first_frame, expected, as_int64(found));
        }
    }

    dcd->leftover = file_size - dcd->first_frame;
    if (dcd->leftover >= dcd->first_frame_size) {
        dcd->leftover -= dcd->first_frame_size;
        dcd->n_frames = 1 + dcd->leftover / dcd->frame_size;
        dcd->leftover %= dcd->frame_size;
    }
    return GD_OK;
}

int gd_dcd_free_places(const unsigned char *record, int64_t size, const struct gd_dcd *dcd,
                       int64_t *places, struct gd_where *where) {
    int64_t content = 4 * dcd->n_free, marker = dcd->marker_size;
    int64_t at = dcd->free_atoms;
    if (size != record_size(dcd, content))
        return fail(where, GD_BAD_ARGUMENT, -1, record_size(dcd, content), size);
    uint64_t opening = marker_at(record, dcd->marker_size, dcd->big_endian);
    if (opening != (uint64_t)content)
        return fail(where, GD_CORRUPT, at, content, as_int64(opening));
    uint64_t closing = marker_at(record + marker + content, dcd->marker_size, dcd->big_endian);
    if (closing != (uint64_t)content)
        return fail(where, GD_CORRUPT, at + marker + content, content, as_int64(closing));
    for (int64_t i = 0; i < dcd->n_atoms; i++)
        places[i] = -1;
    for (int64_t i = 0; i < dcd->n_free; i++) {
        int64_t number = int32_at(record + marker + 4 * i, dcd->big_endian);
        if (number < 1 || number > dcd->n_atoms || places[number - 1] >= 0) {
            where->atom = i;
            return fail(where, GD_CORRUPT, at + marker + 4 * i, dcd->n_atoms, number);
        }
        places[number - 1] = i;
    }
    return GD_OK;
}

/* ---- frames ---- */

enum {
    SCRATCH_LEAST = 4096,
    /* Reading a frame in pieces takes some eight system calls more than reading it whole; as long
     * as copying this many bytes. */
    WORTH_SKIPPING = 1 << 16
};

/* The atoms wanted as they stand in the frames of one kind (all atoms, or only the free ones). */
struct span {
    int64_t lowest;
    int64_t n;  /* from the lowest to the highest; 0: none of them is stored */
    int is_run; /* lowest, lowest + 1, ..., each once and in this order */
};

struct reading {
    const struct gd_dcd *dcd;
    const struct gd_interleave *interleave;
    struct gd_where *where;
    int fd;
    const unsigned char *data; /* the whole file, or NULL: read from fd */
    int64_t size;
    unsigned char *scratch;
    int64_t scratch_size;
    const int64_t *atoms;
    const int64_t *places;
    int64_t n_wanted;
    struct span all;
    struct span free;
};

static int64_t frame_begin(const struct gd_dcd *dcd, int64_t frame) {
    if (frame == 0)
        return dcd->first_frame;
    return dcd->first_frame + dcd->first_frame_size + (frame - 1) * dcd->frame_size;
}

static int64_t frame_size(const struct gd_dcd *dcd, int64_t frame) {
    return frame == 0 ? dcd->first_frame_size : dcd->frame_size;
}

/* With fixed atoms, frames after the first have only the free ones. */
static int is_partial(const struct gd_dcd *dcd, int64_t frame) {
    return frame > 0 && dcd->n_free < dcd->n_atoms;
}

/* The file ends at byte `end`: tell which frame that cuts. */
static int cut_at(const struct reading *reading, int64_t end) {
    const struct gd_dcd *dcd = reading->dcd;
    int64_t frame = 0, after_first = end - dcd->first_frame - dcd->first_frame_size;
    if (after_first >= 0)
        frame = 1 + after_first / dcd->frame_size;
    int64_t found = end - frame_begin(dcd, frame);
    reading->where->frame = frame;
    return fail(reading->where, GD_TRUNCATED, frame_begin(dcd, frame), frame_size(dcd, frame),
                found > 0 ? found : 0);
}

/* Put n bytes of the file, from `offset`, into `into`. */
static int fetch(const struct reading *reading, int64_t offset, int64_t n, unsigned char *into) {
    if (reading->data) {
        if (offset > reading->size - n)
            return cut_at(reading, reading->size);
        memcpy(into, reading->data + offset, (size_t)n);
        return GD_OK;
    }
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(reading->fd, into + done, (size_t)(n - done), (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            reading->where->system_error = errno;
            return GD_SYSTEM;
        }
        if (got == 0)
            return cut_at(reading, offset + done);
        done += got;
    }
    return GD_OK;
}

static int check_marker(const struct reading *reading, const unsigned char *p, int64_t frame,
                        int64_t byte, int64_t expected) {
    uint64_t found = marker_at(p, reading->dcd->marker_size, reading->dcd->big_endian);
    if (found == (uint64_t)expected)
        return GD_OK;
    reading->where->frame = frame;
    return fail(reading->where, GD_CORRUPT, byte, expected, as_int64(found));
}

static int64_t place_of(const struct reading *reading, int partial, int64_t j) {
    int64_t atom = reading->atoms ? reading->atoms[j] : j;
    return partial ? reading->places[atom] : atom;
}

/* From planes that begin with place `lowest` and hold n: put the atoms wanted to their rows. */
static void deliver(const struct reading *reading, int partial, unsigned char *const planes[3],
                    int64_t lowest, int64_t n, float *f32, double *f64) {
    const double scale = 0.1;
    const struct span *span = partial ? &reading->free : &reading->all;
    if (reading->dcd->big_endian)
        for (int k = 0; k < 3; k++)
            reading->interleave->swap_bytes(planes[k], n);
    if (span->is_run) {
        const unsigned char *const from[3] = {planes[0], planes[1], planes[2]};
        int64_t row = lowest - span->lowest;
        if (f32)
            reading->interleave->f32(from, n, scale, f32 + 3 * row);
        if (f64)
            reading->interleave->f64(from, n, scale, f64 + 3 * row);
        return;
    }
    for (int64_t j = 0; j < reading->n_wanted; j++) {
        int64_t i = place_of(reading, partial, j) - lowest;
        if (i < 0 || i >= n)
            continue;
        for (int k = 0; k < 3; k++) {
            float value;
            memcpy(&value, planes[k] + 4 * i, sizeof value);
            if (f32)
                f32[3 * j + k] = (float)((double)value * scale);
            if (f64)
                f64[3 * j + k] = (double)value * scale;
        }
    }
}

/* Check what stands before the coordinates, from the frame's beginning to the first coordinate. */
static int check_head(const struct reading *reading, const unsigned char *head, int64_t frame,
                      int64_t plane, double *cell) {
    const struct gd_dcd *dcd = reading->dcd;
    int64_t byte = frame_begin(dcd, frame), marker = dcd->marker_size;
    if (dcd->has_cell) {
        int status = check_marker(reading, head, frame, byte, 48);
        if (status == GD_OK)
            status = check_marker(reading, head + marker + 48, frame, byte + marker + 48, 48);
        if (status != GD_OK)
            return status;
        if (cell)
            for (int i = 0; i < 6; i++)
                cell[i] = double_at(head + marker + 8 * i, dcd->big_endian);
        head += record_size(dcd, 48);
        byte += record_size(dcd, 48);
    } else if (cell) {
        memset(cell, 0, 6 * sizeof *cell);
    }
    return check_marker(reading, head, frame, byte, plane);
}

static int64_t head_size(const struct gd_dcd *dcd) {
    return (dcd->has_cell ? record_size(dcd, 48) : 0) + dcd->marker_size;
}

/* A frame whose bytes are all at `bytes`. */
static int decode_whole(const struct reading *reading, int64_t frame, unsigned char *bytes,
                        float *f32, double *f64, double *cell) {
    const struct gd_dcd *dcd = reading->dcd;
    int partial = is_partial(dcd, frame), n_planes = dcd->has_fourth_dimension ? 4 : 3;
    const struct span *span = partial ? &reading->free : &reading->all;
    int64_t plane = 4 * (partial ? dcd->n_free : dcd->n_atoms), marker = dcd->marker_size;
    int status = check_head(reading, bytes, frame, plane, cell);
    unsigned char *planes[4];
    int64_t at = head_size(dcd);
    for (int k = 0; k < n_planes && status == GD_OK; k++) {
        planes[k] = bytes + at + 4 * span->lowest;
        at += plane;
        int64_t byte = frame_begin(dcd, frame) + at;
        status = check_marker(reading, bytes + at, frame, byte, plane);
        if (status == GD_OK && k + 1 < n_planes)
            status = check_marker(reading, bytes + at + marker, frame, byte + marker, plane);
        at += 2 * marker;
    }
    if (status == GD_OK && span->n > 0)
        deliver(reading, partial, planes, span->lowest, span->n, f32, f64);
    return status;
}

/* A frame of which only the span of the atoms wanted is read, in pieces that fit the scratch. */
static int read_pieces(const struct reading *reading, int64_t frame, float *f32, double *f64,
                       double *cell) {
    const struct gd_dcd *dcd = reading->dcd;
    int partial = is_partial(dcd, frame), n_planes = dcd->has_fourth_dimension ? 4 : 3;
    const struct span *span = partial ? &reading->free : &reading->all;
    int64_t plane = 4 * (partial ? dcd->n_free : dcd->n_atoms), marker = dcd->marker_size;
    int64_t begin = frame_begin(dcd, frame), head = head_size(dcd);
    unsigned char small[80];
    int status = fetch(reading, begin, head, small);
    if (status == GD_OK)
        status = check_head(reading, small, frame, plane, cell);
    if (status != GD_OK || !(f32 || f64))
        return status;

    for (int k = 0; k < n_planes; k++) {
        int last = k + 1 == n_planes;
        int64_t end = begin + head + k * record_size(dcd, plane) + plane;
        status = fetch(reading, end, last ? marker : 2 * marker, small);
        if (status == GD_OK)
            status = check_marker(reading, small, frame, end, plane);
        if (status == GD_OK && !last)
            status = check_marker(reading, small + marker, frame, end + marker, plane);
        if (status != GD_OK)
            return status;
    }

    int64_t piece = reading->scratch_size / 12 & ~(int64_t)15;
    for (int64_t done = 0; done < span->n; done += piece) {
        int64_t n = span->n - done < piece ? span->n - done : piece;
        unsigned char *planes[3];
        for (int k = 0; k < 3; k++) {
            int64_t offset = begin + head + k * record_size(dcd, plane);
            planes[k] = reading->scratch + 4 * piece * k;
            status = fetch(reading, offset + 4 * (span->lowest + done), 4 * n, planes[k]);
            if (status != GD_OK)
                return status;
        }
        deliver(reading, partial, planes, span->lowest + done, n, f32, f64);
    }
    return GD_OK;
}

static int fits(const struct reading *reading, int64_t frame) {
    const struct span *span = is_partial(reading->dcd, frame) ? &reading->free : &reading->all;
    int64_t size = frame_size(reading->dcd, frame);
    return size <= reading->scratch_size && size - 12 * span->n <= WORTH_SKIPPING;
}

/* Frames first .. first + n - 1 of one kind, each of which fits the scratch. */
static int read_whole(const struct reading *reading, int64_t first, int64_t n, float *f32,
                      double *f64, double *cells) {
    int64_t size = frame_size(reading->dcd, first), at_once = reading->scratch_size / size;
    for (int64_t i = 0; i < n; i++) {
        unsigned char *bytes = reading->scratch + i % at_once * size;
        if (i % at_once == 0) {
            int64_t some = n - i < at_once ? n - i : at_once;
            int status = fetch(reading, frame_begin(reading->dcd, first + i), some * size, bytes);
            if (status != GD_OK)
                return status;
        }
        int status = decode_whole(
            reading, first + i, bytes, f32 ? f32 + 3 * i * reading->n_wanted : NULL,
            f64 ? f64 + 3 * i * reading->n_wanted : NULL, cells ? cells + 6 * i : NULL);
        if (status != GD_OK)
            return status;
    }
    return GD_OK;
}

static struct span span_of(const struct reading *reading, int partial) {
    if (!reading->atoms && !partial)
        return (struct span){.lowest = 0, .n = reading->n_wanted, .is_run = 1};
    struct span span = {.lowest = INT64_MAX, .n = 0, .is_run = 1};
    int64_t highest = -1, first = -1;
    for (int64_t j = 0; j < reading->n_wanted; j++) {
        int64_t place = place_of(reading, partial, j);
        if (j == 0)
            first = place;
        if (place < 0 || place != first + j)
            span.is_run = 0;
        if (place < 0)
            continue;
        if (place < span.lowest)
            span.lowest = place;
        if (place > highest)
            highest = place;
    }
    if (highest < 0)
        span.lowest = 0;
    else
        span.n = highest - span.lowest + 1;
    return span;
}

static int read_frames(struct reading *reading, int64_t first, int64_t step, int64_t n_frames,
                       float *f32, double *f64, double *cells) {
    const struct gd_dcd *dcd = reading->dcd;
    int64_t row = 3 * reading->n_wanted;
    reading->interleave = gd_interleave();
    if (n_frames < 0 || first < 0 || step < 1 ||
        (n_frames > 0 &&
         (first >= dcd->n_frames || (n_frames - 1) > (dcd->n_frames - 1 - first) / step)))
        return fail(reading->where, GD_BAD_ARGUMENT, -1, dcd->n_frames, n_frames);
    if (reading->scratch_size < SCRATCH_LEAST)
        return fail(reading->where, GD_BAD_ARGUMENT, -1, SCRATCH_LEAST, reading->scratch_size);
    int has_fixed = dcd->n_free < dcd->n_atoms, positions = f32 || f64;
    if (reading->n_wanted < 0 || (!reading->atoms && reading->n_wanted != dcd->n_atoms) ||
        (has_fixed && positions && !reading->places))
        return fail(reading->where, GD_BAD_ARGUMENT, -1, dcd->n_atoms, reading->n_wanted);
    for (int64_t j = 0; reading->atoms && j < reading->n_wanted; j++)
        if (reading->atoms[j] < 0 || reading->atoms[j] >= dcd->n_atoms) {
            reading->where->atom = j;
            return fail(reading->where, GD_BAD_ARGUMENT, -1, dcd->n_atoms, reading->atoms[j]);
        }
    if (n_frames == 0 || !(positions || cells))
        return GD_OK;
    if (positions) {
        reading->all = span_of(reading, 0);
        if (has_fixed)
            reading->free = span_of(reading, 1);
    }

    int64_t done = 0;
    if (positions && has_fixed) {
        /* The fixed atoms of every frame are those of frame 0. */
        int status = read_pieces(reading, 0, f32, f64, cells && first == 0 ? cells : NULL);
        if (status != GD_OK)
            return status;
        for (int64_t i = 1; i < n_frames; i++) {
            if (f32)
                memcpy(f32 + i * row, f32, (size_t)row * sizeof *f32);
            if (f64)
                memcpy(f64 + i * row, f64, (size_t)row * sizeof *f64);
        }
        done = first == 0;
    }
    while (done < n_frames) {
        int64_t frame = first + done * step, n = 1;
        float *to_f32 = f32 ? f32 + done * row : NULL;
        double *to_f64 = f64 ? f64 + done * row : NULL, *to_cells = cells ? cells + 6 * done : NULL;
        int status;
        if (positions && fits(reading, frame)) {
            if (step == 1 && (frame > 0 || !has_fixed))
                n = n_frames - done;
            status = read_whole(reading, frame, n, to_f32, to_f64, to_cells);
        } else {
            status = read_pieces(reading, frame, to_f32, to_f64, to_cells);
        }
        if (status != GD_OK)
            return status;
        done += n;
    }
    return GD_OK;
}

int gd_dcd_read(int fd, const struct gd_dcd *dcd, int64_t first, int64_t step, int64_t n_frames,
                const int64_t *atoms, int64_t n_wanted, const int64_t *places, float *f32,
                double *f64, double *cells, unsigned char *scratch, int64_t scratch_size,
                struct gd_where *where) {
    struct reading reading = {
        .dcd = dcd,
        .where = where,
        .fd = fd,
        .scratch = scratch,
        .scratch_size = scratch_size,
        .atoms = atoms,
        .places = places,
        .n_wanted = n_wanted,
    };
    return read_frames(&reading, first, step, n_frames, f32, f64, cells);
}

int gd_dcd_decode(const unsigned char *data, int64_t size, const struct gd_dcd *dcd, int64_t first,
                  int64_t step, int64_t n_frames, const int64_t *atoms, int64_t n_wanted,
                  const int64_t *places, float *f32, double *f64, double *cells,
                  unsigned char *scratch, int64_t scratch_size, struct gd_where *where) {
    struct reading reading = {
        .dcd = dcd,
        .where = where,
        .fd = -1,
        .data = data,
        .size = size,
        .scratch = scratch,
        .scratch_size = scratch_size,
        .atoms = atoms,
        .places = places,
        .n_wanted = n_wanted,
    };
    return read_frames(&reading, first, step, n_frames, f32, f64, cells);
}

/* ---- cells ---- */

static int vectors_from_cosines(const double *lengths, const double *cosines, double *box) {
    double a = lengths[0], b = lengths[1], c = lengths[2];
    double ca = cosines[0], cb = cosines[1], cg = cosines[2];
    double volume2 = 1.0 - ca * ca - cb * cb - cg * cg + 2.0 * ca * cb * cg;
    if (!(a > 0.0 && b > 0.0 && c > 0.0 && fabs(ca) < 1.0 && fabs(cb) < 1.0 && fabs(cg) < 1.0 &&
          volume2 > 0.0 && isfinite(a * b * c)))
        return 0;
    double sg = sqrt(1.0 - cg * cg);
    double vectors[9] = {
        a, 0.0, 0.0, b * cg, b * sg, 0.0, c * cb, c * (ca - cb * cg) / sg, c * sqrt(volume2) / sg};
    memcpy(box, vectors, sizeof vectors);
    return 1;
}

static int vectors_from_matrix(const double *m, double *box) {
    double xx = m[0], xy = m[1], yy = m[2], xz = m[3], yz = m[4], zz = m[5];
    double minor = xx * yy - xy * xy;
    double volume = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
    if (!(xx > 0.0 && yy > 0.0 && zz > 0.0 && minor > 0.0 && volume > 0.0 && isfinite(volume)))
        return 0;
    double vectors[9] = {xx, xy, xz, xy, yy, yz, xz, yz, zz};
    memcpy(box, vectors, sizeof vectors);
    return 1;
}

static double cosine_of_degrees(double angle) {
    return angle == 90.0 ? 0.0 : cos(angle * (3.14159265358979323846 / 180.0));
}

static int vectors_of(const double *cell, int32_t version, double *box) {
    const double lengths[3] = {cell[0], cell[2], cell[5]};
    const double angles[3] = {cell[4], cell[3], cell[1]}; /* alpha, beta, gamma */
    int are_cosines = 1, are_right = 1;
    for (int i = 0; i < 3; i++) {
        are_cosines &= fabs(angles[i]) <= 1.0;
        are_right &= angles[i] == 90.0;
    }
    if (version >= 25 && !are_right && vectors_from_matrix(cell, box))
        return 1;
    if (are_cosines)
        return vectors_from_cosines(lengths, angles, box);
    int are_degrees = 1;
    double cosines[3];
    for (int i = 0; i < 3; i++) {
        are_degrees &= angles[i] > 0.0 && angles[i] < 180.0;
        cosines[i] = cosine_of_degrees(angles[i]);
    }
    if (are_degrees && vectors_from_cosines(lengths, cosines, box))
        return 1;
    return vectors_from_matrix(cell, box);
}

int gd_dcd_boxes(const double *cells, int64_t n_frames, int32_t version, double *boxes,
                 struct gd_where *where) {
    for (int64_t i = 0; i < n_frames; i++) {
        const double *cell = cells + 6 * i;
        double *box = boxes + 9 * i;
        /* Edges of length 0, whatever the angles: 0, 90 degrees, or 1 for their cosines. */
        int is_none = cell[0] == 0.0 && cell[2] == 0.0 && cell[5] == 0.0;
        for (int k = 0; k < 6; k++)
            is_none &= isfinite(cell[k]);
        if (!is_none && !vectors_of(cell, version, box)) {
            where->frame = i;
            return GD_CORRUPT;
        }
        for (int k = 0; k < 9; k++)
            box[k] = is_none ? NAN : box[k] * 0.1;
    }
    return GD_OK;
}
