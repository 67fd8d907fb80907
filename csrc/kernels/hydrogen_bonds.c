/* Hydrogen bonds: acceptors in cells, the angle only of pairs in reach. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/hydrogen_bonds.h"
#include "lattice.h"

#define DEGREES (180.0 / 3.14159265358979323846)

/* Rounding changes no more of a distance, in the search; pairs that it finds are measured anew. */
static const double SLACK = 1e-8;

/* An acceptor in reach of a hydrogen, or of its donor. */
struct candidate {
    int32_t acceptor;
    double distance;
    double angle;
    double vector[3]; /* from the hydrogen */
};

struct work {
    double *hydrogens, *donors, *acceptors; /* positions of the sites */
    double *sorted;                         /* acceptors by cell, in the lattice's cell */
    struct candidate *near;
    int32_t *order, *cell, *starts;
    int32_t *reach; /* acceptors in reach of one point */
};

/* Cells at least as wide as the reach: parallel to the faces of the lattice, or to the axes. */
struct grid {
    struct gd_lattice lattice;
    double reach;
    double low[3];     /* without lattice: where cells begin, and how many there are in a nm */
    double inverse[9]; /* columns give places in cells */
    int32_t n[3];
    int is_small; /* a cell may be a neighbour of another in two directions */
};

static int64_t cells_at_most(int64_t n_acceptors) {
    return 4 * n_acceptors + 64;
}

int64_t gd_hydrogen_bonds_work(int64_t n_hydrogens, int64_t n_acceptors) {
    const int64_t doubles = 6 * n_hydrogens + 6 * n_acceptors;
    const int64_t integers = 3 * n_acceptors + cells_at_most(n_acceptors) + 1;
    return doubles * (int64_t)sizeof(double) + n_acceptors * (int64_t)sizeof(struct candidate) +
           integers * (int64_t)sizeof(int32_t);
}

static struct work work_of(void *memory, const struct gd_bond_sites *sites) {
    const int64_t h = sites->n_hydrogens, a = sites->n_acceptors;
    struct work work;
    work.hydrogens = memory;
    work.donors = work.hydrogens + 3 * h;
    work.acceptors = work.donors + 3 * h;
    work.sorted = work.acceptors + 3 * a;
    work.near = (struct candidate *)(work.sorted + 3 * a);
    work.order = (int32_t *)(work.near + a);
    work.cell = work.order + a;
    work.reach = work.cell + a;
    work.starts = work.reach + a;
    return work;
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
    const double value = dot(a, b) / (sqrt(dot(a, a)) * sqrt(dot(b, b)));
    return value > 1.0 ? 1.0 : value < -1.0 ? -1.0 : value;
}

/* ---- cells ---- */

static void open_grid(struct grid *grid, double reach, const double *points, int64_t n_points) {
    grid->reach = reach;
    double width = reach * (1.0 + SLACK), high[3];
    if (!(width > 1e-3))
        width = 1e-3;
    memset(grid->inverse, 0, sizeof grid->inverse);
    for (int c = 0; c < 3; c++) {
        grid->low[c] = INFINITY;
        high[c] = -INFINITY;
        for (int64_t i = 0; i < n_points; i++) {
            const double x = points[3 * i + c];
            grid->low[c] = x < grid->low[c] ? x : grid->low[c];
            high[c] = x > high[c] ? x : high[c];
        }
    }
    const int periodic = grid->lattice.periodic;
    double extent[3];
    for (int c = 0; c < 3; c++)
        extent[c] = periodic ? grid->lattice.heights[c] : high[c] - grid->low[c];
    /* Wider cells where there would be more than there is memory for. */
    for (;; width *= 1.25) {
        double n = 1.0;
        for (int c = 0; c < 3; c++)
            n *= floor(extent[c] / width) + !periodic > 1.0 ? floor(extent[c] / width) + !periodic
                                                            : 1.0;
        if (n <= (double)cells_at_most(n_points))
            break;
    }
    grid->is_small = 0;
    for (int c = 0; c < 3; c++) {
        const double n = floor(extent[c] / width) + !periodic;
        grid->n[c] = n > 1.0 ? (int32_t)n : 1;
        if (periodic)
            for (int k = 0; k < 3; k++)
                grid->inverse[3 * k + c] = grid->lattice.inverse[3 * k + c];
        else
            grid->inverse[4 * c] = 1.0 / width;
        grid->is_small |= periodic && grid->n[c] < 3;
    }
}

