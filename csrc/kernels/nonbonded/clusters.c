#include "nonbonded/clusters.h"

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

void gd_sort_spots(struct gd_spot *spots, int64_t n) {
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
