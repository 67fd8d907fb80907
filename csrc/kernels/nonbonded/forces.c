/* gd_nonbonded_forces: clusters against those in their reach, as rows of work for the inner loops.
 */
#include "nonbonded/base.h"

#include <math.h>

#include "nonbonded/row.h"
#include "nonbonded/search.h"
#include "nonbonded/working.h"
#include "table.h"

/* How many units a cluster has. */
static int units_of(const struct gd_cluster_set *set, int64_t cluster) {
    const int64_t left = set->units->n - GD_CLUSTER * cluster;
    return left < GD_CLUSTER ? (int)left : GD_CLUSTER;
}

/* The row of bits of a cluster of b, made if it is not there yet. */
static uint16_t *bits_of(struct gd_working *working, const struct gd_cluster_set *a,
                         const struct gd_cluster_set *b, int64_t cluster_a, int64_t cluster_b,
                         int32_t *n_rows) {
    int32_t *row = working->row_of_bits + cluster_b;
    uint16_t *bits = working->bits + GD_CLUSTER * (*row < 0 ? *n_rows : *row);
    if (*row >= 0)
        return bits;
    *row = (*n_rows)++;
    const unsigned there = (1u << units_of(b, cluster_b)) - 1;
    for (int i = 0; i < GD_CLUSTER; i++)
        bits[i] = (uint16_t)(a == b && cluster_a == cluster_b ? there & ~((2u << i) - 1) : there);
    return bits;
}

/* Which units may interact, for those clusters in the search where not all may. */
static void forbid(struct gd_working *working, const struct gd_cluster_set *a,
                   const struct gd_cluster_set *b, int64_t cluster,
                   const struct gd_search *search) {
    const struct gd_nonbonded *field = working->field;
    int32_t n_rows = 0;
    if (a == b)
        bits_of(working, a, b, cluster, cluster, &n_rows);
    if (b->units->n % GD_CLUSTER)
        bits_of(working, a, b, cluster, b->n_clusters - 1, &n_rows);
    if (working->place_of_atom && a->n_sites == 1 && b->n_sites == 1)
        for (int i = 0; i < units_of(a, cluster); i++) {
            const int64_t atom = a->units->first_atom[a->order[GD_CLUSTER * cluster + i]];
            for (int64_t k = field->unlisted_begin[atom]; k < field->unlisted_begin[atom + 1];
                 k++) {
                const int32_t partner = field->unlisted[k];
                if (working->sets + working->set_of_atom[partner] != b)
                    continue;
                const int32_t place = working->place_of_atom[partner];
                bits_of(working, a, b, cluster, place / GD_CLUSTER, &n_rows)[i] &=
                    (uint16_t)~(1u << place % GD_CLUSTER);
            }
        }
    for (int64_t k = 0; k < search->n; k++)
        working->row_allowed[k] = working->row_of_bits[search->found[k]];
}

/* Undo what `forbid` left in row_of_bits. */
static void allow_again(struct gd_working *working, const struct gd_cluster_set *a,
                        const struct gd_cluster_set *b, int64_t cluster) {
    const struct gd_nonbonded *field = working->field;
    if (a == b)
        working->row_of_bits[cluster] = -1;
    working->row_of_bits[b->n_clusters - 1] = -1;
    if (working->place_of_atom && a->n_sites == 1 && b->n_sites == 1)
        for (int i = 0; i < units_of(a, cluster); i++) {
            const int64_t atom = a->units->first_atom[a->order[GD_CLUSTER * cluster + i]];
            for (int64_t k = field->unlisted_begin[atom]; k < field->unlisted_begin[atom + 1]; k++)
                if (working->sets + working->set_of_atom[field->unlisted[k]] == b)
                    working->row_of_bits[working->place_of_atom[field->unlisted[k]] / GD_CLUSTER] =
                        -1;
        }
}

/* Parameters of all sites of one set with those of another, as far as they are the same for all
 * units. */
