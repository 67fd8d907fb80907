/* How many pairs of atoms lie at which distance, without a list of them. */
#include <math.h>
#include <string.h>

#include "gd/neighbors.h"
#include "neighbors/cells.h"
#include "table.h"

struct histogram {
    const struct gd_cells *cells;
    const double *edges;
    int64_t n_bins;
    double per_width;
    int64_t *counts;
};

/* The bin of a distance, by the edges themselves; -1 outside of all. */
static int64_t bin_of(const struct histogram *histogram, double distance) {
    const double *edges = histogram->edges;
    const int64_t n = histogram->n_bins;
    if (!(distance >= edges[0] && distance < edges[n]))
        return -1;
    int64_t bin = (int64_t)((distance - edges[0]) * histogram->per_width);
    bin = bin >= n ? n - 1 : bin;
    while (distance < edges[bin])
        bin--;
    while (distance >= edges[bin + 1])
        bin++;
    return bin;
}

static void count_candidate(void *context, int64_t i, int64_t j, const double *met) {
    const struct histogram *histogram = context;
    double difference[3];
    if (!gd_nearest_candidate(histogram->cells, &i, &j, met, difference))
        return;
    const int64_t bin = bin_of(histogram, gd_length(difference));
    if (bin >= 0)
        histogram->counts[bin]++;
}

static void uncount(const struct histogram *histogram, const int64_t *pair) {
    double one[3], difference[3];
    gd_frame_atom(histogram->cells->frames, histogram->cells->frame, pair[0], one);
    gd_frame_atom(histogram->cells->frames, histogram->cells->frame, pair[1], difference);
    for (int c = 0; c < 3; c++)
        difference[c] -= one[c];
    gd_nearest_image(&histogram->cells->lattice, difference);
    const int64_t bin = bin_of(histogram, gd_length(difference));
    if (bin >= 0)
        histogram->counts[bin]--;
}

int gd_distance_histogram(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                          const double *boxes, const struct gd_neighbor_sets *sets,
                          const int64_t *excluded, int64_t n_excluded, const double *edges,
                          int64_t n_bins, double *work, int64_t *counts, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    struct gd_cells cells;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    if (n_bins < 1 || n_bins > 1 << 20 || !(edges[0] >= 0.0 && edges[0] < edges[n_bins])) {
        where->found = n_bins;
        return GD_BAD_ARGUMENT;
    }
    const double per_width = (double)n_bins / (edges[n_bins] - edges[0]);
    memset(counts, 0, sizeof(int64_t) * (size_t)(n_frames * n_bins));
    for (int64_t frame = 0; frame < n_frames; frame++, counts += n_bins) {
        status = gd_cells_open(&frames, frame, boxes, sets, edges[n_bins], work, &cells, where);
        if (status != GD_OK)
            return status;
        if (cells.lattice.periodic && edges[n_bins] > 0.5 * cells.lattice.shortest) {
            where->frame = frame;
            return GD_SMALL_BOX;
        }
        cells.run.per_width = (float)per_width;
        cells.run.first = (float)(edges[0] * per_width);
        cells.run.margin = (float)(cells.error * per_width);
        cells.run.bins = (float)n_bins;
        cells.run.least = (float)fmax(1e-4 * cells.error * cells.error, 1e-30);
        cells.run.counts = counts;
        struct histogram histogram = {&cells, edges, n_bins, per_width, counts};
        gd_cells_walk(&cells, table->count_near, count_candidate, &histogram);
        for (int64_t k = 0; k < n_excluded; k++)
            uncount(&histogram, excluded + 2 * k);
    }
    return GD_OK;
}
