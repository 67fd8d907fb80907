/* Atoms sorted into cells, and the walk over pairs of them. */
#include "neighbors/cells.h"

#include <math.h>
#include <string.h>

#include "table.h"

/* How many numbers kernels may read behind the last atom. */
enum { BEHIND = 16 };
/* Rows of cells are as wide as the cutoff: of half the width, three times as many hold a third. */
static const double row_width = 1.0, cell_width = 0.125;
/* Squares of larger numbers are none in single precision. */
static const double largest = 1e18;

static int64_t most_cells(int64_t n) { return 2 * n + 64; }

static int64_t n_sorted(const struct gd_neighbor_sets *sets) {
    return sets->second ? sets->n_second : sets->n_first;
}

int64_t gd_neighbor_work(const struct gd_neighbor_sets *sets) {
    /* Of whichever set is sorted. */
    const int64_t n = (sets->n_first > sets->n_second ? sets->n_first : sets->n_second) + BEHIND;
    /* place and units, sorted and not; x y z, labels, atom, found, cell of each; start */
    return 12 * n + (7 * n + 1) / 2 + (most_cells(n) + 1) / 2 + 1;
}

/* Coordinates in units of the grid's edges. */
static void units_of(const struct gd_cells *cells, const double *xyz, double *units) {
    const double *inverse = cells->to_units;
    for (int v = 0; v < 3; v++)
        units[v] = xyz[0] * inverse[v] + xyz[1] * inverse[3 + v] + xyz[2] * inverse[6 + v];
}

/* Where an atom stands in the cell of the lattice, from the origin, and in units of cells. */
static void place_of(const struct gd_cells *cells, int64_t atom, double *place, double *units) {
    gd_frame_atom(cells->frames, cells->frame, atom, place);
    if (cells->lattice.periodic) {
        units_of(cells, place, units);
        for (int v = 0; v < 3; v++) {
            const double whole = floor(units[v]);
            units[v] -= whole;
            for (int c = 0; c < 3; c++)
                place[c] -= whole * cells->edges[3 * v + c];
        }
    }
    for (int c = 0; c < 3; c++)
        place[c] -= cells->origin[c];
    if (!cells->lattice.periodic) {
        units_of(cells, place, units);
        for (int v = 0; v < 3; v++)
            units[v] += 0.5;
    }
    for (int v = 0; v < 3; v++)
        units[v] *= (double)cells->n[v];
}

static int64_t cell_along(const struct gd_cells *cells, int v, double units) {
    const int64_t cell = (int64_t)units;
    return cell < 0 ? 0 : cell >= cells->n[v] ? cells->n[v] - 1 : cell;
}

static int64_t row_of(const struct gd_cells *cells, const double *units) {
    return cell_along(cells, 2, units[2]) * cells->n[1] + cell_along(cells, 1, units[1]);
}

/* What the atoms of a set extend over. */
static int extent(const struct gd_frames *frames, int64_t frame, const int64_t *atoms, int64_t n,
                  double *low, double *high, struct gd_where *where) {
    for (int64_t k = 0; k < n; k++) {
        double xyz[3];
        gd_frame_atom(frames, frame, atoms[k], xyz);
        for (int c = 0; c < 3; c++) {
            if (!(fabs(xyz[c]) <= largest)) {
                where->frame = frame;
                where->atom = isfinite(xyz[c]) ? -1 : atoms[k];
                return GD_NOT_FINITE;
            }
            low[c] = xyz[c] < low[c] ? xyz[c] : low[c];
            high[c] = xyz[c] > high[c] ? xyz[c] : high[c];
        }
    }
    return GD_OK;
}

/* How many cells there are along each edge: no more than there is memory for. */
static void choose_grid(struct gd_cells *cells) {
    const double most = (double)most_cells(cells->n_atoms);
    double n[3];
    for (int v = 0; v < 3; v++) {
        n[v] = floor(cells->heights[v] / (cells->reach * (v ? row_width : cell_width)));
        n[v] = n[v] < 1.0 ? 1.0 : n[v] > most ? most : n[v];
    }
    while (n[0] * n[1] * n[2] > most) {
        const int v = n[0] >= n[1] && n[0] >= n[2] ? 0 : n[1] >= n[2] ? 1 : 2;
        n[v] = floor(0.5 * n[v] + 0.5);
    }
    for (int v = 0; v < 3; v++) {
        cells->n[v] = (int64_t)n[v];
        cells->width[v] = cells->heights[v] / n[v];
        cells->per_width[v] = n[v] / cells->heights[v];
        cells->far[v] = (int64_t)ceil((cells->cutoff + cells->error) / cells->width[v]);
    }
}

