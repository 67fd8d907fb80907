/* The inner loops of non-bonded interactions for one precision. Before including:
 *   REAL, V(name), LANES       the type of the arithmetic, its vector operations and width
 *   COORD, VC, VC_LOAD, VC_SET1, DIFFERENCE   coordinates, and the difference of two in fractions
 *   IS_MIXED                   coordinates are integers, pairs near the cutoff need another look
 *   IS_EWALD                   Coulomb's interaction is the real-space part of an Ewald sum
 *   OF_TYPE(name)              names */

#define UNROLL _Pragma("GCC unroll 8")

/* A loop over sites: unrolled where their number is known when this is compiled, and only there. */
#define FOR_SITES(s, n, ...)                                                                       \
    if (kind.is_fixed)                                                                             \
    UNROLL for (int s = 0; s < (n); s++) __VA_ARGS__ else for (int s = 0; s < (n); s++) __VA_ARGS__

/* Of a pair of sites. */
struct OF_TYPE(parameters) {
    REAL charges;
    REAL field; /* charges times the reaction field's force term, or Ewald's 2 alpha / sqrt(pi) */
    REAL constant; /* charges times the reaction field's energy term, twice */
    REAL c6;
    REAL c12;
};

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

#if IS_EWALD
/* erfc(y) and exp(-y^2); see erfc_coefficients.py. */
static inline OF_TYPE(v) OF_TYPE(erfc)(OF_TYPE(v) y, OF_TYPE(v) y2, OF_TYPE(v) * gaussian) {
    enum {
        N_ERFC = sizeof ERFC(coefficients) / sizeof(REAL),
        N_POWER = sizeof POWER(coefficients) / sizeof(REAL)
    };
    const OF_TYPE(v) n = V(round)(V(mul)(y2, V(set1)((REAL)-1.4426950408889634)));
    OF_TYPE(v) rest = V(fnma)(y2, V(set1)((REAL)1.4426950408889634), V(sub)(V(zero)(), n));
#if !IS_MIXED
    /* What the constant is short of log2(e). */
    rest = V(fnma)(y2, V(set1)((REAL)2.0355273740931033e-17), rest);
#endif
    OF_TYPE(v) power = V(set1)(POWER(coefficients)[N_POWER - 1]);
    UNROLL for (int k = N_POWER - 2; k >= 0; k--) power =
        V(fma)(power, rest, V(set1)(POWER(coefficients)[k]));
    *gaussian = V(times_power)(power, n);
    const OF_TYPE(v) one = V(set1)((REAL)1.0);
    const OF_TYPE(v) t = V(divide)(one, V(fma)(y, V(set1)(ERFC(argument)), one));
    OF_TYPE(v) sum = V(set1)(ERFC(coefficients)[N_ERFC - 1]);
    UNROLL for (int k = N_ERFC - 2; k >= 0; k--) sum =
        V(fma)(sum, t, V(set1)(ERFC(coefficients)[k]));
    return V(mul)(V(mul)(sum, t), *gaussian);
}
#endif

/* Where 16 units or as many lanes are, going from the middle of a cluster, in nm. */
static inline void OF_TYPE(from_middle)(const REAL *matrix, int rectangular, const COORD *middle,
                                        const COORD *places, OF_TYPE(v) * xyz) {
    OF_TYPE(v) d[3];
    UNROLL for (int c = 0; c < 3; c++) d[c] =
        DIFFERENCE(VC_LOAD(places + GD_CLUSTER * c), VC_SET1(middle[c]));
    OF_TYPE(to_nm)(matrix, rectangular, d, xyz);
}

