/* Non-bonded interactions of frames: clusters, which of them are in reach of each other, and the
 * rows of work for the inner loops. */
#include "nonbonded/base.h"

#include <math.h>
#include <string.h>

#include "nonbonded/clusters.h"
#include "nonbonded/row.h"
#include "table.h"

/* Working space is taken piece by piece from what the caller gave. */
struct space {
    char *base; /* NULL: only counted */
    int64_t used;
};

static void *take(struct space *space, int64_t count, int64_t size) {
    void *piece = space->base ? space->base + space->used : 0;
    space->used += (count * size + 63) / 64 * 64;
    return piece;
}

struct working {
    const struct gd_nonbonded *field;
    int precision;
    int64_t number; /* bytes of one coordinate and of one number of the arithmetic */
    double *positions;
    double *points;
    int32_t *group_of_atom;
    int32_t *set_of_atom;   /* only with unlisted pairs, as the next */
    int32_t *place_of_atom; /* in its set's clusters */
    struct gd_spot *spots;
    struct gd_cluster_set *sets;
    int32_t *row_clusters;
    int32_t *row_allowed;
    int32_t *row_of_bits; /* for each cluster: its row of bits, or -1 */
    uint16_t *bits;
    void *c6, *c12; /* in the precision of the arithmetic */
};

static int64_t clusters_of(const struct gd_units *units) {
    return (units->n + GD_CLUSTER - 1) / GD_CLUSTER;
}

/* Whether every atom is a charge group, also those of a unit. */
static int is_between_sites(const struct gd_nonbonded *field) {
    return field->n_charge_groups == field->n_atoms;
}

static void take_set(struct space *space, const struct gd_units *units, int64_t number,
                     int between_sites, struct gd_cluster_set *set) {
    const int64_t n = clusters_of(units);
    struct gd_cluster_set laid = {.units = units,
                                  .n_clusters = n,
                                  .n_sites = (int32_t)units->n_sites,
                                  .uniform = units->uniform,
                                  .fraction_stride =
                                      GD_BLOCK * (between_sites ? units->n_sites : 1)};
    laid.order = take(space, n * GD_CLUSTER, 8);
    laid.sites = take(space, n * units->n_sites * GD_BLOCK, number);
    laid.points = take(space, n * GD_BLOCK, number);
    laid.fractions = take(space, n * laid.fraction_stride, 8);
    laid.forces = take(space, n * units->n_sites * GD_BLOCK, 8);
    laid.center = take(space, n * 3, number);
    laid.half = take(space, n * 3, number);
    if (!units->uniform) {
        laid.charges = take(space, n * GD_CLUSTER, number);
        laid.types = take(space, n * GD_CLUSTER, 4);
    }
    int64_t boxes = n;
    for (laid.n_levels = 0; laid.n_levels < GD_TREE_LEVELS;) {
        struct gd_boxes *level = laid.levels + laid.n_levels++;
        level->n = boxes;
        level->center = take(space, 3 * boxes, 4);
        level->half = take(space, 3 * boxes, 4);
        if (boxes <= GD_BRANCHES)
            break;
        boxes = (boxes + GD_BRANCHES - 1) / GD_BRANCHES;
    }
    if (set)
        *set = laid;
}

static int64_t take_all(const struct gd_nonbonded *field, int precision, void *base,
                        struct working *working) {
    struct space space = {.base = base};
    struct working own = {
        .field = field, .precision = precision, .number = precision == GD_MIXED ? 4 : 8};
    const int64_t n_types = field->n_lj_types * field->n_lj_types;
    int64_t most_units = 0, most_clusters = 0;
    for (int64_t k = 0; k < field->n_unit_sets; k++) {
        const struct gd_units *units = field->unit_sets + k;
        most_units = units->n > most_units ? units->n : most_units;
        most_clusters = clusters_of(units) > most_clusters ? clusters_of(units) : most_clusters;
    }
    own.positions = take(&space, 3 * field->n_atoms, 8);
    own.points = take(&space, 3 * field->n_charge_groups, 8);
    own.group_of_atom = take(&space, field->n_atoms, 4);
    if (field->unlisted_begin[field->n_atoms]) {
        own.set_of_atom = take(&space, field->n_atoms, 4);
        own.place_of_atom = take(&space, field->n_atoms, 4);
    }
    own.spots = take(&space, most_units, sizeof *own.spots);
    own.row_clusters = take(&space, most_clusters, 4);
    own.row_allowed = take(&space, most_clusters, 4);
    own.row_of_bits = take(&space, most_clusters, 4);
    own.bits = take(&space, most_clusters * GD_CLUSTER, 2);
    own.c6 = take(&space, n_types, own.number);
    own.c12 = take(&space, n_types, own.number);
    own.sets = take(&space, field->n_unit_sets, sizeof *own.sets);
    for (int64_t k = 0; k < field->n_unit_sets; k++)
        take_set(&space, field->unit_sets + k, own.number, is_between_sites(field),
                 base ? own.sets + k : 0);
    if (working)
        *working = own;
    return space.used;
}

