/* A row for one precision: a cluster of a with all clusters of b in its reach, in loops over sites
 * that are made for the kinds of units that are common. Before including:
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

#include "nonbonded/near_of_type.h"
#include "nonbonded/pair_force_of_type.h"

/* Where 16 units or as many lanes are, going from the middle of a cluster, in nm. */
static inline void OF_TYPE(from_middle)(const REAL *matrix, int rectangular, const COORD *middle,
                                        const COORD *places, OF_TYPE(v) * xyz) {
    OF_TYPE(v) d[3];
    UNROLL for (int c = 0; c < 3; c++) d[c] =
        DIFFERENCE(VC_LOAD(places + GD_CLUSTER * c), VC_SET1(middle[c]));
    OF_TYPE(to_nm)(matrix, rectangular, d, xyz);
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

/* Sites and points of cluster a from its middle, in nm. */
static inline __attribute__((always_inline)) void
OF_TYPE(lay_out)(const struct row_kind kind, const struct OF_TYPE(constants) * all,
                 const COORD *middle, const COORD *sites_a, const COORD *points_a,
                 REAL local_a[][GD_CLUSTER], REAL local_points_a[][GD_CLUSTER]) {
    for (int first = 0; first < GD_CLUSTER; first += LANES) {
        OF_TYPE(v) xyz[3];
        for (int s = 0; s < kind.n_a; s++) {
            OF_TYPE(from_middle)(all->matrix, kind.rectangular, middle,
                                 sites_a + GD_BLOCK * s + first, xyz);
            UNROLL for (int c = 0; c < 3; c++) V(store)(local_a[3 * s + c] + first, xyz[c]);
        }
        OF_TYPE(from_middle)(all->matrix, kind.rectangular, middle, points_a + first, xyz);
        UNROLL for (int c = 0; c < 3; c++) V(store)(local_points_a[c] + first, xyz[c]);
    }
}

/* Coulomb energy of a unit of a with units of b, from the sums over their sites. */
static inline __attribute__((always_inline)) OF_TYPE(v)
    OF_TYPE(electric_energy)(const struct gd_row *row, const struct row_kind kind,
                             const struct OF_TYPE(constants) * all, REAL constant_of_a,
                             const struct OF_TYPE(unit) * unit, const struct OF_TYPE(sums) * sums) {
    const OF_TYPE(v) electric = V(mul)(all->charge_scale2, sums->coulomb);
    if (IS_EWALD)
        return electric;
    OF_TYPE(v) constant = V(zero)();
    if (kind.cutoff != GD_BETWEEN_SITES) {
        constant = V(set1)(constant_of_a);
        if (!kind.uniform_b)
            constant = V(mul)(constant, V(load)((const REAL *)row->b->charges +
                                                GD_CLUSTER * unit->cluster + unit->first));
    }
    return V(sub)(electric, V(fma)(V(set1)((REAL)0.5), sums->field, constant));
}

/* Add the sums of all lanes to the row and to the forces on cluster a. */
static inline __attribute__((always_inline)) void
OF_TYPE(add_to_row)(struct gd_row *row, const struct row_kind kind,
                    REAL forces_a[][GD_MAX_SITES * 3][LANES], REAL local_a[][GD_CLUSTER],
                    double energies[][LANES], double virial[][LANES]) {
    const int n_a = kind.n_a;
    for (int i = 0; i < (kind.wanted & GD_WANT_FORCES ? row->n_units : 0); i++)
        for (int s = 0; s < n_a; s++) {
            double f[3];
            for (int c = 0; c < 3; c++) {
                f[c] = (double)V(sum)(V(load)(forces_a[i][3 * s + c]));
                row->a->forces[GD_BLOCK * (n_a * row->cluster + s) + GD_CLUSTER * c + i] += f[c];
                row->force[c] += f[c];
            }
            if (kind.wanted & GD_WANT_VIRIAL && kind.local) {
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
    if (local)
        OF_TYPE(lay_out)(kind, &all, middle, sites_a, points_a, local_a, local_points_a);

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
                    const OF_TYPE(v) electric =
                        OF_TYPE(electric_energy)(row, kind, &all, constants[own], &unit, &sums);
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

    OF_TYPE(add_to_row)(row, kind, forces_a, local_a, energies, virial);
}

/* One function for each thing that may be wanted: nothing is computed in vain. In local coordinates
 * the virial costs next to nothing; of an Ewald sum energies and virial are a small part of the
 * work, and always computed. */
#define WANTED (IS_EWALD ? WANT_ALL : row->settings->wanted)
#define WANT_ALL (GD_WANT_FORCES | GD_WANT_ENERGIES | GD_WANT_VIRIAL)
#define RUN(...) OF_TYPE(run_row)(row, (struct row_kind){__VA_ARGS__})

/* Kinds that are worth their space: in local coordinates, which all but small boxes have. */
#define DEFINE_LOCAL(name, ...)                                                                    \
    static void OF_TYPE(name)(struct gd_row * row) {                                               \
        const int rectangular = row->settings->rectangular, wanted = WANTED;                       \
        if (wanted == GD_WANT_FORCES)                                                              \
            RUN(.wanted = GD_WANT_FORCES, .is_fixed = 1, .local = 1, .rectangular = rectangular,   \
                __VA_ARGS__);                                                                      \
        else if (wanted == GD_WANT_ENERGIES)                                                       \
            RUN(.wanted = GD_WANT_ENERGIES, .is_fixed = 1, .local = 1, .rectangular = rectangular, \
                __VA_ARGS__);                                                                      \
        else                                                                                       \
            RUN(.wanted = WANT_ALL, .is_fixed = 1, .local = 1, .rectangular = rectangular,         \
                __VA_ARGS__);                                                                      \
    }
DEFINE_LOCAL(water_water, .n_a = 3, .n_b = 3, .uniform_a = 1, .uniform_b = 1, .lennard_jones = 1,
             .cutoff = GD_BETWEEN_FIRST_SITES)
DEFINE_LOCAL(water_water_centers, .n_a = 3, .n_b = 3, .uniform_a = 1, .uniform_b = 1,
             .lennard_jones = 1, .cutoff = GD_BETWEEN_POINTS)
DEFINE_LOCAL(water_water_sites, .n_a = 3, .n_b = 3, .uniform_a = 1, .uniform_b = 1,
             .lennard_jones = 1, .cutoff = GD_BETWEEN_SITES)
DEFINE_LOCAL(atom_water, .n_a = 1, .n_b = 3, .uniform_a = 0, .uniform_b = 1, .lennard_jones = 1,
             .cutoff = GD_BETWEEN_POINTS)
DEFINE_LOCAL(atom_water_sites, .n_a = 1, .n_b = 3, .uniform_a = 0, .uniform_b = 1,
             .lennard_jones = 1, .cutoff = GD_BETWEEN_SITES)
DEFINE_LOCAL(atom_atom, .n_a = 1, .n_b = 1, .uniform_a = 0, .uniform_b = 0, .lennard_jones = 1,
             .cutoff = GD_BETWEEN_POINTS)
DEFINE_LOCAL(single_single, .n_a = 1, .n_b = 1, .uniform_a = 1, .uniform_b = 1, .lennard_jones = 1,
             .cutoff = GD_BETWEEN_FIRST_SITES)
#undef DEFINE_LOCAL

/* The rest: any number of sites, in any box. */
#define DEFINE_GENERAL(name, ...)                                                                  \
    static void OF_TYPE(name)(struct gd_row * row) {                                               \
        const struct gd_row_settings *settings = row->settings;                                    \
        const struct gd_cluster_set *a = row->a, *b = row->b;                                      \
        (void)a;                                                                                   \
        (void)b;                                                                                   \
        if (!settings->rectangular)                                                                \
            RUN(.wanted = WANT_ALL, .local = 0, .rectangular = 0, __VA_ARGS__);                    \
        else if (WANTED & GD_WANT_VIRIAL)                                                          \
            RUN(.wanted = WANT_ALL, .local = 0, .rectangular = 1, __VA_ARGS__);                    \
        else if (WANTED == GD_WANT_ENERGIES)                                                       \
            RUN(.wanted = GD_WANT_ENERGIES, .local = 0, .rectangular = 1, __VA_ARGS__);            \
        else                                                                                       \
            RUN(.wanted = GD_WANT_FORCES | GD_WANT_ENERGIES, .local = 0, .rectangular = 1,         \
                __VA_ARGS__);                                                                      \
    }
DEFINE_GENERAL(any_water_water, .is_fixed = 1, .n_a = 3, .n_b = 3, .uniform_a = 1, .uniform_b = 1,
               .lennard_jones = 1, .cutoff = GD_BETWEEN_FIRST_SITES)
DEFINE_GENERAL(any_atom_atom, .is_fixed = 1, .n_a = 1, .n_b = 1, .uniform_a = 0, .uniform_b = 0,
               .lennard_jones = 1, .cutoff = GD_BETWEEN_POINTS)
DEFINE_GENERAL(any_atom_uniform, .is_fixed = 0, .n_a = 1, .n_b = b->n_sites, .uniform_a = 0,
               .uniform_b = 1, .lennard_jones = settings->lennard_jones,
               .cutoff = settings->cutoff_kind)
DEFINE_GENERAL(any_uniform_uniform, .is_fixed = 0, .n_a = a->n_sites, .n_b = b->n_sites,
               .uniform_a = 1, .uniform_b = 1, .lennard_jones = settings->lennard_jones,
               .cutoff = settings->cutoff_kind)
#undef DEFINE_GENERAL
#undef RUN
#undef WANT_ALL
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
