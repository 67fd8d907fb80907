/* A walk down the tree of bounding boxes, to the clusters that are near enough. */
#include "nonbonded/search.h"

#include <math.h>

static void search_nodes(struct gd_search *search, int level, int64_t begin, int64_t end) {
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

void gd_find_clusters(const struct gd_row_settings *settings, const double *heights,
                      const struct gd_cluster_set *a, const struct gd_cluster_set *b,
                      int64_t cluster, struct gd_search *search) {
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
