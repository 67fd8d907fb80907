/* The kernels without Python: every buffer has exactly the size that gd.h asks for, so that a
 * sanitizer sees any step beyond it. Each result is checked against what defines it (a proper
 * rotation that no small turn improves, sums over the atoms), and between instruction sets to the
 * bit. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { FRAMES = 11 };

static uint64_t state = 88172645463325252u;

/* Between -1 and 1 (xorshift). */
static double number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 4503599627370496.0 - 1;
}

static void *buffer(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        abort();
    return memory;
}

static double *doubles(int64_t n) { return buffer(sizeof(double) * (size_t)n); }

static struct gd_where nowhere(void) { return (struct gd_where){-1, -1, -1, -1, -1, -1, 0}; }

/* FRAMES x n x 3 numbers, the second half of the frames being noisy copies of frame 0. */
static void *frames(int type, int64_t n) {
    const int64_t size = 3 * n;
    double *values = doubles(FRAMES * size);
    for (int64_t i = 0; i < FRAMES * size; i++)
        values[i] = i < FRAMES / 2 * size ? 3 * number() + 20 : values[i % size] + 0.01 * number();
    if (type == GD_FLOAT64)
        return values;
    float *floats = buffer(sizeof(float) * (size_t)(FRAMES * size));
    for (int64_t i = 0; i < FRAMES * size; i++)
        floats[i] = (float)values[i];
    free(values);
    return floats;
}

static double at(const void *positions, int type, int64_t i) {
    return type == GD_FLOAT32 ? (double)((const float *)positions)[i]
                              : ((const double *)positions)[i];
}

static double *prepared(const double *reference, int64_t n, const double *weights,
                        const double *center) {
    struct gd_where where = nowhere();
    double *data = doubles(gd_set_size(n, weights != 0, reference != 0));
    CHECK(gd_set_prepare(reference, n, weights, center, data, &where) == GD_OK, "%ld atoms",
          (long)n);
    return data;
}

/* Mean square deviation by its definition. */
static double by_definition(const void *positions, int type, int64_t n_atoms, int64_t frame,
                            const int64_t *index, int64_t first, int64_t n, const double *reference,
                            const double *weights, const double *r, const double *t) {
    double sum = 0, total = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t atom = index ? index[i] : first + i;
        const double w = weights ? weights[i] : 1;
        total += w;
        for (int c = 0; c < 3; c++) {
            double x = t[c];
            for (int d = 0; d < 3; d++)
                x += r[3 * c + d] * at(positions, type, 3 * (frame * n_atoms + atom) + d);
            sum += w * (x - reference[3 * i + c]) * (x - reference[3 * i + c]);
        }
    }
    return sum / total;
}

static int same(const double *a, const double *b, int64_t n) {
    return memcmp(a, b, sizeof(double) * (size_t)n) == 0;
}

/* A small turn about an axis in front of r. */
static void turn(const double *r, int axis, double angle, double *turned) {
    const int a = (axis + 1) % 3, b = (axis + 2) % 3;
    memcpy(turned, r, 9 * sizeof(double));
    for (int d = 0; d < 3; d++) {
        turned[3 * a + d] = cos(angle) * r[3 * a + d] - sin(angle) * r[3 * b + d];
        turned[3 * b + d] = sin(angle) * r[3 * a + d] + cos(angle) * r[3 * b + d];
    }
}

