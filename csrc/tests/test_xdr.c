/* XTC and TRR without Python: made for AddressSanitizer and UBSan. Exits with 1 if a check fails.
 */
#include "gd.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static double uniform(uint64_t *state) { return (double)next_random(state) / 2147483648.0; }

/* Molecules of three close atoms in a box. */
static void fill(float *positions, int64_t n_atoms, double scale, double close, uint64_t *state) {
    for (int64_t i = 0; i < n_atoms; i++)
        for (int k = 0; k < 3; k++)
            positions[3 * i + k] =
                i % 3 == 0 ? (float)(scale * (uniform(state) - 0.5))
                           : positions[3 * (i - 1) + k] + (float)(close * (uniform(state) - 0.5));
}

/* Exactly as many bytes as there are, so that AddressSanitizer sees a byte too much. */
static void *copy_of(const void *data, int64_t size) {
    void *copy = malloc(size > 0 ? (size_t)size : 1);
    memcpy(copy, data, (size_t)size);
    return copy;
}

static int temporary(const void *data, int64_t size) {
    char name[] = "/tmp/test_xdr_XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, data, (size_t)size) == size, "temporary file");
    unlink(name);
    return fd;
}

/* ---- XTC ---- */

static unsigned char *xtc_frame(const float *positions, int64_t n_atoms, double precision,
                                int is_long, int64_t step, int64_t *size) {
    struct gd_where where;
    const double box[9] = {3, 0, 0, 0, 3, 0, 0, 0, 3};
    unsigned char *out = malloc((size_t)gd_xtc_room(n_atoms));
    void *work = malloc((size_t)gd_xtc_work(n_atoms));
    int status = gd_xtc_encode(positions, GD_FLOAT32, n_atoms, box, step, 0.5, precision, is_long,
                               work, out, size, &where);
    CHECK(status == GD_OK && *size <= gd_xtc_room(n_atoms), "status %d", status);
    unsigned char *exact = copy_of(out, *size);
    free(out);
    free(work);
    return exact;
}

/* Decode all that can be decoded of whatever these bytes are. */
static int decode_any(const unsigned char *bytes, int64_t size) {
    struct gd_where where;
    struct gd_xtc_frame frame;
    unsigned char *data = copy_of(bytes, size);
    int status = gd_xtc_header(data, size, &frame, &where);
    CHECK(status == GD_OK || status == GD_TRUNCATED || status == GD_CORRUPT, "status %d", status);
    if (status == GD_OK && frame.n_atoms <= 4 * size) {
        float *f32 = malloc((size_t)(12 * frame.n_atoms));
        double *f64 = malloc((size_t)(24 * frame.n_atoms));
        status = gd_xtc_decode(data, size, &frame, frame.n_atoms, f32, f64, &where);
        CHECK(status == GD_OK || status == GD_TRUNCATED || status == GD_CORRUPT, "status %d",
              status);
        int64_t half = frame.n_atoms / 2;
        float *first = malloc((size_t)(12 * half + 1));
        int other = gd_xtc_decode(data, size, &frame, half, first, NULL, &where);
        if (status == GD_OK)
            CHECK(other == GD_OK && memcmp(first, f32, (size_t)(12 * half)) == 0, "first half");
        free(first);
        free(f32);
        free(f64);
    }
    free(data);
    return status;
}

