/* Finding the clusters in reach of one, by the tree of bounding boxes. */
#ifndef GD_KERNELS_NONBONDED_SEARCH_H
#define GD_KERNELS_NONBONDED_SEARCH_H

#include "nonbonded/clusters.h"
#include "nonbonded/row.h"

/* A search for the clusters in reach of one. */
struct gd_search {
    const struct gd_cluster_set *b;
    float center[3], half[3], heights[3];
    float reach2;
    int rectangular;
    int64_t least; /* the first cluster that counts */
    int32_t *found;
    int64_t n;
};

/* Find the clusters of b in reach of one of a; when the sets are the same, only from that one on.
 */
void gd_find_clusters(const struct gd_row_settings *settings, const double *heights,
                      const struct gd_cluster_set *a, const struct gd_cluster_set *b,
                      int64_t cluster, struct gd_search *search);

#endif
