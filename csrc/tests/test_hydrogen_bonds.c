/* Hydrogen bonds without Python: every buffer has exactly the size that gd.h asks for, so that a
 * sanitizer sees any step beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"
#include "lattice.h"

enum { HYDROGENS = 12, ACCEPTORS = 18, ATOMS = HYDROGENS + ACCEPTORS, FRAMES = 3 };

static unsigned long state = 1;

static double random_number(void) {
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return (double)(state >> 11) * 0x1p-53;
}

static void *memory_of(int64_t bytes) {
    void *memory = malloc(bytes ? (size_t)bytes : 1);
    if (!memory)
        abort();
    return memory;
}

/* Two hydrogens of each donor, the second before the first: they need not rise. */
static int64_t hydrogens[HYDROGENS], donors[HYDROGENS], acceptors[ACCEPTORS];
static int64_t each[HYDROGENS], of_donors[HYDROGENS / 2];
static int64_t first_of_each[HYDROGENS + 1], first_of_donors[HYDROGENS / 2 + 1];
static int32_t hydrogen_units[HYDROGENS], acceptor_units[ACCEPTORS];
static uint8_t hydrogen_sides[HYDROGENS], acceptor_sides[ACCEPTORS];

static void lay_out(void) {
    for (int h = 0; h < HYDROGENS; h++) {
        hydrogens[h] = each[h] = HYDROGENS - 1 - h;
        donors[h] = of_donors[h / 2] = HYDROGENS + h / 2;
        first_of_each[h] = h;
        first_of_donors[h / 2] = h / 2 * 2;
        hydrogen_units[h] = (int32_t)donors[h];
        hydrogen_sides[h] = (uint8_t)(1 + h % 3);
    }
    first_of_each[HYDROGENS] = first_of_donors[HYDROGENS / 2] = HYDROGENS;
    for (int a = 0; a < ACCEPTORS; a++) {
        acceptors[a] = HYDROGENS + a;
        acceptor_units[a] = (int32_t)acceptors[a];
        acceptor_sides[a] = (uint8_t)(1 + a % 2);
    }
}

static void between(const double *x, const struct gd_lattice *lattice, int64_t i, int64_t j,
                    double *d) {
    for (int c = 0; c < 3; c++)
        d[c] = x[3 * j + c] - x[3 * i + c];
    gd_nearest_image(lattice, d);
}