static void set_parameters(struct gd_working *working, const struct gd_cluster_set *a,
                           const struct gd_cluster_set *b, struct gd_row_settings *settings) {
    const struct gd_nonbonded *field = working->field;
    const int64_t first_a = a->units->first_atom[0], first_b = b->units->first_atom[0];
    const int64_t n = field->n_lj_types;
    settings->lennard_jones = 0;
    for (int64_t s = 0; s < a->n_sites; s++)
        for (int64_t t = 0; t < b->n_sites; t++) {
            const int64_t pair = b->n_sites * s + t, type_b = field->lj_type[first_b + t];
            const int64_t types = n * field->lj_type[first_a + s] + type_b;
            settings->types_b[t] = (int32_t)type_b;
            settings->charges[pair] = field->coulomb;
            settings->pair_c6[pair] = field->c6[types];
            settings->pair_c12[pair] = field->c12[types];
            if (a->uniform)
                settings->charges[pair] *= field->charge[first_a + s];
            if (b->uniform)
                settings->charges[pair] *= field->charge[first_b + t];
            int acts = field->c6[types] != 0.0 || field->c12[types] != 0.0;
            for (int64_t type = 0; type < n && !a->uniform; type++)
                acts |= field->c6[n * type + type_b] != 0.0 || field->c12[n * type + type_b] != 0.0;
            if (acts)
                settings->lennard_jones |= 1ull << (GD_MAX_SITES * s + t);
        }
}

/* What is compared with the cutoff, and how far apart points of units may be. */
static void set_reach(const struct gd_nonbonded *field, const struct gd_cluster_set *a,
                      const struct gd_cluster_set *b, const double *heights,
                      struct gd_row_settings *settings) {
    const double least = fmin(fmin(heights[0], heights[1]), heights[2]);
    settings->reach = field->cutoff;
    settings->cutoff_kind =
        a->points == a->sites && b->points == b->sites ? GD_BETWEEN_FIRST_SITES : GD_BETWEEN_POINTS;
    if (gd_is_between_sites(field) && (a->n_sites > 1 || b->n_sites > 1)) {
        settings->cutoff_kind = GD_BETWEEN_SITES;
        settings->reach += a->longest_arm + b->longest_arm;
    }
    /* Room for rounding. */
    settings->reach *= 1.0 + 2e-6;
    /* Beyond half of a skewed box, the image in the cell need not be the nearest one. */
    settings->reach2 = settings->rectangular || settings->reach < 0.5 * least
                           ? settings->reach * settings->reach
                           : INFINITY;
}

/* Whether places of both sets can be counted from the middle of a cluster of a: no site of b that
 * interacts with one of a is beyond half of the box from there, and none near one of a so far away
 * that digits are lost. With a cutoff between sites, `reach` has their arms already, and a pair
 * that the wrong image brings within the cutoff there is none. Rounding is taken into account where
 * units are at the cutoff. */
static void set_local(const struct gd_working *working, const struct gd_cluster_set *a,
                      const struct gd_cluster_set *b, int64_t cluster, const double *heights,
                      struct gd_row_settings *settings) {
    const double most = 1.0; /* nm */
    double farthest = 0.0, longest = 0.0;
    settings->local = 1;
    for (int c = 0; c < 3; c++) {
        const double *box = settings->vectors + 3 * c;
        const double length = sqrt(box[0] * box[0] + box[1] * box[1] + box[2] * box[2]);
        const double half = (double)a->levels[0].half[a->n_clusters * c + cluster];
        const double of_a = half + a->arm[c];
        double reach = settings->reach / heights[c] + half;
        if (settings->cutoff_kind != GD_BETWEEN_SITES)
            reach += 2.0 * a->arm[c] + b->arm[c];
        settings->local &= fmax(reach, of_a) < 0.5 && of_a * length < most;
        farthest += fmax(reach, of_a) * length;
        longest = fmax(longest, length);
    }
    if (working->precision == GD_MIXED)
        settings->near_cutoff = settings->local
                                    ? 1e-6 + 16.0 * 0x1p-24 * farthest / working->field->cutoff
                                    : 1e-6 + 4.0 * 0x1p-32 * longest / working->field->cutoff;
}

