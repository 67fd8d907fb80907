/* Constraints without Python: every buffer has exactly the size that gd.h asks for, so that a
 * sanitizer sees any step beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

enum { MOLECULES = 4, ATOMS = 3, FIRST = 2, ALL = FIRST + MOLECULES * ATOMS };

static void *copy_of(const void *values, size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory)
        abort();
    return memcpy(memory, values, bytes);
}

static double distance(const double *positions, int i, int j) {
    double square = 0.0;
    for (int c = 0; c < 3; c++) {
        const double d = positions[3 * i + c] - positions[3 * j + c];
        square += d * d;
    }
    return sqrt(square);
}

int main(void) {
    const int32_t pairs[6] = {0, 1, 0, 2, 1, 2};
    const double lengths[3] = {0.3, 0.4, 0.5};
    double before[ALL * 3], after[ALL * 3], inverse_masses[ALL];
    for (int atom = 0; atom < ALL; atom++) {
        inverse_masses[atom] = atom < FIRST || (atom - FIRST) % ATOMS ? 1.0 : 0.0625;
        for (int c = 0; c < 3; c++)
            before[3 * atom + c] = 0.2 * atom * (c + 1);
    }
    for (int molecule = 0; molecule < MOLECULES; molecule++) {
        double *own = before + 3 * (FIRST + molecule * ATOMS);
        for (int c = 0; c < 3; c++) {
            own[3 + c] = own[c] + (c == 0 ? lengths[0] : 0.0);
            own[6 + c] = own[c] + (c == 1 ? lengths[1] : 0.0);
        }
    }
    for (int i = 0; i < ALL * 3; i++)
        after[i] = before[i] + 0.01 * sin(7.0 * i);
    int32_t *own_pairs = copy_of(pairs, sizeof pairs);
    double *own_lengths = copy_of(lengths, sizeof lengths);
    struct gd_constraints constraints = {FIRST,     MOLECULES,   ATOMS, 3,
                                         own_pairs, own_lengths, 1e-9,  1000};
    const double box[9] = {9.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0};
    struct gd_where where;
    for (int periodic = 0; periodic < 2; periodic++) {
        double *old = copy_of(before, sizeof before), *x = copy_of(after, sizeof after);
        double *masses = copy_of(inverse_masses, sizeof inverse_masses);
        CHECK(gd_shake(x, old, ALL, periodic ? box : 0, masses, &constraints, &where) == GD_OK,
              "periodic %d", periodic);
        for (int molecule = 0; molecule < MOLECULES; molecule++)
            for (int k = 0; k < 3; k++) {
                const int first = FIRST + molecule * ATOMS;
                const double d = distance(x, first + pairs[2 * k], first + pairs[2 * k + 1]);
                CHECK(fabs(d / lengths[k] - 1.0) < 2e-9, "molecule %d, constraint %d: %.17g",
                      molecule, k, d);
            }
        CHECK(!memcmp(x, after, sizeof(double) * 3 * FIRST), "atoms without constraints moved");
        /* Two constraints that exclude each other. */
        own_lengths[2] = 0.05;
        CHECK(gd_shake(x, old, ALL, 0, masses, &constraints, &where) == GD_NOT_CONVERGED,
              "no molecule can be such");
        CHECK(where.atom >= FIRST && where.atom < FIRST + ATOMS && where.found < FIRST + ATOMS,
              "atoms %d and %d", (int)where.atom, (int)where.found);
        own_lengths[2] = lengths[2];
        constraints.n_copies = MOLECULES + 1;
        CHECK(gd_shake(x, old, ALL, 0, masses, &constraints, &where) == GD_BAD_ARGUMENT,
              "more molecules than atoms");
        constraints.n_copies = MOLECULES;
        free(old);
        free(x);
        free(masses);
    }
    free(own_pairs);
    free(own_lengths);
    return checks_failed();
}