static void check_xtc_round_trip(int64_t n_atoms, double scale, double close, double precision,
                                 int is_long, uint64_t *state) {
    struct gd_where where;
    struct gd_xtc_frame frame;
    float *positions = malloc((size_t)(12 * n_atoms)), *f32 = malloc((size_t)(12 * n_atoms));
    double *f64 = malloc((size_t)(24 * n_atoms));
    fill(positions, n_atoms, scale, close, state);
    int64_t size;
    unsigned char *data = xtc_frame(positions, n_atoms, precision, is_long, 77, &size);
    CHECK(gd_xtc_header(data, size, &frame, &where) == GD_OK && frame.size == size &&
              frame.step == 77 && frame.time == 0.5 && frame.box[8] == 3.0,
          "header of %d atoms", (int)n_atoms);
    CHECK(gd_xtc_decode(data, size, &frame, n_atoms, f32, f64, &where) == GD_OK, "%d atoms",
          (int)n_atoms);
    for (int64_t i = 0; i < 3 * n_atoms; i++) {
        double scaled = (double)positions[i] * (double)(float)precision;
        double integer = trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
        double expected = n_atoms <= 9 ? (double)positions[i] : integer / (double)(float)precision;
        float single = n_atoms <= 9 ? positions[i] : (float)integer * (1.0f / (float)precision);
        CHECK(f64[i] == expected && f32[i] == single, "number %d of %d atoms", (int)i,
              (int)n_atoms);
    }
    if (size < 3000) {
        for (int64_t cut = 0; cut < size - 3; cut++)
            CHECK(decode_any(data, cut) == GD_TRUNCATED, "%d of %d bytes", (int)cut, (int)size);
        for (int i = 0; i < 200; i++) {
            unsigned char *damaged = copy_of(data, size);
            for (int k = 0; k < 1 + i % 4; k++)
                damaged[next_random(state) % (uint64_t)(i % 2        ? size
                                                        : 100 < size ? 100
                                                                     : size)] =
                    (unsigned char)next_random(state);
            decode_any(damaged, size);
            free(damaged);
        }
    }
    free(data);
    free(positions);
    free(f32);
    free(f64);
}

static void check_xtc_file(uint64_t *state) {
    enum { N_FRAMES = 7, N_ATOMS = 100 };
    struct gd_where where;
    float positions[3 * N_ATOMS], expected[N_FRAMES][3 * N_ATOMS];
    unsigned char file[N_FRAMES * 2000];
    int64_t size = 0, bytes[N_FRAMES + 1], steps[N_FRAMES], found;
    double times[N_FRAMES];
    for (int i = 0; i < N_FRAMES; i++) {
        int64_t n;
        struct gd_xtc_frame frame;
        fill(positions, N_ATOMS, 3, 0.2, state);
        unsigned char *data = xtc_frame(positions, N_ATOMS, 1000, i % 2, i, &n);
        gd_xtc_header(data, n, &frame, &where);
        CHECK(gd_xtc_decode(data, n, &frame, N_ATOMS, expected[i], NULL, &where) == GD_OK, "%d", i);
        memcpy(file + size, data, (size_t)n);
        size += n;
        free(data);
    }
    int fd = temporary(file, size);
    unsigned char scratch[4096 + 64];
    for (int64_t room = 96; room < 4096; room += 800) {
        struct gd_xtc_scan scan = {.n_atoms = -1};
        for (int64_t have = 0; have < N_FRAMES; have += found)
            CHECK(gd_xtc_scan(fd, size, &scan, bytes + have, steps + have, times + have, 3, &found,
                              scratch, room, &where) == GD_OK &&
                      found > 0,
                  "scan");
        bytes[N_FRAMES] = scan.byte;
        CHECK(scan.byte == size && scan.n_atoms == N_ATOMS && scan.n_frames == N_FRAMES &&
                  scan.precision == 1000.0 && steps[6] == 6,
              "scan");
    }
    struct gd_xtc_scan scan = {.n_atoms = -1};
    CHECK(gd_xtc_scan(fd, size - 1, &scan, bytes, steps, times, N_FRAMES, &found, scratch, 96,
                      &where) == GD_TRUNCATED &&
              found == N_FRAMES - 1 && scan.byte == bytes[6] && where.frame == 6,
          "truncated");

    struct gd_xtc_frame frame;
    float out[N_FRAMES][3 * N_ATOMS];
    double boxes[N_FRAMES][9];
    CHECK(gd_xtc_read(fd, bytes, bytes + 1, steps, N_FRAMES, N_ATOMS, NULL, N_ATOMS, out[0], NULL,
                      boxes[0], scratch, 2500, &frame, &where) == GD_OK &&
              memcmp(out, expected, sizeof out) == 0 && boxes[6][0] == 3.0,
          "all");
    const int64_t atoms[] = {50, 3, 3};
    CHECK(gd_xtc_read(fd, bytes + 2, bytes + 3, steps + 2, 2, N_ATOMS, atoms, 3, out[0], NULL, NULL,
                      scratch, sizeof scratch, &frame, &where) == GD_OK &&
              memcmp(out[0] + 9, expected[3] + 150, 12) == 0 &&
              memcmp(out[0] + 12, expected[3] + 9, 12) == 0,
          "atoms");
    CHECK(gd_xtc_read(fd, bytes, bytes + 1, steps, 1, N_ATOMS, NULL, N_ATOMS, out[0], NULL, NULL,
                      scratch, 100, &frame, &where) == GD_BAD_ARGUMENT,
          "scratch");
    const int64_t beyond[] = {N_ATOMS};
    CHECK(gd_xtc_read(fd, bytes, bytes + 1, steps, 1, N_ATOMS, beyond, 1, out[0], NULL, NULL,
                      scratch, sizeof scratch, &frame, &where) == GD_BAD_ARGUMENT,
          "atom beyond");
    CHECK(gd_xtc_read(fd, bytes, bytes + 1, steps + 1, 1, N_ATOMS, NULL, N_ATOMS, out[0], NULL,
                      NULL, scratch, sizeof scratch, &frame, &where) == GD_CORRUPT &&
              frame.fault == GD_XTC_CHANGED,
          "step");
    CHECK(gd_xtc_read(-1, bytes, bytes + 1, steps, 1, N_ATOMS, NULL, N_ATOMS, out[0], NULL, NULL,
                      scratch, sizeof scratch, &frame, &where) == GD_SYSTEM,
          "no file");
    close(fd);
}

