/* Splines on a mesh for one precision. Before including: REAL, the type of the mesh; OF_TYPE(name),
 * names. */

typedef REAL OF_TYPE(quad) __attribute__((vector_size(4 * sizeof(REAL))));

static inline double OF_TYPE(sum)(const OF_TYPE(quad) * a) {
    return (double)(((*a)[0] + (*a)[1]) + ((*a)[2] + (*a)[3]));
}

struct OF_TYPE(splines) {
    REAL weights[3][GD_MESH_MOST][GD_MESH_BLOCK];
    REAL slopes[3][GD_MESH_MOST][GD_MESH_BLOCK];
    int32_t points[3][GD_MESH_BLOCK]; /* the first point of each spline */
};

/* The k-th four values of the i-th spline; behind its last point zeros. */
static inline void OF_TYPE(four_points)(REAL values[][GD_MESH_BLOCK], int k, const int order, int i,
                                        OF_TYPE(quad) * four) {
    REAL lanes[4];
    UNROLL for (int j = 0; j < 4; j++) lanes[j] =
        4 * k + j < order ? values[4 * k + j][i] : (REAL)0.0;
    memcpy(four, lanes, sizeof lanes);
}

/* The values of cardinal B-splines at the points they reach, and their derivatives, by the
 * recursion of orders (Essmann et al., eq. 4.1) without its divisors: (order - 1)! is in the
 * charges. */
static inline __attribute__((always_inline)) void
OF_TYPE(make_splines)(const struct gd_mesh_work *work, int64_t block, const int order,
                      const int with_slopes, struct OF_TYPE(splines) * splines) {
    for (int c = 0; c < 3; c++) {
        const double *places = work->places + (3 * block + c) * GD_MESH_BLOCK;
        const int32_t last = (int32_t)work->last[c];
        REAL(*weights)[GD_MESH_BLOCK] = splines->weights[c];
        REAL t[GD_MESH_BLOCK];
        for (int i = 0; i < GD_MESH_BLOCK; i++) {
            int32_t point = (int32_t)places[i];
            point = point < last ? point : last;
            splines->points[c][i] = point;
            t[i] = (REAL)(places[i] - (double)point);
            weights[0][i] = (REAL)1.0 - t[i];
            weights[1][i] = t[i];
        }
        UNROLL for (int k = 3; k <= order; k++) {
            const REAL before = (REAL)(k - 1);
            if (k == order && with_slopes)
                for (int i = 0; i < GD_MESH_BLOCK; i++) {
                    splines->slopes[c][0][i] = -before * weights[0][i];
                    UNROLL for (int j = 1; j < order - 1; j++) splines->slopes[c][j][i] =
                        before * (weights[j - 1][i] - weights[j][i]);
                    splines->slopes[c][order - 1][i] = before * weights[order - 2][i];
                }
            for (int i = 0; i < GD_MESH_BLOCK; i++) {
                weights[k - 1][i] = t[i] * weights[k - 2][i];
                UNROLL for (int j = k - 2; j > 0; j--) weights[j][i] =
                    (t[i] + (REAL)(k - 1 - j)) * weights[j - 1][i] +
                    ((REAL)(j + 1) - t[i]) * weights[j][i];
                weights[0][i] = ((REAL)1.0 - t[i]) * weights[0][i];
            }
        }
    }
}

static inline __attribute__((always_inline)) void OF_TYPE(spread)(const struct gd_mesh_work *work,
                                                                  const int order) {
    enum { MOST_QUADS = GD_MESH_MOST / 4 };
    const int n_quads = (order + 3) / 4;
    REAL *mesh = work->mesh;
    struct OF_TYPE(splines) splines;
    for (int64_t block = 0; block < work->n / GD_MESH_BLOCK; block++) {
        OF_TYPE(make_splines)(work, block, order, 0, &splines);
        for (int i = 0; i < GD_MESH_BLOCK; i++) {
            const REAL charge = (REAL)work->charge[GD_MESH_BLOCK * block + i];
            const int64_t *along_x = work->along_x + splines.points[0][i];
            const int64_t *along_y = work->along_y + splines.points[1][i];
            OF_TYPE(quad) z[MOST_QUADS];
            UNROLL for (int k = 0; k < n_quads; k++)
                OF_TYPE(four_points)(splines.weights[2], k, order, i, z + k);
            for (int a = 0; a < order; a++) {
                REAL *plane = mesh + along_x[a] + splines.points[2][i];
                const REAL of_plane = charge * splines.weights[0][a][i];
                UNROLL for (int b = 0; b < order; b++) {
                    REAL *row = plane + along_y[b];
                    const REAL of_row = of_plane * splines.weights[1][b][i];
                    UNROLL for (int k = 0; k < n_quads; k++) {
                        OF_TYPE(quad) sum;
                        memcpy(&sum, row + 4 * k, sizeof sum);
                        sum += of_row * z[k];
                        memcpy(row + 4 * k, &sum, sizeof sum);
                    }
                }
            }
        }
    }
}

