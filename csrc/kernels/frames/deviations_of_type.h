/* Sums of differences, and what moves atoms. Included by sums.c once for each type of number:
 * NUMBER, LOAD (to doubles), OF_TYPE (its name). `sums` is read and added to, so that a frame can
 * be summed piece by piece. */

INLINE void OF_TYPE(residual)(const NUMBER *x, int64_t groups, const double *center,
                              const double *coefficients, const double *permuted,
                              const double *weights, int weighted, const char *near,
                              const char *far, double *sums) {
    for (int from = 0; from < GD_GROUP; from += PASS) {
        vd origin[TOGETHER], c0[TOGETHER], c1[TOGETHER], c2[TOGETHER], sum[TOGETHER];
        EACH(j) {
            const int lane = from + j * GD_LANES;
            origin[j] = vd_load(center + lane);
            c0[j] = vd_load(coefficients + lane);
            c1[j] = vd_load(coefficients + GD_GROUP + lane);
            c2[j] = vd_load(coefficients + 2 * GD_GROUP + lane);
            sum[j] = vd_load(sums + lane);
        }
        const NUMBER *at = x + from;
        const double *r = permuted + from, *w = weights + (weighted ? from : 0);
        for (int64_t group = 0; group < groups; group++) {
            if (from == 0)
                FETCH(group);
            EACH(j) {
                const int lane = j * GD_LANES;
                vd e = vd_sub(LOAD(at + lane), origin[j]);
                e = vd_sub(e, vd_mul(c0[j], vd_load(r + lane)));
                e = vd_sub(e, vd_mul(c1[j], vd_load(r + GD_GROUP + lane)));
                e = vd_sub(e, vd_mul(c2[j], vd_load(r + 2 * GD_GROUP + lane)));
                const vd u = weighted ? vd_mul(e, vd_load(w + lane)) : e;
                sum[j] = vd_add(sum[j], vd_mul(u, e));
            }
            at += GD_GROUP;
            r += GD_PERMUTED;
            w += weighted ? GD_GROUP : 0;
        }
        EACH(j) vd_store(sums + from + j * GD_LANES, sum[j]);
    }
}

void OF_TYPE(residual_sums)(const void *x, int64_t groups, const double *center,
                            const double *coefficients, const double *permuted,
                            const double *weights, const char *near, const char *far,
                            double *sums) {
    if (weights)
        OF_TYPE(residual)(x, groups, center, coefficients, permuted, weights, 1, near, far, sums);
    else
        OF_TYPE(residual)(x, groups, center, coefficients, permuted, permuted, 0, near, far, sums);
}

INLINE void OF_TYPE(difference)(const NUMBER *x, int64_t groups, const double *reference,
                                const double *weights, int weighted, const char *near,
                                const char *far, double *sums) {
    for (int from = 0; from < GD_GROUP; from += PASS) {
        vd sum[TOGETHER];
        EACH(j) sum[j] = vd_load(sums + from + j * GD_LANES);
        for (int64_t group = 0; group < groups; group++) {
            if (from == 0)
                FETCH(group);
            EACH(j) {
                const int64_t lane = GD_GROUP * group + from + j * GD_LANES;
                const vd d = vd_sub(LOAD(x + lane), vd_load(reference + lane));
                const vd u = weighted ? vd_mul(d, vd_load(weights + lane)) : d;
                sum[j] = vd_add(sum[j], vd_mul(u, d));
            }
        }
        EACH(j) vd_store(sums + from + j * GD_LANES, sum[j]);
    }
}

void OF_TYPE(difference_sums)(const void *x, int64_t groups, const double *reference,
                              const double *weights, const char *near, const char *far,
                              double *sums) {
    if (weights)
        OF_TYPE(difference)(x, groups, reference, weights, 1, near, far, sums);
    else
        OF_TYPE(difference)(x, groups, reference, reference, 0, near, far, sums);
}

/* Each number is computed on its own, here and below, so the compiler's vectors change no bit. */
void OF_TYPE(fluctuation_sums)(const void *positions, int64_t n_atoms, const double *rotation,
                               const double *translation, double weight, const char *near,
                               struct gd_fluctuations_of_tile *tile) {
    const NUMBER *restrict x = positions;
    struct gd_fluctuations_of_tile *restrict t = tile;
    const double r0 = rotation[0], r1 = rotation[1], r2 = rotation[2], r3 = rotation[3],
                 r4 = rotation[4], r5 = rotation[5], r6 = rotation[6], r7 = rotation[7],
                 r8 = rotation[8];
    const double t0 = translation[0], t1 = translation[1], t2 = translation[2];
    for (size_t byte = 0; byte < 3 * sizeof(NUMBER) * (size_t)n_atoms; byte += 64)
        __builtin_prefetch(near + byte, 0, 3);
    for (int64_t i = 0; i < n_atoms; i++) {
        const double a = x[3 * i], b = x[3 * i + 1], c = x[3 * i + 2];
        const double d0 = (((r0 * a + r1 * b) + r2 * c) + t0) - t->pivot[0][i];
        const double d1 = (((r3 * a + r4 * b) + r5 * c) + t1) - t->pivot[1][i];
        const double d2 = (((r6 * a + r7 * b) + r8 * c) + t2) - t->pivot[2][i];
        t->sums[0][i] += weight * d0;
        t->sums[1][i] += weight * d1;
        t->sums[2][i] += weight * d2;
        t->squares[i] += weight * ((d0 * d0 + d1 * d1) + d2 * d2);
    }
}

void OF_TYPE(transform)(const void *positions, int64_t n_atoms, const double *rotation,
                        const double *translation, void *out) {
    const NUMBER *restrict x = positions;
    NUMBER *restrict y = out;
    const double r0 = rotation[0], r1 = rotation[1], r2 = rotation[2], r3 = rotation[3],
                 r4 = rotation[4], r5 = rotation[5], r6 = rotation[6], r7 = rotation[7],
                 r8 = rotation[8];
    const double t0 = translation[0], t1 = translation[1], t2 = translation[2];
    for (int64_t i = 0; i < n_atoms; i++) {
        const double a = x[3 * i], b = x[3 * i + 1], c = x[3 * i + 2];
        y[3 * i] = (NUMBER)(r0 * a + r1 * b + r2 * c + t0);
        y[3 * i + 1] = (NUMBER)(r3 * a + r4 * b + r5 * c + t1);
        y[3 * i + 2] = (NUMBER)(r6 * a + r7 * b + r8 * c + t2);
    }
}
