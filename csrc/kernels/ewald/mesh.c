/* The sum over the reciprocal lattice by smooth particle-mesh Ewald: everything but the Fourier
 * transforms, which the caller does between the steps. */
#include "ewald/mesh.h"

#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/ewald_mesh.h"
#include "lattice.h"
#include "table.h"

struct mesh_space {
    double *positions; /* of all atoms */
    double *places, *charge, *gradients;
    double *weights, *influence, *share;
    int64_t *along_x, *along_y;
    int64_t used;
};

static int64_t blocks_of(const struct gd_ewald_mesh *mesh) {
    return (mesh->n_charges + GD_MESH_BLOCK - 1) / GD_MESH_BLOCK;
}

static struct mesh_space take(const struct gd_ewald_mesh *mesh, const int64_t *shape,
                              double *work) {
    const int64_t n = GD_MESH_BLOCK * blocks_of(mesh), half = shape[2] / 2 + 1;
    const int64_t sizes[] = {
        3 * mesh->n_atoms,      3 * n, n, 3 * n, half, half, half, shape[0] + GD_MESH_MOST,
        shape[1] + GD_MESH_MOST};
    int64_t begins[10] = {0};
    for (int i = 0; i < 9; i++)
        begins[i + 1] = begins[i] + (sizes[i] + 7) / 8 * 8;
    if (!work)
        return (struct mesh_space){.used = begins[9]};
    return (struct mesh_space){
        .positions = work,
        .places = work + begins[1],
        .charge = work + begins[2],
        .gradients = work + begins[3],
        .weights = work + begins[4],
        .influence = work + begins[5],
        .share = work + begins[6],
        .along_x = (int64_t *)(void *)(work + begins[7]),
        .along_y = (int64_t *)(void *)(work + begins[8]),
        .used = begins[9],
    };
}

int64_t gd_mesh_work(const struct gd_ewald_mesh *mesh, const int64_t *shape) {
    return take(mesh, shape, 0).used;
}

int64_t gd_mesh_row_length(const struct gd_ewald_mesh *mesh, const int64_t *shape) {
    return shape[2] + (mesh->order + 3) / 4 * 4;
}

static int check(const struct gd_ewald_mesh *mesh, int precision, const int64_t *shape,
                 struct gd_where *where) {
    where->found = mesh->order;
    if (mesh->order < 4 || mesh->order > GD_MESH_MOST || mesh->order % 2)
        return GD_BAD_ARGUMENT;
    where->found = mesh->n_charges;
    if (mesh->n_atoms < 1 || mesh->n_charges < 0 || mesh->n_charges > INT32_MAX)
        return GD_BAD_ARGUMENT;
    where->found = precision;
    if (precision != GD_MIXED && precision != GD_DOUBLE)
        return GD_BAD_ARGUMENT;
    for (int c = 0; c < 3; c++) {
        where->found = shape[c];
        if (shape[c] < mesh->order || shape[c] > INT32_MAX / 2)
            return GD_BAD_ARGUMENT;
    }
    where->found = -1;
    return mesh->splitting > 0.0 ? GD_OK : GD_BAD_ARGUMENT;
}

int gd_mesh_shape(const double *box, double spacing, int64_t *shape, struct gd_where *where) {
    struct gd_lattice lattice;
    where->frame = 0;
    if (gd_lattice_open(box, &lattice) <= 0)
        return GD_NO_VOLUME;
    for (int v = 0; v < 3; v++) {
        const double *vector = lattice.vectors + 3 * v;
        const double length =
            sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]);
        /* A length that is a multiple of the spacing but for rounding counts as one. */
        const double points = ceil(length / spacing * (1.0 - 1e-12));
        if (!(points >= 1.0 && points < INT32_MAX / 2)) {
            where->found = v;
            return GD_BAD_ARGUMENT;
        }
        shape[v] = (int64_t)points;
    }
    return GD_OK;
}

static struct gd_mesh_work prepare_work(const struct gd_ewald_mesh *mesh, const int64_t *shape,
                                        const struct mesh_space *space, void *values) {
    const int64_t length = gd_mesh_row_length(mesh, shape);
    for (int64_t i = 0; i < shape[0] + GD_MESH_MOST; i++)
        space->along_x[i] = i % shape[0] * shape[1] * length;
    for (int64_t i = 0; i < shape[1] + GD_MESH_MOST; i++)
        space->along_y[i] = i % shape[1] * length;
    return (struct gd_mesh_work){
        .order = mesh->order,
        .n = GD_MESH_BLOCK * blocks_of(mesh),
        .places = space->places,
        .charge = space->charge,
        .along_x = space->along_x,
        .along_y = space->along_y,
        .last = {shape[0] - 1, shape[1] - 1, shape[2] - 1},
        .mesh = values,
        .gradients = space->gradients,
    };
}

