/* The periodic box without Python: every buffer has exactly the size that gd.h asks for, so that a
 * sanitizer sees any step beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { FRAMES = 5, MOST_ATOMS = 150 };

static const double boxes[2][9] = {
    {3.0, 0.0, 0.0, 0.0, 3.5, 0.0, 0.0, 0.0, 4.0},
    {3.0, 0.0, 0.0, 7.4, 3.0, 0.0, -1.0, 6.4, 2.8},
};

static void *memory(size_t bytes) {
    void *found = malloc(bytes);
    if (!found)
        abort();
    return memset(found, 0, bytes);
}

/* Frames at once, and one after the other, give the same. */
static void unwrap(int n_atoms, int type, int grouped, int shape, int scheme) {
    const int n_groups = grouped ? (n_atoms + 1) / 2 : n_atoms;
    const size_t number = type == GD_FLOAT32 ? sizeof(float) : sizeof(double);
    const size_t frame_bytes = number * 3 * (size_t)n_atoms;
    char *positions = memory(FRAMES * frame_bytes), *out = memory(FRAMES * frame_bytes),
         *again = memory(FRAMES * frame_bytes);
    for (int i = 0; i < 3 * n_atoms * FRAMES; i++) {
        const double x = fmod(0.7 * i + 0.01 * i * i, 9.0) - 3.0;
        if (type == GD_FLOAT32)
            ((float *)positions)[i] = (float)x;
        else
            ((double *)positions)[i] = x;
    }
    int64_t *group = memory(sizeof(int64_t) * (size_t)n_atoms);
    for (int a = 0; a < n_atoms; a++)
        group[a] = a / 2;
    const size_t size = (size_t)gd_unwrap_size(n_groups) * sizeof(double);
    double *before = memory(size), *state = memory(size), *total = memory(size);
    double *scratch = memory(2 * size + (size_t)n_groups * sizeof(double));
    double box[9 * FRAMES], middles[3 * FRAMES] = {0.0};
    for (int f = 0; f < FRAMES; f++)
        memcpy(box + 9 * f, boxes[shape], sizeof boxes[shape]);
    const struct gd_groups groups = {grouped ? group : NULL, n_groups, scratch};
    struct gd_where where;
    int status =
        gd_unwrap_begin(positions, type, n_atoms, &groups, box, scheme, before, state, &where);
    status |= gd_unwrap(positions, type, FRAMES, n_atoms, &groups, box, scheme, before, state, out,
                        &where);
    CHECK(memcmp(out, positions, frame_bytes) == 0, "%d atoms: the first frame moved", n_atoms);
    status |=
        gd_unwrap_begin(positions, type, n_atoms, &groups, box, scheme, before, total, &where);
    for (int f = 0; f < FRAMES; f++)
        status |= gd_unwrap(positions + (size_t)f * frame_bytes, type, 1, n_atoms, &groups, box,
                            scheme, before, total, again + (size_t)f * frame_bytes, &where);
    CHECK(memcmp(out, again, FRAMES * frame_bytes) == 0, "%d atoms: calls show", n_atoms);
    CHECK(memcmp(state, total, size) == 0, "%d atoms: states differ", n_atoms);
    status |= gd_wrap(positions, type, FRAMES, n_atoms, &groups, box, middles, scheme, out, &where);
    CHECK(status == GD_OK, "%d atoms: status %d", n_atoms, status);
    void *all[] = {positions, out, again, group, before, state, total, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

int main(void) {
    for (int n_atoms = 1; n_atoms <= MOST_ATOMS; n_atoms += n_atoms < 3 ? 1 : 21)
        for (int cases = 0; cases < 16; cases++)
            unwrap(n_atoms, cases & 1 ? GD_FLOAT32 : GD_FLOAT64, cases >> 1 & 1, cases >> 2 & 1,
                   cases >> 3 & 1);
    return checks_failed();
}
