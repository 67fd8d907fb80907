#include "clusters.h"

static void swap(struct gd_spot *a, struct gd_spot *b) {
    const struct gd_spot kept = *a;
    *a = *b;
    *b = kept;
}

static float middle(float a, float b, float c) {
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Put the k spots with the smallest coordinates first (Hoare's selection). */
static void select_first(struct gd_spot *spots, int64_t n, int64_t k, int axis) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const float pivot = middle(spots[low].x[axis], spots[(low + high) / 2].x[axis],
                                   spots[high].x[axis]);
        int64_t i = low, j = high;
        while (i <= j) {
            while (spots[i].x[axis] < pivot)
                i++;
            while (spots[j].x[axis] > pivot)
                j--;
            if (i <= j)
                swap(spots + i++, spots + j--);
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            return;
    }
}

void gd_sort_spots(struct gd_spot *spots, int64_t n) {
    while (n > 4) {
        const int64_t part = n > GD_CLUSTER ? GD_CLUSTER : n > 8 ? 8 : 4;
        const int64_t first = (n + part - 1) / part / 2 * part;
        float low[3], high[3];
        int axis = 0;
        for (int c = 0; c < 3; c++)
            low[c] = high[c] = spots[0].x[c];
        for (int64_t i = 1; i < n; i++)
            for (int c = 0; c < 3; c++) {
                low[c] = spots[i].x[c] < low[c] ? spots[i].x[c] : low[c];
                high[c] = spots[i].x[c] > high[c] ? spots[i].x[c] : high[c];
            }
        for (int c = 1; c < 3; c++)
            if (high[c] - low[c] > high[axis] - low[axis])
                axis = c;
        select_first(spots, n, first, axis);
        gd_sort_spots(spots, first);
        spots += first;
        n -= first;
    }
}