/* Where the charges are in the mesh. */
static void put_places(const struct gd_ewald_mesh *mesh, const struct gd_lattice *lattice,
                       const int64_t *shape, const struct mesh_space *space) {
    const double *inverse = lattice->inverse;
    double factorial = 1.0;
    for (int k = 2; k < mesh->order; k++)
        factorial *= k;
    for (int64_t block = 0; block < blocks_of(mesh); block++)
        for (int lane = 0; lane < GD_MESH_BLOCK; lane++) {
            const int64_t i = GD_MESH_BLOCK * block + lane;
            double *places = space->places + 3 * GD_MESH_BLOCK * block + lane;
            /* Behind the last charge: charges of 0 at the origin. */
            space->charge[i] =
                i < mesh->n_charges ? mesh->charge[i] / (factorial * factorial * factorial) : 0.0;
            for (int v = 0; v < 3; v++)
                places[GD_MESH_BLOCK * v] = 0.0;
            if (i >= mesh->n_charges)
                continue;
            const double *x = space->positions + 3 * (int64_t)mesh->charged[i];
            for (int v = 0; v < 3; v++) {
                const double along =
                    x[0] * inverse[v] + x[1] * inverse[3 + v] + x[2] * inverse[6 + v];
                const double fraction = along >= 0.0 && along < 1.0 ? along : along - floor(along);
                places[GD_MESH_BLOCK * v] = fraction * (double)shape[v];
            }
        }
}

/* Add what splines left behind the ends of rows to their beginnings. */
static void fold_float(float *values, int64_t n_rows, int64_t n, int64_t length) {
    for (int64_t row = 0; row < n_rows; row++, values += length)
        for (int64_t k = n; k < length; k++)
            values[k % n] += values[k];
}

static void fold_double(double *values, int64_t n_rows, int64_t n, int64_t length) {
    for (int64_t row = 0; row < n_rows; row++, values += length)
        for (int64_t k = n; k < length; k++)
            values[k % n] += values[k];
}