/* ---- TRR ---- */

static int trr_any(const unsigned char *bytes, int64_t size) {
    struct gd_where where;
    struct gd_trr_scan scan = {.n_atoms = -1};
    struct gd_trr_frame frame;
    unsigned char scratch[4096];
    int64_t byte[2], step, found;
    double time, lambda;
    int fd = temporary(bytes, size);
    int status = gd_trr_scan(fd, size, &scan, byte, &step, &time, &lambda, 1, &found, scratch,
                             sizeof scratch, &where);
    CHECK(status == GD_OK || status == GD_TRUNCATED || status == GD_CORRUPT, "status %d", status);
    if (status == GD_OK && found == 1) {
        CHECK(12 * scan.n_atoms <= size || !(scan.has[0] | scan.has[1] | scan.has[2]), "atoms");
        if (12 * scan.n_atoms <= size) {
            double *x = malloc((size_t)(24 * scan.n_atoms)), box[9];
            void *const out[3] = {x, NULL, x};
            const int types[3] = {GD_FLOAT64, 0, GD_FLOAT64};
            byte[1] = scan.byte;
            status = gd_trr_read(fd, byte, byte + 1, &step, 1, scan.n_atoms, NULL, scan.n_atoms,
                                 out, types, box, scratch, sizeof scratch, &frame, &where);
            CHECK(status == GD_OK, "status %d", status);
            free(x);
        }
    }
    close(fd);
    return status;
}

