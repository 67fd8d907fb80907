/* GROMOS text: the scan, whole and in pieces; vectors, all and some; boxes. */
#include "fuzz.h"

/* The shortest of blocks: BOX, a line feed, END. */
enum { BLOCK_SIZE = 7 };

/* All frames: of one piece and in one call (seed 0), or of pieces and in calls that the seed
 * chooses. */
static int scan(const uint8_t *data, int64_t size, uint64_t seed, struct gd_gromos_frame *frames,
                int64_t capacity, struct gd_gromos_scan *state) {
    struct gd_where where = nowhere;
    memset(state, 0, sizeof *state);
    state->line = 1;
    state->n_atoms = -1;
    int64_t begin = 0, end = 0, n = 0;
    for (int final = 0;;) {
        int64_t room = seed ? 1 + choose(&seed, 4) : capacity, found, used;
        REQUIRE(n < capacity);
        if (room > capacity - n)
            room = capacity - n;
        char *text = copy_of(data + begin, (size_t)(end - begin));
        int status = gd_gromos_scan(text, end - begin, final, state, frames + n, room, &found,
                                    &used, &where);
        free(text);
        n += found;
        begin += used;
        REQUIRE(begin <= end && state->byte == begin && found >= 0 && n == state->n_frames);
        if (status != GD_OK || (final && found < room))
            return status;
        if (found == room)
            continue;
        int64_t more = size - end;
        end += seed && more ? 1 + choose(&seed, more) : more;
        final = more == 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    uint64_t seed = seed_of(data, data_size);
    int64_t size = (int64_t)data_size;
    int64_t capacity = size / BLOCK_SIZE + 1;
    struct gd_gromos_frame *frames = buffer_of(capacity, sizeof *frames);
    struct gd_gromos_frame *others = buffer_of(capacity, sizeof *others);
    struct gd_gromos_scan state, other;
    int status = scan(data, size, 0, frames, capacity, &state);
    int again = scan(data, size, seed, others, capacity, &other);
    REQUIRE(status == again && state.n_frames == other.n_frames && state.fault == other.fault);
    REQUIRE(!memcmp(frames, others, (size_t)state.n_frames * sizeof *frames));
    free(others);
    int64_t n = state.n_frames, n_atoms = state.n_atoms;
    char *text = copy_of(data, data_size);
    struct gd_gromos_block *blocks = buffer_of(n, sizeof *blocks);
    for (int slot = 0; n > 0 && slot < 5; slot++) {
        struct gd_where where = nowhere;
        if (!(state.fields & (1 << slot)))
            continue;
        for (int64_t i = 0; i < n; i++)
            blocks[i] = frames[i].blocks[slot];
        if (slot == 3) {
            int32_t *kinds = buffer_of(n, sizeof *kinds);
            double *boxes = buffer_of(9 * n, sizeof *boxes);
            gd_gromos_boxes(text, size, 0, n, blocks, kinds, boxes, &where);
            free(kinds);
            free(boxes);
            continue;
        }
        float *all32 = buffer_of(3 * n * n_atoms, sizeof *all32);
        double *all64 = buffer_of(3 * n * n_atoms, sizeof *all64);
        int read32 = gd_gromos_vectors(text, size, 0, n, blocks, n_atoms, n_atoms, NULL, NULL, 0,
                                       all32, &where);
        int read64 = gd_gromos_vectors(text, size, 0, n, blocks, n_atoms, n_atoms, NULL, NULL, 1,
                                       all64, &where);
        REQUIRE(read32 == read64);
        int64_t n_wanted, *atoms = choose_atoms(&seed, n_atoms, 1, &n_wanted);
        int64_t *rows = buffer_of(n_wanted, sizeof *rows);
        for (int64_t k = 0; k < n_wanted; k++)
            rows[k] = k;
        float *f32 = buffer_of(3 * n * n_wanted, sizeof *f32);
        double *f64 = buffer_of(3 * n * n_wanted, sizeof *f64);
        int some32 = gd_gromos_vectors(text, size, 0, n, blocks, n_atoms, n_wanted, atoms, rows, 0,
                                       f32, &where);
        int some64 = gd_gromos_vectors(text, size, 0, n, blocks, n_atoms, n_wanted, atoms, rows, 1,
                                       f64, &where);
        REQUIRE(some32 == some64);
        if (read64 == GD_OK) {
            REQUIRE(some64 == GD_OK);
            same_vectors(f32, f64, all32, all64, n, n_atoms, atoms, n_wanted);
            for (int64_t i = 0; i < 3 * n * n_atoms; i++)
                REQUIRE(isfinite(all64[i]) && (all32[i] == (float)all64[i]));
        }
        int64_t shorter = choose(&seed, size);
        char *cut = copy_of(data, (size_t)shorter);
        gd_gromos_vectors(cut, shorter, 0, n, blocks, n_atoms, n_wanted, atoms, rows, 1, f64,
                          &where);
        free(cut);
        free(all32);
        free(all64);
        free(atoms);
        free(rows);
        free(f32);
        free(f64);
    }
    free(blocks);
    free(text);
    free(frames);
    return 0;
}