int gd_mesh_spread(const struct gd_ewald_mesh *mesh, int precision, const void *positions, int type,
                   const double *box, const int64_t *shape, void *values, double *work,
                   struct gd_where *where) {
    struct gd_frames frames;
    struct gd_lattice lattice;
    int status = check(mesh, precision, shape, where);
    if (status == GD_OK)
        status = gd_frames_open(positions, type, 1, mesh->n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    where->frame = 0;
    if (gd_lattice_open(box, &lattice) <= 0)
        return GD_NO_VOLUME;
    const struct mesh_space space = take(mesh, shape, work);
    status = gd_frame_positions(&frames, 0, space.positions, where);
    if (status != GD_OK)
        return status;
    put_places(mesh, &lattice, shape, &space);
    const struct gd_mesh_work task = prepare_work(mesh, shape, &space, values);
    const int64_t n_rows = shape[0] * shape[1], length = gd_mesh_row_length(mesh, shape);
    const size_t number = precision == GD_MIXED ? sizeof(float) : sizeof(double);
    memset(values, 0, number * (size_t)(n_rows * length));
    gd_table()->mesh_spread[precision](&task);
    if (precision == GD_MIXED)
        fold_float(values, n_rows, shape[2], length);
    else
        fold_double(values, n_rows, shape[2], length);
    return GD_OK;
}

int gd_mesh_convolve(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                     const int64_t *shape, const double *const moduli[3], void *spectrum,
                     double *energy, double *virial, double *work, struct gd_where *where) {
    struct gd_lattice lattice;
    const int status = check(mesh, precision, shape, where);
    if (status != GD_OK)
        return status;
    where->frame = 0;
    if (gd_lattice_open(box, &lattice) <= 0)
        return GD_NO_VOLUME;
    const struct mesh_space space = take(mesh, shape, work);
    const double *inverse = lattice.inverse, *b = lattice.vectors;
    const double volume =
        fabs(b[0] * (b[4] * b[8] - b[5] * b[7]) + b[1] * (b[5] * b[6] - b[3] * b[8]) +
             b[2] * (b[3] * b[7] - b[4] * b[6]));
    double metric[9];
    for (int i = 0; i < 9; i++)
        metric[i] = inverse[i / 3] * inverse[i % 3] + inverse[3 + i / 3] * inverse[3 + i % 3] +
                    inverse[6 + i / 3] * inverse[6 + i % 3];
    struct gd_mesh_row row = {
        .n = shape[2] / 2 + 1,
        .width = M_PI * M_PI / (mesh->splitting * mesh->splitting),
        .moduli = moduli[2],
        .weights = space.weights,
        .influence = space.influence,
        .share = space.share,
    };
    for (int64_t k = 0; k < row.n; k++)
        space.weights[k] = k == 0 || 2 * k == shape[2] ? 1.0 : 2.0;
    const double factor = mesh->coulomb / (2.0 * M_PI * volume);
    const int64_t number = precision == GD_MIXED ? sizeof(float) : sizeof(double);
    /* Sums over lattice vectors h of products of their indices: xx, yy, zz, xy, xz, yz. */
    double sums[6] = {0.0};
    void (*convolve)(struct gd_mesh_row *) = gd_table()->mesh_convolve[precision];
    for (int64_t i = 0; i < shape[0]; i++) {
        const double x = (double)(2 * i <= shape[0] ? i : i - shape[0]);
        for (int64_t j = 0; j < shape[1]; j++) {
            const double y = (double)(2 * j <= shape[1] ? j : j - shape[1]);
            row.numbers = (char *)spectrum + 2 * number * row.n * (shape[1] * i + j);
            row.square[0] = x * (x * metric[0] + 2.0 * y * metric[1]) + y * y * metric[4];
            row.square[1] = 2.0 * (x * metric[2] + y * metric[5]);
            row.square[2] = metric[8];
            for (int k = 0; k < 3; k++)
                row.exponent[k] = -row.width * M_LOG2E * row.square[k];
            row.factor = factor * moduli[0][i] * moduli[1][j];
            row.with_origin = i == 0 && j == 0;
            convolve(&row);
            sums[0] += x * x * row.moments[0];
            sums[1] += y * y * row.moments[0];
            sums[2] += row.moments[2];
            sums[3] += x * y * row.moments[0];
            sums[4] += x * row.moments[1];
            sums[5] += y * row.moments[1];
        }
    }
    static const int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
    *energy = row.energy;
    for (int c = 0; c < 3; c++)
        for (int d = 0; d < 3; d++) {
            double sum = c == d ? -row.energy : 0.0;
            for (int i = 0; i < 9; i++)
                sum += inverse[3 * c + i / 3] * sums[place[i]] * inverse[3 * d + i % 3];
            virial[3 * c + d] = 0.5 * sum;
        }
    return GD_OK;
}

int gd_mesh_gather(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                   const int64_t *shape, const void *potential, void *values, double *forces,
                   double *work, struct gd_where *where) {
    struct gd_lattice lattice;
    const int status = check(mesh, precision, shape, where);
    if (status != GD_OK)
        return status;
    where->frame = 0;
    if (gd_lattice_open(box, &lattice) <= 0)
        return GD_NO_VOLUME;
    const struct mesh_space space = take(mesh, shape, work);
    const struct gd_mesh_work task = prepare_work(mesh, shape, &space, values);
    const int64_t n = shape[2], length = gd_mesh_row_length(mesh, shape);
    const int64_t number = precision == GD_MIXED ? sizeof(float) : sizeof(double);
    for (int64_t row = 0; row < shape[0] * shape[1]; row++) {
        const char *from = (const char *)potential + number * n * row;
        char *to = (char *)values + number * length * row;
        memcpy(to, from, (size_t)(number * n));
        for (int64_t begin = n; begin < length; begin += n) {
            const int64_t left = length - begin < n ? length - begin : n;
            memcpy(to + number * begin, from, (size_t)(number * left));
        }
    }
    gd_table()->mesh_gather[precision](&task);
    double to_nm[9];
    for (int i = 0; i < 9; i++)
        to_nm[i] = -lattice.inverse[i] * (double)shape[i % 3];
    for (int64_t i = 0; i < mesh->n_charges; i++) {
        const double *gradient =
            space.gradients + 3 * (i / GD_MESH_BLOCK) * GD_MESH_BLOCK + i % GD_MESH_BLOCK;
        double *force = forces + 3 * (int64_t)mesh->charged[i];
        for (int c = 0; c < 3; c++)
            force[c] += to_nm[3 * c] * gradient[0] + to_nm[3 * c + 1] * gradient[GD_MESH_BLOCK] +
                        to_nm[3 * c + 2] * gradient[2 * GD_MESH_BLOCK];
    }
    return GD_OK;
}
