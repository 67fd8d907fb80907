/* Searches for neighbours without Python: every buffer has exactly the size that gd.h asks for, so
 * that a sanitizer sees any step beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"
#include "lattice.h"

enum { MOST = 90, BINS = 11 };

static unsigned long state = 1;

static double random_number(void) {
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return (double)(state >> 11) * 0x1p-53;
}

static void *memory_of(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        abort();
    return memory;
}

/* All pairs of the sets: how many are within the cutoff, in each bin, and the nearest. */
static int64_t brute_force(const double *x, const double *box, const struct gd_neighbor_sets *sets,
                           double cutoff, int64_t *counts, double *least) {
    struct gd_lattice lattice;
    gd_lattice_open(box, &lattice);
    int64_t found = 0;
    *least = INFINITY;
    memset(counts, 0, BINS * sizeof(int64_t));
    for (int64_t a = 0; a < sets->n_first; a++)
        for (int64_t b = sets->second ? 0 : a + 1;
             b < (sets->second ? sets->n_second : sets->n_first); b++) {
            const int64_t i = sets->first[a], j = sets->second ? sets->second[b] : sets->first[b];
            double d[3];
            if (i == j)
                continue;
            for (int c = 0; c < 3; c++)
                d[c] = x[3 * j + c] - x[3 * i + c];
            gd_nearest_image(&lattice, d);
            const double distance = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
            found += distance <= cutoff;
            if (distance < *least)
                *least = distance;
            const int64_t bin = (int64_t)(distance / cutoff * BINS);
            if (bin < BINS)
                counts[bin]++;
        }
    return found;
}

static void check_system(int64_t n, const double *box, double cutoff, int two_sets) {
    double *x = memory_of(sizeof(double) * 3 * (size_t)n);
    int64_t *first = memory_of(sizeof(int64_t) * (size_t)n),
            *second = memory_of(sizeof(int64_t) * (size_t)n);
    for (int64_t i = 0; i < 3 * n; i++)
        x[i] = 12.0 * random_number() - 6.0;
    struct gd_neighbor_sets sets = {first, 0, two_sets ? second : 0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        if (random_number() < 0.7)
            first[sets.n_first++] = i;
        if (random_number() < 0.3)
            second[sets.n_second++] = i;
    }
    double *work =
        aligned_alloc(64, ((size_t)gd_neighbor_work(&sets) * sizeof(double) + 63) / 64 * 64);
    int64_t expected[BINS], counts[BINS], first_pair[2], nearest[2];
    double edges[BINS + 1], least, distance;
    for (int bin = 0; bin <= BINS; bin++)
        edges[bin] = cutoff * bin / BINS;
    struct gd_where where;
    const int64_t near = brute_force(x, box, &sets, cutoff, expected, &least);
    /* One place too few, and just enough. */
    for (int64_t room = near > 0 ? near - 1 : 0; room <= near; room++) {
        int32_t *pairs = memory_of(sizeof(int32_t) * 2 * (size_t)room);
        double *distances = memory_of(sizeof(double) * (size_t)room);
        CHECK(gd_neighbor_pairs(x, GD_FLOAT64, 1, n, box, &sets, cutoff, work, room, pairs,
                                distances, first_pair, &where) == GD_OK,
              "n %d", (int)n);
        CHECK(first_pair[1] == near, "%d of %d pairs", (int)first_pair[1], (int)near);
        free(pairs);
        free(distances);
    }
    const int status = gd_distance_histogram(x, GD_FLOAT64, 1, n, box, &sets, 0, 0, edges, BINS,
                                             work, counts, &where);
    struct gd_lattice lattice;
    const int periodic = gd_lattice_open(box, &lattice);
    if (periodic && cutoff > 0.5 * lattice.shortest)
        CHECK(status == GD_SMALL_BOX, "status %d", status);
    else
        for (int bin = 0; bin < BINS; bin++)
            CHECK(counts[bin] == expected[bin], "bin %d", bin);
    CHECK(gd_minimum_distances(x, GD_FLOAT64, 1, n, box, &sets, work, nearest, &distance, &where) ==
              GD_OK,
          "n %d", (int)n);
    CHECK(distance == least || fabs(distance - least) < 1e-12, "%g, not %g", distance, least);
    if (periodic && sets.n_first > 0) {
        sets.second = 0;
        CHECK(gd_image_distances(x, GD_FLOAT64, 1, n, box, &sets, work, nearest, &distance,
                                 &where) == GD_OK,
              "n %d", (int)n);
        CHECK(distance <= lattice.shortest, "%g", distance);
    }
    free(x);
    free(first);
    free(second);
    free(work);
}

int main(void) {
    const double boxes[4][9] = {{0},
                                {3.0, 0, 0, 0, 4.0, 0, 0, 0, 5.0},
                                {3.0, 0, 0, -7.3, 3.5, 0, 5.1, 8.2, 3.0},
                                {0.2, 0, 0, 0, 6.0, 0, 0, 0, 9.0}};
    for (int64_t n = 1; n < MOST; n += 1 + n / 4)
        for (int box = 0; box < 4; box++)
            for (int two_sets = 0; two_sets < 2; two_sets++)
                for (double cutoff = 0.1; cutoff < 20.0; cutoff *= 3.0)
                    check_system(n, boxes[box], cutoff, two_sets);
    return checks_failed();
}