/* The cell of a point; with a lattice, the point moves into the lattice's cell. */
static void place(const struct grid *grid, const double *point, int32_t *cell, double *moved) {
    double in[3];
    for (int c = 0; c < 3; c++)
        in[c] = grid->lattice.periodic ? point[c] : point[c] - grid->low[c];
    double places[3];
    for (int v = 0; v < 3; v++)
        places[v] = in[0] * grid->inverse[v] + in[1] * grid->inverse[3 + v] +
                    in[2] * grid->inverse[6 + v];
    memcpy(moved, point, 3 * sizeof *moved);
    for (int v = 0; v < 3; v++) {
        if (grid->lattice.periodic) {
            const double whole = floor(places[v]);
            for (int c = 0; c < 3; c++)
                moved[c] -= whole * grid->lattice.vectors[3 * v + c];
            places[v] = (places[v] - whole) * grid->n[v];
        }
        /* Beside the cells there may be points without acceptors near. */
        places[v] = floor(places[v]);
        const double last = grid->lattice.periodic ? grid->n[v] - 1 : grid->n[v] + 1;
        const double first = grid->lattice.periodic ? 0.0 : -2.0;
        cell[v] = (int32_t)(places[v] < first ? first : places[v] > last ? last : places[v]);
    }
}

static void sort_into_cells(const struct grid *grid, struct work *work, int64_t n) {
    const int64_t n_cells = (int64_t)grid->n[0] * grid->n[1] * grid->n[2];
    double *moved = (double *)work->near; /* room for more than these */
    memset(work->starts, 0, (size_t)(n_cells + 1) * sizeof *work->starts);
    for (int64_t i = 0; i < n; i++) {
        int32_t cell[3];
        place(grid, work->acceptors + 3 * i, cell, moved + 3 * i);
        for (int c = 0; c < 3; c++)
            cell[c] = cell[c] < 0 ? 0 : cell[c] >= grid->n[c] ? grid->n[c] - 1 : cell[c];
        work->cell[i] = (cell[2] * grid->n[1] + cell[1]) * grid->n[0] + cell[0];
        work->starts[work->cell[i] + 1]++;
    }
    for (int64_t i = 0; i < n_cells; i++)
        work->starts[i + 1] += work->starts[i];
    for (int64_t i = n - 1; i >= 0; i--) {
        /* Filled from its end: cells begin where the next one's end was counted. */
        const int32_t at = --work->starts[work->cell[i] + 1];
        work->order[at] = (int32_t)i;
        memcpy(work->sorted + 3 * at, moved + 3 * i, 3 * sizeof(double));
    }
    memmove(work->starts, work->starts + 1, (size_t)n_cells * sizeof *work->starts);
    work->starts[n_cells] = (int32_t)n;
}