static void set_against_set(struct gd_working *working, const struct gd_cluster_set *a,
                            const struct gd_cluster_set *b, const double *heights,
                            struct gd_row_settings *settings, const struct gd_results *results) {
    const struct gd_nonbonded *field = working->field;
    const struct gd_table *table = gd_table();
    void (*run)(struct gd_row *) = field->ewald > 0.0
                                       ? table->ewald_row[working->precision]
                                       : table->reaction_field_row[working->precision];
    const int64_t first_a = a->units->first_atom[0], first_b = b->units->first_atom[0];
    if (!gd_interact(field, first_a, first_b))
        return;
    struct gd_search search = {.found = working->row_clusters};
    struct gd_row row = {.settings = settings,
                         .a = a,
                         .b = b,
                         .clusters = working->row_clusters,
                         .allowed = working->row_allowed,
                         .bits = working->bits};
    set_parameters(working, a, b, settings);
    set_reach(field, a, b, heights, settings);
    for (int64_t cluster = 0; cluster < b->n_clusters; cluster++)
        working->row_of_bits[cluster] = -1;
    for (int64_t cluster = 0; cluster < a->n_clusters; cluster++) {
        gd_find_clusters(settings, heights, a, b, cluster, &search);
        if (!search.n)
            continue;
        forbid(working, a, b, cluster, &search);
        set_local(working, a, b, cluster, heights, settings);
        row.cluster = cluster;
        row.n_units = units_of(a, cluster);
        row.n = search.n;
        run(&row);
        allow_again(working, a, b, cluster);
    }
    if (results->energies)
        gd_add_energies(field, first_a, first_b, row.energies[0], row.energies[1],
                        results->energies);
    if (results->group_forces)
        gd_add_group_force(field, first_a, first_b, row.force, results->group_forces);
    if (results->virial) {
        static const int place[9] = {0, 3, 4, 3, 1, 5, 4, 5, 2};
        for (int i = 0; i < 9; i++)
            results->virial[i] += row.virial[place[i]];
    }
}

/* Around a frame without a box: one in which nothing is near its own image. */
static void enclose(const struct gd_working *working, struct gd_lattice *lattice, double *origin) {
    double box[9] = {0.0};
    for (int c = 0; c < 3; c++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < working->field->n_atoms; i++) {
            low = fmin(low, working->positions[3 * i + c]);
            high = fmax(high, working->positions[3 * i + c]);
        }
        for (int64_t i = 0; i < working->field->n_charge_groups; i++) {
            low = fmin(low, working->points[3 * i + c]);
            high = fmax(high, working->points[3 * i + c]);
        }
        origin[c] = low;
        box[4 * c] = 2.5 * (high - low) + 1.0;
    }
    gd_lattice_open(box, lattice);
}

