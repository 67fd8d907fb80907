/* Hydrogen bonds: acceptors near hydrogens, or near donors, and the angle only of these. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/hydrogen_bonds.h"
#include "neighbors/cells.h"
#include "table.h"

#define DEGREES (180.0 / 3.14159265358979323846)

/* An acceptor within the distance of the atom from which it is measured. */
struct met {
    int32_t acceptor;
    double position[3];
    double vector[3]; /* from that atom */
    double square;    /* of the distance */
};

/* An acceptor that is bonded to a hydrogen. */
struct candidate {
    int32_t acceptor;
    double distance;
    double angle;
    double vector[3]; /* from the hydrogen, of three centers */
};

static struct gd_neighbor_sets sets_of(const struct gd_bond_sites *sites) {
    return (struct gd_neighbor_sets){
        .first = sites->searched,
        .n_first = sites->n_searched,
        .second = sites->acceptors,
        .n_second = sites->n_acceptors,
    };
}

int64_t gd_hydrogen_bonds_work(const struct gd_bond_sites *sites, int64_t n_atoms) {
    const struct gd_neighbor_sets sets = sets_of(sites);
    const int64_t each = sizeof(struct met) + sizeof(struct candidate) + sizeof(int32_t);
    const int64_t own = sites->n_acceptors * each + n_atoms * (int64_t)sizeof(int32_t);
    return gd_neighbor_work(&sets) + own / (int64_t)sizeof(double) + 2;
}

