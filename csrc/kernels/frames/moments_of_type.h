/* Sums of coordinates and of their products. Included by sums.c once for each kind of frame:
 * NUMBER, LOAD (to doubles), CENTERED (relative to a pivot, or not), ADD_PRODUCT, WEIGHTED (whether
 * there may be weights), TOGETHER (vectors a pass), OF_TYPE (its name). What a piece adds up to is
 * added to `sums`: errors grow with the atoms of a piece and the number of pieces, not of atoms. */

INLINE void OF_TYPE(fit)(const NUMBER *x, int64_t groups, const double *pivot,
                         const double *permuted, const double *weights, int weighted,
                         const char *near, const char *far, double *sums) {
    for (int from = 0; from < GD_GROUP; from += PASS) {
        vd origin[TOGETHER], sum[TOGETHER], square[TOGETHER], p0[TOGETHER], p1[TOGETHER],
            p2[TOGETHER];
        EACH(j) {
            const int lane = from + j * GD_LANES;
            origin[j] = vd_load(pivot + lane);
            sum[j] = vd_zero();
            square[j] = vd_zero();
            p0[j] = vd_zero();
            p1[j] = vd_zero();
            p2[j] = vd_zero();
        }
        const NUMBER *at = x + from;
        const double *r = permuted + from, *w = weights + (weighted ? from : 0);
        for (int64_t group = 0; group < groups; group++) {
            if (from == 0)
                FETCH(group);
            EACH(j) {
                const int lane = j * GD_LANES;
                const vd v = CENTERED(LOAD(at + lane), origin[j]);
                const vd u = weighted ? vd_mul(v, vd_load(w + lane)) : v;
                sum[j] = vd_add(sum[j], u);
                square[j] = ADD_PRODUCT(square[j], u, v);
                p0[j] = ADD_PRODUCT(p0[j], u, vd_load(r + lane));
                p1[j] = ADD_PRODUCT(p1[j], u, vd_load(r + GD_GROUP + lane));
                p2[j] = ADD_PRODUCT(p2[j], u, vd_load(r + 2 * GD_GROUP + lane));
            }
            at += GD_GROUP;
            r += GD_PERMUTED;
            w += weighted ? GD_GROUP : 0;
        }
        EACH(j) {
            const int lane = from + j * GD_LANES;
            vd_add_to(sums + lane, sum[j]);
            vd_add_to(sums + GD_GROUP + lane, square[j]);
            vd_add_to(sums + 2 * GD_GROUP + lane, p0[j]);
            vd_add_to(sums + 3 * GD_GROUP + lane, p1[j]);
            vd_add_to(sums + 4 * GD_GROUP + lane, p2[j]);
        }
    }
}

void OF_TYPE(fit_sums)(const void *x, int64_t groups, const double *pivot, const double *permuted,
                       const double *weights, const char *near, const char *far, double *sums) {
    if (weights && WEIGHTED)
        OF_TYPE(fit)(x, groups, pivot, permuted, weights, 1, near, far, sums);
    else
        OF_TYPE(fit)(x, groups, pivot, permuted, permuted, 0, near, far, sums);
}

INLINE void OF_TYPE(spread)(const NUMBER *x, int64_t groups, const double *pivot,
                            const double *weights, int weighted, const char *near, const char *far,
                            double *sums) {
    for (int from = 0; from < GD_GROUP; from += PASS) {
        vd origin[TOGETHER], sum[TOGETHER], square[TOGETHER];
        EACH(j) {
            const int lane = from + j * GD_LANES;
            origin[j] = vd_load(pivot + lane);
            sum[j] = vd_zero();
            square[j] = vd_zero();
        }
        for (int64_t group = 0; group < groups; group++) {
            if (from == 0)
                FETCH(group);
            EACH(j) {
                const int64_t lane = GD_GROUP * group + from + j * GD_LANES;
                const vd v = CENTERED(LOAD(x + lane), origin[j]);
                const vd u = weighted ? vd_mul(v, vd_load(weights + lane)) : v;
                sum[j] = vd_add(sum[j], u);
                square[j] = ADD_PRODUCT(square[j], u, v);
            }
        }
        EACH(j) {
            const int lane = from + j * GD_LANES;
            vd_add_to(sums + lane, sum[j]);
            vd_add_to(sums + GD_GROUP + lane, square[j]);
        }
    }
}

void OF_TYPE(spread_sums)(const void *x, int64_t groups, const double *pivot, const double *weights,
                          const char *near, const char *far, double *sums) {
    if (weights && WEIGHTED)
        OF_TYPE(spread)(x, groups, pivot, weights, 1, near, far, sums);
    else
        OF_TYPE(spread)(x, groups, pivot, pivot, 0, near, far, sums);
}

/* Products of different components meet by loading one and two numbers further on: lane x finds y
 * and z, lane y finds z; what the other lanes find belongs to the next atom and is never used.
 * `pivot` goes on for two lanes, and two numbers after the last group are readable. */
INLINE void OF_TYPE(tensor)(const NUMBER *x, int64_t groups, const double *pivot,
                            const double *weights, int weighted, const char *near, const char *far,
                            double *sums) {
    for (int from = 0; from < GD_GROUP; from += PASS) {
        vd origin[3][TOGETHER], sum[TOGETHER], square[TOGETHER], next[TOGETHER], second[TOGETHER];
        EACH(j) {
            const int lane = from + j * GD_LANES;
            origin[0][j] = vd_load(pivot + lane);
            origin[1][j] = vd_load(pivot + lane + 1);
            origin[2][j] = vd_load(pivot + lane + 2);
            sum[j] = vd_zero();
            square[j] = vd_zero();
            next[j] = vd_zero();
            second[j] = vd_zero();
        }
        for (int64_t group = 0; group < groups; group++) {
            if (from == 0)
                FETCH(group);
            EACH(j) {
                const int64_t lane = GD_GROUP * group + from + j * GD_LANES;
                const vd v = CENTERED(LOAD(x + lane), origin[0][j]);
                const vd v1 = CENTERED(LOAD(x + lane + 1), origin[1][j]);
                const vd v2 = CENTERED(LOAD(x + lane + 2), origin[2][j]);
                const vd u = weighted ? vd_mul(v, vd_load(weights + lane)) : v;
                sum[j] = vd_add(sum[j], u);
                square[j] = ADD_PRODUCT(square[j], u, v);
                next[j] = ADD_PRODUCT(next[j], u, v1);
                second[j] = ADD_PRODUCT(second[j], u, v2);
            }
        }
        EACH(j) {
            const int lane = from + j * GD_LANES;
            vd_add_to(sums + lane, sum[j]);
            vd_add_to(sums + GD_GROUP + lane, square[j]);
            vd_add_to(sums + 2 * GD_GROUP + lane, next[j]);
            vd_add_to(sums + 3 * GD_GROUP + lane, second[j]);
        }
    }
}

void OF_TYPE(tensor_sums)(const void *x, int64_t groups, const double *pivot, const double *weights,
                          const char *near, const char *far, double *sums) {
    if (weights && WEIGHTED)
        OF_TYPE(tensor)(x, groups, pivot, weights, 1, near, far, sums);
    else
        OF_TYPE(tensor)(x, groups, pivot, pivot, 0, near, far, sums);
}
