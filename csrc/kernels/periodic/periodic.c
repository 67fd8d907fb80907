/* Atoms in a periodic box: into the cell, and out of it along their ways in time. */
#include "gd/periodic.h"

#include <math.h>
#include <string.h>

#include "lattice.h"
#include "periodic/steps.h"
#include "table.h"

/* With 2^-38 nm, whole numbers that a double holds reach over 2^15 nm. */
static const double QUANTA = 0x1p38;
static const double FARTHEST = 0x1p14;

int64_t gd_unwrap_size(int64_t n_groups) {
    return (n_groups + GD_TILE - 1) / GD_TILE * 3 * GD_TILE;
}

/* Where coordinate c of a group is, in tiles. */
static inline int64_t place(int64_t group, int c) {
    return group / GD_TILE * 3 * GD_TILE + c * GD_TILE + group % GD_TILE;
}

/* ---- frames in and out ---- */

/* What the calls for each frame share. */
struct work {
    const char *positions;
    char *out;
    int type;
    int64_t n_atoms;
    const int64_t *group;
    int64_t n_groups;
    double *center, *shift, *weight; /* in tiles, but for the weight; where there are groups */
};

static int open_work(const void *positions, int type, int64_t n_atoms,
                     const struct gd_groups *groups, void *out, struct work *work) {
    const int64_t n_groups = groups->n_groups, size = gd_unwrap_size(n_groups);
    if ((type != GD_FLOAT32 && type != GD_FLOAT64) || n_atoms < 1 || n_groups < 1 ||
        (!groups->group && n_groups != n_atoms))
        return GD_BAD_ARGUMENT;
    *work = (struct work){positions, out, type, n_atoms, groups->group, n_groups, NULL, NULL, NULL};
    if (groups->group) {
        work->center = groups->scratch;
        work->shift = work->center + size;
        work->weight = work->shift + size;
        memset(groups->scratch, 0, (size_t)(2 * size + n_groups) * sizeof(double));
        for (int64_t a = 0; a < n_atoms; a++)
            work->weight[groups->group[a]] += 1.0;
        for (int64_t g = 0; g < n_groups; g++)
            work->weight[g] = 1.0 / work->weight[g];
    }
    return GD_OK;
}

/* The upper bits of a number's absolute value, which rise with it; NaN is above infinity. */
static inline uint32_t size_of_float(const float *x) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    return bits & 0x7fffffff;
}
static inline uint32_t size_of_double(const double *x) {
    uint64_t bits;
    memcpy(&bits, x, sizeof bits);
    return (uint32_t)(bits >> 32) & 0x7fffffff;
}
/* Those of FARTHEST. */
static const uint32_t TOO_LARGE_FOR_float = 0x46800000, TOO_LARGE_FOR_double = 0x40d00000;

#define DEFINE_FRAMES(type)                                                                        \
    static int is_too_large_##type(const type *x, int64_t n) {                                     \
        int found = 0;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                            \
            found |= size_of_##type(x + i) >= TOO_LARGE_FOR_##type;                                \
        return found;                                                                              \
    }                                                                                              \
    /* Atoms from `first` on, each a group, into a tile. */                                        \
    static int load_##type(const type *frame, int64_t first, int64_t n, struct gd_tile *tile) {    \
        frame += 3 * first;                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                          \
            tile->center[0][i] = frame[3 * i];                                                     \
            tile->center[1][i] = frame[3 * i + 1];                                                 \
            tile->center[2][i] = frame[3 * i + 2];                                                 \
        }                                                                                          \
        return is_too_large_##type(frame, 3 * n);                                                  \
    }                                                                                              \
    static void save_##type(const type *frame, const struct gd_tile *tile, int64_t first,          \
                            int64_t n, type *out) {                                                \
        frame += 3 * first;                                                                        \
        out += 3 * first;                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int c = 0; c < 3; c++)                                                            \
                out[3 * i + c] = (type)(frame[3 * i + c] + tile->shift[c][i]);                     \
    }                                                                                              \
    static int sum_##type(const type *frame, const struct work *work) {                            \
        for (int64_t a = 0; a < work->n_atoms; a++)                                                \
            for (int c = 0; c < 3; c++)                                                            \
                work->center[place(work->group[a], c)] += frame[3 * a + c];                        \
        return is_too_large_##type(frame, 3 * work->n_atoms);                                      \
    }                                                                                              \
    static void shift_##type(const type *frame, const struct work *work, type *out) {              \
        for (int64_t a = 0; a < work->n_atoms; a++)                                                \
            for (int c = 0; c < 3; c++)                                                            \
                out[3 * a + c] = (type)(frame[3 * a + c] + work->shift[place(work->group[a], c)]); \
    }