static void check_best(const void *positions, int type, int64_t n, const double *reference,
                       const double *weights, const double *rmsd, const double *rotations,
                       const double *translations) {
    for (int64_t f = 0; f < FRAMES; f++) {
        const double *r = rotations + 9 * f, *t = translations + 3 * f;
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 3; d++) {
                const double dot =
                    r[3 * c] * r[3 * d] + r[3 * c + 1] * r[3 * d + 1] + r[3 * c + 2] * r[3 * d + 2];
                CHECK(fabs(dot - (c == d)) < 1e-12, "%ld atoms, frame %ld: %g", (long)n, (long)f,
                      dot);
            }
        const double determinant = r[0] * (r[4] * r[8] - r[5] * r[7]) -
                                   r[1] * (r[3] * r[8] - r[5] * r[6]) +
                                   r[2] * (r[3] * r[7] - r[4] * r[6]);
        CHECK(fabs(determinant - 1) < 1e-12, "%g", determinant);
        const double best = by_definition(positions, type, n, f, 0, 0, n, reference, weights, r, t);
        CHECK(fabs(rmsd[f] - sqrt(best)) < 1e-9, "%ld atoms, frame %ld: %.12g, not %.12g", (long)n,
              (long)f, rmsd[f], sqrt(best));
        /* Turning about the centre never improves it. */
        double center[3] = {0, 0, 0}, total = 0;
        for (int64_t i = 0; i < n; i++) {
            total += weights ? weights[i] : 1;
            for (int c = 0; c < 3; c++)
                center[c] += (weights ? weights[i] : 1) * at(positions, type, 3 * (f * n + i) + c);
        }
        for (int axis = 0; axis < 3; axis++)
            for (int sign = -1; sign < 2; sign += 2)
                for (double angle = 1e-3; angle < 4; angle *= 10) {
                    double turned[9], moved[3];
                    turn(r, axis, sign * angle, turned);
                    for (int c = 0; c < 3; c++) {
                        moved[c] = t[c];
                        for (int d = 0; d < 3; d++)
                            moved[c] += (r[3 * c + d] - turned[3 * c + d]) * center[d] / total;
                    }
                    const double other = by_definition(positions, type, n, f, 0, 0, n, reference,
                                                       weights, turned, moved);
                    CHECK(other > best - 1e-12, "%ld atoms, frame %ld: %.15g < %.15g", (long)n,
                          (long)f, other, best);
                }
    }
}