/* Counting sort. */
static void sort(struct gd_cells *cells, const int64_t *atoms, const int32_t *labels, float *x,
                 float *y, float *z, int32_t *own_labels, int32_t *cell_of, double *unsorted) {
    const int64_t n_cells = cells->n[0] * cells->n[1] * cells->n[2];
    memset(cells->start, 0, sizeof(int32_t) * (size_t)(n_cells + 1));
    for (int64_t k = 0; k < cells->n_atoms; k++) {
        double *units = unsorted + 6 * k + 3;
        place_of(cells, atoms[k], unsorted + 6 * k, units);
        const int64_t cell = row_of(cells, units) * cells->n[0] + cell_along(cells, 0, units[0]);
        cell_of[k] = (int32_t)cell;
        cells->start[cell]++;
    }
    int32_t before = 0;
    for (int64_t cell = 0; cell <= n_cells; cell++) {
        const int32_t here = cells->start[cell];
        cells->start[cell] = before;
        before += here;
    }
    for (int64_t k = 0; k < cells->n_atoms; k++) {
        const int32_t at = cells->start[cell_of[k]]++;
        const double *place = unsorted + 6 * k;
        memcpy(cells->place + 6 * at, place, 6 * sizeof(double));
        x[at] = (float)place[0];
        y[at] = (float)place[1];
        z[at] = (float)place[2];
        cells->atom[at] = (int32_t)atoms[k];
        own_labels[at] = labels ? labels[atoms[k]] : (int32_t)atoms[k];
    }
    /* Each start has moved to the next one's. */
    memmove(cells->start + 1, cells->start, sizeof(int32_t) * (size_t)n_cells);
    cells->start[0] = 0;
}

int gd_cells_open(const struct gd_frames *frames, int64_t frame, const double *boxes,
                  const struct gd_neighbor_sets *sets, double cutoff, double *work,
                  struct gd_cells *cells, struct gd_where *where) {
    memset(cells, 0, sizeof *cells);
    cells->frames = frames;
    cells->frame = frame;
    cells->sets = sets;
    cells->n_atoms = n_sorted(sets);
    if (cells->n_atoms > INT32_MAX / 16 || frames->n_atoms > INT32_MAX) {
        where->found = frames->n_atoms;
        return GD_BAD_ARGUMENT;
    }
    if (!(cutoff >= 0.0))
        return GD_BAD_ARGUMENT;
    struct gd_lattice *lattice = &cells->lattice;
    if (gd_lattice_open(boxes ? boxes + 9 * frame : 0, lattice) < 0) {
        where->frame = frame;
        return GD_NO_VOLUME;
    }
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    int status = extent(frames, frame, sets->first, sets->n_first, low, high, where);
    if (status == GD_OK && sets->second)
        status = extent(frames, frame, sets->second, sets->n_second, low, high, where);
    if (status != GD_OK)
        return status;

    double farthest = 0.0, size = 0.0;
    for (int c = 0; c < 3; c++) {
        if (!(low[c] <= high[c]))
            low[c] = high[c] = 0.0;
        farthest = fmax(farthest, fmax(-low[c], high[c]));
    }
    if (lattice->periodic) {
        memcpy(cells->edges, lattice->vectors, sizeof cells->edges);
        memcpy(cells->to_units, lattice->inverse, sizeof cells->to_units);
        memcpy(cells->heights, lattice->heights, sizeof cells->heights);
        for (int v = 0; v < 3; v++)
            size += 0.5 * gd_length(cells->edges + 3 * v);
        for (int c = 0; c < 3; c++)
            cells->origin[c] = 0.5 * (cells->edges[c] + cells->edges[3 + c] + cells->edges[6 + c]);
    } else {
        for (int c = 0; c < 3; c++) {
            size += high[c] - low[c];
            cells->origin[c] = 0.5 * (low[c] + high[c]);
        }
    }
    /* No two atoms are farther apart than that. */
    const double most = size * (1.0 + 1e-9) + 1e-9;
    cells->cutoff = cutoff < most ? cutoff : most;
    cells->error = 0x1p-19 * (size + cells->cutoff) + 0x1p-46 * farthest + 1e-12;
    cells->reach = cells->cutoff + 2.0 * cells->error;
    for (int c = 0; c < 3 && !lattice->periodic; c++) {
        cells->heights[c] = fmax(high[c] - low[c], cells->reach);
        cells->edges[4 * c] = cells->heights[c];
        cells->to_units[4 * c] = 1.0 / cells->heights[c];
    }
    choose_grid(cells);

    const int64_t n = cells->n_atoms + BEHIND;
    cells->place = work;
    double *unsorted = work + 6 * n;
    float *x = (float *)(work + 12 * n), *y = x + n, *z = y + n;
    int32_t *labels = (int32_t *)(z + n), *cell_of = labels + n;
    cells->atom = cell_of + n;
    cells->run = (struct gd_run){.x = x, .y = y, .z = z, .labels = labels};
    cells->run.found = cells->atom + n;
    cells->start = cells->run.found + n;
    const float limit = (float)((cells->cutoff + cells->error) * (1.0 + 1e-6));
    cells->run.limit = limit * limit;
    memset(x, 0, sizeof(float) * (size_t)(4 * n));
    sort(cells, sets->second ? sets->second : sets->first, sets->labels, x, y, z, labels, cell_of,
         unsorted);
    return GD_OK;
}

