/* The interaction of two sites, for one precision: force, energies and virial, a unit of b in each
 * lane. Included by row_of_type.h, which says what the macros are. */

/* Of a pair of sites. */
struct OF_TYPE(parameters) {
    REAL charges;
    REAL field; /* charges times the reaction field's force term, or Ewald's 2 alpha / sqrt(pi) */
    REAL constant; /* charges times the reaction field's energy term, twice */
    REAL c6;
    REAL c12;
};

/* A unit of a and the units of b, one in each lane, that it is near. */
struct OF_TYPE(unit) {
    int i;
    uint32_t bits;
    OF_TYPE(m) mask;
    int64_t cluster; /* of b */
    int first;       /* unit of it, in lane 0 */
};

/* What is added up over the sites of a unit; the virial over all units of a. */
struct OF_TYPE(sums) {
    OF_TYPE(v) lennard_jones, coulomb, field;
    OF_TYPE(v) virial[6];
};

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

static inline void OF_TYPE(add_products)(const OF_TYPE(v) * r, const OF_TYPE(v) * f,
                                         OF_TYPE(v) * sums) {
    UNROLL for (int c = 0; c < 3; c++) sums[c] = V(fma)(r[c], f[c], sums[c]);
    sums[3] = V(fma)(r[0], f[1], sums[3]);
    sums[4] = V(fma)(r[0], f[2], sums[4]);
    sums[5] = V(fma)(r[1], f[2], sums[5]);
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