static inline void OF_TYPE(add_products)(const OF_TYPE(v) * r, const OF_TYPE(v) * f,
                                         OF_TYPE(v) * sums) {
    UNROLL for (int c = 0; c < 3; c++) sums[c] = V(fma)(r[c], f[c], sums[c]);
    sums[3] = V(fma)(r[0], f[1], sums[3]);
    sums[4] = V(fma)(r[0], f[2], sums[4]);
    sums[5] = V(fma)(r[1], f[2], sums[5]);
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

/* What stays the same along a row. */
struct OF_TYPE(constants) {
    REAL matrix[9];
    OF_TYPE(v) reach2;
    OF_TYPE(v) widest, narrowest; /* within these, mixed precision cannot decide */
    OF_TYPE(v) splitting, splitting2;
    OF_TYPE(v) charge_scale2, twelve, six;
    double scale6;
};

/* A unit of a and the units of b, one in each lane, that it is near. */
struct OF_TYPE(unit) {
    int i;
    uint32_t bits;
    OF_TYPE(m) mask;
    int64_t cluster; /* of b */
    int first;       /* unit of it, in lane 0 */
};

struct OF_TYPE(sums) {
    OF_TYPE(v) lennard_jones, coulomb, field;
    OF_TYPE(v) virial[6];
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

/* With K/r at hand, K being V(scale): parameters of each site of unit i of a with each site of b,
 * by powers of K. Returns the constant of the reaction field, of all of them together. */
static inline REAL OF_TYPE(set_parameters)(const struct gd_row *row, const struct row_kind kind,
                                           int i, struct OF_TYPE(parameters) * parameters) {
    const struct gd_row_settings *settings = row->settings;
    const double scale = V(scale), scale2 = scale * scale, scale6 = scale2 * scale2 * scale2;
    const int64_t place = GD_CLUSTER * row->cluster + i;
    double constant = 0.0;
    for (int k = 0; k < kind.n_a * kind.n_b; k++) {
        double charges = settings->charges[k], c6 = settings->pair_c6[k],
               c12 = settings->pair_c12[k];
        if (!kind.uniform_a) {
            charges *= (double)((const REAL *)row->a->charges)[place];
            if (kind.uniform_b) {
                const int64_t types =
                    settings->n_lj_types * row->a->types[place] + settings->types_b[k];
                c6 = settings->c6[types];
                c12 = settings->c12[types];
            }
        }
        constant += charges * settings->energy_term;
        parameters[k].constant = (REAL)(2.0 * charges * settings->energy_term);
        parameters[k].charges = (REAL)(charges / (scale2 * scale));
        parameters[k].field =
            (REAL)(IS_EWALD ? charges * settings->ewald * 1.1283791670955126 / scale2
                            : charges * settings->force_term);
        parameters[k].c6 = (REAL)(c6 / scale6);
        parameters[k].c12 = (REAL)(c12 / (scale6 * scale6));
    }
    return (REAL)constant;
}

/* Site s of a unit of a with site t of the units of b, r apart. */
static inline __attribute__((always_inline)) void
OF_TYPE(add_pair)(const struct gd_row *row, const struct row_kind kind,
                  const struct OF_TYPE(constants) * all, const struct OF_TYPE(parameters) * own,
                  const struct OF_TYPE(unit) * unit, int s, int t, const OF_TYPE(v) * r,
                  OF_TYPE(v) * force_a, OF_TYPE(v) * force_b, struct OF_TYPE(sums) * sums) {
    const struct gd_row_settings *settings = row->settings;
    const struct gd_cluster_set *a = row->a, *b = row->b;
    const int between_sites = kind.cutoff == GD_BETWEEN_SITES;
    const int want_forces = kind.wanted & GD_WANT_FORCES,
              want_energies = kind.wanted & GD_WANT_ENERGIES;
    const int64_t place_b = GD_CLUSTER * unit->cluster + unit->first;
    const OF_TYPE(v) square = V(fma)(r[2], r[2], V(fma)(r[1], r[1], V(mul)(r[0], r[0])));
    OF_TYPE(m) mask = unit->mask;
    if (between_sites) {
        uint32_t bits = V(bits)(V(at_most)(square, all->widest)) & unit->bits;
#if IS_MIXED
        const uint32_t sure = V(bits)(V(at_most)(square, all->narrowest)) & unit->bits;
        if (__builtin_expect(bits != sure, 0))
            bits = OF_TYPE(look_again)(row, unit->i, s, unit->cluster, unit->first, t, sure,
                                       bits ^ sure);
#endif
        if (!bits)
            return;
        mask = V(mask)(bits);
    }
    const OF_TYPE(v) inverse = V(inverse_sqrt)(square);
    const OF_TYPE(v) inverse2 = V(mul)(inverse, inverse);
    OF_TYPE(v) charges = V(set1)(own->charges), field = V(set1)(own->field);
    if (!kind.uniform_b) {
        const OF_TYPE(v) others = V(load)((const REAL *)b->charges + place_b);
        charges = V(mul)(charges, others);
        field = V(mul)(field, others);
    }
    OF_TYPE(v) coulomb = V(mul)(charges, inverse);
    OF_TYPE(v) force = V(zero)();
#if IS_EWALD
    OF_TYPE(v) gaussian;
    const OF_TYPE(v) y = V(mul)(V(mul)(square, inverse), all->splitting);
    coulomb = V(mul)(coulomb, OF_TYPE(erfc)(y, V(mul)(square, all->splitting2), &gaussian));
    if (want_forces)
        force = V(mul)(V(fma)(field, gaussian, coulomb), inverse2);
    if (want_energies)
        sums->coulomb = V(add)(sums->coulomb, between_sites ? V(where)(mask, coulomb) : coulomb);
#else
    if (want_forces)
        force = V(fma)(coulomb, inverse2, field);
    if (want_energies && between_sites) {
        OF_TYPE(v) constant = V(set1)(own->constant);
        if (!kind.uniform_b)
            constant = V(mul)(constant, V(load)((const REAL *)b->charges + place_b));
        sums->coulomb = V(add)(sums->coulomb, V(where)(mask, coulomb));
        sums->field = V(add)(sums->field, V(where)(mask, V(fma)(field, square, constant)));
    } else if (want_energies) {
        sums->coulomb = V(add)(sums->coulomb, coulomb);
        sums->field = V(fma)(field, square, sums->field);
    }
#endif
    if (kind.lennard_jones >> (GD_MAX_SITES * s + t) & 1) {
        OF_TYPE(v) c6 = V(set1)(own->c6), c12 = V(set1)(own->c12);
        if (!kind.uniform_b) {
            const double scale6 = all->scale6;
            const int64_t types =
                settings->n_lj_types * a->types[GD_CLUSTER * row->cluster + unit->i];
            c6 = V(lookup)((const REAL *)settings->table_c6 + types, b->types + place_b);
            c12 = V(lookup)((const REAL *)settings->table_c12 + types, b->types + place_b);
            c6 = V(mul)(c6, V(set1)((REAL)(1.0 / scale6)));
            c12 = V(mul)(c12, V(set1)((REAL)(1.0 / (scale6 * scale6))));
        }
        const OF_TYPE(v) inverse6 = V(mul)(V(mul)(inverse2, inverse2), inverse2);
        const OF_TYPE(v) attraction = V(mul)(c6, inverse6);
        const OF_TYPE(v) repulsion = V(mul)(V(mul)(c12, inverse6), inverse6);
        if (want_forces)
            force = V(fma)(V(fma)(all->twelve, repulsion, V(mul)(all->six, attraction)), inverse2,
                           force);
        if (want_energies) {
            const OF_TYPE(v) lj = V(sub)(repulsion, attraction);
            sums->lennard_jones =
                V(add)(sums->lennard_jones, between_sites ? V(where)(mask, lj) : lj);
        }
    }
    if (want_forces) {
        force = V(where)(mask, force);
        OF_TYPE(v) f[3];
        UNROLL for (int c = 0; c < 3; c++) {
            f[c] = V(mul)(force, r[c]);
            force_a[c] = V(add)(force_a[c], f[c]);
            force_b[c] = V(sub)(force_b[c], f[c]);
        }
        if (kind.wanted & GD_WANT_VIRIAL && !kind.local)
            OF_TYPE(add_products)(r, f, sums->virial);
    }
}

/* Site s of a unit of a with all sites of the units of b. */
static inline __attribute__((always_inline)) void
OF_TYPE(add_site)(const struct gd_row *row, const struct row_kind kind,
                  const struct OF_TYPE(constants) * all, const struct OF_TYPE(parameters) * own,
                  const struct OF_TYPE(unit) * unit, int s, REAL local_a[][GD_CLUSTER],
                  const OF_TYPE(v) * local_b, REAL forces_a[][LANES], OF_TYPE(v) * forces_b,
                  struct OF_TYPE(sums) * sums) {
    const COORD *sites_a =
        (const COORD *)row->a->sites + (int64_t)GD_BLOCK * (kind.n_a * row->cluster + s) + unit->i;
    const COORD *sites_b =
        (const COORD *)row->b->sites + (int64_t)GD_BLOCK * kind.n_b * unit->cluster + unit->first;
    VC x[3];
    OF_TYPE(v) local_x[3], force_a[3];
    UNROLL for (int c = 0; c < 3; c++) {
        if (kind.local)
            local_x[c] = V(set1)(local_a[3 * s + c][unit->i]);
        else
            x[c] = VC_SET1(sites_a[GD_CLUSTER * c]);
        force_a[c] = V(zero)();
    }
    FOR_SITES(t, kind.n_b, {
        OF_TYPE(v) r[3];
        if (kind.local) {
            UNROLL for (int c = 0; c < 3; c++) r[c] = V(sub)(local_x[c], local_b[3 * t + c]);
        } else {
            OF_TYPE(v) d[3];
            UNROLL for (int c = 0; c < 3; c++) d[c] =
                DIFFERENCE(x[c], VC_LOAD(sites_b + GD_BLOCK * t + GD_CLUSTER * c));
            OF_TYPE(to_nm)(all->matrix, kind.rectangular, d, r);
        }
        OF_TYPE(add_pair)(row, kind, all, own + kind.n_b * s + t, unit, s, t, r, force_a,
                          forces_b + 3 * t, sums);
    })
    if (kind.wanted & GD_WANT_FORCES)
        UNROLL for (int c = 0; c < 3; c++) {
            REAL *to = forces_a[3 * s + c];
            V(store)(to, V(add)(V(load)(to), force_a[c]));
        }
}

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

/* A row, of a kind that is known when this is compiled. */
static inline __attribute__((always_inline)) void OF_TYPE(run_row)(struct gd_row *row,
                                                                   const struct row_kind kind) {
    const struct gd_cluster_set *a = row->a, *b = row->b;
    const COORD *points_a = (const COORD *)a->points + a->point_stride * row->cluster;
    const COORD *sites_a = (const COORD *)a->sites + (int64_t)GD_BLOCK * kind.n_a * row->cluster;
    const int n_a = kind.n_a, n_b = kind.n_b, local = kind.local,
              want_forces = kind.wanted & GD_WANT_FORCES,
              want_energies = kind.wanted & GD_WANT_ENERGIES,
              want_virial = kind.wanted & GD_WANT_VIRIAL,
              first_is_point = kind.cutoff != GD_BETWEEN_POINTS;

    struct OF_TYPE(constants) all;
    OF_TYPE(set_constants)(row->settings, &all);
    /* Uniform units all have the parameters of unit 0. */
    struct OF_TYPE(parameters) parameters[GD_CLUSTER][GD_MAX_SITES * GD_MAX_SITES];
    REAL constants[GD_CLUSTER];
    for (int i = 0; i < (kind.uniform_a ? 1 : row->n_units); i++)
        constants[i] = OF_TYPE(set_parameters)(row, kind, i, parameters[i]);

    /* Sites and points of a from the middle of their cluster. */
    _Alignas(64) REAL local_a[3 * GD_MAX_SITES][GD_CLUSTER];
    _Alignas(64) REAL local_points_a[3][GD_CLUSTER];
    const COORD *middle = (const COORD *)a->center + 3 * row->cluster;
    for (int first = 0; first < (local ? GD_CLUSTER : 0); first += LANES) {
        OF_TYPE(v) xyz[3];
        for (int s = 0; s < n_a; s++) {
            OF_TYPE(from_middle)(all.matrix, kind.rectangular, middle,
                                 sites_a + GD_BLOCK * s + first, xyz);
            UNROLL for (int c = 0; c < 3; c++) V(store)(local_a[3 * s + c] + first, xyz[c]);
        }
        OF_TYPE(from_middle)(all.matrix, kind.rectangular, middle, points_a + first, xyz);
        UNROLL for (int c = 0; c < 3; c++) V(store)(local_points_a[c] + first, xyz[c]);
    }

    _Alignas(64) REAL forces_a[GD_CLUSTER][GD_MAX_SITES * 3][LANES];
    _Alignas(64) double energies[2][LANES] = {{0.0}};
    _Alignas(64) double virial[6][LANES] = {{0.0}};
    if (want_forces)
        for (int i = 0; i < row->n_units; i++)
            for (int k = 0; k < 3 * n_a; k++)
                V(store)(forces_a[i][k], V(zero)());

    for (int64_t entry = 0; entry < row->n; entry++) {
        const int64_t cluster = row->clusters[entry];
        const uint32_t candidates = OF_TYPE(candidates)(row, points_a, cluster);
        const uint16_t *allowed =
            row->allowed[entry] < 0 ? 0 : row->bits + GD_CLUSTER * (int64_t)row->allowed[entry];
        for (int first = 0; first < GD_CLUSTER; first += LANES) {
            OF_TYPE(v) forces_b[3 * GD_MAX_SITES], local_b[3 * GD_MAX_SITES], local_point_b[3];
            OF_TYPE(v) lj_energy = V(zero)(), electric_energy = V(zero)();
            struct OF_TYPE(sums) sums;
            UNROLL for (int k = 0; k < 6; k++) sums.virial[k] = V(zero)();
            FOR_SITES(t, n_b, {
                UNROLL for (int c = 0; c < 3; c++) forces_b[3 * t + c] = V(zero)();
                if (local)
                    OF_TYPE(from_middle)(all.matrix, kind.rectangular, middle,
                                         (const COORD *)b->sites + GD_BLOCK * (n_b * cluster + t) +
                                             first,
                                         local_b + 3 * t);
            })
            if (local && !first_is_point)
                OF_TYPE(from_middle)(all.matrix, kind.rectangular, middle,
                                     (const COORD *)b->points + b->point_stride * cluster + first,
                                     local_point_b);

            int near[GD_CLUSTER + 1];
            uint32_t near_bits[GD_CLUSTER + 1];
            const int n_near = OF_TYPE(find_near)(
                row, kind, &all, candidates, allowed, cluster, first, points_a, local_points_a,
                first_is_point ? local_b : local_point_b, near, near_bits);
            if (!n_near)
                continue;

            for (int k = 0; k < n_near; k++) {
                const struct OF_TYPE(unit) unit = {
                    .i = near[k],
                    .bits = near_bits[k],
                    .mask = V(mask)(near_bits[k]),
                    .cluster = cluster,
                    .first = first,
                };
                const int own = kind.uniform_a ? 0 : unit.i;
                sums.lennard_jones = sums.coulomb = sums.field = V(zero)();
                FOR_SITES(s, n_a, {
                    OF_TYPE(add_site)(row, kind, &all, parameters[own], &unit, s, local_a, local_b,
                                      forces_a[unit.i], forces_b, &sums);
                })
                if (want_energies) {
                    OF_TYPE(v) electric = V(mul)(all.charge_scale2, sums.coulomb);
                    if (!IS_EWALD) {
                        OF_TYPE(v) constant = V(zero)();
                        if (kind.cutoff != GD_BETWEEN_SITES) {
                            constant = V(set1)(constants[own]);
                            if (!kind.uniform_b)
                                constant = V(mul)(constant, V(load)((const REAL *)b->charges +
                                                                    GD_CLUSTER * cluster + first));
                        }
                        electric =
                            V(sub)(electric, V(fma)(V(set1)((REAL)0.5), sums.field, constant));
                    }
                    lj_energy = V(add)(lj_energy, V(where)(unit.mask, sums.lennard_jones));
                    electric_energy = V(add)(electric_energy, V(where)(unit.mask, electric));
                }
            }

            FOR_SITES(t, n_b, {
                if (want_forces)
                    UNROLL for (int c = 0; c < 3; c++) V(add_to)(
                        b->forces + GD_BLOCK * (n_b * cluster + t) + GD_CLUSTER * c + first,
                        forces_b[3 * t + c]);
                if (want_virial && local)
                    OF_TYPE(add_products)(local_b + 3 * t, forces_b + 3 * t, sums.virial);
            })
            if (want_energies) {
                V(add_to)(energies[0], lj_energy);
                V(add_to)(energies[1], electric_energy);
            }
            if (want_virial)
                UNROLL for (int k = 0; k < 6; k++) V(add_to)(virial[k], sums.virial[k]);
        }
    }

    for (int i = 0; i < (want_forces ? row->n_units : 0); i++)
        for (int s = 0; s < n_a; s++) {
            double f[3];
            for (int c = 0; c < 3; c++) {
                f[c] = (double)V(sum)(V(load)(forces_a[i][3 * s + c]));
                a->forces[GD_BLOCK * (n_a * row->cluster + s) + GD_CLUSTER * c + i] += f[c];
                row->force[c] += f[c];
            }
            if (want_virial && local) {
                const double x[3] = {local_a[3 * s][i], local_a[3 * s + 1][i],
                                     local_a[3 * s + 2][i]};
                for (int c = 0; c < 3; c++)
                    row->virial[c] += x[c] * f[c];
                row->virial[3] += x[0] * f[1];
                row->virial[4] += x[0] * f[2];
                row->virial[5] += x[1] * f[2];
            }
        }
    for (int lane = 0; lane < LANES; lane++) {
        for (int k = 0; k < 2; k++)
            row->energies[k] += energies[k][lane];
        for (int k = 0; k < 6; k++)
            row->virial[k] += virial[k][lane];
    }
}

/* One function for each thing that may be wanted: nothing is computed in vain. In local coordinates
 * the virial costs next to nothing; of an Ewald sum energies and virial are a small part of the
 * work, and always computed. */
#define WANTED (IS_EWALD ? GD_WANT_VIRIAL : row->settings->wanted)

/* Kinds that are worth their space: in local coordinates, which all but small boxes have. */
#define DEFINE_LOCAL(name, ...)                                                                    \
    static void OF_TYPE(name)(struct gd_row * row) {                                               \
        const int rectangular = row->settings->rectangular, wanted = WANTED;                       \
        if (wanted == GD_WANT_FORCES)                                                              \
            OF_TYPE(run_row)(row, (struct row_kind){1, 1, 1, rectangular, __VA_ARGS__});           \
        else if (wanted == GD_WANT_ENERGIES)                                                       \
            OF_TYPE(run_row)(row, (struct row_kind){2, 1, 1, rectangular, __VA_ARGS__});           \
        else                                                                                       \
            OF_TYPE(run_row)(row, (struct row_kind){7, 1, 1, rectangular, __VA_ARGS__});           \
    }
DEFINE_LOCAL(water_water, 3, 3, 1, 1, 1, GD_BETWEEN_FIRST_SITES)
DEFINE_LOCAL(water_water_centers, 3, 3, 1, 1, 1, GD_BETWEEN_POINTS)
DEFINE_LOCAL(water_water_sites, 3, 3, 1, 1, 1, GD_BETWEEN_SITES)
DEFINE_LOCAL(atom_water, 1, 3, 0, 1, 1, GD_BETWEEN_POINTS)
DEFINE_LOCAL(atom_water_sites, 1, 3, 0, 1, 1, GD_BETWEEN_SITES)
DEFINE_LOCAL(atom_atom, 1, 1, 0, 0, 1, GD_BETWEEN_POINTS)
DEFINE_LOCAL(single_single, 1, 1, 1, 1, 1, GD_BETWEEN_FIRST_SITES)
#undef DEFINE_LOCAL

/* The rest: any number of sites, in any box. */
#define DEFINE_GENERAL(name, is_fixed, ...)                                                        \
    static void OF_TYPE(name)(struct gd_row * row) {                                               \
        const struct gd_row_settings *settings = row->settings;                                    \
        const struct gd_cluster_set *a = row->a, *b = row->b;                                      \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        if (!settings->rectangular)                                                                \
            OF_TYPE(run_row)(row, (struct row_kind){7, is_fixed, 0, 0, __VA_ARGS__});              \
        else if (WANTED & GD_WANT_VIRIAL)                                                          \
            OF_TYPE(run_row)(row, (struct row_kind){7, is_fixed, 0, 1, __VA_ARGS__});              \
        else if (WANTED == GD_WANT_ENERGIES)                                                       \
            OF_TYPE(run_row)(row, (struct row_kind){2, is_fixed, 0, 1, __VA_ARGS__});              \
        else                                                                                       \
            OF_TYPE(run_row)(row, (struct row_kind){3, is_fixed, 0, 1, __VA_ARGS__});              \
    }
DEFINE_GENERAL(any_water_water, 1, 3, 3, 1, 1, 1, GD_BETWEEN_FIRST_SITES)
DEFINE_GENERAL(any_atom_atom, 1, 1, 1, 0, 0, 1, GD_BETWEEN_POINTS)
DEFINE_GENERAL(any_atom_uniform, 0, 1, b->n_sites, 0, 1, settings->lennard_jones,
               settings->cutoff_kind)
DEFINE_GENERAL(any_uniform_uniform, 0, a->n_sites, b->n_sites, 1, 1, settings->lennard_jones,
               settings->cutoff_kind)
#undef DEFINE_GENERAL
#undef WANTED

void OF_TYPE(public)(struct gd_row *row) {
    const struct gd_row_settings *settings = row->settings;
    const struct gd_cluster_set *a = row->a, *b = row->b;
    const int between_sites = settings->cutoff_kind == GD_BETWEEN_SITES,
              first_is_point = settings->cutoff_kind == GD_BETWEEN_FIRST_SITES,
              local = settings->local, b_is_water = b->n_sites == 3 && settings->lennard_jones == 1;
    if (!b->uniform)
        (local ? OF_TYPE(atom_atom) : OF_TYPE(any_atom_atom))(row);
    else if (!a->uniform && b_is_water && local)
        (between_sites ? OF_TYPE(atom_water_sites) : OF_TYPE(atom_water))(row);
    else if (!a->uniform)
        OF_TYPE(any_atom_uniform)(row);
    else if (a->n_sites == 3 && b_is_water && first_is_point)
        (local ? OF_TYPE(water_water) : OF_TYPE(any_water_water))(row);
    else if (a->n_sites == 3 && b_is_water && local)
        (between_sites ? OF_TYPE(water_water_sites) : OF_TYPE(water_water_centers))(row);
    else if (local && a->n_sites == 1 && b->n_sites == 1 && first_is_point)
        OF_TYPE(single_single)(row);
    else
        OF_TYPE(any_uniform_uniform)(row);
}

#undef FOR_SITES
#undef UNROLL