DEFINE_FRAMES(float)
DEFINE_FRAMES(double)

#define OF_TYPE(work, name, frame, ...)                                                            \
    ((work)->type == GD_FLOAT32                                                                    \
         ? name##_float((const float *)(work)->positions + 3 * (frame) * (work)->n_atoms,          \
                        __VA_ARGS__)                                                               \
         : name##_double((const double *)(work)->positions + 3 * (frame) * (work)->n_atoms,        \
                         __VA_ARGS__))

/* Tell which atom of a frame cannot be taken. */
static int refuse(const struct work *work, int64_t frame, struct gd_where *where) {
    const int64_t start = 3 * frame * work->n_atoms;
    for (int64_t i = 0;; i++) {
        const double x = work->type == GD_FLOAT32 ? ((const float *)work->positions)[start + i]
                                                  : ((const double *)work->positions)[start + i];
        if (fabs(x) < FARTHEST)
            continue;
        where->frame = frame;
        where->atom = i / 3;
        return isfinite(x) ? GD_TOO_FAR : GD_NOT_FINITE;
    }
}

/* Where the groups are in a frame, if these are more than one atom. */
static int find_centers(const struct work *work, int64_t frame, struct gd_where *where) {
    if (!work->group)
        return GD_OK;
    memset(work->center, 0, (size_t)gd_unwrap_size(work->n_groups) * sizeof(double));
    if (OF_TYPE(work, sum, frame, work))
        return refuse(work, frame, where);
    for (int64_t g = 0; g < work->n_groups; g++)
        for (int c = 0; c < 3; c++)
            work->center[place(g, c)] *= work->weight[g];
    return GD_OK;
}

/* Put the centres of the tile that begins with a group into it. */
static int fill(const struct work *work, int64_t frame, int64_t first, struct gd_tile *tile,
                struct gd_where *where) {
    if (work->group) {
        memcpy(tile->center, work->center + 3 * first, sizeof tile->center);
        return GD_OK;
    }
    const int64_t left = work->n_atoms - first, n = left < GD_TILE ? left : GD_TILE;
    if (n < GD_TILE)
        memset(tile->center, 0, sizeof tile->center);
    if (OF_TYPE(work, load, frame, first, n, tile))
        return refuse(work, frame, where);
    return GD_OK;
}

/* Move the atoms of a tile; those of groups wait for `finish`. */
static void move(const struct work *work, int64_t frame, int64_t first,
                 const struct gd_tile *tile) {
    if (work->group) {
        memcpy(work->shift + 3 * first, tile->shift, sizeof tile->shift);
        return;
    }
    const int64_t left = work->n_atoms - first, n = left < GD_TILE ? left : GD_TILE;
    const int64_t start = 3 * frame * work->n_atoms;
    if (work->type == GD_FLOAT32)
        save_float((const float *)work->positions + start, tile, first, n,
                   (float *)work->out + start);
    else
        save_double((const double *)work->positions + start, tile, first, n,
                    (double *)work->out + start);
}

static void finish(const struct work *work, int64_t frame) {
    const int64_t start = 3 * frame * work->n_atoms;
    if (!work->group)
        return;
    if (work->type == GD_FLOAT32)
        shift_float((const float *)work->positions + start, work, (float *)work->out + start);
    else
        shift_double((const double *)work->positions + start, work, (double *)work->out + start);
}

/* ---- boxes ---- */

struct cell {
    struct gd_lattice lattice;
    struct gd_steps steps;
};

static inline double along(const double *cells, const double *vectors, int c) {
    return cells[0] * vectors[c] + cells[1] * vectors[3 + c] + cells[2] * vectors[6 + c];
}

static int open_cell(const double *box, int scheme, struct cell *cell) {
    struct gd_steps *s = &cell->steps;
    const struct gd_lattice *lattice = &cell->lattice;
    if (gd_lattice_open(box, &cell->lattice) <= 0)
        return GD_NO_VOLUME;
    gd_reciprocal(box, s->inverse);
    for (int i = 0; i < 9; i++) {
        if (!(fabs(box[i]) < FARTHEST))
            return GD_TOO_FAR;
        s->unit[i] = scheme == GD_TOROIDAL ? rint(box[i] * QUANTA) : i % 4 == 0;
        s->scale[i] = scheme == GD_LATTICE ? box[i] : i % 4 == 0 ? 1.0 / QUANTA : 0.0;
    }
    s->rectangular = lattice->rectangular;
    s->limit = gd_sure_square(lattice);
    memcpy(s->box, box, sizeof s->box);
    memcpy(s->reduced, lattice->vectors, sizeof s->reduced);
    memcpy(s->reduced_inverse, lattice->inverse, sizeof s->reduced_inverse);
    for (int v = 0; v < 3; v++) {
        double cells[3];
        for (int w = 0; w < 3; w++)
            cells[w] = rint(along(s->reduced + 3 * v, s->inverse, w));
        for (int c = 0; c < 3; c++)
            s->reduced_unit[3 * v + c] = along(cells, s->unit, c);
    }
    return GD_OK;
}

