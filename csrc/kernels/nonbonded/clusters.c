/* Units sorted in space into clusters, laid out for the inner loops, with their bounding boxes. */
#include "nonbonded/clusters.h"

#include <math.h>
#include <string.h>

#include "nonbonded/working.h"

static float middle(float a, float b, float c) {
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Put those from low to high - 1 first that lie before the pivot (or at it, too); return where the
 * others begin. Every spot is moved, needed or not: without a branch to be guessed that is faster.
 */
static int64_t part_at(struct gd_spot *spots, int64_t low, int64_t high, int axis, float pivot,
                       int at_it_too) {
    int64_t end = low;
    for (int64_t i = low; i < high; i++) {
        const struct gd_spot spot = spots[i];
        const float x = spot.x[axis];
        spots[i] = spots[end];
        spots[end] = spot;
        end += at_it_too ? x <= pivot : x < pivot;
    }
    return end;
}

/* Order spots so that number k along the axis is in its place, lower ones before, higher ones
 * behind it. */
static void select_first(struct gd_spot *spots, int64_t n, int64_t k, int axis) {
    int64_t low = 0, high = n;
    while (high - low > 1) {
        const float pivot =
            middle(spots[low].x[axis], spots[(low + high) / 2].x[axis], spots[high - 1].x[axis]);
        const int64_t equal = part_at(spots, low, high, axis, pivot, 0);
        if (k < equal) {
            high = equal;
            continue;
        }
        low = part_at(spots, equal, high, axis, pivot, 1);
        if (k < low)
            return;
    }
}

/* low, high: a box around the spots. */
static void sort_in_box(struct gd_spot *spots, int64_t n, float *low, float *high) {
    while (n > 4) {
        const int64_t part = n > GD_CLUSTER ? GD_CLUSTER : n > 8 ? 8 : 4;
        const int64_t first = (n + part - 1) / part / 2 * part;
        int axis = 0;
        for (int c = 1; c < 3; c++)
            if (high[c] - low[c] > high[axis] - low[axis])
                axis = c;
        select_first(spots, n, first, axis);
        const float border = spots[first].x[axis], kept = high[axis];
        float low_of_first[3];
        for (int c = 0; c < 3; c++)
            low_of_first[c] = low[c];
        high[axis] = border;
        sort_in_box(spots, first, low_of_first, high);
        high[axis] = kept;
        low[axis] = border;
        spots += first;
        n -= first;
    }
}

/* Sort spots into clusters: every 16 of them are near each other, in these again every 8 and every
 * 4. */
static void sort_spots(struct gd_spot *spots, int64_t n) {
    float low[3] = {0.0f, 0.0f, 0.0f}, high[3] = {0.0f, 0.0f, 0.0f};
    for (int c = 0; c < 3 && n; c++) {
        low[c] = high[c] = spots[0].x[c];
        for (int64_t i = 1; i < n; i++) {
            low[c] = spots[i].x[c] < low[c] ? spots[i].x[c] : low[c];
            high[c] = spots[i].x[c] > high[c] ? spots[i].x[c] : high[c];
        }
    }
    sort_in_box(spots, n, low, high);
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

static void put_coordinate(const struct gd_working *working, void *array, int64_t place,
                           double fraction) {
    if (working->precision == GD_MIXED)
        ((uint32_t *)array)[place] = (uint32_t)(int64_t)(fraction * 0x1p32 + 0.5);
    else
        ((double *)array)[place] = fraction;
}

/* Bounding boxes of clusters, of 16 clusters, of 256, ... */
static void make_boxes(const struct gd_working *working, struct gd_cluster_set *set) {
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
            gd_put_number(working, set->half, 3 * cluster + c, half * unit);
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

void gd_fill_set(struct gd_working *working, struct gd_cluster_set *set,
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
    sort_spots(spots, units->n);
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
            gd_put_number(working, set->charges, place, field->charge[atom]);
            set->types[place] = field->lj_type[atom];
        }
        if (working->place_of_atom && place < units->n && units->n_sites == 1)
            working->place_of_atom[atom] = (int32_t)place;
    }
    set->longest_arm = sqrt(longest2);
    memset(set->forces, 0, sizeof(double) * (size_t)(n_places * 3 * units->n_sites));
    make_boxes(working, set);
}
