/* Bonded terms without Python: every buffer has exactly the size that gd.h asks for, so that a
 * sanitizer sees any step beyond it. Forces are the negative gradient of the energy. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { ATOMS = 9, FRAMES = 3, FORMS = 7 };

static uint64_t state = 88172645463325252u;

/* Between -1 and 1 (xorshift). */
static double number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 4503599627370496.0 - 1;
}

static void *copy_of(const void *values, size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory)
        abort();
    return memcpy(memory, values, bytes);
}

static const struct {
    int n_atoms, n_parameters;
    double parameters[3];
} forms[FORMS] = {{2, 2, {1e5, 0.5}}, {2, 2, {1e4, 0.5}}, {3, 2, {500, -0.3}},  {3, 2, {400, 1.9}},
                  {4, 2, {300, 0.6}}, {4, 3, {20, 1, 3}}, {8, 3, {10, -0.5, 2}}};

int main(void) {
    double x[FRAMES * ATOMS * 3], boxes[FRAMES * 9] = {0};
    for (int i = 0; i < FRAMES * ATOMS * 3; i++)
        x[i] = (i / 3 % ATOMS) * 0.3 + 0.4 * number();
    for (int f = 0; f < FRAMES; f++)
        for (int c = 0; c < 3; c++)
            boxes[9 * f + 4 * c] = 9.0 + f;
    for (int form = 0; form < FORMS; form++) {
        const int32_t kinds[2] = {0, 0};
        int32_t atoms[16];
        const int n = forms[form].n_atoms;
        for (int i = 0; i < n; i++) {
            atoms[i] = i;
            atoms[n + i] = ATOMS - 1 - i;
        }
        int32_t *own_atoms = copy_of(atoms, sizeof *atoms * 2 * (size_t)n);
        int32_t *own_kinds = copy_of(kinds, sizeof kinds);
        double *parameters =
            copy_of(forms[form].parameters, sizeof(double) * (size_t)forms[form].n_parameters);
        const struct gd_bonded_terms terms = {form, 2, own_atoms, own_kinds, parameters};
        for (int boundary = 0; boundary < 3; boundary++) {
            double zeros[FRAMES * ATOMS * 3] = {0};
            double *positions = copy_of(x, sizeof x), *forces = copy_of(zeros, sizeof zeros);
            double *energies = copy_of(zeros, sizeof(double) * FRAMES);
            double *virials = copy_of(zeros, sizeof(double) * FRAMES * 9);
            double *own_boxes = copy_of(boxes, sizeof boxes);
            /* None, rectangular, triclinic. */
            for (int f = 0; f < FRAMES; f++)
                own_boxes[9 * f + 3] = own_boxes[9 * f + 7] = boundary == 2 ? -1.5 : 0.0;
            struct gd_where where = {-1, -1, -1, -1, -1, -1, 0};
            int status = gd_bonded(positions, GD_FLOAT64, FRAMES, ATOMS, boundary ? own_boxes : 0,
                                   &terms, 1, 0, 1, forces, energies, virials, &where);
            CHECK(status == GD_OK, "form %d, boundary %d: status %d", form, boundary, status);
            for (int i = 0; i < FRAMES * ATOMS * 3; i++) {
                double both[2];
                const int frame = i / (3 * ATOMS);
                for (int side = 0; side < 2; side++) {
                    double moved[FRAMES];
                    positions[i] = x[i] + (side ? 1e-6 : -1e-6);
                    gd_bonded(positions, GD_FLOAT64, FRAMES, ATOMS, boundary ? own_boxes : 0,
                              &terms, 1, 0, 1, 0, moved, 0, &where);
                    both[side] = moved[frame];
                }
                positions[i] = x[i];
                const double numeric = (both[0] - both[1]) / 2e-6;
                CHECK(fabs(forces[i] - numeric) <=
                          1e-4 * (1 + fabs(energies[frame])) + 1e-5 * fabs(numeric),
                      "form %d, boundary %d, number %d: force %.9g, slope %.9g", form, boundary, i,
                      forces[i], numeric);
            }
            positions[5] = NAN;
            status = gd_bonded(positions, GD_FLOAT64, FRAMES, ATOMS, boundary ? own_boxes : 0,
                               &terms, 1, 0, 1, forces, energies, virials, &where);
            CHECK(status == GD_NOT_FINITE && where.frame == 0 && where.atom == 1,
                  "form %d: status %d, atom %ld", form, status, (long)where.atom);
            free(positions);
            free(forces);
            free(energies);
            free(virials);
            free(own_boxes);
        }
        free(own_atoms);
        free(own_kinds);
        free(parameters);
    }
    return checks_failed();
}
