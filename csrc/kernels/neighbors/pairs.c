/* Pairs of atoms that are near each other, as a list. */
#include "gd/neighbors.h"
#include "neighbors/cells.h"

struct list {
    int64_t room, n;
    int32_t *pairs;
    double *distances;
};

static void append(void *context, int64_t i, int64_t j, const double *difference, double distance) {
    struct list *list = context;
    (void)difference;
    if (list->n < list->room) {
        list->pairs[2 * list->n] = (int32_t)i;
        list->pairs[2 * list->n + 1] = (int32_t)j;
        list->distances[list->n] = distance;
    }
    list->n++;
}

int gd_neighbor_pairs(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                      const double *boxes, const struct gd_neighbor_sets *sets, double cutoff,
                      double *work, int64_t room, int32_t *pairs, double *distances,
                      int64_t *first_pair, struct gd_where *where) {
    struct gd_frames frames;
    struct list list = {room, 0, pairs, distances};
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    first_pair[0] = 0;
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        status = gd_visit_pairs(&frames, frame, boxes, sets, cutoff, work, append, &list, where);
        first_pair[frame + 1] = list.n;
    }
    return status;
}