static inline __attribute__((always_inline)) void OF_TYPE(gather)(const struct gd_mesh_work *work,
                                                                  const int order) {
    enum { MOST_QUADS = GD_MESH_MOST / 4 };
    const int n_quads = (order + 3) / 4;
    const REAL *mesh = work->mesh;
    struct OF_TYPE(splines) splines;
    for (int64_t block = 0; block < work->n / GD_MESH_BLOCK; block++) {
        double *gradients = work->gradients + 3 * block * GD_MESH_BLOCK;
        OF_TYPE(make_splines)(work, block, order, 1, &splines);
        for (int i = 0; i < GD_MESH_BLOCK; i++) {
            const double charge = work->charge[GD_MESH_BLOCK * block + i];
            const int64_t *along_x = work->along_x + splines.points[0][i];
            const int64_t *along_y = work->along_y + splines.points[1][i];
            OF_TYPE(quad) value[MOST_QUADS], by_x[MOST_QUADS], by_y[MOST_QUADS];
            UNROLL for (int k = 0; k < n_quads; k++) value[k] = by_x[k] = by_y[k] =
                (OF_TYPE(quad)){(REAL)0.0};
            for (int a = 0; a < order; a++) {
                const REAL *plane = mesh + along_x[a] + splines.points[2][i];
                const REAL weight = splines.weights[0][a][i], slope = splines.slopes[0][a][i];
                UNROLL for (int b = 0; b < order; b++) {
                    const REAL *row = plane + along_y[b];
                    const REAL weight_y = splines.weights[1][b][i];
                    const REAL both = weight * weight_y, slope_x = slope * weight_y,
                               slope_y = weight * splines.slopes[1][b][i];
                    UNROLL for (int k = 0; k < n_quads; k++) {
                        OF_TYPE(quad) potential;
                        memcpy(&potential, row + 4 * k, sizeof potential);
                        value[k] += both * potential;
                        by_x[k] += slope_x * potential;
                        by_y[k] += slope_y * potential;
                    }
                }
            }
            double sums[3] = {0.0, 0.0, 0.0};
            UNROLL for (int k = 0; k < n_quads; k++) {
                OF_TYPE(quad) z, slopes;
                OF_TYPE(four_points)(splines.weights[2], k, order, i, &z);
                OF_TYPE(four_points)(splines.slopes[2], k, order, i, &slopes);
                const OF_TYPE(quad) along_x_sum = by_x[k] * z, along_y_sum = by_y[k] * z,
                                    along_z_sum = value[k] * slopes;
                sums[0] += OF_TYPE(sum)(&along_x_sum);
                sums[1] += OF_TYPE(sum)(&along_y_sum);
                sums[2] += OF_TYPE(sum)(&along_z_sum);
            }
            for (int c = 0; c < 3; c++)
                gradients[GD_MESH_BLOCK * c + i] = charge * sums[c];
        }
    }
}

void GD_NAME(OF_TYPE(mesh_spread))(const struct gd_mesh_work *work) {
    switch (work->order) {
    case 4:
        OF_TYPE(spread)(work, 4);
        break;
    case 6:
        OF_TYPE(spread)(work, 6);
        break;
    case 8:
        OF_TYPE(spread)(work, 8);
        break;
    case 10:
        OF_TYPE(spread)(work, 10);
        break;
    default:
        OF_TYPE(spread)(work, 12);
    }
}

void GD_NAME(OF_TYPE(mesh_gather))(const struct gd_mesh_work *work) {
    switch (work->order) {
    case 4:
        OF_TYPE(gather)(work, 4);
        break;
    case 6:
        OF_TYPE(gather)(work, 6);
        break;
    case 8:
        OF_TYPE(gather)(work, 8);
        break;
    case 10:
        OF_TYPE(gather)(work, 10);
        break;
    default:
        OF_TYPE(gather)(work, 12);
    }
}

/* Multiply a row of the transformed mesh with the influence function; sum energy and virial. */
void GD_NAME(OF_TYPE(mesh_convolve))(struct gd_mesh_row *row) {
    enum { LANES = 8 };
    const int64_t n = row->n;
    REAL *numbers = row->numbers;
    double *influence = row->influence, *share = row->share;
    const double *exponent = row->exponent, *square = row->square, *weights = row->weights;
    const double factor = row->factor, width = row->width;
    for (int64_t k = 0; k < n; k++) {
        const double along = (double)k;
        const double m2 = square[0] + along * (square[1] + along * square[2]);
        const double inverse = 1.0 / m2;
        influence[k] = factor * row->moduli[k] * inverse *
                       power_of_two(exponent[0] + along * (exponent[1] + along * exponent[2]));
        share[k] = 2.0 * (inverse + width);
    }
    if (row->with_origin)
        influence[0] = share[0] = 0.0;
    for (int64_t k = 0; k < n; k++) {
        const double real = (double)numbers[2 * k], imaginary = (double)numbers[2 * k + 1];
        const double of_potential = 2.0 * influence[k];
        numbers[2 * k] = (REAL)(of_potential * real);
        numbers[2 * k + 1] = (REAL)(of_potential * imaginary);
        influence[k] *= weights[k] * (real * real + imaginary * imaginary);
    }
    double sums[4][LANES] = {{0.0}};
    for (int64_t k = 0; k < n; k += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const int64_t here = k + lane;
            const double along = (double)here;
            const double energy = here < n ? influence[here] : 0.0;
            const double of_virial = here < n ? energy * share[here] : 0.0;
            sums[0][lane] += energy;
            sums[1][lane] += of_virial;
            sums[2][lane] += of_virial * along;
            sums[3][lane] += of_virial * along * along;
        }
    for (int s = 0; s < 4; s++)
        for (int width_left = LANES / 2; width_left; width_left /= 2)
            for (int lane = 0; lane < width_left; lane++)
                sums[s][lane] += sums[s][lane + width_left];
    row->energy += sums[0][0];
    for (int s = 0; s < 3; s++)
        row->moments[s] = sums[s + 1][0];
}