static void check_trr(int64_t n_atoms, int has, int real_size, uint64_t *state) {
    struct gd_where where;
    struct gd_trr_frame frame;
    float *x = malloc((size_t)(12 * n_atoms));
    fill(x, n_atoms, 3, 0.2, state);
    const double box[9] = {3, 0, 0, 0, 3, 0, 0, 0, 3};
    const int types[3] = {GD_FLOAT32, GD_FLOAT32, GD_FLOAT32};
    const void *const in[3] = {has & 1 ? x : NULL, has & 2 ? x : NULL, has & 4 ? x : NULL};
    int n_vectors = (has & 1) + (has >> 1 & 1) + (has >> 2 & 1);
    int64_t size, room = gd_trr_room(n_atoms, n_vectors, real_size);
    unsigned char *data = malloc((size_t)room);
    CHECK(gd_trr_encode(in, types, n_atoms, box, 5, 0.5, 0.25, real_size, data, &size, &where) ==
                  GD_OK &&
              size <= room,
          "encode");
    CHECK(gd_trr_header(data, size, &frame, &where) == GD_OK && frame.size == size &&
              frame.real_size == real_size && frame.time == 0.5 && frame.lambda == 0.25,
          "header");
    int fd = temporary(data, size);
    const int64_t begin = 0, step = 5, run[] = {n_atoms / 2, n_atoms / 2 + 1};
    const int64_t atoms[] = {n_atoms - 1, 0, n_atoms / 2};
    unsigned char scratch[4096];
    for (int kind = 0; kind < 3; kind++) {
        const int64_t *wanted = kind == 0 ? NULL : kind == 1 ? atoms : run;
        int64_t n = kind == 0 ? n_atoms : kind == 1 ? 3 : n_atoms > 1 ? 2 : 1;
        for (int is_double = 0; is_double < 2; is_double++) {
            void *out[3];
            int out_types[3];
            double boxes[9];
            for (int k = 0; k < 3; k++) {
                out[k] = malloc((size_t)(24 * n));
                out_types[k] = is_double ? GD_FLOAT64 : GD_FLOAT32;
            }
            CHECK(gd_trr_read(fd, &begin, &size, &step, 1, n_atoms, wanted, n, out, out_types,
                              boxes, scratch, sizeof scratch, &frame, &where) == GD_OK &&
                      boxes[4] == 3.0,
                  "read");
            for (int k = 0; k < 3; k++)
                for (int64_t i = 0; i < 3 * n; i++) {
                    int64_t atom = wanted ? wanted[i / 3] : i / 3;
                    double found = is_double ? ((double *)out[k])[i] : (double)((float *)out[k])[i];
                    double expected = in[k] ? (double)x[3 * atom + i % 3] : NAN;
                    CHECK(found == expected || (isnan(found) && isnan(expected)), "number %d",
                          (int)i);
                }
            for (int k = 0; k < 3; k++)
                free(out[k]);
        }
    }
    close(fd);
    if (size < 1000) {
        for (int64_t cut = 1; cut < size; cut++)
            CHECK(trr_any(data, cut) == GD_TRUNCATED, "%d of %d bytes", (int)cut, (int)size);
        for (int i = 0; i < 100; i++) {
            unsigned char *damaged = copy_of(data, size);
            for (int k = 0; k < 1 + i % 4; k++)
                damaged[next_random(state) % 92] = (unsigned char)next_random(state);
            trr_any(damaged, size);
            free(damaged);
        }
    }
    free(data);
    free(x);
}

int main(void) {
    uint64_t state = 1;
    const double scales[] = {3, 1e-3, 1e3, 1e6};
    for (int64_t n_atoms = 1; n_atoms < 60; n_atoms++)
        for (int i = 0; i < 4; i++)
            check_xtc_round_trip(n_atoms, scales[i], i == 2 ? 100 : 0.2, i == 1 ? 1e6 : 1000,
                                 (int)n_atoms % 2, &state);
    check_xtc_round_trip(30000, 8, 0.2, 1000, 0, &state);
    check_xtc_file(&state);
    for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++) {
        CHECK(gd_isa_select(isa) == GD_OK, "%d", isa);
        for (int has = 1; has < 8; has++)
            for (int real_size = 4; real_size <= 8; real_size += 4) {
                check_trr(1, has, real_size, &state);
                check_trr(10, has, real_size, &state);
                check_trr(3001, has, real_size, &state);
            }
    }
    return checks_failed();
}