static double dot(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static int64_t brute_force(const double *x, const struct gd_lattice *lattice,
                           const struct gd_bond_criteria *criteria) {
    int64_t count = 0;
    for (int h = 0; h < HYDROGENS; h++)
        for (int a = 0; a < ACCEPTORS; a++) {
            double to_donor[3], to_acceptor[3], from_donor[3];
            between(x, lattice, hydrogens[h], donors[h], to_donor);
            between(x, lattice, hydrogens[h], acceptors[a], to_acceptor);
            between(x, lattice, donors[h], acceptors[a], from_donor);
            if (donors[h] == acceptors[a] || !(hydrogen_sides[h] & acceptor_sides[a]))
                continue;
            const double *to = criteria->at_donor ? from_donor : to_acceptor;
            const double sign = criteria->at_donor ? -1.0 : 1.0;
            const double *reach = criteria->from_donor ? from_donor : to_acceptor;
            const double angle =
                acos(sign * dot(to_donor, to) / sqrt(dot(to_donor, to_donor) * dot(to, to))) *
                (180.0 / 3.14159265358979323846);
            count += sqrt(dot(reach, reach)) <= criteria->distance &&
                     (criteria->any_angle ||
                      (criteria->at_donor ? angle <= criteria->angle : angle >= criteria->angle));
        }
    return count;
}

static void check_search(const double *box, struct gd_bond_criteria criteria) {
    double *x = memory_of(8 * FRAMES * ATOMS * 3), boxes[9 * FRAMES];
    for (int i = 0; i < FRAMES * ATOMS * 3; i++)
        x[i] = 4.0 * random_number() - 2.0;
    for (int f = 0; f < FRAMES; f++)
        memcpy(boxes + 9 * f, box, 9 * sizeof(double));
    const int by_donor = criteria.from_donor;
    const struct gd_bond_sites sites = {HYDROGENS,
                                        ACCEPTORS,
                                        by_donor ? HYDROGENS / 2 : HYDROGENS,
                                        hydrogens,
                                        donors,
                                        acceptors,
                                        by_donor ? of_donors : each,
                                        by_donor ? first_of_donors : first_of_each,
                                        hydrogen_units,
                                        acceptor_units,
                                        hydrogen_sides,
                                        acceptor_sides};
    const int64_t size = 8 * gd_hydrogen_bonds_work(&sites, ATOMS);
    double *work = aligned_alloc(64, (size_t)(size + 63) / 64 * 64);
    struct gd_lattice lattice;
    gd_lattice_open(box, &lattice);
    struct gd_where where = {-1, -1, -1, -1, -1, -1, 0};
    for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++) {
        gd_isa_select(isa);
        int64_t room = 0;
        /* At first there is no room; then for all, and for less than there are. */
        for (int turn = 0; turn < 3; turn++) {
            int64_t counts[FRAMES], total = 0;
            struct gd_bond_table table = {room,
                                          memory_of(4 * room),
                                          memory_of(4 * room),
                                          memory_of(8 * room),
                                          memory_of(8 * room),
                                          memory_of(4 * room),
                                          memory_of(8 * room),
                                          memory_of(8 * room),
                                          memory_of(8 * room),
                                          memory_of(8 * room)};
            const int status = gd_hydrogen_bonds(x, GD_FLOAT64, FRAMES, ATOMS, boxes, &sites,
                                                 &criteria, &table, counts, work, &where);
            CHECK(status == GD_OK, "%d", status);
            for (int f = 0; f < FRAMES; f++) {
                total += counts[f];
                if (criteria.three_centers)
                    continue;
                const int64_t expected = brute_force(x + f * ATOMS * 3, &lattice, &criteria);
                CHECK(counts[f] == expected, "%d bonds, not %d", (int)counts[f], (int)expected);
            }
            free(table.hydrogen);
            free(table.acceptor);
            free(table.distance);
            free(table.angle);
            free(table.other_acceptor);
            free(table.other_distance);
            free(table.other_angle);
            free(table.angle_sum);
            free(table.plane);
            room = turn ? total / 2 : total;
        }
    }
    x[3 * donors[3] + 1] = NAN;
    int64_t counts[FRAMES];
    struct gd_bond_table none = {0};
    const int status = gd_hydrogen_bonds(x, GD_FLOAT64, FRAMES, ATOMS, boxes, &sites, &criteria,
                                         &none, counts, work, &where);
    CHECK(status == GD_NOT_FINITE && where.frame == 0 && where.atom == donors[3], "%d", status);
    free(x);
    free(work);
}

int main(void) {
    const double boxes[][9] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0},
        {2.0, 0, 0, 0, 1.5, 0, 0, 0, 3.0},
        {2.0, 0, 0, 3.9, 1.8, 0, -2.7, 2.8, 1.6},
        {-0.9, 0.9, 0.9, 0.9, -0.9, 0.9, 0.9, 0.9, -0.9},
    };
    lay_out();
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        struct gd_bond_criteria criteria = {
            .distance = 0.9, .angle = 110.0, .distance_included = 1, .angle_included = 1};
        check_search(boxes[i], criteria);
        criteria.any_angle = 1;
        check_search(boxes[i], criteria);
        criteria.any_angle = 0;
        criteria.from_donor = 1;
        check_search(boxes[i], criteria);
        criteria.at_donor = 1;
        criteria.angle = 40.0;
        check_search(boxes[i], criteria);
        struct gd_bond_criteria three = {.distance = 1.5,
                                         .angle = 60.0,
                                         .distance_included = 1,
                                         .angle_included = 1,
                                         .three_centers = 1,
                                         .angle_sum = 200.0,
                                         .plane = 90.0};
        check_search(boxes[i], three);
    }
    return checks_failed();
}
