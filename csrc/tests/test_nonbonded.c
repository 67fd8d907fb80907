/* Non-bonded interactions without Python: every buffer has exactly the size that gd.h asks for, so
 * that a sanitizer sees any step beyond it; every instruction set and precision against the plain
 * kernel. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"

/* Atoms 0 .. N_SOLUTE - 1 in charge groups of two, then waters of three sites. */
enum { N_SOLUTE = 22, N_WATERS = 37, N_ATOMS = N_SOLUTE + 3 * N_WATERS, N_FRAMES = 2 };
enum { N_GROUPS = N_SOLUTE / 2 + N_WATERS, N_TYPES = 3 };

static uint64_t state = 88172645463325252u;

/* Between -1 and 1 (xorshift). */
static double number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / 4503599627370496.0 - 1;
}

static double *doubles(int64_t n) {
    double *memory = malloc(sizeof(double) * (size_t)n);
    if (!memory)
        abort();
    return memory;
}

struct system {
    double charge[N_ATOMS];
    int32_t lj_type[N_ATOMS], energy_group[N_ATOMS];
    double c6[N_TYPES * N_TYPES], c12[N_TYPES * N_TYPES];
    int64_t charge_group[N_GROUPS + 1], unlisted_begin[N_ATOMS + 1];
    int32_t unlisted[N_SOLUTE], excluded[2 * (N_SOLUTE / 2)];
    int32_t special[2];
    double special_c6, special_c12;
    int64_t solute[N_SOLUTE], waters[N_WATERS];
    struct gd_units sets[2];
    struct gd_nonbonded field;
};

static void make_system(struct system *s, int n_solute_groups_apart) {
    memset(s, 0, sizeof *s);
    for (int i = 0; i < N_TYPES; i++)
        for (int j = 0; j < N_TYPES; j++) {
            s->c6[N_TYPES * i + j] = i == 1 || j == 1 ? 0.0 : 2e-3 * (1 + i * j);
            s->c12[N_TYPES * i + j] = 1e-3 * s->c6[N_TYPES * i + j];
        }
    for (int i = 0; i < N_SOLUTE; i++) {
        s->charge[i] = 0.3 * number();
        s->lj_type[i] = i % N_TYPES;
        s->energy_group[i] = 0;
        s->solute[i] = i;
        s->unlisted_begin[i + 1] = i + 1;
        s->unlisted[i] = i ^ 1;
        s->excluded[i] = i;
    }
    for (int w = 0; w < N_WATERS; w++) {
        s->waters[w] = N_SOLUTE + 3 * w;
        for (int k = 0; k < 3; k++) {
            const int atom = N_SOLUTE + 3 * w + k;
            s->charge[atom] = k ? 0.41 : -0.82;
            s->lj_type[atom] = k ? 1 : 0;
            s->energy_group[atom] = 1;
            s->unlisted_begin[atom + 1] = N_SOLUTE;
        }
    }
    for (int g = 0; g <= N_GROUPS; g++)
        s->charge_group[g] = g <= N_SOLUTE / 2 ? 2 * g : N_SOLUTE + 3 * (int64_t)(g - N_SOLUTE / 2);
    s->special[1] = 1;
    s->special_c6 = 1e-4;
    s->special_c12 = 1e-8;
    s->sets[0] = (struct gd_units){N_SOLUTE, 1, s->solute, 0, 0};
    s->sets[1] = (struct gd_units){N_WATERS, 3, s->waters, 1, 1};
    s->field = (struct gd_nonbonded){
        .n_atoms = N_ATOMS,
        .charge = s->charge,
        .lj_type = s->lj_type,
        .n_lj_types = N_TYPES,
        .c6 = s->c6,
        .c12 = s->c12,
        .energy_group = s->energy_group,
        .n_energy_groups = 2,
        .n_charge_groups = N_GROUPS,
        .charge_group = s->charge_group,
        .n_centered = n_solute_groups_apart,
        .unlisted_begin = s->unlisted_begin,
        .unlisted = s->unlisted,
        /* All but the first pair, which is the special one. */
        .n_excluded = N_SOLUTE / 2 - 1,
        .excluded = s->excluded + 2,
        .n_excluded_forces = N_SOLUTE / 2 - 1,
        .self_terms = 1,
        .n_special = 1,
        .special = s->special,
        .special_c6 = &s->special_c6,
        .special_c12 = &s->special_c12,
        .n_unit_sets = 2,
        .unit_sets = s->sets,
        .coulomb = 138.9354,
        .cutoff = 0.8,
        .force_term = -1.2,
        .energy_term = 1.7,
    };
}

/* On a grid, shaken. */
static void place(double *positions) {
    for (int f = 0; f < N_FRAMES; f++)
        for (int i = 0; i < N_ATOMS; i++) {
            const int group = i < N_SOLUTE ? i / 2 : N_SOLUTE / 2 + (i - N_SOLUTE) / 3;
            const int inside = i < N_SOLUTE ? i % 2 : (i - N_SOLUTE) % 3;
            const int spot[3] = {group % 4, group / 4 % 4, group / 16};
            for (int c = 0; c < 3; c++)
                positions[3 * (N_ATOMS * f + i) + c] =
                    0.45 * spot[c] + 0.02 * number() + (inside && inside - 1 == c ? 0.1 : 0.0);
        }
}

static double largest(const double *a, const double *b, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - (b ? b[i] : 0)));
    return most;
}

