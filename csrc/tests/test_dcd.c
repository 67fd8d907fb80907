/* The DCD decoder without Python: made for AddressSanitizer and UBSan. Exits with the number of
 * checks that failed. */
#include "gd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
        }                                                                                          \
    } while (0)

/* ---- writing a file ---- */

struct bytes {
    unsigned char data[1 << 16];
    int64_t size;
    int marker_size;
    int big_endian;
};

static void put(struct bytes *bytes, uint64_t value, int size) {
    for (int i = 0; i < size; i++)
        bytes->data[bytes->size + (bytes->big_endian ? size - 1 - i : i)] =
            (unsigned char)(value >> (8 * i));
    bytes->size += size;
}

static void put_int(struct bytes *bytes, int32_t value) { put(bytes, (uint32_t)value, 4); }
static void put_marker(struct bytes *bytes, int64_t value) {
    put(bytes, (uint64_t)value, bytes->marker_size);
}

static void put_float(struct bytes *bytes, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(bytes, bits, 4);
}

static void put_double(struct bytes *bytes, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(bytes, bits, 8);
}

static float coordinate(int frame, int atom, int k) {
    return (float)(100 * frame + atom) + 0.25f * (float)k;
}

enum { N_ATOMS = 37, N_FRAMES = 5, N_FREE = 3 };
static const int free_atoms[N_FREE] = {2, 3, 30};

static void put_frames(struct bytes *file, int has_cell, int has_fixed) {
    for (int frame = 0; frame < N_FRAMES; frame++) {
        if (has_cell) {
            put_marker(file, 48);
            const double cell[6] = {30.0 + frame, 0.0, 40.0, 0.0, 0.0, 50.0};
            for (int i = 0; i < 6; i++)
                put_double(file, cell[i]);
            put_marker(file, 48);
        }
        int n = has_fixed && frame > 0 ? N_FREE : N_ATOMS;
        for (int k = 0; k < 3; k++) {
            put_marker(file, 4 * n);
            for (int i = 0; i < n; i++)
                put_float(file, coordinate(frame, n == N_FREE ? free_atoms[i] : i, k));
            put_marker(file, 4 * n);
        }
    }
}

static void make(struct bytes *file, int marker_size, int big_endian, int has_cell, int has_fixed) {
    *file = (struct bytes){.marker_size = marker_size, .big_endian = big_endian};
    int32_t control[20] = {[0] = N_FRAMES, [2] = 1, [10] = has_cell, [19] = 24};
    control[8] = has_fixed ? N_ATOMS - N_FREE : 0;
    put_marker(file, 84);
    memcpy(file->data + file->size, "CORD", 4);
    file->size += 4;
    for (int i = 0; i < 20; i++)
        put_int(file, control[i]);
    put_marker(file, 84);
    put_marker(file, 84);
    put_int(file, 1);
    memset(file->data + file->size, ' ', 80);
    file->size += 80;
    put_marker(file, 84);
    put_marker(file, 4);
    put_int(file, N_ATOMS);
    put_marker(file, 4);
    if (has_fixed) {
        put_marker(file, 4 * N_FREE);
        for (int i = 0; i < N_FREE; i++)
            put_int(file, free_atoms[i] + 1);
        put_marker(file, 4 * N_FREE);
    }
    put_frames(file, has_cell, has_fixed);
}

/* ---- reading it ---- */

static int is_free(int64_t atom) {
    for (int i = 0; i < N_FREE; i++)
        if (free_atoms[i] == atom)
            return 1;
    return 0;
}

/* A copy of exactly the right size, so that AddressSanitizer sees a byte too much. */
static unsigned char *copy_of(const unsigned char *data, int64_t size) {
    unsigned char *copy = malloc(size > 0 ? (size_t)size : 1);
    memcpy(copy, data, (size_t)size);
    return copy;
}

