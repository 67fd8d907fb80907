/* Particle-mesh Ewald without Python: every buffer has exactly the size that gd.h asks for, so that
 * a sanitizer sees any step beyond it; the transforms are plain sums, and the result is compared
 * with the sum over reciprocal vectors itself. */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { N_ATOMS = 21, N_CHARGES = 19, MOST = 16 };

static const double pi = 3.14159265358979323846;

static uint64_t state = 88172645463325252u;

/* Between -1 and 1 (xorshift). */
static double number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 4503599627370496.0 - 1;
}

static void *memory(int64_t size) {
    void *pointer = malloc((size_t)size);
    if (!pointer)
        abort();
    return pointer;
}

/* Values of the cardinal B-spline of an order at 1, 2, ... */
static void moduli(int order, int64_t n, double *out) {
    double spline[16] = {0, 1.0};
    for (int k = 3; k <= order; k++)
        for (int x = k - 1; x > 0; x--)
            spline[x] = (x * spline[x] + (k - x) * spline[x - 1]) / (k - 1);
    for (int64_t m = 0; m < n; m++) {
        double complex sum = 0;
        for (int x = 1; x < order; x++)
            sum += spline[x] * cexp(2 * pi * I * (double)(m * (x - 1)) / (double)n);
        out[m] = 1 / (cabs(sum) * cabs(sum));
    }
}