static void test_fit(int type, int64_t n, int weighted) {
    void *positions = frames(type, n);
    double *reference = doubles(3 * n), *weights = weighted ? doubles(n) : 0;
    for (int64_t i = 0; i < 3 * n; i++)
        reference[i] = at(positions, type, i);
    for (int64_t i = 0; i < n && weighted; i++)
        weights[i] = i % 5 == 3 ? 0 : 1.5 + number();
    double *data = prepared(reference, n, weights, 0);
    const struct gd_atom_set set = {0, 0, data};
    int64_t *all = buffer(sizeof(int64_t) * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        all[i] = i;
    const struct gd_atom_set listed = {all, 0, data};

    double first[13 * FRAMES], first_radii[FRAMES], first_tensors[9 * FRAMES];
    for (int isa = 0; isa <= gd_isa_best(); isa++) {
        CHECK(gd_isa_select(isa) == GD_OK, "%d", isa);
        double results[13 * FRAMES], radii[FRAMES], tensors[9 * FRAMES], centers[3 * FRAMES];
        double *rmsd = results, *rotations = results + FRAMES,
               *translations = results + 10 * FRAMES;
        struct gd_where where = nowhere();
        CHECK(gd_rmsd(positions, type, FRAMES, n, &set, 0, rmsd, rotations, translations, &where) ==
                  GD_OK,
              "%d", isa);
        CHECK(rmsd[0] == 0, "%g", rmsd[0]);
        CHECK(gd_gyration(positions, type, FRAMES, n, &set, centers, radii, tensors, &where) ==
                  GD_OK,
              "%d", isa);
        if (isa == 0) {
            check_best(positions, type, n, reference, weights, rmsd, rotations, translations);
            memcpy(first, results, sizeof first);
            memcpy(first_radii, radii, sizeof radii);
            memcpy(first_tensors, tensors, sizeof tensors);
            for (int f = 0; f < FRAMES; f++) {
                const double *g = tensors + 9 * f;
                CHECK(fabs(g[0] + g[4] + g[8] - radii[f] * radii[f]) < 1e-12, "%g", radii[f]);
            }
        }
        CHECK(same(first, results, 13 * FRAMES), "set %d, %ld atoms", isa, (long)n);
        CHECK(same(first_radii, radii, FRAMES), "set %d, %ld atoms", isa, (long)n);
        CHECK(same(first_tensors, tensors, 9 * FRAMES), "set %d, %ld atoms", isa, (long)n);

        double only_radii[FRAMES], one[FRAMES];
        CHECK(gd_gyration(positions, type, FRAMES, n, &listed, 0, only_radii, 0, &where) == GD_OK,
              "%d", isa);
        CHECK(same(first_radii, only_radii, FRAMES), "set %d, %ld atoms", isa, (long)n);
        CHECK(gd_rmsd(positions, type, FRAMES, n, &listed, 0, one, 0, 0, &where) == GD_OK, "%d",
              isa);
        CHECK(same(first, one, FRAMES), "listed, set %d, %ld atoms", isa, (long)n);
        /* One frame at a time. */
        for (int f = 0; f < FRAMES; f++)
            gd_rmsd((const char *)positions + 3 * n * f * (type == GD_FLOAT32 ? 4 : 8), type, 1, n,
                    &set, 0, one + f, 0, 0, &where);
        CHECK(same(first, one, FRAMES), "one by one, set %d, %ld atoms", isa, (long)n);
        /* Measured as a second set: the same atoms, so the same deviation up to rounding. */
        double center[3];
        gd_set_center(data, center);
        double *around = prepared(reference, n, weights, center);
        const struct gd_atom_set measured = {0, 0, around};
        CHECK(gd_rmsd(positions, type, FRAMES, n, &set, &measured, one, 0, 0, &where) == GD_OK,
              "%d", isa);
        CHECK(one[0] == 0, "%g", one[0]);
        for (int f = 0; f < FRAMES; f++)
            CHECK(fabs(one[f] - first[f]) < 1e-9, "%.15g %.15g", one[f], first[f]);
        free(around);

        /* Superposed frames deviate from the reference by just that, without another fit. */
        void *moved = buffer((size_t)(3 * n * FRAMES) * (type == GD_FLOAT32 ? 4 : 8));
        CHECK(gd_transform(positions, type, FRAMES, n, rotations, translations, moved) == GD_OK,
              "%d", isa);
        CHECK(gd_rmsd(moved, type, FRAMES, n, 0, &set, one, 0, 0, &where) == GD_OK, "%d", isa);
        for (int f = 0; f < FRAMES; f++)
            CHECK(fabs(one[f] - first[f]) < (type == GD_FLOAT32 ? 1e-5 : 1e-9), "%.15g %.15g",
                  one[f], first[f]);
        free(moved);
    }
    free(positions);
    free(reference);
    free(weights);
    free(data);
    free(all);
}

static void test_pairs(int type, int64_t n, int weighted) {
    void *positions = frames(type, n);
    double *weights = weighted ? doubles(n) : 0;
    for (int64_t i = 0; i < n && weighted; i++)
        weights[i] = 1.5 + number();
    double *data = prepared(0, n, weights, 0);
    const struct gd_atom_set set = {0, 0, data};
    double first[FRAMES * FRAMES];
    for (int isa = 0; isa <= gd_isa_best(); isa++) {
        struct gd_where where = nowhere();
        gd_isa_select(isa);
        double *centered = doubles(FRAMES * gd_centered_size(n)), spreads[FRAMES];
        double *copy = doubles(FRAMES * gd_centered_size(n)), *work = doubles(gd_rmsd_pairs_size());
        double half[FRAMES * FRAMES], whole[FRAMES * FRAMES];
        CHECK(gd_center_frames(positions, type, FRAMES, n, &set, centered, spreads, &where) ==
                  GD_OK,
              "%d", isa);
        memcpy(copy, centered, sizeof(double) * (size_t)(FRAMES * gd_centered_size(n)));
        CHECK(gd_rmsd_pairs(centered, spreads, FRAMES, centered, spreads, FRAMES, &set, work,
                            half) == GD_OK,
              "%d", isa);
        CHECK(gd_rmsd_pairs(centered, spreads, FRAMES, copy, spreads, FRAMES, &set, work, whole) ==
                  GD_OK,
              "%d", isa);
        CHECK(same(half, whole, FRAMES * FRAMES), "set %d, %ld atoms", isa, (long)n);
        if (isa == 0)
            memcpy(first, half, sizeof first);
        CHECK(same(half, first, FRAMES * FRAMES), "set %d, %ld atoms", isa, (long)n);
        free(centered);
        free(copy);
        free(work);
    }
    for (int f = 0; f < FRAMES; f++) {
        double *reference = doubles(3 * n), rmsd[FRAMES];
        struct gd_where where = nowhere();
        for (int64_t i = 0; i < 3 * n; i++)
            reference[i] = at(positions, type, 3 * n * f + i);
        double *fit = prepared(reference, n, weights, 0);
        const struct gd_atom_set one = {0, 0, fit};
        CHECK(gd_rmsd(positions, type, FRAMES, n, &one, 0, rmsd, 0, 0, &where) == GD_OK, "%d", f);
        CHECK(first[FRAMES * f + f] == 0, "%g", first[FRAMES * f + f]);
        for (int g = 0; g < FRAMES; g++)
            CHECK(fabs(rmsd[g] - first[FRAMES * f + g]) < 1e-9, "%ld atoms: %.15g %.15g", (long)n,
                  rmsd[g], first[FRAMES * f + g]);
        free(reference);
        free(fit);
    }
    free(positions);
    free(weights);
    free(data);
}

/* Atoms out of order and with gaps, against the same atoms copied next to each other. */
static void test_index(int type, int64_t n_atoms) {
    void *positions = frames(type, n_atoms);
    const size_t size = type == GD_FLOAT32 ? 4 : 8;
    const int64_t n = (n_atoms + 1) / 2;
    int64_t *index = buffer(sizeof(int64_t) * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        index[i] = i % 2 ? n_atoms - 1 - i : i;
    char *packed = buffer(3 * size * (size_t)(n * FRAMES));
    for (int64_t f = 0; f < FRAMES; f++)
        for (int64_t i = 0; i < n; i++)
            memcpy(packed + 3 * size * (size_t)(f * n + i),
                   (char *)positions + 3 * size * (size_t)(f * n_atoms + index[i]), 3 * size);
    double *reference = doubles(3 * n);
    for (int64_t i = 0; i < 3 * n; i++)
        reference[i] = at(packed, type, 3 * n + i);
    double *data = prepared(reference, n, 0, 0);
    const struct gd_atom_set listed = {index, 0, data}, plain = {0, 0, data};
    for (int isa = 0; isa <= gd_isa_best(); isa++) {
        double a[13 * FRAMES], b[13 * FRAMES], c[13 * FRAMES], d[13 * FRAMES];
        struct gd_where where = nowhere();
        gd_isa_select(isa);
        CHECK(gd_rmsd(positions, type, FRAMES, n_atoms, &listed, 0, a, a + FRAMES, a + 10 * FRAMES,
                      &where) == GD_OK,
              "%d", isa);
        CHECK(gd_rmsd(packed, type, FRAMES, n, &plain, 0, b, b + FRAMES, b + 10 * FRAMES, &where) ==
                  GD_OK,
              "%d", isa);
        CHECK(same(a, b, 13 * FRAMES), "set %d, %ld atoms", isa, (long)n);
        CHECK(gd_gyration(positions, type, FRAMES, n_atoms, &listed, c, c + 3 * FRAMES,
                          c + 4 * FRAMES, &where) == GD_OK,
              "%d", isa);
        CHECK(gd_gyration(packed, type, FRAMES, n, &plain, d, d + 3 * FRAMES, d + 4 * FRAMES,
                          &where) == GD_OK,
              "%d", isa);
        CHECK(same(c, d, 13 * FRAMES), "set %d, %ld atoms", isa, (long)n);
    }
    free(positions);
    free(index);
    free(packed);
    free(reference);
    free(data);
}

static void test_errors(void) {
    enum { N = 20 };
    double reference[3 * N], weights[N], values[FRAMES], data[4096];
    float positions[FRAMES * 3 * N];
    struct gd_where where = nowhere();
    for (int i = 0; i < 3 * N; i++)
        reference[i] = number();
    for (int i = 0; i < FRAMES * 3 * N; i++)
        positions[i] = (float)number();
    for (int i = 0; i < N; i++)
        weights[i] = 0;
    CHECK(gd_set_prepare(reference, 0, 0, 0, data, &where) == GD_BAD_ARGUMENT, "no atoms");
    CHECK(gd_set_prepare(reference, N, weights, 0, data, &where) == GD_NO_WEIGHT, "all zero");
    weights[3] = -1;
    CHECK(gd_set_prepare(reference, N, weights, 0, data, &where) == GD_NO_WEIGHT, "negative");
    CHECK(where.atom == 3, "%ld", (long)where.atom);
    reference[3 * 7 + 1] = NAN;
    CHECK(gd_set_prepare(reference, N, 0, 0, data, &where) == GD_NOT_FINITE, "reference");
    CHECK(where.atom == 7 && where.frame == -1, "%ld", (long)where.atom);
    reference[3 * 7 + 1] = 0;
    CHECK(gd_set_prepare(reference, N, 0, 0, data, &where) == GD_OK, "reference");
    const struct gd_atom_set set = {0, 0, data};
    CHECK(gd_rmsd(positions, GD_FLOAT32, -1, N, &set, 0, values, 0, 0, &where) == GD_BAD_ARGUMENT,
          "frames");
    CHECK(gd_rmsd(positions, 2, 1, N, &set, 0, values, 0, 0, &where) == GD_BAD_ARGUMENT, "type");
    CHECK(gd_rmsd(positions, GD_FLOAT32, 1, N, 0, 0, values, 0, 0, &where) == GD_BAD_ARGUMENT,
          "no set");
    CHECK(gd_rmsd(positions, GD_FLOAT32, 0, N, &set, 0, values, 0, 0, &where) == GD_OK, "empty");
    for (int isa = 0; isa <= gd_isa_best(); isa++) {
        gd_isa_select(isa);
        positions[3 * (N * 9 + 17) + 2] = INFINITY;
        CHECK(gd_rmsd(positions, GD_FLOAT32, FRAMES, N, &set, 0, values, 0, 0, &where) ==
                  GD_NOT_FINITE,
              "set %d", isa);
        CHECK(where.frame == 9 && where.atom == 17, "%ld %ld", (long)where.frame, (long)where.atom);
        positions[3 * (N * 9 + 17) + 2] = NAN;
        where = nowhere();
        CHECK(gd_gyration(positions, GD_FLOAT32, FRAMES, N, &set, 0, values, 0, &where) ==
                  GD_NOT_FINITE,
              "set %d", isa);
        CHECK(where.frame == 9 && where.atom == 17, "%ld %ld", (long)where.frame, (long)where.atom);
        CHECK(gd_rmsd(positions, GD_FLOAT32, FRAMES, N, 0, &set, values, 0, 0, &where) ==
                  GD_NOT_FINITE,
              "set %d", isa);
        positions[3 * (N * 9 + 17) + 2] = 0;
    }
}

int main(void) {
    static const int64_t sizes[] = {1,  2,  3,  4,   5,   6,   7,   8,   9,   10,  15,  16,
                                    17, 31, 33, 191, 192, 193, 199, 200, 201, 385, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int type = GD_FLOAT32; type <= GD_FLOAT64; type++) {
            for (int weighted = 0; weighted < 2; weighted++) {
                test_fit(type, sizes[i], weighted);
                test_pairs(type, sizes[i], weighted);
            }
            test_index(type, sizes[i]);
        }
    }
    test_errors();
    return checks_failed();
}