static double dot(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void between(const double *from, const double *to, const struct gd_lattice *lattice,
                    double *vector) {
    for (int c = 0; c < 3; c++)
        vector[c] = to[c] - from[c];
    gd_nearest_image(lattice, vector);
}

static double cosine(const double *a, const double *b) {
    const double value = dot(a, b) / sqrt(dot(a, a) * dot(b, b));
    return value > 1.0 ? 1.0 : value < -1.0 ? -1.0 : value;
}

/* ---- criteria ---- */

/* What of the criteria is the same for all pairs. */
struct limits {
    const struct gd_bond_criteria *criteria;
    double square;
    double cosine; /* of angles that are surely beyond the limit, whatever the rounding */
};

static struct limits limits_of(const struct gd_bond_criteria *criteria) {
    const double slack = criteria->at_donor ? -1e-9 : 1e-9;
    return (struct limits){criteria, criteria->distance * criteria->distance,
                           cos(criteria->angle / DEGREES) + slack};
}

static int within(double value, double limit, int included) {
    return value < limit || (included && value == limit);
}

/* Whether a hydrogen and an acceptor within the distance are bonded; then `found` is filled. */
static int is_bond(const struct limits *limits, const struct gd_lattice *lattice,
                   const double *hydrogen, const double *to_donor, const struct met *met,
                   struct candidate *found) {
    const struct gd_bond_criteria *criteria = limits->criteria;
    double own[3];
    const double *to_acceptor = met->vector;
    if (criteria->from_donor != criteria->at_donor) {
        const double *from = hydrogen;
        double donor[3];
        if (criteria->at_donor) {
            for (int c = 0; c < 3; c++)
                donor[c] = hydrogen[c] + to_donor[c];
            from = donor;
        }
        between(from, met->position, lattice, own);
        to_acceptor = own;
    }
    double cosine_of_angle = cosine(to_donor, to_acceptor);
    if (criteria->at_donor)
        cosine_of_angle = -cosine_of_angle;
    /* Also false for an angle of nothing, where atoms lie in one place. */
    const int possible =
        criteria->at_donor ? cosine_of_angle >= limits->cosine : cosine_of_angle <= limits->cosine;
    if (!possible && !criteria->any_angle)
        return 0;
    found->angle = acos(cosine_of_angle) * DEGREES;
    found->distance = sqrt(met->square);
    memcpy(found->vector, met->vector, sizeof found->vector);
    if (criteria->any_angle)
        return 1;
    const double sign = criteria->at_donor ? 1.0 : -1.0;
    if (!within(sign * found->angle, sign * criteria->angle, criteria->angle_included))
        return 0;
    if (criteria->curvature == 0.0)
        return 1;
    const double limit = criteria->distance - criteria->curvature * (found->angle * found->angle);
    return within(found->distance, limit, criteria->distance_included);
}

/* The torsion angle at the axis from a to b between a point p and a point q, in degrees; all are
 * vectors from q. */
static double torsion(const double *p, const double *a, const double *b) {
    double axis[3], first[3], one[3], other[3], across[3];
    for (int c = 0; c < 3; c++) {
        first[c] = a[c] - p[c];
        axis[c] = b[c] - a[c];
    }
    for (int c = 0; c < 3; c++) {
        const int d = (c + 1) % 3, e = (c + 2) % 3;
        one[c] = first[d] * axis[e] - first[e] * axis[d];
        other[c] = axis[d] * -b[e] - axis[e] * -b[d];
    }
    for (int c = 0; c < 3; c++) {
        const int d = (c + 1) % 3, e = (c + 2) % 3;
        across[c] = one[d] * other[e] - one[e] * other[d];
    }
    const double sine = dot(across, axis) / sqrt(dot(axis, axis));
    return atan2(sine, dot(one, other)) * DEGREES;
}

/* ---- frames ---- */

static void note(struct gd_bond_table *table, int64_t at, int64_t hydrogen,
                 const struct candidate *found) {
    if (at >= table->capacity)
        return;
    table->hydrogen[at] = (int32_t)hydrogen;
    table->acceptor[at] = found->acceptor;
    table->distance[at] = found->distance;
    table->angle[at] = found->angle;
}

/* Bonds of one hydrogen to two of the acceptors that are near; returns how many there are. */
static int64_t pairs_of(const struct gd_bond_criteria *criteria, const double *to_donor,
                        const struct candidate *near, int32_t n_near, int64_t hydrogen,
                        struct gd_bond_table *table, int64_t at) {
    int64_t count = 0;
    for (int32_t i = 0; i < n_near; i++)
        for (int32_t j = i + 1; j < n_near; j++) {
            const double opening = acos(cosine(near[i].vector, near[j].vector)) * DEGREES;
            const double sum = near[i].angle + near[j].angle + opening;
            if (!(sum >= criteria->angle_sum))
                continue;
            const double plane = torsion(to_donor, near[i].vector, near[j].vector);
            if (!(fabs(plane) <= criteria->plane))
                continue;
            const int64_t place = at + count++;
            note(table, place, hydrogen, near + i);
            if (place >= table->capacity)
                continue;
            table->other_acceptor[place] = near[j].acceptor;
            table->other_distance[place] = near[j].distance;
            table->other_angle[place] = near[j].angle;
            table->angle_sum[place] = sum;
            table->plane[place] = plane;
        }
    return count;
}

/* The search in one frame. */
struct search {
    const struct gd_frames *frames;
    int64_t frame;
    const struct gd_lattice *lattice;
    const struct gd_bond_sites *sites;
    struct limits limits;
    struct gd_bond_table *table;
    int64_t at, count; /* bonds of the frames before, and of this one */
    int64_t searched;  /* from which is looked; -1: from none yet */
    int32_t *place_of; /* of each atom, among the acceptors */
    int32_t *reach;    /* acceptors that may be in reach of it, rising */
    int32_t n_reach;
    struct met *met; /* those that are */
    int32_t n_met;
    struct candidate *near;
};

static void bonds_of_hydrogen(struct search *search, int64_t h) {
    const struct gd_bond_sites *sites = search->sites;
    const struct gd_bond_criteria *criteria = search->limits.criteria;
    double hydrogen[3], donor[3], to_donor[3];
    gd_frame_atom(search->frames, search->frame, sites->hydrogens[h], hydrogen);
    gd_frame_atom(search->frames, search->frame, sites->donors[h], donor);
    between(hydrogen, donor, search->lattice, to_donor);
    int32_t n_near = 0;
    for (int32_t i = 0; i < search->n_met; i++) {
        const struct met *met = search->met + i;
        const int32_t a = met->acceptor;
        struct candidate *found = search->near + n_near;
        if (sites->hydrogen_units[h] == sites->acceptor_units[a] ||
            !(sites->hydrogen_sides[h] & sites->acceptor_sides[a]) ||
            sites->hydrogens[h] == sites->acceptors[a] || sites->donors[h] == sites->acceptors[a] ||
            !is_bond(&search->limits, search->lattice, hydrogen, to_donor, met, found))
            continue;
        found->acceptor = a;
        if (criteria->three_centers)
            n_near++;
        else
            note(search->table, search->at + search->count++, h, found);
    }
    if (criteria->three_centers)
        search->count += pairs_of(criteria, to_donor, search->near, n_near, h, search->table,
                                  search->at + search->count);
}

/* Measure what may be in reach of the searched atom, and find the bonds of its hydrogens. */
static void bonds_of_searched(struct search *search) {
    if (search->searched < 0)
        return;
    double from[3];
    gd_frame_atom(search->frames, search->frame, search->sites->searched[search->searched], from);
    search->n_met = 0;
    for (int32_t i = 0; i < search->n_reach; i++) {
        struct met *met = search->met + search->n_met;
        met->acceptor = search->reach[i];
        gd_frame_atom(search->frames, search->frame, search->sites->acceptors[met->acceptor],
                      met->position);
        between(from, met->position, search->lattice, met->vector);
        met->square = dot(met->vector, met->vector);
        search->n_met +=
            within(met->square, search->limits.square, search->limits.criteria->distance_included);
    }
    const int64_t *first = search->sites->first_hydrogen + search->searched;
    for (int64_t h = first[0]; h < first[1]; h++)
        bonds_of_hydrogen(search, h);
    search->n_reach = 0;
}

/* Candidates of one atom follow each other; several images of one may be among them. */
static void at_candidate(void *context, int64_t i, int64_t j, const double *met) {
    struct search *search = context;
    (void)met;
    if (search->searched < 0 || search->sites->searched[search->searched] != i) {
        bonds_of_searched(search);
        do
            search->searched++;
        while (search->sites->searched[search->searched] != i);
    }
    const int32_t acceptor = search->place_of[j];
    int32_t *reach = search->reach, rank = search->n_reach;
    while (rank > 0 && reach[rank - 1] > acceptor)
        rank--;
    if (rank > 0 && reach[rank - 1] == acceptor)
        return;
    memmove(reach + rank + 1, reach + rank, (size_t)(search->n_reach - rank) * sizeof *reach);
    reach[rank] = acceptor;
    search->n_reach++;
}

static int check_finite(const struct gd_frames *frames, int64_t frame, const int64_t *atoms,
                        int64_t n, struct gd_where *where) {
    for (int64_t i = 0; i < n; i++) {
        double xyz[3];
        gd_frame_atom(frames, frame, atoms[i], xyz);
        if (!isfinite(xyz[0]) || !isfinite(xyz[1]) || !isfinite(xyz[2])) {
            where->frame = frame;
            where->atom = atoms[i];
            return GD_NOT_FINITE;
        }
    }
    return GD_OK;
}

int gd_hydrogen_bonds(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                      const double *boxes, const struct gd_bond_sites *sites,
                      const struct gd_bond_criteria *criteria, struct gd_bond_table *table,
                      int64_t *counts, double *work, struct gd_where *where) {
    struct gd_frames frames;
    struct gd_cells cells;
    const struct gd_neighbor_sets sets = sets_of(sites);
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    struct search search = {.frames = &frames, .sites = sites, .table = table};
    search.limits = limits_of(criteria);
    search.lattice = &cells.lattice;
    search.met = (struct met *)(work + gd_neighbor_work(&sets));
    search.near = (struct candidate *)(search.met + sites->n_acceptors);
    search.reach = (int32_t *)(search.near + sites->n_acceptors);
    search.place_of = search.reach + sites->n_acceptors;
    for (int64_t a = 0; a < sites->n_acceptors; a++)
        search.place_of[sites->acceptors[a]] = (int32_t)a;
    /* What is met is decided anew: by the square of the distance, the limit included or not. */
    const double reach = criteria->distance * (1.0 + 1e-9) + 1e-12;
    for (int64_t f = 0; status == GD_OK && f < n_frames; f++) {
        status = check_finite(&frames, f, sites->hydrogens, sites->n_hydrogens, where);
        if (status == GD_OK)
            status = check_finite(&frames, f, sites->donors, sites->n_hydrogens, where);
        if (status == GD_OK)
            status = gd_cells_open(&frames, f, boxes, &sets, reach, work, &cells, where);
        if (status != GD_OK)
            break;
        search.frame = f;
        search.searched = -1;
        search.n_reach = 0;
        search.count = 0;
        gd_cells_walk(&cells, gd_table()->find_near, at_candidate, &search);
        bonds_of_searched(&search);
        counts[f] = search.count;
        search.at += search.count;
    }
    return status;
}