static int64_t *places_of(const unsigned char *data, int64_t size, const struct gd_dcd *dcd,
                          int *status, struct gd_where *where) {
    int64_t record = 4 * dcd->n_free + 2 * dcd->marker_size;
    if (dcd->free_atoms < 0 || dcd->n_frames == 0 || dcd->free_atoms + record > size)
        return NULL;
    int64_t *places = malloc((size_t)dcd->n_atoms * sizeof *places);
    *status = gd_dcd_free_places(data + dcd->free_atoms, record, dcd, places, where);
    return places;
}

static void check_good(int marker_size, int big_endian, int has_cell, int has_fixed, int isa) {
    static struct bytes file;
    make(&file, marker_size, big_endian, has_cell, has_fixed);
    CHECK(gd_isa_select(isa) == GD_OK);
    unsigned char *data = copy_of(file.data, file.size), scratch[8192];
    struct gd_dcd dcd;
    struct gd_where where;
    int status = gd_dcd_open(data, file.size, file.size, &dcd, &where);
    CHECK(status == GD_OK);
    CHECK(dcd.n_atoms == N_ATOMS && dcd.n_frames == N_FRAMES && dcd.leftover == 0);
    int64_t *places = places_of(data, file.size, &dcd, &status, &where);
    CHECK(status == GD_OK);

    char name[] = "/tmp/test_dcd_XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, data, (size_t)file.size) == file.size);
    unlink(name);

    const int64_t list[] = {36, 0, 30, 30, 4};
    for (int use_list = 0; use_list < 2; use_list++)
        for (int64_t first = 0; first < N_FRAMES; first++)
            for (int64_t step = 1; step <= N_FRAMES; step++)
                for (int from_file = 0; from_file < 2; from_file++) {
                    int64_t n = (N_FRAMES - first + step - 1) / step;
                    int64_t wanted = use_list ? 5 : N_ATOMS;
                    float *f32 = malloc((size_t)(n * wanted * 3) * sizeof *f32);
                    double *f64 = malloc((size_t)(n * wanted * 3) * sizeof *f64);
                    double *cells = malloc((size_t)n * 6 * sizeof *cells);
                    const int64_t *atoms = use_list ? list : NULL;
                    status = from_file
                                 ? gd_dcd_read(fd, &dcd, first, step, n, atoms, wanted, places, f32,
                                               f64, cells, scratch, sizeof scratch, &where)
                                 : gd_dcd_decode(data, file.size, &dcd, first, step, n, atoms,
                                                 wanted, places, f32, f64, cells, scratch,
                                                 sizeof scratch, &where);
                    CHECK(status == GD_OK);
                    for (int64_t i = 0; i < n; i++) {
                        int frame = (int)(first + i * step);
                        CHECK(cells[6 * i] == (has_cell ? 30.0 + frame : 0.0));
                        for (int64_t j = 0; j < wanted; j++)
                            for (int k = 0; k < 3; k++) {
                                int64_t atom = use_list ? list[j] : j;
                                int stored = has_fixed && !is_free(atom) ? 0 : frame;
                                double angstrom = (double)coordinate(stored, (int)atom, k);
                                int64_t at = (i * wanted + j) * 3 + k;
                                CHECK(f64[at] == angstrom * 0.1);
                                CHECK(f32[at] == (float)angstrom / 10.0f);
                            }
                    }
                    free(f32);
                    free(f64);
                    free(cells);
                }
    int64_t beyond[] = {N_ATOMS};
    float one[3];
    CHECK(gd_dcd_read(fd, &dcd, 0, 1, 1, beyond, 1, places, one, NULL, NULL, scratch,
                      sizeof scratch, &where) == GD_BAD_ARGUMENT);
    CHECK(gd_dcd_read(fd, &dcd, 1, 1, N_FRAMES, list, 1, places, one, NULL, NULL, scratch,
                      sizeof scratch, &where) == GD_BAD_ARGUMENT);
    CHECK(gd_dcd_read(-1, &dcd, 0, 1, 1, list, 1, places, one, NULL, NULL, scratch, sizeof scratch,
                      &where) == GD_SYSTEM);
    CHECK(ftruncate(fd, file.size - 1) == 0);
    CHECK(gd_dcd_read(fd, &dcd, N_FRAMES - 1, 1, 1, list, 1, places, one, NULL, NULL, scratch,
                      sizeof scratch, &where) == GD_TRUNCATED);
    CHECK(where.frame == N_FRAMES - 1 && where.found == where.expected - 1);
    close(fd);
    free(places);
    free(data);
}

