/* Finding the units that are near each other, for one precision: by bounding boxes, by distance
 * and, where single precision cannot tell, by another look in double. Included by row_of_type.h,
 * which says what the macros are. */

/* A difference of coordinates in nm. */
static inline void OF_TYPE(to_nm)(const REAL *matrix, int rectangular, const OF_TYPE(v) * d,
                                  OF_TYPE(v) * out) {
    if (rectangular) {
        UNROLL for (int c = 0; c < 3; c++) out[c] = V(mul)(d[c], V(set1)(matrix[4 * c]));
        return;
    }
    UNROLL for (int c = 0; c < 3; c++) {
        const OF_TYPE(v) along = V(mul)(d[0], V(set1)(matrix[c]));
        out[c] = V(fma)(d[2], V(set1)(matrix[6 + c]), V(fma)(d[1], V(set1)(matrix[3 + c]), along));
    }
}

/* What stays the same along a row. */
struct OF_TYPE(constants) {
    REAL matrix[9];
    OF_TYPE(v) reach2;
    OF_TYPE(v) widest, narrowest; /* within these, mixed precision cannot decide */
    OF_TYPE(v) splitting, splitting2;
    OF_TYPE(v) charge_scale2, twelve, six;
    double scale6;
};

static inline void OF_TYPE(set_constants)(const struct gd_row_settings *settings,
                                          struct OF_TYPE(constants) * all) {
    const double scale2 = V(scale) * V(scale);
    for (int i = 0; i < 9; i++)
        all->matrix[i] = (REAL)settings->matrix[i];
    all->reach2 = V(set1)((REAL)settings->reach2);
    all->widest = V(set1)((REAL)(settings->cutoff2 * (1.0 + settings->near_cutoff)));
    all->narrowest = V(set1)((REAL)(settings->cutoff2 * (1.0 - settings->near_cutoff)));
    all->splitting = V(set1)((REAL)(settings->ewald / V(scale)));
    all->splitting2 = V(set1)((REAL)(settings->ewald * settings->ewald));
    all->charge_scale2 = V(set1)((REAL)scale2);
    all->twelve = V(set1)((REAL)(12.0 / scale2));
    all->six = V(set1)((REAL)(-6.0 / scale2));
    all->scale6 = scale2 * scale2 * scale2;
}

/* Which units of cluster a may have partners in cluster b, going by b's bounding box. */
static inline uint32_t OF_TYPE(candidates)(const struct gd_row *row, const COORD *points,
                                           int64_t cluster) {
    const struct gd_row_settings *settings = row->settings;
    const COORD *center = (const COORD *)row->b->center + 3 * cluster;
    const REAL *half = (const REAL *)row->b->half + 3 * cluster;
    const OF_TYPE(v) reach2 = V(set1)((REAL)(settings->reach * settings->reach));
    uint32_t bits = 0;
    for (int first = 0; first < GD_CLUSTER; first += LANES) {
        OF_TYPE(v) square = V(zero)();
        for (int c = 0; c < 3; c++) {
            const OF_TYPE(v) d =
                DIFFERENCE(VC_LOAD(points + GD_CLUSTER * c + first), VC_SET1(center[c]));
            OF_TYPE(v) gap = V(sub)(V(abs)(d), V(set1)(half[c]));
            gap = V(mul)(V(max)(gap, V(zero)()), V(set1)((REAL)settings->heights[c]));
            const OF_TYPE(v) gap2 = V(mul)(gap, gap);
            square = settings->rectangular ? V(add)(square, gap2) : V(max)(square, gap2);
        }
        bits |= V(bits)(V(at_most)(square, reach2)) << first;
    }
    return bits & ((1u << row->n_units) - 1);
}

#if IS_MIXED
/* Decide in double, where single precision cannot tell, which units are within the cutoff: their
 * reference points, or with a cutoff between sites their sites s and t. */
static __attribute__((noinline)) uint32_t OF_TYPE(look_again)(const struct gd_row *row, int i,
                                                              int s, int64_t cluster, int first,
                                                              int t, uint32_t sure,
                                                              uint32_t doubtful) {
    const struct gd_row_settings *settings = row->settings;
    const double *a = row->a->fractions + row->a->fraction_stride * row->cluster + GD_BLOCK * s + i;
    const double *b = row->b->fractions + row->b->fraction_stride * cluster + GD_BLOCK * t + first;
    for (int lane = 0; lane < LANES; lane++) {
        if (!(doubtful >> lane & 1))
            continue;
        double d[3], square = 0.0;
        for (int c = 0; c < 3; c++) {
            d[c] = a[GD_CLUSTER * c] - b[GD_CLUSTER * c + lane];
            d[c] -= __builtin_rint(d[c]);
        }
        for (int c = 0; c < 3; c++) {
            const double *box = settings->vectors + c;
            const double x = d[0] * box[0] + d[1] * box[3] + d[2] * box[6];
            square += x * x;
        }
        if (square <= settings->cutoff2)
            sure |= 1u << lane;
    }
    return sure;
}
#endif

/* Find the units of a, out of candidates, that are near units of b: returns how many. Which these
 * are is known before anything is computed, for then no branch decides what to compute. */
static inline __attribute__((always_inline)) int OF_TYPE(find_near)(
    const struct gd_row *row, const struct row_kind kind, const struct OF_TYPE(constants) * all,
    uint32_t candidates, const uint16_t *allowed, int64_t cluster, int first, const COORD *points_a,
    REAL local_a[3][GD_CLUSTER], const OF_TYPE(v) * local_b, int *near, uint32_t *near_bits) {
    const COORD *points_b = (const COORD *)row->b->points + row->b->point_stride * cluster + first;
    const int between_sites = kind.cutoff == GD_BETWEEN_SITES;
    int n_near = 0;
    for (uint32_t left = candidates; left; left &= left - 1) {
        const int i = __builtin_ctz(left);
        OF_TYPE(v) d[3], point[3];
        if (kind.local) {
            UNROLL for (int c = 0; c < 3; c++) point[c] =
                V(sub)(V(set1)(local_a[c][i]), local_b[c]);
        } else {
            UNROLL for (int c = 0; c < 3; c++) d[c] = DIFFERENCE(
                VC_SET1(points_a[GD_CLUSTER * c + i]), VC_LOAD(points_b + GD_CLUSTER * c));
            OF_TYPE(to_nm)(all->matrix, kind.rectangular, d, point);
        }
        const OF_TYPE(v) between =
            V(fma)(point[2], point[2], V(fma)(point[1], point[1], V(mul)(point[0], point[0])));
        uint32_t bits = V(bits)(V(at_most)(between, between_sites ? all->reach2 : all->widest));
#if IS_MIXED
        const uint32_t sure = between_sites ? bits : V(bits)(V(at_most)(between, all->narrowest));
        if (__builtin_expect(bits != sure, 0))
            bits = OF_TYPE(look_again)(row, i, 0, cluster, first, 0, sure, bits ^ sure);
#endif
        if (allowed)
            bits &= (uint32_t)allowed[i] >> first;
        near[n_near] = i;
        near_bits[n_near] = bits;
        n_near += bits != 0;
    }
    return n_near;
}
