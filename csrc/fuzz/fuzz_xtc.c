/* XTC: headers, the scan, all frames, some atoms of some frames, some of a frame's bytes. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MOST_FRAMES = 4, MOST_ATOMS = 1 << 18 };

static int put_into_file(const uint8_t *data, size_t size) {
    static int file = -1;
    if (file < 0)
        file = memfd_create("fuzz", 0);
    REQUIRE(file >= 0 && ftruncate(file, 0) == 0);
    REQUIRE(pwrite(file, data, size, 0) == (ssize_t)size);
    return file;
}

/* The first frame from its bytes alone: some atoms, some bytes. */
static void decode(const uint8_t *data, int64_t size, uint64_t *seed) {
    struct gd_where where = nowhere;
    struct gd_xtc_frame frame;
    if (gd_xtc_header(data, size, &frame, &where) != GD_OK || frame.n_atoms > MOST_ATOMS)
        return;
    int64_t n = frame.n_atoms, some = 1 + choose(seed, n), shown = choose(seed, size + 1);
    float *all32 = buffer_of(3 * n, sizeof *all32), *f32 = buffer_of(3 * some, sizeof *f32);
    double *all64 = buffer_of(3 * n, sizeof *all64);
    int status = gd_xtc_decode(data, size, &frame, n, all32, all64, &where);
    int first = gd_xtc_decode(data, size, &frame, some, f32, NULL, &where);
    if (status == GD_OK)
        REQUIRE(first == GD_OK && !memcmp(f32, all32, (size_t)(3 * some) * sizeof *f32));
    unsigned char *cut = copy_of(data, (size_t)shown);
    if (gd_xtc_decode(cut, shown, &frame, some, f32, NULL, &where) == GD_OK && first == GD_OK)
        REQUIRE(status != GD_OK || !memcmp(f32, all32, (size_t)(3 * some) * sizeof *f32));
    free(cut);
    free(all32);
    free(all64);
    free(f32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    uint64_t seed = seed_of(data, data_size);
    int64_t size = (int64_t)data_size;
    unsigned char *bytes = copy_of(data, data_size);
    decode(bytes, size, &seed);
    free(bytes);

    int file = put_into_file(data, data_size);
    int64_t begins[MOST_FRAMES + 1], ends[MOST_FRAMES], steps[MOST_FRAMES], n;
    double times[MOST_FRAMES];
    struct gd_where where = nowhere;
    struct gd_xtc_scan state = {.n_atoms = -1};
    unsigned char small[96];
    gd_xtc_scan(file, size, &state, begins, steps, times, MOST_FRAMES, &n, small, sizeof small,
                &where);
    REQUIRE(n >= 0 && n <= MOST_FRAMES && state.byte <= size);
    if (n == 0 || state.n_atoms > MOST_ATOMS)
        return 0;
    begins[n] = state.byte;
    for (int64_t i = 0; i < n; i++)
        ends[i] = begins[i + 1];
    int64_t n_atoms = state.n_atoms, n_wanted;
    int64_t scratch_size = size + 24 * n_atoms;
    unsigned char *scratch = buffer_of(scratch_size, 1);
    float *all32 = buffer_of(3 * n * n_atoms, sizeof *all32);
    double *all64 = buffer_of(3 * n * n_atoms, sizeof *all64), *boxes = buffer_of(9 * n, 8);
    struct gd_xtc_frame frame;
    int status = gd_xtc_read(file, begins, ends, steps, n, n_atoms, NULL, n_atoms, all32, all64,
                             boxes, scratch, scratch_size, &frame, &where);
    int64_t *atoms = choose_atoms(&seed, n_atoms, 0, &n_wanted);
    float *f32 = buffer_of(3 * n * n_wanted, sizeof *f32);
    double *f64 = buffer_of(3 * n * n_wanted, sizeof *f64);
    int some = gd_xtc_read(file, begins, ends, steps, n, n_atoms, atoms, n_wanted, f32, f64, NULL,
                           scratch, scratch_size, &frame, &where);
    if (status == GD_OK) {
        REQUIRE(some == GD_OK);
        same_vectors(f32, f64, all32, all64, n, n_atoms, atoms, n_wanted);
    }
    free(scratch);
    free(all32);
    free(all64);
    free(boxes);
    free(atoms);
    free(f32);
    free(f64);
    return 0;
}
