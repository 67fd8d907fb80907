/* TRR: headers, the scan, all frames in both precisions, some atoms of some frames. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MOST_FRAMES = 4 };

static int put_into_file(const uint8_t *data, size_t size) {
    static int file = -1;
    if (file < 0)
        file = memfd_create("fuzz", 0);
    REQUIRE(file >= 0 && ftruncate(file, 0) == 0);
    REQUIRE(pwrite(file, data, size, 0) == (ssize_t)size);
    return file;
}

/* A header that is shown whole is what any longer part of the file shows. */
static void headers(const uint8_t *data, int64_t size, uint64_t *seed) {
    struct gd_where where = nowhere;
    struct gd_trr_frame frame, part;
    memset(&frame, 0, sizeof frame);
    memset(&part, 0, sizeof part);
    int64_t shown = choose(seed, size + 1);
    unsigned char *whole = copy_of(data, (size_t)size), *head = copy_of(data, (size_t)shown);
    int status = gd_trr_header(whole, size, &frame, &where);
    if (gd_trr_header(head, shown, &part, &where) == GD_OK)
        REQUIRE(status == GD_OK && !memcmp(&frame, &part, sizeof frame));
    free(whole);
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    uint64_t seed = seed_of(data, data_size);
    int64_t size = (int64_t)data_size, n;
    headers(data, size, &seed);
    int file = put_into_file(data, data_size);
    int64_t begins[MOST_FRAMES + 1], ends[MOST_FRAMES], steps[MOST_FRAMES];
    double times[MOST_FRAMES], lambdas[MOST_FRAMES];
    struct gd_where where = nowhere;
    struct gd_trr_scan state = {.n_atoms = -1};
    unsigned char small[96];
    gd_trr_scan(file, size, &state, begins, steps, times, lambdas, MOST_FRAMES, &n, small,
                sizeof small, &where);
    REQUIRE(n >= 0 && n <= MOST_FRAMES && state.byte <= size);
    if (n == 0 || state.n_atoms > size) /* frames of a box alone can have any number of atoms */
        return 0;
    begins[n] = state.byte;
    for (int64_t i = 0; i < n; i++)
        ends[i] = begins[i + 1];
    int64_t n_atoms = state.n_atoms, n_wanted, scratch_size = 4096 + choose(&seed, 24 * n_atoms);
    int64_t *atoms = choose_atoms(&seed, n_atoms, 0, &n_wanted);
    unsigned char *scratch = buffer_of(scratch_size, 1);
    double *boxes = buffer_of(9 * n, sizeof *boxes);
    struct gd_trr_frame frame;
    void *all32[3], *all64[3], *f32[3], *f64[3];
    const int float32[3] = {GD_FLOAT32, GD_FLOAT32, GD_FLOAT32};
    const int float64[3] = {GD_FLOAT64, GD_FLOAT64, GD_FLOAT64};
    for (int k = 0; k < 3; k++) {
        all32[k] = buffer_of(3 * n * n_atoms, sizeof(float));
        all64[k] = buffer_of(3 * n * n_atoms, sizeof(double));
        f32[k] = buffer_of(3 * n * n_wanted, sizeof(float));
        f64[k] = buffer_of(3 * n * n_wanted, sizeof(double));
    }
    int read32 = gd_trr_read(file, begins, ends, steps, n, n_atoms, NULL, n_atoms, all32, float32,
                             boxes, scratch, scratch_size, &frame, &where);
    int read64 = gd_trr_read(file, begins, ends, steps, n, n_atoms, NULL, n_atoms, all64, float64,
                             boxes, scratch, scratch_size, &frame, &where);
    int some32 = gd_trr_read(file, begins, ends, steps, n, n_atoms, atoms, n_wanted, f32, float32,
                             NULL, scratch, scratch_size, &frame, &where);
    int some64 = gd_trr_read(file, begins, ends, steps, n, n_atoms, atoms, n_wanted, f64, float64,
                             NULL, scratch, scratch_size, &frame, &where);
    REQUIRE(read32 == read64 && some32 == some64);
    if (read64 == GD_OK) {
        REQUIRE(some64 == GD_OK);
        for (int k = 0; k < 3; k++)
            same_vectors(f32[k], f64[k], all32[k], all64[k], n, n_atoms, atoms, n_wanted);
    }
    for (int k = 0; k < 3; k++) {
        free(all32[k]);
        free(all64[k]);
        free(f32[k]);
        free(f64[k]);
    }
    free(boxes);
    free(scratch);
    free(atoms);
    return 0;
}