int64_t gd_nonbonded_size(const struct gd_nonbonded *field, int precision) {
    return take_all(field, precision, 0, 0);
}

static void put_number(const struct working *working, void *array, int64_t place, double number) {
    if (working->precision == GD_MIXED)
        ((float *)array)[place] = (float)number;
    else
        ((double *)array)[place] = number;
}

/* What stays the same from frame to frame. `listed`: points are those of other positions. */
static void prepare(struct working *working, int listed) {
    const struct gd_nonbonded *field = working->field;
    for (int64_t group = 0; group < field->n_charge_groups; group++)
        for (int64_t atom = field->charge_group[group]; atom < field->charge_group[group + 1];
             atom++)
            working->group_of_atom[atom] = (int32_t)group;
    for (int64_t i = 0; i < field->n_lj_types * field->n_lj_types; i++) {
        put_number(working, working->c6, i, field->c6[i]);
        put_number(working, working->c12, i, field->c12[i]);
    }
    for (int64_t k = 0; k < field->n_unit_sets; k++) {
        struct gd_cluster_set *set = working->sets + k;
        const struct gd_units *units = set->units;
        int first_is_point = !listed;
        for (int64_t u = 0; u < units->n; u++) {
            const int64_t atom = units->first_atom[u], group = working->group_of_atom[atom];
            const int64_t size = field->charge_group[group + 1] - field->charge_group[group];
            first_is_point &=
                field->charge_group[group] == atom && (group >= field->n_centered || size == 1);
            for (int64_t s = 0; s < units->n_sites && working->set_of_atom; s++)
                working->set_of_atom[atom + s] = (int32_t)k;
        }
        set->point_stride = GD_BLOCK;
        if (first_is_point) {
            set->points = set->sites;
            set->point_stride = GD_BLOCK * units->n_sites;
        }
    }
}

/* Fractions of the box, from 0 up to but without 1. */
static void to_fractions(const struct gd_lattice *lattice, const double *origin, const double *xyz,
                         double *fractions) {
    const double *inverse = lattice->inverse;
    const double x = xyz[0] - origin[0], y = xyz[1] - origin[1], z = xyz[2] - origin[2];
    for (int v = 0; v < 3; v++) {
        const double along = x * inverse[v] + y * inverse[3 + v] + z * inverse[6 + v];
        /* Most are in the box already; floor is a call without SSE4. */
        const double fraction = along >= 0.0 && along < 1.0 ? along : along - floor(along);
        fractions[v] = fraction < 1.0 ? fraction : 0.0;
    }
}

static void put_coordinate(const struct working *working, void *array, int64_t place,
                           double fraction) {
    if (working->precision == GD_MIXED)
        ((uint32_t *)array)[place] = (uint32_t)(int64_t)(fraction * 0x1p32 + 0.5);
    else
        ((double *)array)[place] = fraction;
}