static double get(const void *array, int precision, int64_t i) {
    return precision == GD_MIXED ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void put(void *array, int precision, int64_t i, double value) {
    if (precision == GD_MIXED)
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

/* One axis of a transform, in place. */
static void transform(double complex *mesh, const int64_t *n, int axis, double sign) {
    const int64_t stride = axis == 0 ? n[1] * n[2] : axis == 1 ? n[2] : 1;
    double complex line[MOST];
    for (int64_t start = 0; start < n[0] * n[1] * n[2]; start++) {
        if (start / stride % n[axis])
            continue;
        for (int64_t m = 0; m < n[axis]; m++) {
            line[m] = 0;
            for (int64_t k = 0; k < n[axis]; k++)
                line[m] += mesh[start + k * stride] *
                           cexp(sign * 2 * pi * I * (double)(m * k % n[axis]) / (double)n[axis]);
        }
        for (int64_t m = 0; m < n[axis]; m++)
            mesh[start + m * stride] = line[m];
    }
}

struct result {
    double energy, forces[3 * N_ATOMS], virial[9];
};

static int particle_mesh(const struct gd_ewald_mesh *mesh, int precision, const double *x,
                         const double *box, const int64_t *n, struct result *result) {
    const int64_t size = precision == GD_MIXED ? 4 : 8, half = n[2] / 2 + 1;
    const int64_t length = gd_mesh_row_length(mesh, n), points = n[0] * n[1] * n[2];
    double *work = memory(8 * gd_mesh_work(mesh, n));
    void *values = memory(size * n[0] * n[1] * length), *potential = memory(size * points);
    void *spectrum = memory(2 * size * n[0] * n[1] * half);
    double complex *whole = memory((int64_t)sizeof(double complex) * points);
    double *b[3];
    struct gd_where where;
    for (int c = 0; c < 3; c++) {
        b[c] = memory(8 * n[c]);
        moduli(mesh->order, n[c], b[c]);
    }
    int status = gd_mesh_spread(mesh, precision, x, GD_FLOAT64, box, n, values, work, &where);
    for (int64_t i = 0; i < points && status == GD_OK; i++)
        whole[i] = get(values, precision, i / n[2] * length + i % n[2]);
    if (status == GD_OK) {
        for (int c = 0; c < 3; c++)
            transform(whole, n, c, -1);
        for (int64_t i = 0; i < n[0] * n[1] * half; i++)
            for (int part = 0; part < 2; part++) {
                const double complex from = whole[i / half * n[2] + i % half];
                put(spectrum, precision, 2 * i + part, part ? cimag(from) : creal(from));
            }
        const double *const axes[3] = {b[0], b[1], b[2]};
        status = gd_mesh_convolve(mesh, precision, box, n, axes, spectrum, &result->energy,
                                  result->virial, work, &where);
    }
    if (status == GD_OK) {
        for (int64_t i = 0; i < n[0]; i++)
            for (int64_t j = 0; j < n[1]; j++)
                for (int64_t k = 0; k < n[2]; k++) {
                    /* The other half is the complex conjugate. */
                    const int other = k >= half;
                    const int64_t row =
                        other ? (n[0] - i) % n[0] * n[1] + (n[1] - j) % n[1] : i * n[1] + j;
                    const int64_t from = row * half + (other ? n[2] - k : k);
                    whole[(i * n[1] + j) * n[2] + k] =
                        get(spectrum, precision, 2 * from) +
                        (other ? -1 : 1) * I * get(spectrum, precision, 2 * from + 1);
                }
        for (int c = 0; c < 3; c++)
            transform(whole, n, c, 1);
        for (int64_t i = 0; i < points; i++)
            put(potential, precision, i, creal(whole[i]));
        memset(result->forces, 0, sizeof result->forces);
        status = gd_mesh_gather(mesh, precision, box, n, potential, values, result->forces, work,
                                &where);
    }
    for (int c = 0; c < 3; c++)
        free(b[c]);
    free(work);
    free(values);
    free(potential);
    free(spectrum);
    free(whole);
    return status;
}

/* The sum itself; `inverse` are the reciprocal vectors in columns. */
static void direct(const struct gd_ewald_mesh *mesh, const double *x, const double *inverse,
                   double volume, struct result *result) {
    memset(result, 0, sizeof *result);
    for (int i = 0; i < 9 * 9 * 9; i++) {
        const int h[3] = {i % 9 - 4, i / 9 % 9 - 4, i / 81 - 4};
        double m[3], square = 0, phases[N_CHARGES];
        if (!h[0] && !h[1] && !h[2])
            continue;
        for (int c = 0; c < 3; c++) {
            m[c] = h[0] * inverse[3 * c] + h[1] * inverse[3 * c + 1] + h[2] * inverse[3 * c + 2];
            square += m[c] * m[c];
        }
        double complex sum = 0;
        for (int k = 0; k < N_CHARGES; k++) {
            const double *at = x + 3 * mesh->charged[k];
            phases[k] = 2 * pi * (m[0] * at[0] + m[1] * at[1] + m[2] * at[2]);
            sum += mesh->charge[k] * cexp(I * phases[k]);
        }
        const double width = pi * pi / (mesh->splitting * mesh->splitting);
        const double factor = mesh->coulomb / (2 * pi * volume) * exp(-width * square) / square;
        const double energy = factor * creal(sum * conj(sum));
        result->energy += energy;
        for (int c = 0; c < 3; c++)
            for (int d = 0; d < 3; d++)
                result->virial[3 * c + d] +=
                    0.5 * energy * (2 * (1 / square + width) * m[c] * m[d] - (c == d));
        for (int k = 0; k < N_CHARGES; k++) {
            const double slope =
                2 * factor * mesh->charge[k] * cimag(conj(sum) * cexp(I * phases[k])) * 2 * pi;
            for (int c = 0; c < 3; c++)
                result->forces[3 * mesh->charged[k] + c] += slope * m[c];
        }
    }
}

static double largest(const double *a, const double *b, int n) {
    double most = 0;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - (b ? b[i] : 0)));
    return most;
}

