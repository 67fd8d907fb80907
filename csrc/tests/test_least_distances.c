/* Least distances and contacts of groups without Python: every buffer has exactly the size that
 * gd.h asks for, so that a sanitizer sees any step beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gd.h"
#include "lattice.h"

enum { ATOMS = 37, FRAMES = 3, GROUPS = 7, OTHERS = 4 };

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

/* Groups of atoms that follow each other, from `from` on, in memory of their own. */
struct owned {
    struct gd_atom_groups groups;
    int64_t *first, *size, *atoms, *identity;
    uint8_t *chosen;
};

static struct owned groups_of(int64_t n, int64_t atom, int single, int64_t identity) {
    struct owned own = {.first = memory_of(8 * (n + 1)),
                        .size = memory_of(8 * n),
                        .identity = memory_of(8 * n),
                        .chosen = memory_of(FRAMES * ATOMS)};
    own.first[0] = 0;
    for (int64_t g = 0; g < n; g++) {
        own.size[g] = single ? 1 : 1 + g * 3 % 11;
        own.first[g + 1] =
            own.first[g] +
            (single ? 1 : (own.size[g] + GD_GROUP_STEP - 1) / GD_GROUP_STEP * GD_GROUP_STEP);
        own.identity[g] = identity + g;
    }
    own.atoms = memory_of(8 * own.first[n]);
    for (int64_t g = 0; g < n; g++) {
        const int64_t begin = atom;
        for (int64_t k = own.first[g]; k < own.first[g + 1]; k++)
            own.atoms[k] = (k - own.first[g] < own.size[g] ? atom++ : begin) % ATOMS;
    }
    for (int i = 0; i < FRAMES * ATOMS; i++)
        own.chosen[i] = random_number() < 0.8;
    own.groups = (struct gd_atom_groups){
        n, own.first, own.size, own.atoms, own.identity, own.identity, own.chosen};
    return own;
}

static void release(struct owned *own) {
    free(own->first);
    free(own->size);
    free(own->atoms);
    free(own->identity);
    free(own->chosen);
}

static double distance_of(const double *x, const struct gd_lattice *lattice, int64_t i, int64_t j) {
    double d[3];
    for (int c = 0; c < 3; c++)
        d[c] = x[3 * j + c] - x[3 * i + c];
    gd_nearest_image(lattice, d);
    return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

/* NaN where a group has no atom in the frame. */
static double least(const double *x, const struct gd_lattice *lattice, int64_t frame,
                    const struct gd_atom_groups *a, int64_t i, const struct gd_atom_groups *b,
                    int64_t j) {
    double found = NAN;
    for (int64_t p = a->first[i]; p < a->first[i] + a->size[i]; p++)
        for (int64_t q = b->first[j]; q < b->first[j] + b->size[j]; q++)
            if (a->chosen[frame * ATOMS + a->atoms[p]] && b->chosen[frame * ATOMS + b->atoms[q]])
                found = fmin(found,
                             distance_of(x + frame * ATOMS * 3, lattice, a->atoms[p], b->atoms[q]));
    return found;
}

/* Rows of contacts, with room for `room`. */
static struct gd_contacts rows_of(int64_t room) {
    return (struct gd_contacts){.room = room,
                                .frame = memory_of(8 * room),
                                .group = memory_of(8 * room),
                                .other_group = memory_of(8 * room),
                                .atom = memory_of(8 * room),
                                .other_atom = memory_of(8 * room),
                                .distance = memory_of(8 * room)};
}

static void release_rows(struct gd_contacts *rows) {
    free(rows->frame);
    free(rows->group);
    free(rows->other_group);
    free(rows->atom);
    free(rows->other_atom);
    free(rows->distance);
}

static void check_system(const double *box, int single, int two_sets) {
    double *x = memory_of(8 * FRAMES * ATOMS * 3), boxes[9 * FRAMES];
    for (int i = 0; i < FRAMES * ATOMS * 3; i++)
        x[i] = 8.0 * random_number() - 4.0;
    for (int f = 0; f < FRAMES; f++)
        memcpy(boxes + 9 * f, box, 9 * sizeof(double));
    struct owned first = groups_of(GROUPS, 0, single, 0);
    struct owned second = groups_of(OTHERS, 20, single, GROUPS);
    const struct gd_atom_groups *a = &first.groups, *b = two_sets ? &second.groups : &first.groups;
    const struct gd_atom_groups *others = two_sets ? b : NULL;
    const int64_t size = gd_least_distances_size(a, others);
    double *work = aligned_alloc(64, (size_t)(8 * size + 63) / 64 * 64);
    double *found = memory_of(8 * FRAMES * a->n * b->n);
    struct gd_lattice lattice;
    gd_lattice_open(box, &lattice);
    struct gd_where where = {-1, -1, -1, -1, -1, -1, 0};
    for (int isa = GD_ISA_SCALAR; isa <= gd_isa_best(); isa++) {
        gd_isa_select(isa);
        int status =
            gd_least_distances(x, GD_FLOAT64, FRAMES, ATOMS, boxes, a, others, work, found, &where);
        CHECK(status == GD_OK, "%d", status);
        int64_t near = 0;
        for (int64_t f = 0; f < FRAMES; f++)
            for (int64_t i = 0; i < a->n; i++)
                for (int64_t j = 0; j < b->n; j++) {
                    const double own = found[(f * a->n + i) * b->n + j];
                    double expected = least(x, &lattice, f, a, i, b, j);
                    if (!two_sets && i == j && !isnan(expected))
                        expected = 0.0;
                    CHECK(isnan(expected) ? isnan(own) : fabs(own - expected) < 1e-9,
                          "groups %d %d: %g, not %g", (int)i, (int)j, own, expected);
                    near += (two_sets || j > i) && expected < 1.5;
                }
        /* With room for all, for too few of a frame, and for none. */
        const int64_t rooms[] = {near, near / 2, 0};
        for (int r = 0; r < 3; r++) {
            struct gd_contacts rows = rows_of(rooms[r]);
            status = gd_contacts(x, GD_FLOAT64, FRAMES, ATOMS, boxes, a, others, 1.5, 0, work,
                                 &rows, &where);
            CHECK(status == GD_OK && rows.found <= rows.room, "%d: %d", status, (int)rows.found);
            CHECK(r || (rows.found == near && rows.frames == FRAMES), "%d of %d contacts",
                  (int)rows.found, (int)near);
            for (int64_t k = 0; k < rows.found; k++) {
                const double own = distance_of(x + rows.frame[k] * ATOMS * 3, &lattice,
                                               rows.atom[k], rows.other_atom[k]);
                CHECK(fabs(own - rows.distance[k]) < 1e-9, "row %d: %g, not %g", (int)k, own,
                      rows.distance[k]);
            }
            release_rows(&rows);
        }
    }
    free(x);
    free(work);
    free(found);
    release(&first);
    release(&second);
}

int main(void) {
    const double boxes[][9] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0},
        {2.0, 0, 0, 0, 1.5, 0, 0, 0, 3.0},
        {0.3, 0, 0, 0, 0.4, 0, 0, 0, 0.5},
        {2.0, 0, 0, 3.9, 1.8, 0, -2.7, 2.8, 1.6},
        {-0.4, 0.4, 0.4, 0.4, -0.4, 0.4, 0.4, 0.4, -0.4},
    };
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
        for (int k = 0; k < 4; k++)
            check_system(boxes[i], k & 1, k >> 1);
    return checks_failed();
}
