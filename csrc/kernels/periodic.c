/* Atoms in a periodic box: into the cell, and out of it along their ways in time. */
#include "gd/periodic.h"

#include <math.h>
#include <string.h>

#include "lattice.h"

/* Coordinates that are treated alike: of four groups, so that vectors of any width fit. */
enum { LANES = 12 };

/* With 2^-38 nm, whole numbers that a double holds reach over 2^15 nm. */
static const double QUANTA = 0x1p38;
static const double FARTHEST = 0x1p14;

/* The nearest whole number, even in the middle, of what is smaller than 2^51. */
static inline double nearest(double x) { return x + 0x1.8p52 - 0x1.8p52; }

int64_t gd_unwrap_size(int64_t n_groups) { return (3 * n_groups + LANES - 1) / LANES * LANES; }

/* ---- frames in and out ---- */

#define DEFINE_FRAMES(type)                                                                        \
    static int load_##type(const type *frame, int64_t n, double *xyz) {                            \
        int bad = 0;                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                          \
            xyz[i] = frame[i];                                                                     \
            bad |= !(fabs(xyz[i]) < FARTHEST);                                                     \
        }                                                                                          \
        return bad;                                                                                \
    }                                                                                              \
    static void save_##type(const double *xyz, const double *shift, const int64_t *group,          \
                            int64_t n_atoms, type *out) {                                          \
        if (!group) {                                                                              \
            for (int64_t i = 0; i < 3 * n_atoms; i++)                                              \
                out[i] = (type)(xyz[i] + shift[i]);                                                \
            return;                                                                                \
        }                                                                                          \
        for (int64_t a = 0; a < n_atoms; a++)                                                      \
            for (int c = 0; c < 3; c++)                                                            \
                out[3 * a + c] = (type)(xyz[3 * a + c] + shift[3 * group[a] + c]);                 \
    }
DEFINE_FRAMES(float)
DEFINE_FRAMES(double)

/* The parts of the scratch memory, and what the calls for each frame share. */
struct work {
    const char *positions;
    char *out;
    int type;
    int64_t n_atoms;
    const struct gd_groups *groups;
    double *xyz, *center, *shift, *weight;
};

static int open_work(const void *positions, int type, int64_t n_atoms,
                     const struct gd_groups *groups, void *out, struct work *work) {
    const int64_t n_groups = groups->n_groups, size = gd_unwrap_size(n_groups);
    if ((type != GD_FLOAT32 && type != GD_FLOAT64) || n_atoms < 1 || n_groups < 1 ||
        (!groups->group && n_groups != n_atoms))
        return GD_BAD_ARGUMENT;
    *work = (struct work){.positions = positions,
                          .out = out,
                          .type = type,
                          .n_atoms = n_atoms,
                          .groups = groups,
                          .xyz = groups->scratch};
    work->shift = work->xyz + gd_unwrap_size(n_atoms);
    work->center = work->xyz;
    if (groups->group) {
        work->center = work->shift + size;
        work->weight = work->center + size;
        memset(work->center, 0, (size_t)(size + n_groups) * sizeof(double));
        for (int64_t a = 0; a < n_atoms; a++)
            work->weight[groups->group[a]] += 1.0;
        for (int64_t g = 0; g < n_groups; g++)
            work->weight[g] = 1.0 / work->weight[g];
    } else {
        for (int64_t i = 3 * n_atoms; i < size; i++)
            work->xyz[i] = 0.0;
    }
    return GD_OK;
}

/* Read a frame, and where its groups are. */
static int load(const struct work *work, int64_t frame, struct gd_where *where) {
    const int64_t n = 3 * work->n_atoms;
    double *xyz = work->xyz;
    const int bad = work->type == GD_FLOAT32
                        ? load_float((const float *)work->positions + frame * n, n, xyz)
                        : load_double((const double *)work->positions + frame * n, n, xyz);
    if (bad) {
        int64_t i = 0;
        while (fabs(xyz[i]) < FARTHEST)
            i++;
        where->frame = frame;
        where->atom = i / 3;
        return isfinite(xyz[i]) ? GD_TOO_FAR : GD_NOT_FINITE;
    }
    const int64_t *group = work->groups->group;
    if (!group)
        return GD_OK;
    double *center = work->center;
    memset(center, 0, (size_t)(3 * work->groups->n_groups) * sizeof *center);
    for (int64_t a = 0; a < work->n_atoms; a++)
        for (int c = 0; c < 3; c++)
            center[3 * group[a] + c] += xyz[3 * a + c];
    for (int64_t g = 0; g < work->groups->n_groups; g++)
        for (int c = 0; c < 3; c++)
            center[3 * g + c] *= work->weight[g];
    return GD_OK;
}

