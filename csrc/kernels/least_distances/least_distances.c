/* Least distances between groups of atoms: by their centres and radii it is known which atoms need
 * not be looked at, and which image of a group is the nearest. */
#include "gd/least_distances.h"

#include <math.h>

#include "frames/frames.h"
#include "least_distances/rows.h"
#include "table.h"

/* Groups, and where they are in a frame. */
struct set {
    const struct gd_atom_groups *groups;
    const uint8_t *chosen; /* of this frame; NULL: all */
    int64_t places;        /* of atoms */
    double *x[3];          /* atoms; of every group as one image of it */
    double *center[3];     /* where groups are single atoms, the same memory */
    double *radius;
};

static int64_t padded(int64_t n) { return (n + GD_GROUP_STEP - 1) / GD_GROUP_STEP * GD_GROUP_STEP; }

static int is_single(const struct gd_atom_groups *groups) {
    return groups->first[groups->n] == groups->n;
}

static int64_t size_of_set(const struct gd_atom_groups *groups) {
    return 4 * padded(groups->n) + (is_single(groups) ? 0 : 3 * groups->first[groups->n]);
}

int64_t gd_least_distances_size(const struct gd_atom_groups *groups,
                                const struct gd_atom_groups *others) {
    /* For a row, the places of those in reach and the squares. */
    return 2 * padded((others ? others : groups)->n) + size_of_set(groups) +
           (others ? size_of_set(others) : 0);
}

static double *lay_out(const struct gd_atom_groups *groups, struct set *set, double *work) {
    const int64_t n = padded(groups->n), n_atoms = is_single(groups) ? 0 : groups->first[groups->n];
    set->groups = groups;
    set->places = n_atoms ? n_atoms : n;
    for (int c = 0; c < 3; c++) {
        set->center[c] = work + c * n;
        set->x[c] = n_atoms ? work + 4 * n + c * n_atoms : set->center[c];
        for (int64_t g = groups->n; g < n; g++)
            set->center[c][g] = NAN;
    }
    set->radius = work + 3 * n;
    for (int64_t g = 0; g < n; g++)
        set->radius[g] = 0.0;
    return work + 4 * n + 3 * n_atoms;
}

static int counts(const struct set *set, int64_t place) {
    return !set->chosen || set->chosen[set->groups->atoms[place]];
}

/* The middle of the smallest box around the atoms of a group, and the sphere about it. */
static void surround(struct set *set, int64_t g) {
    const int64_t begin = set->groups->first[g], end = set->groups->first[g + 1];
    double farthest = 0.0;
    for (int c = 0; c < 3; c++) {
        double low = set->x[c][begin], high = low;
        for (int64_t place = begin; place < end; place++) {
            low = fmin(low, set->x[c][place]);
            high = fmax(high, set->x[c][place]);
        }
        set->center[c][g] = 0.5 * (low + high);
    }
    for (int64_t place = begin; place < end; place++) {
        double square = 0.0;
        for (int c = 0; c < 3; c++) {
            const double d = set->x[c][place] - set->center[c][g];
            square += d * d;
        }
        farthest = square > farthest ? square : farthest;
    }
    set->radius[g] = sqrt(farthest);
}

/* Read the groups of a frame, the atoms of each next to its first one. */
static int read(struct set *set, const struct gd_frames *frames, int64_t frame,
                const struct gd_lattice *lattice, struct gd_where *where) {
    const struct gd_atom_groups *groups = set->groups;
    set->chosen = groups->chosen ? groups->chosen + frame * frames->n_atoms : 0;
    for (int64_t g = 0; g < groups->n; g++) {
        const int64_t begin = groups->first[g], end = groups->first[g + 1];
        int64_t present = begin;
        while (present < begin + groups->size[g] && !counts(set, present))
            present++;
        if (present == begin + groups->size[g]) {
            for (int c = 0; c < 3; c++)
                set->center[c][g] = NAN;
            continue;
        }
        for (int64_t place = begin; place < end; place++) {
            const int64_t atom = groups->atoms[counts(set, place) ? place : present];
            double xyz[3], nearest[3];
            gd_frame_atom(frames, frame, atom, xyz);
            if (!isfinite(xyz[0] + xyz[1] + xyz[2])) {
                where->frame = frame;
                where->atom = atom;
                return GD_NOT_FINITE;
            }
            for (int c = 0; c < 3; c++)
                nearest[c] = xyz[c] - (place == begin ? xyz[c] : set->x[c][begin]);
            const double as_it_is[3] = {nearest[0], nearest[1], nearest[2]};
            gd_nearest_image(lattice, nearest);
            for (int c = 0; c < 3; c++) /* what is near keeps its bits */
                set->x[c][place] =
                    nearest[c] == as_it_is[c] ? xyz[c] : set->x[c][begin] + nearest[c];
        }
        if (set->x[0] != set->center[0])
            surround(set, g);
    }
    return GD_OK;
}

/* A group and another one. */
struct two {
    const struct set *one, *other;
    const struct gd_lattice *lattice;
    int64_t i, j;
    double shift[3];     /* of the other, to the image whose centre is nearest */
    int by_other_images; /* whether atoms may be nearest by other images than that one */
};

