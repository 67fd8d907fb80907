/* The inner loops of non-bonded interactions for one precision. Before including:
 *   REAL, V(name), LANES       the type of the arithmetic, its vector operations and width
 *   COORD, VC, VC_LOAD, VC_SET1, DIFFERENCE   coordinates, and the difference of two in fractions
 *   IS_MIXED                   coordinates are integers, pairs near the cutoff need another look
 *   IS_EWALD                   Coulomb's interaction is the real-space part of an Ewald sum
 *   OF_TYPE(name)              names */

#define UNROLL _Pragma("GCC unroll 8")

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

static inline __attribute__((always_inline)) void
OF_TYPE(run_row)(struct gd_row *row, const int wanted, const int local, const int rectangular,
                 const int n_a, const int n_b, const int uniform_a, const int uniform_b,
                 const uint64_t lennard_jones, const enum gd_row_cutoff cutoff_kind) {
    const struct gd_row_settings *settings = row->settings;
    const struct gd_cluster_set *a = row->a, *b = row->b;
    const COORD *points_a = (const COORD *)a->points + a->point_stride * row->cluster;
    const COORD *sites_a = (const COORD *)a->sites + (int64_t)GD_BLOCK * n_a * row->cluster;
    const int want_forces = wanted & GD_WANT_FORCES, want_energies = wanted & GD_WANT_ENERGIES,
              want_virial = wanted & GD_WANT_VIRIAL;
    const int between_sites = cutoff_kind == GD_BETWEEN_SITES,
              first_is_point = cutoff_kind != GD_BETWEEN_POINTS;

    REAL matrix[9];
    for (int i = 0; i < 9; i++)
        matrix[i] = (REAL)settings->matrix[i];
    const OF_TYPE(v) reach2 = V(set1)((REAL)settings->reach2);
    const OF_TYPE(v) widest = V(set1)((REAL)(settings->cutoff2 * (1.0 + settings->near_cutoff)));
#if IS_MIXED
    const OF_TYPE(v) narrowest = V(set1)((REAL)(settings->cutoff2 * (1.0 - settings->near_cutoff)));
#endif

    /* With K/r at hand, K being V(scale): parameters of each site of a with each site of b, by
     * powers of K. Uniform units all have those of unit 0. */
    const double scale = V(scale), scale2 = scale * scale, scale6 = scale2 * scale2 * scale2;
    struct OF_TYPE(parameters) parameters[GD_CLUSTER][GD_MAX_SITES * GD_MAX_SITES];
#if !IS_EWALD
    REAL constants[GD_CLUSTER];
#endif
    for (int i = 0; i < (uniform_a ? 1 : row->n_units); i++) {
#if !IS_EWALD
        double constant = 0.0;
#endif
        for (int k = 0; k < n_a * n_b; k++) {
            const int64_t place = GD_CLUSTER * row->cluster + i;
            double charges = settings->charges[k], c6 = settings->pair_c6[k],
                   c12 = settings->pair_c12[k];
            if (!uniform_a) {
                charges *= (double)((const REAL *)a->charges)[place];
                if (uniform_b) {
                    const int64_t types =
                        settings->n_lj_types * a->types[place] + settings->types_b[k];
                    c6 = settings->c6[types];
                    c12 = settings->c12[types];
                }
            }
#if !IS_EWALD
            constant += charges * settings->energy_term;
            parameters[i][k].constant = (REAL)(2.0 * charges * settings->energy_term);
#endif
            parameters[i][k].charges = (REAL)(charges / (scale2 * scale));
#if IS_EWALD
            parameters[i][k].field =
                (REAL)(charges * settings->ewald * 1.1283791670955126 / scale2);
#else
            parameters[i][k].field = (REAL)(charges * settings->force_term);
#endif
            parameters[i][k].c6 = (REAL)(c6 / scale6);
            parameters[i][k].c12 = (REAL)(c12 / (scale6 * scale6));
        }
#if !IS_EWALD
        constants[i] = (REAL)constant;
#endif
    }
#if IS_EWALD
    const OF_TYPE(v) splitting = V(set1)((REAL)(settings->ewald / scale));
    const OF_TYPE(v) splitting2 = V(set1)((REAL)(settings->ewald * settings->ewald));
#endif
    const OF_TYPE(v) charge_scale2 = V(set1)((REAL)scale2);
    const OF_TYPE(v) twelve = V(set1)((REAL)(12.0 / scale2)), six = V(set1)((REAL)(-6.0 / scale2));

    /* Sites and points of a from the middle of their cluster. */
    _Alignas(64) REAL local_a[3 * GD_MAX_SITES][GD_CLUSTER];
    _Alignas(64) REAL local_points_a[3][GD_CLUSTER];
    const COORD *middle = (const COORD *)a->center + 3 * row->cluster;
    for (int first = 0; first < (local ? GD_CLUSTER : 0); first += LANES) {
        OF_TYPE(v) xyz[3];
        for (int s = 0; s < n_a; s++) {
            OF_TYPE(from_middle)(matrix, rectangular, middle, sites_a + GD_BLOCK * s + first, xyz);
            UNROLL for (int c = 0; c < 3; c++) V(store)(local_a[3 * s + c] + first, xyz[c]);
        }
        OF_TYPE(from_middle)(matrix, rectangular, middle, points_a + first, xyz);
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
            const COORD *points_b = (const COORD *)b->points + b->point_stride * cluster + first;
            const COORD *sites_b =
                (const COORD *)b->sites + (int64_t)GD_BLOCK * n_b * cluster + first;
            const int64_t place_b = GD_CLUSTER * cluster + first;
            OF_TYPE(v) forces_b[3 * GD_MAX_SITES], sums[6];
            OF_TYPE(v) lj_energy = V(zero)(), electric_energy = V(zero)();
            UNROLL for (int k = 0; k < 3 * n_b; k++) forces_b[k] = V(zero)();
            UNROLL for (int k = 0; k < 6; k++) sums[k] = V(zero)();
            OF_TYPE(v) local_b[3 * GD_MAX_SITES], local_point_b[3];
            if (local) {
                UNROLL for (int t = 0; t < n_b; t++) OF_TYPE(from_middle)(
                    matrix, rectangular, middle, sites_b + GD_BLOCK * t, local_b + 3 * t);
                if (!first_is_point)
                    OF_TYPE(from_middle)(matrix, rectangular, middle, points_b, local_point_b);
            }
            /* Which of them are near is found first, for then no branch decides what to compute. */
            int n_near = 0, near[GD_CLUSTER + 1];
            uint32_t near_bits[GD_CLUSTER + 1];
            for (uint32_t left = candidates; left; left &= left - 1) {
                const int i = __builtin_ctz(left);
                OF_TYPE(v) d[3], point[3];
                if (local) {
                    UNROLL for (int c = 0; c < 3; c++) point[c] =
                        V(sub)(V(set1)(local_points_a[c][i]),
                               first_is_point ? local_b[c] : local_point_b[c]);
                } else {
                    UNROLL for (int c = 0; c < 3; c++) d[c] = DIFFERENCE(
                        VC_SET1(points_a[GD_CLUSTER * c + i]), VC_LOAD(points_b + GD_CLUSTER * c));
                    OF_TYPE(to_nm)(matrix, rectangular, d, point);
                }
                const OF_TYPE(v) between = V(fma)(
                    point[2], point[2], V(fma)(point[1], point[1], V(mul)(point[0], point[0])));
                uint32_t bits = V(bits)(V(at_most)(between, between_sites ? reach2 : widest));
#if IS_MIXED
                const uint32_t sure =
                    between_sites ? bits : V(bits)(V(at_most)(between, narrowest));
                if (__builtin_expect(bits != sure, 0))
                    bits = OF_TYPE(look_again)(row, i, 0, cluster, first, 0, sure, bits ^ sure);
#endif
                if (allowed)
                    bits &= (uint32_t)allowed[i] >> first;
                near[n_near] = i;
                near_bits[n_near] = bits;
                n_near += bits != 0;
            }
            if (!n_near)
                continue;

            for (int k = 0; k < n_near; k++) {
                const int i = near[k];
                const OF_TYPE(m) unit_mask = V(mask)(near_bits[k]);
                OF_TYPE(v) lj_here = V(zero)(), coulomb_here = V(zero)();
#if !IS_EWALD
                OF_TYPE(v) field_here = V(zero)();
#endif
                UNROLL for (int s = 0; s < n_a; s++) {
                    VC x[3];
                    OF_TYPE(v) local_x[3], force_a[3];
                    UNROLL for (int c = 0; c < 3; c++) {
                        if (local)
                            local_x[c] = V(set1)(local_a[3 * s + c][i]);
                        else
                            x[c] = VC_SET1(sites_a[GD_BLOCK * s + GD_CLUSTER * c + i]);
                        force_a[c] = V(zero)();
                    }
                    UNROLL for (int t = 0; t < n_b; t++) {
                        OF_TYPE(v) r[3];
                        if (local) {
                            UNROLL for (int c = 0; c < 3; c++) r[c] =
                                V(sub)(local_x[c], local_b[3 * t + c]);
                        } else {
                            OF_TYPE(v) d[3];
                            UNROLL for (int c = 0; c < 3; c++) d[c] =
                                DIFFERENCE(x[c], VC_LOAD(sites_b + GD_BLOCK * t + GD_CLUSTER * c));
                            OF_TYPE(to_nm)(matrix, rectangular, d, r);
                        }
                        const OF_TYPE(v) square =
                            V(fma)(r[2], r[2], V(fma)(r[1], r[1], V(mul)(r[0], r[0])));
                        OF_TYPE(m) mask = unit_mask;
                        if (between_sites) {
                            uint32_t bits = V(bits)(V(at_most)(square, widest)) & near_bits[k];
#if IS_MIXED
                            const uint32_t sure =
                                V(bits)(V(at_most)(square, narrowest)) & near_bits[k];
                            if (__builtin_expect(bits != sure, 0))
                                bits = OF_TYPE(look_again)(row, i, s, cluster, first, t, sure,
                                                           bits ^ sure);
#endif
                            if (!bits)
                                continue;
                            mask = V(mask)(bits);
                        }
                        const OF_TYPE(v) inverse = V(inverse_sqrt)(square);
                        const OF_TYPE(v) inverse2 = V(mul)(inverse, inverse);
                        const struct OF_TYPE(parameters) *own =
                            parameters[uniform_a ? 0 : i] + n_b * s + t;
                        OF_TYPE(v) charges = V(set1)(own->charges), field = V(set1)(own->field);
                        if (!uniform_b) {
                            const OF_TYPE(v) others = V(load)((const REAL *)b->charges + place_b);
                            charges = V(mul)(charges, others);
                            field = V(mul)(field, others);
                        }
                        OF_TYPE(v) coulomb = V(mul)(charges, inverse);
                        OF_TYPE(v) force = V(zero)();
#if IS_EWALD
                        OF_TYPE(v) gaussian;
                        const OF_TYPE(v) y = V(mul)(V(mul)(square, inverse), splitting);
                        coulomb = V(mul)(coulomb,
                                         OF_TYPE(erfc)(y, V(mul)(square, splitting2), &gaussian));
                        if (want_forces)
                            force = V(mul)(V(fma)(field, gaussian, coulomb), inverse2);
                        if (want_energies)
                            coulomb_here = V(add)(
                                coulomb_here, between_sites ? V(where)(mask, coulomb) : coulomb);
#else
                        if (want_forces)
                            force = V(fma)(coulomb, inverse2, field);
                        if (want_energies) {
                            if (between_sites) {
                                OF_TYPE(v) constant = V(set1)(own->constant);
                                if (!uniform_b)
                                    constant = V(mul)(constant,
                                                      V(load)((const REAL *)b->charges + place_b));
                                coulomb_here = V(add)(coulomb_here, V(where)(mask, coulomb));
                                field_here = V(add)(
                                    field_here, V(where)(mask, V(fma)(field, square, constant)));
                            } else {
                                coulomb_here = V(add)(coulomb_here, coulomb);
                                field_here = V(fma)(field, square, field_here);
                            }
                        }
#endif
                        if (lennard_jones >> (GD_MAX_SITES * s + t) & 1) {
                            OF_TYPE(v) c6 = V(set1)(own->c6), c12 = V(set1)(own->c12);
                            if (!uniform_b) {
                                const int64_t types =
                                    settings->n_lj_types * a->types[GD_CLUSTER * row->cluster + i];
                                c6 = V(lookup)((const REAL *)settings->table_c6 + types,
                                               b->types + place_b);
                                c12 = V(lookup)((const REAL *)settings->table_c12 + types,
                                                b->types + place_b);
                                c6 = V(mul)(c6, V(set1)((REAL)(1.0 / scale6)));
                                c12 = V(mul)(c12, V(set1)((REAL)(1.0 / (scale6 * scale6))));
                            }
                            const OF_TYPE(v) inverse6 =
                                V(mul)(V(mul)(inverse2, inverse2), inverse2);
                            const OF_TYPE(v) attraction = V(mul)(c6, inverse6);
                            const OF_TYPE(v) repulsion = V(mul)(V(mul)(c12, inverse6), inverse6);
                            if (want_forces)
                                force = V(fma)(V(fma)(twelve, repulsion, V(mul)(six, attraction)),
                                               inverse2, force);
                            if (want_energies) {
                                const OF_TYPE(v) lj = V(sub)(repulsion, attraction);
                                lj_here = V(add)(lj_here, between_sites ? V(where)(mask, lj) : lj);
                            }
                        }
                        if (want_forces) {
                            force = V(where)(mask, force);
                            OF_TYPE(v) f[3];
                            UNROLL for (int c = 0; c < 3; c++) {
                                f[c] = V(mul)(force, r[c]);
                                force_a[c] = V(add)(force_a[c], f[c]);
                                forces_b[3 * t + c] = V(sub)(forces_b[3 * t + c], f[c]);
                            }
                            if (want_virial && !local)
                                OF_TYPE(add_products)(r, f, sums);
                        }
                    }
                    if (want_forces)
                        UNROLL for (int c = 0; c < 3; c++) {
                            REAL *to = forces_a[i][3 * s + c];
                            V(store)(to, V(add)(V(load)(to), force_a[c]));
                        }
                }
                if (want_energies) {
                    coulomb_here = V(mul)(charge_scale2, coulomb_here);
#if !IS_EWALD
                    OF_TYPE(v) constant = V(zero)();
                    if (!between_sites)
                        constant = V(set1)(constants[uniform_a ? 0 : i]);
                    if (!between_sites && !uniform_b)
                        constant = V(mul)(constant, V(load)((const REAL *)b->charges + place_b));
                    field_here = V(fma)(V(set1)((REAL)0.5), field_here, constant);
                    coulomb_here = V(sub)(coulomb_here, field_here);
#endif
                    lj_energy = V(add)(lj_energy, V(where)(unit_mask, lj_here));
                    electric_energy = V(add)(electric_energy, V(where)(unit_mask, coulomb_here));
                }
            }

            if (want_forces)
                UNROLL for (int k = 0; k < 3 * n_b; k++) V(add_to)(
                    b->forces + GD_BLOCK * n_b * cluster + GD_CLUSTER * k + first, forces_b[k]);
            if (want_energies) {
                V(add_to)(energies[0], lj_energy);
                V(add_to)(energies[1], electric_energy);
            }
            if (want_virial && local)
                UNROLL for (int t = 0; t < n_b; t++)
                    OF_TYPE(add_products)(local_b + 3 * t, forces_b + 3 * t, sums);
            if (want_virial)
                UNROLL for (int k = 0; k < 6; k++) V(add_to)(virial[k], sums[k]);
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
 * the virial costs next to nothing; they are not worth their space for any number of sites. Of an
 * Ewald sum energies and virial are a small part of the work, and always computed. */
#define DEFINE_KIND(kind, in_local, ...)                                                           \
    static void OF_TYPE(kind)(struct gd_row * row) {                                               \
        const struct gd_row_settings *settings = row->settings;                                    \
        const struct gd_cluster_set *a = row->a, *b = row->b;                                      \
        const int rectangular = settings->rectangular;                                             \
        const int wanted = IS_EWALD ? GD_WANT_VIRIAL : settings->wanted;                           \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        if (in_local && settings->local && wanted == GD_WANT_FORCES)                               \
            OF_TYPE(run_row)(row, 1, 1, rectangular, __VA_ARGS__);                                 \
        else if (in_local && settings->local && wanted == GD_WANT_ENERGIES)                        \
            OF_TYPE(run_row)(row, 2, 1, rectangular, __VA_ARGS__);                                 \
        else if (in_local && settings->local)                                                      \
            OF_TYPE(run_row)(row, 7, 1, rectangular, __VA_ARGS__);                                 \
        else if (!rectangular)                                                                     \
            OF_TYPE(run_row)(row, 7, 0, 0, __VA_ARGS__);                                           \
        else if (wanted & GD_WANT_VIRIAL)                                                          \
            OF_TYPE(run_row)(row, 7, 0, 1, __VA_ARGS__);                                           \
        else if (wanted == GD_WANT_ENERGIES)                                                       \
            OF_TYPE(run_row)(row, 2, 0, 1, __VA_ARGS__);                                           \
        else                                                                                       \
            OF_TYPE(run_row)(row, 3, 0, 1, __VA_ARGS__);                                           \
    }
DEFINE_KIND(water_water, 1, 3, 3, 1, 1, 1, GD_BETWEEN_FIRST_SITES)
DEFINE_KIND(water_water_centers, 1, 3, 3, 1, 1, 1, GD_BETWEEN_POINTS)
DEFINE_KIND(water_water_sites, 1, 3, 3, 1, 1, 1, GD_BETWEEN_SITES)
DEFINE_KIND(atom_water, 1, 1, 3, 0, 1, 1, GD_BETWEEN_POINTS)
DEFINE_KIND(atom_water_sites, 1, 1, 3, 0, 1, 1, GD_BETWEEN_SITES)
DEFINE_KIND(atom_atom, 1, 1, 1, 0, 0, 1, GD_BETWEEN_POINTS)
DEFINE_KIND(single_single, 1, 1, 1, 1, 1, 1, GD_BETWEEN_FIRST_SITES)
DEFINE_KIND(uniform_uniform, 0, a->n_sites, b->n_sites, 1, 1, settings->lennard_jones,
            settings->cutoff_kind)
DEFINE_KIND(atom_uniform, 0, 1, b->n_sites, 0, 1, settings->lennard_jones, settings->cutoff_kind)
#undef DEFINE_KIND

void OF_TYPE(public)(struct gd_row *row) {
    const struct gd_row_settings *settings = row->settings;
    const struct gd_cluster_set *a = row->a, *b = row->b;
    const int between_sites = settings->cutoff_kind == GD_BETWEEN_SITES,
              first_is_point = settings->cutoff_kind == GD_BETWEEN_FIRST_SITES;
    if (!b->uniform)
        OF_TYPE(atom_atom)(row);
    else if (!a->uniform && b->n_sites == 3 && settings->lennard_jones == 1)
        (between_sites ? OF_TYPE(atom_water_sites) : OF_TYPE(atom_water))(row);
    else if (!a->uniform)
        OF_TYPE(atom_uniform)(row);
    else if (a->n_sites == 3 && b->n_sites == 3 && settings->lennard_jones == 1)
        (between_sites    ? OF_TYPE(water_water_sites)
         : first_is_point ? OF_TYPE(water_water)
                          : OF_TYPE(water_water_centers))(row);
    else if (a->n_sites == 1 && b->n_sites == 1 && first_is_point)
        OF_TYPE(single_single)(row);
    else
        OF_TYPE(uniform_uniform)(row);
}

#undef UNROLL