/* Bounding boxes of clusters, of 16 clusters, of 256, ... */
static void make_boxes(const struct working *working, struct gd_cluster_set *set) {
    const double unit = working->precision == GD_MIXED ? 0x1p32 : 1.0;
    /* Room for the rounding of what follows. */
    const double room = 2e-7;
    for (int64_t cluster = 0; cluster < set->n_clusters; cluster++)
        for (int c = 0; c < 3; c++) {
            const double *x = set->fractions + set->fraction_stride * cluster + GD_CLUSTER * c;
            double low = x[0], high = x[0];
            for (int i = 1; i < GD_CLUSTER; i++) {
                low = x[i] < low ? x[i] : low;
                high = x[i] > high ? x[i] : high;
            }
            const double center = 0.5 * (low + high), half = 0.5 * (high - low) + room;
            put_coordinate(working, set->center, 3 * cluster + c, center);
            put_number(working, set->half, 3 * cluster + c, half * unit);
            set->levels[0].center[set->n_clusters * c + cluster] = (float)center;
            set->levels[0].half[set->n_clusters * c + cluster] = (float)half;
        }
    for (int k = 1; k < set->n_levels; k++) {
        const struct gd_boxes *below = set->levels + k - 1, *level = set->levels + k;
        for (int c = 0; c < 3; c++) {
            const float *center = below->center + below->n * c, *half = below->half + below->n * c;
            for (int64_t node = 0; node < level->n; node++) {
                const int64_t begin = GD_BRANCHES * node;
                const int64_t end = begin + GD_BRANCHES < below->n ? begin + GD_BRANCHES : below->n;
                float low = 2.0f, high = -1.0f;
                for (int64_t child = begin; child < end; child++) {
                    low = fminf(low, center[child] - half[child]);
                    high = fmaxf(high, center[child] + half[child]);
                }
                level->center[level->n * c + node] = 0.5f * (low + high);
                level->half[level->n * c + node] = 0.5f * (high - low) + (float)room;
            }
        }
    }
}

/* Sort the units of a set in space and lay them out. */
static void fill_set(struct working *working, struct gd_cluster_set *set,
                     const struct gd_lattice *lattice, const double *origin) {
    const struct gd_nonbonded *field = working->field;
    const struct gd_units *units = set->units;
    const int64_t n_places = GD_CLUSTER * set->n_clusters;
    struct gd_spot *spots = working->spots;
    for (int64_t u = 0; u < units->n; u++) {
        const int64_t group = working->group_of_atom[units->first_atom[u]];
        double fractions[3];
        to_fractions(lattice, origin, working->points + 3 * group, fractions);
        for (int c = 0; c < 3; c++)
            spots[u].x[c] = (float)(fractions[c] * lattice->heights[c]);
        spots[u].unit = (int32_t)u;
    }
    gd_sort_spots(spots, units->n);
    for (int c = 0; c < 3; c++)
        set->arm[c] = 0.0;
    const int several = set->fraction_stride > GD_BLOCK;
    double longest2 = 0.0;

    for (int64_t place = 0; place < n_places; place++) {
        /* Places behind the last unit repeat it; they never interact. */
        const int64_t unit = spots[place < units->n ? place : units->n - 1].unit;
        const int64_t atom = units->first_atom[unit];
        const int64_t cluster = place / GD_CLUSTER, lane = place % GD_CLUSTER;
        double fractions[3], point[3];
        set->order[place] = place < units->n ? unit : -1;
        to_fractions(lattice, origin, working->points + 3 * working->group_of_atom[atom], point);
        for (int c = 0; c < 3; c++) {
            const int64_t to = GD_CLUSTER * c + lane;
            set->fractions[set->fraction_stride * cluster + to] = point[c];
            if (set->points != set->sites)
                put_coordinate(working, set->points, GD_BLOCK * cluster + to, point[c]);
        }
        for (int64_t s = 0; s < units->n_sites; s++) {
            to_fractions(lattice, origin, working->positions + 3 * (atom + s), fractions);
            double apart[3], arm2 = 0.0;
            for (int c = 0; c < 3; c++) {
                const int64_t to = GD_BLOCK * s + GD_CLUSTER * c + lane;
                const double d = fractions[c] - point[c];
                apart[c] = d > 0.5 ? d - 1.0 : d < -0.5 ? d + 1.0 : d;
                const double arm = fabs(apart[c]);
                set->arm[c] = arm > set->arm[c] ? arm : set->arm[c];
                put_coordinate(working, set->sites, GD_BLOCK * units->n_sites * cluster + to,
                               fractions[c]);
                if (several)
                    set->fractions[set->fraction_stride * cluster + to] = fractions[c];
            }
            for (int c = 0; several && c < 3; c++) {
                const double *box = lattice->vectors + c;
                const double x = apart[0] * box[0] + apart[1] * box[3] + apart[2] * box[6];
                arm2 += x * x;
            }
            longest2 = arm2 > longest2 ? arm2 : longest2;
        }
        if (!set->uniform) {
            put_number(working, set->charges, place, field->charge[atom]);
            set->types[place] = field->lj_type[atom];
        }
        if (working->place_of_atom && place < units->n && units->n_sites == 1)
            working->place_of_atom[atom] = (int32_t)place;
    }
    set->longest_arm = sqrt(longest2);
    memset(set->forces, 0, sizeof(double) * (size_t)(n_places * 3 * units->n_sites));
    make_boxes(working, set);
}