/* Write the frame, moved. */
static void save(const struct work *work, int64_t frame) {
    const int64_t n = 3 * work->n_atoms, *group = work->groups->group;
    if (work->type == GD_FLOAT32)
        save_float(work->xyz, work->shift, group, work->n_atoms, (float *)work->out + frame * n);
    else
        save_double(work->xyz, work->shift, group, work->n_atoms, (double *)work->out + frame * n);
}

/* ---- boxes ---- */

struct cell {
    struct gd_lattice lattice;
    double box[9];     /* the vectors as they were given: what is counted, frame by frame */
    double inverse[9]; /* columns are their reciprocal ones */
    double unit[9];    /* what the state grows by for each vector: 1, or its length in quanta */
};

static int open_cell(const double *box, int scheme, struct cell *cell) {
    if (gd_lattice_open(box, &cell->lattice) <= 0)
        return GD_NO_VOLUME;
    memcpy(cell->box, box, sizeof cell->box);
    gd_reciprocal(box, cell->inverse);
    for (int i = 0; i < 9; i++) {
        if (!(fabs(box[i]) < FARTHEST))
            return GD_TOO_FAR;
        cell->unit[i] = scheme == GD_TOROIDAL ? nearest(box[i] * QUANTA) : i % 4 == 0;
    }
    return GD_OK;
}

/* How many of each box vector lead to a point from one in the cell around `middle` (fractions). */
static inline void cells_of(const struct cell *cell, const double *x, double middle,
                            double *cells) {
    for (int v = 0; v < 3; v++)
        cells[v] = nearest(x[0] * cell->inverse[v] + x[1] * cell->inverse[3 + v] +
                           x[2] * cell->inverse[6 + v] - middle);
}

static inline double along(const double *cells, const double *vectors, int c) {
    return cells[0] * vectors[c] + cells[1] * vectors[3 + c] + cells[2] * vectors[6 + c];
}

/* ---- in time ---- */

/* Box vectors along x, y and z: what a lane is multiplied with. */
struct pattern {
    double length[LANES], inverse[LANES], unit[LANES], scale[LANES];
};

static void open_pattern(const struct cell *cell, int scheme, struct pattern *pattern) {
    for (int lane = 0; lane < LANES; lane++) {
        const int c = 4 * (lane % 3);
        pattern->length[lane] = cell->box[c];
        pattern->inverse[lane] = cell->inverse[c];
        pattern->unit[lane] = cell->unit[c];
        pattern->scale[lane] = scheme == GD_TOROIDAL ? 1.0 / QUANTA : cell->box[c];
    }
}

static void step_rectangular(const struct pattern *pattern, int64_t n,
                             const double *restrict center, double *restrict before,
                             double *restrict state, double *restrict shift) {
    for (int64_t i = 0; i < n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const double x = center[i + lane], length = pattern->length[lane],
                         inverse = pattern->inverse[lane], unit = pattern->unit[lane];
            const double cells = nearest(x * inverse - 0.5), inside = x - cells * length;
            const double crossed = nearest((inside - before[i + lane]) * inverse);
            const double sum = state[i + lane] - crossed * unit;
            before[i + lane] = inside;
            state[i + lane] = sum;
            shift[i + lane] = (sum - cells * unit) * pattern->scale[lane];
        }
}