/* The longest distance of an atom from the reference point of its charge group. */
static double longest_arm(const struct gd_working *working, const struct gd_lattice *lattice) {
    double longest = 0.0;
    for (int64_t i = 0; i < working->field->n_atoms; i++) {
        const double *point = working->points + 3 * (int64_t)working->group_of_atom[i];
        double d[3];
        for (int c = 0; c < 3; c++)
            d[c] = working->positions[3 * i + c] - point[c];
        gd_nearest_image(lattice, d);
        longest = fmax(longest, d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    }
    return sqrt(longest);
}

static void all_sets(struct gd_working *working, const struct gd_lattice *lattice,
                     const double *origin, const struct gd_results *results) {
    const struct gd_nonbonded *field = working->field;
    const double unit = working->precision == GD_MIXED ? 0x1p-32 : 1.0;
    struct gd_row_settings settings = {
        .wanted = (results->forces ? GD_WANT_FORCES : 0) |
                  (results->energies ? GD_WANT_ENERGIES : 0) |
                  (results->virial ? GD_WANT_VIRIAL : 0),
        .rectangular = lattice->rectangular,
        .cutoff2 = field->cutoff * field->cutoff,
        .force_term = field->force_term,
        .energy_term = field->energy_term,
        .ewald = field->ewald,
        .vectors = lattice->vectors,
        .n_lj_types = field->n_lj_types,
        .c6 = field->c6,
        .c12 = field->c12,
        .table_c6 = working->c6,
        .table_c12 = working->c12,
    };
    for (int i = 0; i < 9; i++)
        settings.matrix[i] = lattice->vectors[i] * unit;
    for (int c = 0; c < 3; c++)
        settings.heights[c] = lattice->heights[c] * unit;

    for (int64_t k = 0; k < field->n_unit_sets; k++)
        gd_fill_set(working, working->sets + k, lattice, origin);
    for (int64_t k = 0; k < field->n_unit_sets; k++)
        for (int64_t m = k; m < field->n_unit_sets; m++) {
            const struct gd_cluster_set *a = working->sets + k, *b = working->sets + m;
            const int turned = a->uniform && !b->uniform;
            set_against_set(working, turned ? b : a, turned ? a : b, lattice->heights, &settings,
                            results);
        }
    for (int64_t k = 0; k < field->n_unit_sets && results->forces; k++) {
        const struct gd_cluster_set *set = working->sets + k;
        for (int64_t place = 0; place < set->units->n; place++) {
            const int64_t atom = set->units->first_atom[set->order[place]];
            const int64_t cluster = place / GD_CLUSTER, lane = place % GD_CLUSTER;
            for (int64_t s = 0; s < set->n_sites; s++)
                for (int c = 0; c < 3; c++)
                    results->forces[3 * (atom + s) + c] +=
                        set->forces[GD_BLOCK * (set->n_sites * cluster + s) + GD_CLUSTER * c +
                                    lane];
        }
    }
}

/* Whether a unit has several atoms that are charge groups each. */
static int has_split_units(const struct gd_nonbonded *field) {
    int found = 0;
    for (int64_t k = 0; k < field->n_unit_sets; k++)
        found |= field->unit_sets[k].n_sites > 1;
    return found && gd_is_between_sites(field);
}

int gd_nonbonded_forces(const struct gd_nonbonded *field, int precision, const void *positions,
                        const double *listed, int type, int64_t n_frames, const double *boxes,
                        double *forces, double *energies, double *virial, double *group_forces,
                        void *work, struct gd_where *where) {
    struct gd_frames frames, list;
    struct gd_working working;
    int status = gd_frames_open(positions, type, n_frames, field->n_atoms, &frames, where);
    if (status == GD_OK && listed)
        status = gd_frames_open(listed, GD_FLOAT64, n_frames, field->n_atoms, &list, where);
    if (status == GD_OK)
        status = gd_nonbonded_check(field, where);
    if (status == GD_OK && listed && has_split_units(field))
        status = GD_BAD_ARGUMENT;
    if (status != GD_OK)
        return status;
    if (precision != GD_MIXED && precision != GD_DOUBLE) {
        where->found = precision;
        return GD_BAD_ARGUMENT;
    }
    gd_working_open(field, precision, work, &working);
    gd_working_prepare(&working, listed != 0);
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        struct gd_lattice lattice, cell;
        double origin[3] = {0.0, 0.0, 0.0};
        where->frame = frame;
        if (gd_lattice_open(boxes ? boxes + 9 * frame : 0, &lattice) < 0)
            return GD_NO_VOLUME;
        if (lattice.periodic && field->cutoff > 0.5 * lattice.shortest)
            return GD_SMALL_BOX;
        status = gd_points_and_positions(field, &lattice, &frames, listed ? &list : 0, frame,
                                         working.points, working.positions, where);
        if (status != GD_OK)
            return status;
        const struct gd_results results =
            gd_results_of(field, frame, forces, energies, virial, group_forces);
        gd_clear_results(field, &results);
        cell = lattice;
        if (!lattice.periodic)
            enclose(&working, &cell, origin);
        const double least = fmin(fmin(cell.heights[0], cell.heights[1]), cell.heights[2]);
        if (!cell.rectangular &&
            field->cutoff + 2.0 * longest_arm(&working, &lattice) > 0.5 * least)
            gd_plain_pairs(field, &lattice, working.positions, working.points, &results);
        else
            all_sets(&working, &cell, origin, &results);
        gd_fixed_pairs(field, &lattice, working.positions, &results);
        status = gd_finish_results(field, &results, where);
    }
    return status;
}