struct walk {
    struct gd_cells *cells;
    gd_run_kernel *kernel;
    gd_at_candidate *at_candidate;
    void *context;
    int64_t atom;    /* from which is looked */
    int64_t number;  /* where it stands in the cells if there is one set; else -1 */
    double place[3]; /* of it */
    double units[3];
};

/* The greatest whole number that is not more; floor is a call without SSE4. */
static inline int64_t whole_below(double number) {
    const int64_t whole = (int64_t)number;
    return whole - (number < (double)whole);
}

/* Look at a run of atoms from a point, and report those in reach. */
static void look_at(const struct walk *walk, int64_t from, int64_t to, const double *point) {
    struct gd_run *run = &walk->cells->run;
    run->from = from;
    run->to = to;
    run->n_found = 0;
    for (int c = 0; c < 3; c++)
        run->point[c] = (float)point[c];
    walk->kernel(run);
    for (int64_t k = 0; k < run->n_found; k++) {
        const int32_t at = run->found[k];
        double met[3];
        for (int c = 0; c < 3; c++)
            met[c] = walk->cells->place[6 * (int64_t)at + c] - point[c];
        walk->at_candidate(walk->context, walk->atom, walk->cells->atom[at], met);
    }
}

/* Look at cells first to last of a row, which may lie beyond the box, in images: `point` is the
 * atom as it is seen from the row. With `behind` at what stands behind the atom in its own row
 * alone. */
static void look_along(const struct walk *walk, int64_t row, const double *point, int64_t first,
                       int64_t last, int behind) {
    const struct gd_cells *cells = walk->cells;
    const int64_t n = cells->n[0];
    const int32_t *start = cells->start + row * n;
    int64_t image = 0;
    if (!cells->lattice.periodic || (behind && first < 0)) {
        first = first < 0 ? 0 : first >= n ? n - 1 : first;
        if (!cells->lattice.periodic)
            last = last < 0 ? 0 : last >= n ? n - 1 : last;
    }
    for (; first < 0; image--, first += n, last += n)
        ;
    for (; first >= n; image++, first -= n, last -= n)
        ;
    for (; last >= 0; image++, first = 0, last -= n) {
        double moved[3];
        for (int c = 0; c < 3; c++)
            moved[c] = point[c] - (double)image * cells->edges[c];
        const int64_t from = behind && image == 0 ? walk->number + 1 : start[first];
        look_at(walk, from, start[(last < n ? last : n - 1) + 1], moved);
    }
}

/* How far cell number `cell` is from a place, in cells. */
static double gap(double units, int64_t cell) {
    const double below = (double)cell - units, above = units - (double)(cell + 1);
    return below > 0.0 ? below : above > 0.0 ? above : 0.0;
}

/* Into which image a cell leads, and its number there. */
static int64_t image_of(int64_t n, int64_t *cell) {
    int64_t image = 0;
    for (; *cell < 0; image--)
        *cell += n;
    for (; *cell >= n; image++)
        *cell -= n;
    return image;
}

