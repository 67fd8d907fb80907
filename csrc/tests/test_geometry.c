/* Distances, angles and torsions without Python: every buffer has exactly the size that gd.h asks
 * for, and all instruction sets give the same bits. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { FRAMES = 11, ATOMS = 9, USED = 7, TUPLES = 13 };

static void *buffer(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory)
        abort();
    return memory;
}

static uint64_t state = 88172645463325252u;

static uint64_t number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void one_measure(int measure, int size, int width) {
    float *positions = buffer(sizeof(float) * FRAMES * ATOMS * 3);
    double *boxes = buffer(sizeof(double) * FRAMES * 9);
    int64_t *used = buffer(sizeof(int64_t) * USED);
    int64_t *tuples = buffer(sizeof(int64_t) * TUPLES * (size_t)size);
    double *work = buffer(sizeof(double) * (size_t)gd_geometry_size(USED));
    const size_t bytes = sizeof(double) * FRAMES * TUPLES * (size_t)width;
    double *first = buffer(bytes), *out = buffer(bytes);
    for (int i = 0; i < FRAMES * ATOMS * 3; i++)
        positions[i] = (float)(number() % 1000) / 100.0f;
    for (int i = 0; i < FRAMES * 9; i++)
        boxes[i] = i % 9 % 4 == 0 ? 3.0 : i / 9 % 3 == 0 ? 0.1 * (i % 9) : 0.0;
    for (int i = 0; i < USED; i++)
        used[i] = ATOMS - 1 - i;
    for (int i = 0; i < TUPLES * size; i++)
        tuples[i] = i / size == 5 ? -1 : (int64_t)((i / size + i % size) % USED);
    const int best = gd_isa_active();
    for (int isa = 0; isa <= best; isa++) {
        struct gd_where where = {-1, -1, -1, -1, -1, -1, 0};
        gd_isa_select(isa);
        const int status = gd_geometry(positions, GD_FLOAT32, FRAMES, ATOMS, boxes, used, USED,
                                       tuples, TUPLES, measure, work, isa ? out : first, &where);
        CHECK(status == GD_OK, "measure %d: %d", measure, status);
        CHECK(!isa || memcmp(first, out, bytes) == 0, "measure %d, set %d", measure, isa);
    }
    for (int i = 0; i < FRAMES * TUPLES * width; i++) {
        const int is_unknown = i / width % TUPLES == 5;
        CHECK(is_unknown == (isnan(first[i]) != 0), "measure %d: number %d", measure, i);
    }
    positions[(FRAMES - 1) * ATOMS * 3 + 3 * used[2]] = INFINITY;
    struct gd_where where = {-1, -1, -1, -1, -1, -1, 0};
    const int status = gd_geometry(positions, GD_FLOAT32, FRAMES, ATOMS, boxes, used, USED, tuples,
                                   TUPLES, measure, work, out, &where);
    CHECK(status == GD_NOT_FINITE && where.frame == FRAMES - 1 && where.atom == used[2],
          "measure %d: %d", measure, status);
    free(positions);
    free(boxes);
    free(used);
    free(tuples);
    free(work);
    free(first);
    free(out);
}

int main(void) {
    one_measure(GD_MEASURE_DISTANCE, 2, 1);
    one_measure(GD_MEASURE_DISPLACEMENT, 2, 3);
    one_measure(GD_MEASURE_ANGLE, 3, 1);
    one_measure(GD_MEASURE_TORSION, 4, 1);
    return checks_failed();
}