static void test_sums(void) {
    /* Its inverse is simple: below the diagonal, negative. */
    const double box[9] = {1.5, 0, 0, 0.3, 1.6, 0, -0.2, 0.4, 1.4};
    const double volume = 1.5 * 1.6 * 1.4;
    const double inverse[9] = {1 / 1.5,
                               0,
                               0,
                               -0.3 / (1.5 * 1.6),
                               1 / 1.6,
                               0,
                               (0.3 * 0.4 + 0.2 * 1.6) / volume,
                               -0.4 / (1.6 * 1.4),
                               1 / 1.4};
    const int64_t n[3] = {13, 12, 14};
    int32_t charged[N_CHARGES];
    double charge[N_CHARGES], x[3 * N_ATOMS];
    for (int i = 0; i < N_CHARGES; i++) {
        charged[i] = i + (i > 3) + (i > 11);
        charge[i] = number();
    }
    for (int i = 0; i < 3 * N_ATOMS; i++)
        x[i] = 3 * number();
    /* At the edges of the box. */
    x[0] = x[1] = x[2] = 0;
    x[3] = -1e-17;
    x[6] = 1.5;
    double room = 2e-2;
    for (int order = 4; order <= 12; order += 2, room *= 0.2) {
        const struct gd_ewald_mesh mesh = {.n_atoms = N_ATOMS,
                                           .n_charges = N_CHARGES,
                                           .charged = charged,
                                           .charge = charge,
                                           .order = order,
                                           .splitting = 1.6,
                                           .coulomb = 138.9};
        struct result expected, found, first[2];
        direct(&mesh, x, inverse, volume, &expected);
        for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++)
            for (int precision = GD_MIXED; precision <= GD_DOUBLE; precision++) {
                gd_isa_select(isa);
                const int status = particle_mesh(&mesh, precision, x, box, n, &found);
                const double most = precision == GD_MIXED ? fmax(room, 1e-5) : room;
                CHECK(status == GD_OK, "%d", status);
                CHECK(fabs(found.energy - expected.energy) < most * expected.energy, "%d: %g %g",
                      order, found.energy, expected.energy);
                CHECK(largest(found.forces, expected.forces, 3 * N_ATOMS) <
                          most * largest(expected.forces, 0, 3 * N_ATOMS),
                      "order %d, precision %d", order, precision);
                CHECK(largest(found.virial, expected.virial, 9) <
                          most * largest(expected.virial, 0, 9),
                      "order %d, precision %d", order, precision);
                if (isa == GD_ISA_SCALAR)
                    first[precision] = found;
                CHECK(!memcmp(&first[precision], &found, sizeof found), "set %d", isa);
            }
    }
}

static void test_arguments(void) {
    const double box[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, nothing[9] = {0}, x[3] = {0.5, NAN, 0.5};
    const int32_t charged[1] = {0};
    const double charge[1] = {1};
    int64_t n[3] = {8, 8, 8};
    struct gd_where where;
    struct gd_ewald_mesh mesh = {1, 1, charged, charge, 4, 3.0, 1.0};
    double *work = memory(8 * gd_mesh_work(&mesh, n));
    float *values = memory(4 * 8 * 8 * gd_mesh_row_length(&mesh, n));
    CHECK(gd_mesh_spread(&mesh, GD_MIXED, x, GD_FLOAT64, box, n, values, work, &where) ==
              GD_NOT_FINITE,
          "NaN");
    CHECK(where.atom == 0, "%ld", (long)where.atom);
    CHECK(gd_mesh_spread(&mesh, GD_MIXED, x, GD_FLOAT64, nothing, n, values, work, &where) ==
              GD_NO_VOLUME,
          "no box");
    CHECK(gd_mesh_shape(nothing, 0.1, n, &where) == GD_NO_VOLUME, "no box");
    CHECK(gd_mesh_shape(box, 0.1, n, &where) == GD_OK && n[0] == 10 && n[2] == 10, "%ld",
          (long)n[0]);
    CHECK(gd_mesh_shape(box, 1e-12, n, &where) == GD_BAD_ARGUMENT, "spacing");
    n[1] = 3;
    CHECK(gd_mesh_spread(&mesh, GD_MIXED, x, GD_FLOAT64, box, n, values, work, &where) ==
              GD_BAD_ARGUMENT,
          "fewer points than the order");
    mesh.order = 5;
    n[1] = 8;
    CHECK(gd_mesh_spread(&mesh, GD_MIXED, x, GD_FLOAT64, box, n, values, work, &where) ==
              GD_BAD_ARGUMENT,
          "odd order");
    free(work);
    free(values);
}

int main(void) {
    test_sums();
    test_arguments();
    return checks_failed();
}