static double square_of(const double *d) { return (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2]; }

static double square_of_atoms(const struct two *two, int64_t place, int64_t other_place) {
    double d[3];
    for (int c = 0; c < 3; c++)
        d[c] = (two->other->x[c][other_place] + two->shift[c]) - two->one->x[c][place];
    const double as_it_is = square_of(d);
    if (!two->by_other_images)
        return as_it_is;
    /* An image that is found again may be farther by a bit. */
    gd_nearest_image(two->lattice, d);
    return fmin(as_it_is, square_of(d));
}

/* The closest atoms of two groups, whose distance squared is `square` but for rounding: the first
 * of several. */
static void find_atoms(const struct two *two, double square, int64_t *place, int64_t *other_place) {
    const struct gd_atom_groups *a = two->one->groups, *b = two->other->groups;
    double least = INFINITY;
    for (int64_t i = a->first[two->i]; i < a->first[two->i] + a->size[two->i]; i++)
        for (int64_t j = b->first[two->j]; j < b->first[two->j] + b->size[two->j]; j++) {
            if (!counts(two->one, i) || !counts(two->other, j))
                continue;
            const double own = square_of_atoms(two, i, j);
            if (own >= least)
                continue;
            least = own;
            *place = i;
            *other_place = j;
            if (least <= square)
                return;
        }
}

/* The square of the least distance of two groups; if that is not less than `cutoff`, anything that
 * is not. */
static double least_of(struct two *two, const struct gd_table *table, double cutoff) {
    const struct set *one = two->one, *other = two->other;
    const int64_t first = one->groups->first[two->i], begin = other->groups->first[two->j];
    const int64_t n = one->groups->size[two->i], end = other->groups->first[two->j + 1];
    double direct[3], nearest[3], least;
    for (int c = 0; c < 3; c++)
        nearest[c] = direct[c] = other->center[c][two->j] - one->center[c][two->i];
    gd_nearest_image(two->lattice, nearest);
    for (int c = 0; c < 3; c++)
        two->shift[c] = nearest[c] - direct[c];
    two->by_other_images = 0;
    table->least_square(one->x[0] + first, n, one->places, other->x[0] + begin, end - begin,
                        other->places, two->shift, &least);
    const double beyond = two->lattice->shortest - sqrt(square_of(nearest)) -
                          (one->radius[two->i] + other->radius[two->j]);
    if (!two->lattice->periodic || fmin(sqrt(least), cutoff) < beyond * (1.0 - 1e-9))
        return least;
    two->by_other_images = 1;
    for (int64_t i = first; i < first + n; i++)
        for (int64_t j = begin; j < end; j++)
            least = fmin(least, square_of_atoms(two, i, j));
    return least;
}

/* What both functions walk over. */
struct walk {
    const struct gd_table *table;
    struct gd_frames frames;
    struct set sets[2];
    struct gd_lattice lattice;
    struct gd_reach_row row;
    struct two two;
    int within; /* pairs of one set */
};

static int open_walk(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                     const struct gd_atom_groups *groups, const struct gd_atom_groups *others,
                     double *work, struct walk *walk, struct gd_where *where) {
    const int status = gd_frames_open(positions, type, n_frames, n_atoms, &walk->frames, where);
    if (status != GD_OK)
        return status;
    const int64_t n_others = (others ? others : groups)->n;
    if (groups->n < 1 || n_others < 1 || n_others > INT32_MAX ||
        (others && is_single(groups) != is_single(others))) {
        where->found = groups->n < 1 ? groups->n : n_others;
        return GD_BAD_ARGUMENT;
    }
    walk->table = gd_table();
    walk->within = !others;
    walk->row.near = (int32_t *)work;
    walk->row.squares = work + padded(n_others);
    work = lay_out(groups, &walk->sets[0], work + 2 * padded(n_others));
    if (others)
        lay_out(others, &walk->sets[1], work);
    walk->two.one = &walk->sets[0];
    walk->two.other = others ? &walk->sets[1] : &walk->sets[0];
    walk->two.lattice = walk->row.lattice = &walk->lattice;
    for (int c = 0; c < 3; c++)
        walk->row.center[c] = 0.0;
    walk->row.x = walk->two.other->center[0];
    walk->row.y = walk->two.other->center[1];
    walk->row.z = walk->two.other->center[2];
    walk->row.radius = walk->two.other->radius;
    walk->row.to = n_others;
    return GD_OK;
}

static int read_frame(struct walk *walk, int64_t frame, const double *boxes,
                      struct gd_where *where) {
    if (gd_lattice_open(boxes ? boxes + 9 * frame : 0, &walk->lattice) < 0) {
        where->frame = frame;
        return GD_NO_VOLUME;
    }
    const int status = read(&walk->sets[0], &walk->frames, frame, &walk->lattice, where);
    return status != GD_OK || walk->within
               ? status
               : read(&walk->sets[1], &walk->frames, frame, &walk->lattice, where);
}