/* Open and read whatever these bytes are; only that it ends, and stays within its buffers. */
static void open_and_read(const unsigned char *bytes, int64_t size) {
    unsigned char *data = copy_of(bytes, size), *scratch = malloc(4096);
    struct gd_dcd dcd;
    struct gd_where where;
    int status = gd_dcd_open(data, size, size, &dcd, &where);
    int64_t *places = NULL;
    if (status == GD_OK)
        places = places_of(data, size, &dcd, &status, &where);
    if (status == GD_OK && dcd.n_frames > 0) {
        CHECK(dcd.n_frames * 12 * dcd.n_free <= size && 12 * dcd.n_atoms <= size);
        float *f32 = malloc((size_t)(3 * dcd.n_atoms) * sizeof *f32);
        double cells[6], box[9];
        for (int64_t i = 0; i < dcd.n_frames; i++) {
            status = gd_dcd_decode(data, size, &dcd, i, 1, 1, NULL, dcd.n_atoms, places, f32, NULL,
                                   cells, scratch, 4096, &where);
            CHECK(status == GD_OK || status == GD_CORRUPT);
            if (status == GD_OK)
                status = gd_dcd_boxes(cells, 1, dcd.version, box, &where);
            CHECK(status == GD_OK || status == GD_CORRUPT);
        }
        free(f32);
    }
    free(places);
    free(scratch);
    free(data);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void check_damaged(int marker_size, int big_endian, int has_cell, int has_fixed) {
    static struct bytes file, damaged;
    make(&file, marker_size, big_endian, has_cell, has_fixed);
    for (int64_t size = 0; size <= file.size; size++)
        open_and_read(file.data, size);
    uint64_t state = 1;
    for (int i = 0; i < 3000; i++) {
        damaged = file;
        for (int k = 0; k < 1 + i % 4; k++) {
            uint64_t range = i % 2 ? 300 : (uint64_t)file.size;
            damaged.data[next_random(&state) % range] = (unsigned char)next_random(&state);
        }
        open_and_read(damaged.data,
                      file.size - (int64_t)(i % 5 == 0 ? next_random(&state) % 99 : 0));
    }
}

static void check_boxes(void) {
    struct gd_where where;
    double box[9];
    const double none[6] = {0}, cosines[6] = {40, 0.5, 50, 0, 0, 60};
    const double degrees[6] = {40, 60, 50, 90, 90, 60}, broken[6] = {40, 2, NAN, 0, 0, 60};
    CHECK(gd_dcd_boxes(none, 1, 24, box, &where) == GD_OK && isnan(box[0]));
    CHECK(gd_dcd_boxes(cosines, 1, 24, box, &where) == GD_OK && box[3] == 25.0 * 0.1);
    CHECK(gd_dcd_boxes(degrees, 1, 24, box, &where) == GD_OK && fabs(box[3] - 2.5) < 1e-14);
    CHECK(gd_dcd_boxes(cosines, 1, 36, box, &where) == GD_OK && box[1] == 0.5 * 0.1);
    CHECK(gd_dcd_boxes(broken, 1, 24, box, &where) == GD_CORRUPT && where.frame == 0);
}

int main(void) {
    for (int kind = 0; kind < 16; kind++) {
        int marker_size = kind & 1 ? 8 : 4;
        for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++)
            check_good(marker_size, kind & 2, kind & 4, kind & 8, isa);
        check_damaged(marker_size, kind & 2, kind & 4, kind & 8);
    }
    check_boxes();
    printf("%d checks failed\n", failures);
    return failures != 0;
}