/* A search for the clusters in reach of one. */
struct search {
    const struct gd_cluster_set *b;
    float center[3], half[3], heights[3];
    float reach2;
    int rectangular;
    int64_t least; /* the first cluster that counts */
    int32_t *found;
    int64_t n;
};

static void search_nodes(struct search *search, int level, int64_t begin, int64_t end) {
    const struct gd_boxes *boxes = search->b->levels + level;
    const int64_t n = boxes->n;
    const int count = (int)(end - begin);
    float square[GD_BRANCHES] = {0.0f};
    for (int c = 0; c < 3; c++) {
        const float *center = boxes->center + n * c + begin, *half = boxes->half + n * c + begin;
        const float own = search->center[c], own_half = search->half[c],
                    height = search->heights[c];
        for (int i = 0; i < count; i++) {
            float d = own - center[i];
            d = fabsf(d - ((d + 0x1.8p23f) - 0x1.8p23f)) - (own_half + half[i]);
            d = d > 0.0f ? d * height : 0.0f;
            square[i] = search->rectangular ? square[i] + d * d
                        : d * d > square[i] ? d * d
                                            : square[i];
        }
    }
    for (int i = 0; i < count; i++) {
        const int64_t node = begin + i;
        if (square[i] > search->reach2)
            continue;
        if (level == 0) {
            if (node >= search->least)
                search->found[search->n++] = (int32_t)node;
            continue;
        }
        const int64_t below = search->b->levels[level - 1].n, first = GD_BRANCHES * node;
        if ((node + 1) << (4 * level) > search->least)
            search_nodes(search, level - 1, first,
                         first + GD_BRANCHES < below ? first + GD_BRANCHES : below);
    }
}

static void find_clusters(const struct gd_row_settings *settings, const double *heights,
                          const struct gd_cluster_set *a, const struct gd_cluster_set *b,
                          int64_t cluster, struct search *search) {
    search->b = b;
    search->rectangular = settings->rectangular;
    search->reach2 = (float)(settings->reach * settings->reach);
    search->least = a == b ? cluster : 0;
    search->n = 0;
    for (int c = 0; c < 3; c++) {
        search->center[c] = a->levels[0].center[a->n_clusters * c + cluster];
        search->half[c] = a->levels[0].half[a->n_clusters * c + cluster];
        search->heights[c] = (float)heights[c];
    }
    search_nodes(search, b->n_levels - 1, 0, b->levels[b->n_levels - 1].n);
}

/* How many units a cluster has. */
static int units_of(const struct gd_cluster_set *set, int64_t cluster) {
    const int64_t left = set->units->n - GD_CLUSTER * cluster;
    return left < GD_CLUSTER ? (int)left : GD_CLUSTER;
}

/* The row of bits of a cluster of b, made if it is not there yet. */
static uint16_t *bits_of(struct working *working, const struct gd_cluster_set *a,
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
static void forbid(struct working *working, const struct gd_cluster_set *a,
                   const struct gd_cluster_set *b, int64_t cluster, const struct search *search) {
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
static void allow_again(struct working *working, const struct gd_cluster_set *a,
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
static void set_parameters(struct working *working, const struct gd_cluster_set *a,
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
    if (is_between_sites(field) && (a->n_sites > 1 || b->n_sites > 1)) {
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
static void set_local(const struct working *working, const struct gd_cluster_set *a,
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

static void set_against_set(struct working *working, const struct gd_cluster_set *a,
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
    struct search search = {.found = working->row_clusters};
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
        find_clusters(settings, heights, a, b, cluster, &search);
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
static void enclose(const struct working *working, struct gd_lattice *lattice, double *origin) {
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
static double longest_arm(const struct working *working, const struct gd_lattice *lattice) {
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

static void all_sets(struct working *working, const struct gd_lattice *lattice,
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
        fill_set(working, working->sets + k, lattice, origin);
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
    return found && is_between_sites(field);
}

int gd_nonbonded_forces(const struct gd_nonbonded *field, int precision, const void *positions,
                        const double *listed, int type, int64_t n_frames, const double *boxes,
                        double *forces, double *energies, double *virial, double *group_forces,
                        void *work, struct gd_where *where) {
    struct gd_frames frames, list;
    struct working working;
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
    take_all(field, precision, work, &working);
    prepare(&working, listed != 0);
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
