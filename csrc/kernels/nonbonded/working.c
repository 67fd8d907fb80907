/* How much working space gd_nonbonded_forces needs, and where in it everything is. */
#include "nonbonded/working.h"

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

static int64_t clusters_of(const struct gd_units *units) {
    return (units->n + GD_CLUSTER - 1) / GD_CLUSTER;
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
                        struct gd_working *working) {
    struct space space = {.base = base};
    struct gd_working own = {
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
        take_set(&space, field->unit_sets + k, own.number, gd_is_between_sites(field),
                 base ? own.sets + k : 0);
    if (working)
        *working = own;
    return space.used;
}

void gd_working_open(const struct gd_nonbonded *field, int precision, void *base,
                     struct gd_working *working) {
    take_all(field, precision, base, working);
}

int64_t gd_nonbonded_size(const struct gd_nonbonded *field, int precision) {
    return take_all(field, precision, 0, 0);
}

void gd_working_prepare(struct gd_working *working, int listed) {
    const struct gd_nonbonded *field = working->field;
    for (int64_t group = 0; group < field->n_charge_groups; group++)
        for (int64_t atom = field->charge_group[group]; atom < field->charge_group[group + 1];
             atom++)
            working->group_of_atom[atom] = (int32_t)group;
    for (int64_t i = 0; i < field->n_lj_types * field->n_lj_types; i++) {
        gd_put_number(working, working->c6, i, field->c6[i]);
        gd_put_number(working, working->c12, i, field->c12[i]);
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