/* ---- in time ---- */

/* Take the nearest images of all in a tile whose way was too long to be sure of it. */
static void correct(const struct cell *cell, struct gd_tile *tile, double *state) {
    const struct gd_steps *s = &cell->steps;
    for (int i = 0; i < GD_TILE; i++) {
        if (tile->far[i] == 0.0)
            continue;
        double way[3] = {tile->rest[0][i], tile->rest[1][i], tile->rest[2][i]}, near[3], cells[3];
        double grown[3];
        memcpy(near, way, sizeof near);
        gd_nearest_image(&cell->lattice, near);
        for (int c = 0; c < 3; c++)
            way[c] -= near[c];
        for (int v = 0; v < 3; v++)
            cells[v] = rint(along(way, s->inverse, v));
        for (int c = 0; c < 3; c++)
            grown[c] = -along(cells, s->unit, c);
        for (int c = 0; c < 3; c++) {
            state[c * GD_TILE + i] += grown[c];
            tile->shift[c][i] += along(grown, s->scale, c);
        }
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
        status = open_cell(box, scheme, &cell);
    if (status == GD_OK)
        status = find_centers(&work, 0, where);
    for (int64_t first = 0; status == GD_OK && first < groups->n_groups; first += GD_TILE) {
        struct gd_tile tile;
        status = fill(&work, 0, first, &tile, where);
        for (int i = 0; status == GD_OK && i < GD_TILE; i++) {
            const double x[3] = {tile.center[0][i], tile.center[1][i], tile.center[2][i]};
            double cells[3];
            for (int v = 0; v < 3; v++)
                cells[v] = rint(along(x, cell.steps.inverse, v) - 0.5);
            for (int c = 0; c < 3; c++) {
                before[3 * first + c * GD_TILE + i] = x[c] - along(cells, box, c);
                if (state)
                    state[3 * first + c * GD_TILE + i] = along(cells, cell.steps.unit, c);
            }
        }
    }
    return status;
}

int gd_unwrap(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const struct gd_groups *groups, const double *boxes, int scheme, double *before,
              double *state, void *out, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct work work;
    int status = open_work(positions, type, n_atoms, groups, out, &work);
    for (int64_t f = 0; status == GD_OK && f < n_frames; f++) {
        struct cell cell;
        where->frame = f;
        status = open_cell(boxes + 9 * f, scheme, &cell);
        if (status == GD_OK)
            status = find_centers(&work, f, where);
        for (int64_t g = 0; status == GD_OK && g < groups->n_groups; g += GD_TILE) {
            struct gd_tile tile;
            status = fill(&work, f, g, &tile, where);
            if (status != GD_OK)
                break;
            table->unwrap_steps(&cell.steps, &tile, before + 3 * g, state + 3 * g);
            if (!cell.steps.rectangular)
                correct(&cell, &tile, state + 3 * g);
            if (out)
                move(&work, f, g, &tile);
        }
        if (status == GD_OK && out)
            finish(&work, f);
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
        where->frame = f;
        status = open_cell(boxes + 9 * f, GD_LATTICE, &cell);
        if (status == GD_OK)
            status = find_centers(&work, f, where);
        for (int64_t g = 0; status == GD_OK && g < groups->n_groups; g += GD_TILE) {
            struct gd_tile tile;
            status = fill(&work, f, g, &tile, where);
            for (int i = 0; status == GD_OK && i < GD_TILE; i++) {
                double way[3], near[3] = {0.0, 0.0, 0.0}, cells[3];
                for (int c = 0; c < 3; c++)
                    way[c] = tile.center[c][i] - middles[3 * f + c];
                if (compact) {
                    memcpy(near, way, sizeof near);
                    gd_nearest_image(&cell.lattice, near);
                }
                for (int c = 0; c < 3; c++)
                    way[c] -= near[c];
                for (int v = 0; v < 3; v++)
                    cells[v] = floor(along(way, cell.steps.inverse, v) + 0.5);
                for (int c = 0; c < 3; c++)
                    tile.shift[c][i] = -along(cells, cell.steps.box, c);
            }
            if (status == GD_OK)
                move(&work, f, g, &tile);
        }
        if (status == GD_OK)
            finish(&work, f);
    }
    return status;
}