/* Look at the others from a group: those in reach, and of single atoms the squares. */
static void look_from(struct walk *walk, int64_t i, double cutoff) {
    const struct set *one = walk->two.one;
    for (int c = 0; c < 3; c++)
        walk->row.center[c] = one->center[c][i];
    /* A little farther, for what was rounded. */
    walk->row.reach = cutoff * (1.0 + 1e-9) + one->radius[i] + 1e-9;
    walk->row.from = walk->within ? i / GD_GROUP_STEP * GD_GROUP_STEP : 0;
    walk->table->reach_row(&walk->row);
    walk->two.i = i;
}

/* The square of the distance to another group; `cutoff` as for least_of. */
static double square_to(struct walk *walk, int64_t j, double cutoff) {
    const struct set *one = walk->two.one, *other = walk->two.other;
    walk->two.j = j;
    if (one->x[0] != one->center[0])
        return least_of(&walk->two, walk->table, cutoff);
    const struct gd_lattice *lattice = &walk->lattice;
    if (!lattice->periodic || lattice->rectangular)
        return walk->row.squares[j];
    double d[3];
    for (int c = 0; c < 3; c++)
        d[c] = other->center[c][j] - one->center[c][walk->two.i];
    gd_nearest_image(lattice, d);
    return square_of(d);
}

int gd_least_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                       const double *boxes, const struct gd_atom_groups *groups,
                       const struct gd_atom_groups *others, double *work, double *distances,
                       struct gd_where *where) {
    struct walk walk;
    int status = open_walk(positions, type, n_frames, n_atoms, groups, others, work, &walk, where);
    const int64_t n_others = status == GD_OK ? walk.row.to : 0;
    int32_t *near = (int32_t *)work;
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        status = read_frame(&walk, frame, boxes, where);
        double *matrix = distances + frame * groups->n * n_others;
        /* Squares of the row are all that is needed of single atoms, but for some boxes. */
        const int squares_do = walk.two.one->x[0] == walk.two.one->center[0] &&
                               (!walk.lattice.periodic || walk.lattice.rectangular);
        walk.row.near = squares_do ? 0 : near;
        for (int64_t i = 0; i < groups->n && status == GD_OK; i++) {
            double *line = matrix + i * n_others;
            look_from(&walk, i, INFINITY);
            for (int64_t j = walk.within ? i : 0; j < n_others; j++)
                line[j] = squares_do ? walk.row.squares[j] : NAN;
            for (int64_t k = 0; k < walk.row.n_near; k++)
                line[walk.row.near[k]] = square_to(&walk, walk.row.near[k], INFINITY);
            walk.table->square_roots(line + (walk.within ? i : 0),
                                     n_others - (walk.within ? i : 0));
            if (!walk.within)
                continue;
            line[i] = isnan(walk.row.center[0]) ? NAN : 0.0;
            for (int64_t j = 0; j < i; j++)
                line[j] = matrix[j * n_others + i];
        }
    }
    return status;
}

static int are_partners(const struct walk *walk, int64_t i, int64_t j, int64_t separation) {
    const struct gd_atom_groups *a = walk->two.one->groups, *b = walk->two.other->groups;
    const int64_t apart = a->sequence[i] - b->sequence[j];
    return (!walk->within || j > i) && a->identity[i] != b->identity[j] &&
           (apart < 0 ? -apart : apart) >= separation;
}

/* Write down a contact of groups i and j. Returns 0 if there is no more room. */
static int add(struct gd_contacts *contacts, const struct two *two, int single, int64_t frame,
               double square) {
    if (contacts->found == contacts->room)
        return 0;
    const int64_t k = contacts->found++;
    contacts->frame[k] = frame;
    contacts->group[k] = two->i;
    contacts->other_group[k] = two->j;
    contacts->distance[k] = sqrt(square);
    if (contacts->atom) {
        const struct gd_atom_groups *a = two->one->groups, *b = two->other->groups;
        int64_t place = a->first[two->i], other_place = b->first[two->j];
        if (!single)
            find_atoms(two, square, &place, &other_place);
        contacts->atom[k] = a->atoms[place];
        contacts->other_atom[k] = b->atoms[other_place];
    }
    return 1;
}

int gd_contacts(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const double *boxes, const struct gd_atom_groups *groups,
                const struct gd_atom_groups *others, double cutoff, int64_t separation,
                double *work, struct gd_contacts *contacts, struct gd_where *where) {
    struct walk walk;
    int status = open_walk(positions, type, n_frames, n_atoms, groups, others, work, &walk, where);
    const int single = is_single(groups);
    contacts->found = contacts->frames = 0;
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        const int64_t before = contacts->found;
        status = read_frame(&walk, frame, boxes, where);
        for (int64_t i = 0; i < groups->n && status == GD_OK; i++) {
            look_from(&walk, i, cutoff);
            for (int64_t k = 0; k < walk.row.n_near; k++) {
                const int64_t j = walk.row.near[k];
                if (!are_partners(&walk, i, j, separation))
                    continue;
                const double square = square_to(&walk, j, cutoff);
                if (square < cutoff * cutoff && !add(contacts, &walk.two, single, frame, square)) {
                    contacts->found = before;
                    return GD_OK;
                }
            }
        }
        contacts->frames = frame + 1;
    }
    return status;
}
