/* DCD: the header, all frames, some atoms of some frames, cells. */
#include "fuzz.h"

enum { MOST_FRAMES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    uint64_t seed = seed_of(data, data_size);
    int64_t size = (int64_t)data_size;
    unsigned char *file = copy_of(data, data_size);
    struct gd_where where = nowhere;
    struct gd_dcd dcd, part;
    memset(&dcd, 0, sizeof dcd); /* the padding too */
    memset(&part, 0, sizeof part);
    int64_t shown = choose(&seed, size + 1);
    unsigned char *head = copy_of(data, (size_t)shown);
    int begun = gd_dcd_open(head, shown, size, &part, &where);
    int status = gd_dcd_open(file, size, size, &dcd, &where);
    if (begun == GD_OK && status == GD_OK)
        REQUIRE(!memcmp(&part, &dcd, sizeof dcd));
    else if (begun == GD_OK) /* what a frame begins with was not shown */
        REQUIRE(status == GD_CORRUPT && where.byte == part.first_frame);
    free(head);
    if (status != GD_OK) {
        free(file);
        return 0;
    }
    REQUIRE(dcd.n_atoms >= 1 && dcd.n_free <= dcd.n_atoms && dcd.n_frames >= 0);
    REQUIRE(dcd.n_frames == 0 || 12 * dcd.n_atoms < size);
    int64_t n = dcd.n_frames < MOST_FRAMES ? dcd.n_frames : MOST_FRAMES;
    int64_t *places = NULL;
    if (n > 0 && dcd.free_atoms >= 0) {
        places = buffer_of(dcd.n_atoms, sizeof *places);
        status =
            gd_dcd_free_places(file + dcd.free_atoms, size - dcd.free_atoms, &dcd, places, &where);
    }
    if (n > 0 && status == GD_OK) {
        int64_t scratch_size = 4096 + choose(&seed, 2) * (12 * dcd.n_atoms + 100);
        unsigned char *scratch = buffer_of(scratch_size, 1);
        float *all32 = buffer_of(3 * n * dcd.n_atoms, sizeof *all32);
        double *all64 = buffer_of(3 * n * dcd.n_atoms, sizeof *all64);
        double *cells = buffer_of(6 * n, sizeof *cells), *boxes = buffer_of(9 * n, sizeof *boxes);
        status = gd_dcd_decode(file, size, &dcd, 0, 1, n, NULL, dcd.n_atoms, places, all32, all64,
                               cells, scratch, scratch_size, &where);
        if (status == GD_OK) {
            gd_dcd_boxes(cells, n, dcd.version, boxes, &where);
            int64_t n_wanted, first = choose(&seed, n), count = 1 + choose(&seed, n - first);
            int64_t *atoms = choose_atoms(&seed, dcd.n_atoms, 0, &n_wanted);
            float *f32 = buffer_of(3 * count * n_wanted, sizeof *f32);
            double *f64 = buffer_of(3 * count * n_wanted, sizeof *f64);
            int again = gd_dcd_decode(file, size, &dcd, first, 1, count, atoms, n_wanted, places,
                                      f32, f64, NULL, scratch, scratch_size, &where);
            REQUIRE(again == GD_OK || again == GD_BAD_ARGUMENT); /* too little scratch */
            if (again == GD_OK)
                same_vectors(f32, f64, all32 + 3 * first * dcd.n_atoms,
                             all64 + 3 * first * dcd.n_atoms, count, dcd.n_atoms, atoms, n_wanted);
            free(atoms);
            free(f32);
            free(f64);
            int64_t shorter = choose(&seed, size);
            unsigned char *cut = copy_of(data, (size_t)shorter);
            gd_dcd_decode(cut, shorter, &dcd, 0, 1, n, NULL, dcd.n_atoms, places, all32, all64,
                          cells, scratch, scratch_size, &where);
            free(cut);
        }
        free(scratch);
        free(all32);
        free(all64);
        free(cells);
        free(boxes);
    }
    free(places);
    free(file);
    return 0;
}