static void test_levels(const double *box, int centered, double ewald, int listed) {
    static struct system s;
    const struct gd_nonbonded *field = &s.field;
    make_system(&s, centered);
    if (ewald > 0.0) {
        s.field.ewald = ewald;
        s.field.force_term = s.field.energy_term = 0.0;
    }
    double *positions = doubles(3 * N_ATOMS * N_FRAMES), *boxes = doubles(9 * N_FRAMES);
    double *list = listed ? doubles(3 * N_ATOMS * N_FRAMES) : 0;
    double *forces[2], *energies[2], *virial[2];
    place(positions);
    for (int i = 0; i < 3 * N_ATOMS * N_FRAMES && listed; i++)
        list[i] = positions[i] + 0.05 * number();
    for (int f = 0; f < N_FRAMES; f++)
        memcpy(boxes + 9 * f, box, 9 * sizeof(double));
    for (int k = 0; k < 2; k++) {
        forces[k] = doubles(3 * N_ATOMS * N_FRAMES);
        energies[k] = doubles(8 * N_FRAMES);
        virial[k] = doubles(9 * N_FRAMES);
    }
    double *work = doubles(gd_nonbonded_plain_size(field));
    struct gd_where where;
    int status = gd_nonbonded_plain(field, positions, list, GD_FLOAT64, N_FRAMES, boxes, forces[0],
                                    energies[0], virial[0], 0, work, &where);
    CHECK(status == GD_OK, "%d", status);
    free(work);
    for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++)
        for (int precision = GD_MIXED; precision <= GD_DOUBLE; precision++) {
            gd_isa_select(isa);
            char *space = malloc((size_t)gd_nonbonded_size(field, precision));
            status =
                gd_nonbonded_forces(field, precision, positions, list, GD_FLOAT64, N_FRAMES, boxes,
                                    forces[1], energies[1], virial[1], 0, space, &where);
            free(space);
            const double room = precision == GD_DOUBLE ? 1e-11 : 1e-5;
            CHECK(status == GD_OK, "%d", status);
            CHECK(largest(forces[0], forces[1], 3 * N_ATOMS * N_FRAMES) <=
                      room * largest(forces[0], 0, 3 * N_ATOMS * N_FRAMES),
                  "set %d precision %d", isa, precision);
            CHECK(largest(energies[0], energies[1], 8 * N_FRAMES) <=
                      room * largest(energies[0], 0, 8 * N_FRAMES),
                  "set %d precision %d", isa, precision);
            CHECK(largest(virial[0], virial[1], 9 * N_FRAMES) <=
                      room * largest(virial[0], 0, 9 * N_FRAMES),
                  "set %d precision %d", isa, precision);
        }
    for (int k = 0; k < 2; k++) {
        free(forces[k]);
        free(energies[k]);
        free(virial[k]);
    }
    free(positions);
    free(list);
    free(boxes);
}

/* Sizes of which the tree has several levels, and all places are one. */
static void test_many(int64_t n, int same_place) {
    double *positions = doubles(3 * n), *charge = doubles(n), *energies = doubles(2);
    int32_t *zeros = calloc((size_t)n, sizeof *zeros);
    int64_t *atoms = malloc(sizeof *atoms * (size_t)(n + 1));
    int64_t *nothing = calloc((size_t)n + 1, sizeof *nothing);
    const double zero = 0, box[9] = {9, 0, 0, 0, 9, 0, 0, 0, 9};
    for (int64_t i = 0; i < n; i++) {
        atoms[i] = i;
        charge[i] = i % 2 ? 1 : -1;
        for (int c = 0; c < 3; c++)
            positions[3 * i + c] = same_place ? 0.25 : 4.5 * number();
    }
    atoms[n] = n;
    const struct gd_units units = {n, 1, atoms, 1, 0};
    const struct gd_nonbonded field = {
        .n_atoms = n,
        .charge = charge,
        .lj_type = zeros,
        .n_lj_types = 1,
        .c6 = &zero,
        .c12 = &zero,
        .energy_group = zeros,
        .n_energy_groups = 1,
        .n_charge_groups = n,
        .charge_group = atoms,
        .n_centered = n,
        .unlisted_begin = nothing,
        .unlisted = zeros,
        .n_unit_sets = 1,
        .unit_sets = &units,
        .coulomb = 1,
        .cutoff = 0.3,
    };
    char *space = malloc((size_t)gd_nonbonded_size(&field, GD_MIXED));
    struct gd_where where;
    const int status = gd_nonbonded_forces(&field, GD_MIXED, positions, 0, GD_FLOAT64, 1, box, 0,
                                           energies, 0, 0, space, &where);
    CHECK(status == (same_place ? GD_SAME_PLACE : GD_OK), "%d of %ld atoms", status, (long)n);
    free(space);
    free(positions);
    free(charge);
    free(energies);
    free(zeros);
    free(atoms);
    free(nothing);
}

int main(void) {
    static const double boxes[][9] = {
        {0},
        {2.1, 0, 0, 0, 2.2, 0, 0, 0, 2.3},
        {2.3, 0, 0, 0.4, 2.2, 0, -0.5, 0.6, 2.4},
        {2.3, 0, 0, 2.7, 2.2, 0, -3.0, 6.6, 2.4},
    };
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++)
        for (int k = 0; k < 4; k++)
            test_levels(boxes[i], N_SOLUTE / 2, k & 1 ? 3.9 : 0.0, k & 2);
    test_many(2, 0);
    test_many(257, 0);
    test_many(20000, 0);
    test_many(3000, 1);
    return checks_failed();
}