/* The acceptors that may be in reach of a point, and how many; rising. */
static int32_t in_reach(const struct grid *grid, const struct work *work, const double *point) {
    const double limit = grid->reach * grid->reach * (1.0 + SLACK) + SLACK * SLACK;
    int32_t cell[3], found = 0, from[3], to[3];
    double moved[3];
    place(grid, point, cell, moved);
    for (int v = 0; v < 3; v++) {
        const int all = grid->lattice.periodic && grid->n[v] < 3;
        from[v] = all ? 0 : cell[v] - 1;
        to[v] = all ? grid->n[v] - 1 : cell[v] + 1;
        if (!grid->lattice.periodic) {
            from[v] = from[v] < 0 ? 0 : from[v];
            to[v] = to[v] >= grid->n[v] ? grid->n[v] - 1 : to[v];
        }
    }
    for (int32_t z = from[2]; z <= to[2]; z++)
        for (int32_t y = from[1]; y <= to[1]; y++)
            for (int32_t x = from[0], run; x <= to[0]; x += run) {
                const int32_t at[3] = {x, y, z};
                int32_t inside[3];
                double here[3] = {moved[0], moved[1], moved[2]};
                for (int v = 0; v < 3; v++) {
                    const int32_t turns = at[v] < 0 ? -1 : at[v] >= grid->n[v] ? 1 : 0;
                    inside[v] = at[v] - turns * grid->n[v];
                    for (int c = 0; turns && c < 3; c++)
                        here[c] -= turns * grid->lattice.vectors[3 * v + c];
                }
                /* Cells beside each other along x are one run, up to where the lattice begins. */
                run = x < 0 ? 1 : (to[0] < grid->n[0] ? to[0] + 1 : grid->n[0]) - x;
                run = run < 1 ? to[0] + 1 - x : run;
                const int64_t row = ((int64_t)inside[2] * grid->n[1] + inside[1]) * grid->n[0];
                const int32_t begin = work->starts[row + inside[0]];
                const int32_t end = work->starts[row + inside[0] + run];
                for (int32_t i = begin; i < end; i++) {
                    double d[3];
                    for (int c = 0; c < 3; c++)
                        d[c] = work->sorted[3 * i + c] - here[c];
                    if (grid->is_small)
                        gd_nearest_image(&grid->lattice, d);
                    if (!(dot(d, d) <= limit))
                        continue;
                    const int32_t acceptor = work->order[i];
                    int32_t rank = found++;
                    for (; rank > 0 && work->reach[rank - 1] > acceptor; rank--)
                        work->reach[rank] = work->reach[rank - 1];
                    work->reach[rank] = acceptor;
                }
            }
    return found;
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

/* Whether a hydrogen and an acceptor are bonded; then `found` has distance, angle and vector. */
static int is_bond(const struct limits *limits, const struct gd_lattice *lattice,
                   const double *hydrogen, const double *donor, const double *to_donor,
                   const double *acceptor, struct candidate *found) {
    const struct gd_bond_criteria *criteria = limits->criteria;
    double from_donor[3];
    between(hydrogen, acceptor, lattice, found->vector);
    if (criteria->from_donor || criteria->at_donor)
        between(donor, acceptor, lattice, from_donor);
    const double *measured = criteria->from_donor ? from_donor : found->vector;
    const double square = dot(measured, measured);
    if (!within(square, limits->square, criteria->distance_included))
        return 0;
    double cosine_of_angle;
    if (criteria->at_donor) {
        const double to_hydrogen[3] = {-to_donor[0], -to_donor[1], -to_donor[2]};
        cosine_of_angle = cosine(to_hydrogen, from_donor);
    } else {
        cosine_of_angle = cosine(to_donor, found->vector);
    }
    /* Also false for an angle of nothing, where atoms lie in one place. */
    const int possible = criteria->at_donor ? cosine_of_angle >= limits->cosine
                                            : cosine_of_angle <= limits->cosine;
    if (!possible && !criteria->any_angle)
        return 0;
    found->angle = acos(cosine_of_angle) * DEGREES;
    found->distance = sqrt(square);
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

static int64_t bonds_of_frame(const struct grid *grid, const struct gd_bond_sites *sites,
                              const struct limits *limits, struct work *work,
                              struct gd_bond_table *table, int64_t at) {
    const struct gd_bond_criteria *criteria = limits->criteria;
    int64_t count = 0;
    int32_t n_reach = 0;
    for (int64_t h = 0; h < sites->n_hydrogens; h++) {
        const double *hydrogen = work->hydrogens + 3 * h, *donor = work->donors + 3 * h;
        if (!criteria->from_donor)
            n_reach = in_reach(grid, work, hydrogen);
        else if (h == 0 || sites->donors[h] != sites->donors[h - 1])
            n_reach = in_reach(grid, work, donor);
        double to_donor[3];
        between(hydrogen, donor, &grid->lattice, to_donor);
        int32_t n_near = 0;
        for (int32_t i = 0; i < n_reach; i++) {
            const int32_t a = work->reach[i];
            struct candidate *found = work->near + n_near;
            if (sites->hydrogen_units[h] == sites->acceptor_units[a] ||
                !(sites->hydrogen_sides[h] & sites->acceptor_sides[a]) ||
                sites->hydrogens[h] == sites->acceptors[a] ||
                sites->donors[h] == sites->acceptors[a] ||
                !is_bond(limits, &grid->lattice, hydrogen, donor, to_donor,
                         work->acceptors + 3 * a, found))
                continue;
            found->acceptor = a;
            if (criteria->three_centers)
                n_near++;
            else
                note(table, at + count++, h, found);
        }
        if (criteria->three_centers)
            count += pairs_of(criteria, to_donor, work->near, n_near, h, table, at + count);
    }
    return count;
}

static int gather(const struct gd_frames *frames, int64_t frame, const int32_t *atoms, int64_t n,
                  double *xyz, struct gd_where *where) {
    for (int64_t i = 0; i < n; i++) {
        gd_frame_atom(frames, frame, atoms[i], xyz + 3 * i);
        if (!isfinite(xyz[3 * i] + xyz[3 * i + 1] + xyz[3 * i + 2])) {
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
                      int64_t *counts, void *memory, struct gd_where *where) {
    struct gd_frames frames;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    struct work work = work_of(memory, sites);
    const struct limits limits = limits_of(criteria);
    int64_t at = 0;
    for (int64_t f = 0; status == GD_OK && f < n_frames; f++) {
        struct grid grid;
        if (gd_lattice_open(boxes ? boxes + 9 * f : NULL, &grid.lattice) < 0) {
            where->frame = f;
            return GD_NO_VOLUME;
        }
        status = gather(&frames, f, sites->hydrogens, sites->n_hydrogens, work.hydrogens, where);
        if (status == GD_OK)
            status = gather(&frames, f, sites->donors, sites->n_hydrogens, work.donors, where);
        if (status == GD_OK)
            status =
                gather(&frames, f, sites->acceptors, sites->n_acceptors, work.acceptors, where);
        if (status != GD_OK)
            break;
        counts[f] = 0;
        if (!sites->n_acceptors)
            continue;
        open_grid(&grid, criteria->distance, work.acceptors, sites->n_acceptors);
        sort_into_cells(&grid, &work, sites->n_acceptors);
        counts[f] = bonds_of_frame(&grid, sites, &limits, &work, table, at);
        at += counts[f];
    }
    return status;
}