static void look_around(const struct walk *walk) {
    const struct gd_cells *cells = walk->cells;
    const int one_set = walk->number >= 0, periodic = cells->lattice.periodic;
    const int upright = !periodic || cells->lattice.rectangular;
    const double *edges = cells->edges, reach = cells->cutoff + cells->error;
    const int64_t *n = cells->n, *far = cells->far;
    const int64_t own_y = cell_along(cells, 1, walk->units[1]);
    const int64_t own_z = cell_along(cells, 2, walk->units[2]);
    for (int64_t dz = one_set ? 0 : -far[2]; dz <= far[2]; dz++) {
        int64_t z = own_z + dz;
        const double far_z = gap(walk->units[2], z) * cells->width[2];
        const int64_t image_z = image_of(n[2], &z);
        if (far_z > reach || (image_z && !periodic))
            continue;
        for (int64_t dy = one_set && dz == 0 ? 0 : -far[1]; dy <= far[1]; dy++) {
            int64_t y = own_y + dy;
            const double far_y = gap(walk->units[1], y) * cells->width[1];
            const int64_t image_y = image_of(n[1], &y);
            if (far_y > reach || (image_y && !periodic))
                continue;
            double along = reach;
            if (upright) {
                const double left = reach * reach - far_y * far_y - far_z * far_z;
                if (left < 0.0)
                    continue;
                along = sqrt(left);
            }
            double point[3];
            for (int c = 0; c < 3; c++)
                point[c] = walk->place[c] -
                           ((double)image_y * edges[3 + c] + (double)image_z * edges[6 + c]);
            const double step = along * cells->per_width[0] + 1e-6;
            look_along(walk, z * n[1] + y, point, whole_below(walk->units[0] - step),
                       whole_below(walk->units[0] + step), one_set && dz == 0 && dy == 0);
        }
    }
}

void gd_cells_walk(struct gd_cells *cells, gd_run_kernel *kernel, gd_at_candidate *at_candidate,
                   void *context) {
    struct walk walk = {cells, kernel, at_candidate, context, 0, -1, {0}, {0}};
    const struct gd_neighbor_sets *sets = cells->sets;
    for (int64_t k = 0; k < sets->n_first && cells->n_atoms > 0; k++) {
        if (!sets->second)
            walk.number = k;
        walk.atom = sets->second ? sets->first[k] : cells->atom[k];
        if (sets->second) {
            place_of(cells, walk.atom, walk.place, walk.units);
        } else {
            memcpy(walk.place, cells->place + 6 * k, sizeof walk.place);
            memcpy(walk.units, cells->place + 6 * k + 3, sizeof walk.units);
        }
        cells->run.label = sets->labels ? sets->labels[walk.atom] : (int32_t)walk.atom;
        look_around(&walk);
    }
}

int gd_nearest_candidate(const struct gd_cells *cells, int64_t *i, int64_t *j, const double *met,
                         double *difference) {
    double sign = 1.0, one[3], other[3];
    if (!cells->sets->second && *i > *j) {
        const int64_t lower = *j;
        *j = *i;
        *i = lower;
        sign = -1.0;
    }
    gd_frame_atom(cells->frames, cells->frame, *i, one);
    gd_frame_atom(cells->frames, cells->frame, *j, other);
    for (int c = 0; c < 3; c++)
        difference[c] = other[c] - one[c];
    if (!cells->lattice.periodic)
        return 1;
    gd_nearest_image(&cells->lattice, difference);
    double square = 0.0;
    for (int c = 0; c < 3; c++) {
        const double apart = difference[c] - sign * met[c];
        square += apart * apart;
    }
    return square < 0.25 * cells->lattice.shortest * cells->lattice.shortest;
}

struct visit {
    const struct gd_cells *cells;
    gd_at_pair *at_pair;
    void *context;
    double cutoff;
};

static void visit_candidate(void *context, int64_t i, int64_t j, const double *met) {
    const struct visit *visit = context;
    double difference[3];
    if (!gd_nearest_candidate(visit->cells, &i, &j, met, difference))
        return;
    const double distance = gd_length(difference);
    if (distance <= visit->cutoff)
        visit->at_pair(visit->context, i, j, difference, distance);
}

int gd_visit_pairs(const struct gd_frames *frames, int64_t frame, const double *boxes,
                   const struct gd_neighbor_sets *sets, double cutoff, double *work,
                   gd_at_pair *at_pair, void *context, struct gd_where *where) {
    struct gd_cells cells;
    const int status = gd_cells_open(frames, frame, boxes, sets, cutoff, work, &cells, where);
    if (status != GD_OK)
        return status;
    struct visit visit = {&cells, at_pair, context, cutoff};
    gd_cells_walk(&cells, gd_table()->find_near, visit_candidate, &visit);
    return GD_OK;
}