static void step(const struct cell *cell, int scheme, int64_t n_groups, const double *center,
                 double *before, double *state, double *shift) {
    const double half = 0.25 * (1.0 - 1e-12) * cell->lattice.shortest * cell->lattice.shortest;
    for (int64_t g = 0; g < n_groups; g++, center += 3, before += 3, state += 3, shift += 3) {
        double cells[3], crossed[3] = {0.0, 0.0, 0.0}, way[3], square = 0.0;
        cells_of(cell, center, 0.5, cells);
        for (int c = 0; c < 3; c++) {
            const double inside = center[c] - along(cells, cell->box, c);
            way[c] = inside - before[c];
            square += way[c] * way[c];
            before[c] = inside;
        }
        if (square > half) {
            double near[3] = {way[0], way[1], way[2]};
            gd_nearest_image(&cell->lattice, near);
            for (int c = 0; c < 3; c++)
                way[c] -= near[c];
            cells_of(cell, way, 0.0, crossed);
        }
        double left[3];
        for (int c = 0; c < 3; c++) {
            state[c] -= along(crossed, cell->unit, c);
            left[c] = state[c] - along(cells, cell->unit, c);
        }
        for (int c = 0; c < 3; c++)
            shift[c] = scheme == GD_TOROIDAL ? left[c] / QUANTA : along(left, cell->box, c);
    }
}

int gd_unwrap_begin(const void *positions, int type, int64_t n_atoms,
                    const struct gd_groups *groups, const double *box, int scheme, double *before,
                    double *state, struct gd_where *where) {
    struct work work;
    struct cell cell;
    where->frame = 0;
    int status = open_work(positions, type, n_atoms, groups, NULL, &work);
    if (status == GD_OK)
        status = load(&work, 0, where);
    if (status == GD_OK)
        status = open_cell(box, scheme, &cell);
    if (status != GD_OK)
        return status;
    for (int64_t i = 0; i < 3 * groups->n_groups; i += 3) {
        double cells[3];
        cells_of(&cell, work.center + i, 0.5, cells);
        for (int c = 0; c < 3; c++) {
            before[i + c] = work.center[i + c] - along(cells, cell.box, c);
            if (state)
                state[i + c] = along(cells, cell.unit, c);
        }
    }
    for (int64_t i = 3 * groups->n_groups; i < gd_unwrap_size(groups->n_groups); i++) {
        before[i] = 0.0;
        if (state)
            state[i] = 0.0;
    }
    return GD_OK;
}

int gd_unwrap(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const struct gd_groups *groups, const double *boxes, int scheme, double *before,
              double *state, void *out, struct gd_where *where) {
    struct work work;
    int status = open_work(positions, type, n_atoms, groups, out, &work);
    for (int64_t f = 0; status == GD_OK && f < n_frames; f++) {
        struct cell cell;
        status = load(&work, f, where);
        if (status != GD_OK)
            break;
        where->frame = f;
        status = open_cell(boxes + 9 * f, scheme, &cell);
        if (status != GD_OK)
            break;
        if (cell.lattice.rectangular) {
            struct pattern pattern;
            open_pattern(&cell, scheme, &pattern);
            step_rectangular(&pattern, gd_unwrap_size(groups->n_groups), work.center, before, state,
                             work.shift);
        } else {
            step(&cell, scheme, groups->n_groups, work.center, before, state, work.shift);
        }
        if (out)
            save(&work, f);
    }
    return status;
}

/* ---- into the cell ---- */

int gd_wrap(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
            const struct gd_groups *groups, const double *boxes, const double *middles, int compact,
            void *out, struct gd_where *where) {
    struct work work;
    int status = open_work(positions, type, n_atoms, groups, out, &work);
    for (int64_t f = 0; status == GD_OK && f < n_frames; f++) {
        struct cell cell;
        status = load(&work, f, where);
        if (status != GD_OK)
            break;
        where->frame = f;
        status = open_cell(boxes + 9 * f, GD_LATTICE, &cell);
        if (status != GD_OK)
            break;
        for (int64_t i = 0; i < 3 * groups->n_groups; i += 3) {
            double way[3], cells[3];
            for (int c = 0; c < 3; c++)
                way[c] = work.center[i + c] - middles[3 * f + c];
            if (compact) {
                double near[3] = {way[0], way[1], way[2]};
                gd_nearest_image(&cell.lattice, near);
                for (int c = 0; c < 3; c++)
                    way[c] -= near[c];
                cells_of(&cell, way, 0.0, cells);
            } else {
                for (int v = 0; v < 3; v++)
                    cells[v] = floor(along(way, cell.inverse, v) + 0.5);
            }
            for (int c = 0; c < 3; c++)
                work.shift[i + c] = -along(cells, cell.box, c);
        }
        save(&work, f);
    }
    return status;
}
