/* The least distance of two sets of atoms, or of a set and its own images. */
#include <math.h>

#include "gd/neighbors.h"
#include "neighbors/cells.h"
#include "table.h"

/* How far is looked at first: then twice as far, until something is found. */
static const double first_cutoff = 0.5;

struct nearest {
    struct gd_cells *cells;
    int swapped; /* the first atom of a pair is one of the second set */
    double distance;
    int64_t i, j;
};

/* Take a pair where it is nearer, or as near and of lower numbers; look no farther from now on. */
static void take(struct nearest *nearest, int64_t one, int64_t other, double distance) {
    const int64_t i = nearest->swapped ? other : one, j = nearest->swapped ? one : other;
    if (distance > nearest->distance ||
        (distance == nearest->distance && (i > nearest->i || (i == nearest->i && j >= nearest->j))))
        return;
    nearest->distance = distance;
    nearest->i = i;
    nearest->j = j;
    const float limit = (float)((distance + nearest->cells->error) * (1.0 + 1e-6));
    if (limit * limit < nearest->cells->run.limit)
        nearest->cells->run.limit = limit * limit;
}

static void take_candidate(void *context, int64_t i, int64_t j, const double *met) {
    struct nearest *nearest = context;
    double difference[3];
    if (gd_nearest_candidate(nearest->cells, &i, &j, met, difference))
        take(nearest, i, j, gd_length(difference));
}

/* Take another image than that which the positions say. */
static void take_image(void *context, int64_t i, int64_t j, const double *met) {
    struct nearest *nearest = context;
    const struct gd_cells *cells = nearest->cells;
    const struct gd_lattice *lattice = &cells->lattice;
    const double sign = i > j ? -1.0 : 1.0;
    double one[3], difference[3], steps[3];
    const int64_t low = i < j ? i : j, high = i < j ? j : i;
    gd_frame_atom(cells->frames, cells->frame, low, one);
    gd_frame_atom(cells->frames, cells->frame, high, difference);
    for (int c = 0; c < 3; c++)
        difference[c] -= one[c];
    int is_image = 0;
    for (int v = 0; v < 3; v++) {
        double along = 0.0;
        for (int c = 0; c < 3; c++)
            along += (sign * met[c] - difference[c]) * lattice->inverse[3 * c + v];
        steps[v] = rint(along);
        is_image |= steps[v] != 0.0;
    }
    if (!is_image)
        return;
    for (int v = 0; v < 3; v++)
        for (int c = 0; c < 3; c++)
            difference[c] += steps[v] * lattice->vectors[3 * v + c];
    take(nearest, low, high, gd_length(difference));
}

static int search(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                  const double *boxes, const struct gd_neighbor_sets *sets, int of_images,
                  double *work, int64_t *pairs, double *distances, struct gd_where *where) {
    const struct gd_table *table = gd_table();
    struct gd_frames frames;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    /* It is faster to look from each atom of the smaller set. */
    const int swapped = sets->second && sets->n_first > sets->n_second;
    const struct gd_neighbor_sets turned = {sets->second, sets->n_second, sets->first,
                                            sets->n_first, sets->labels};
    const struct gd_neighbor_sets *own = swapped ? &turned : sets;
    for (int64_t frame = 0; frame < n_frames && status == GD_OK; frame++) {
        struct gd_cells cells;
        struct nearest nearest = {&cells, swapped, INFINITY, -1, -1};
        for (double cutoff = first_cutoff;; cutoff *= 2.0) {
            status = gd_cells_open(&frames, frame, boxes, own, cutoff, work, &cells, where);
            if (status != GD_OK)
                return status;
            if (of_images && !cells.lattice.periodic) {
                where->frame = frame;
                return GD_NO_VOLUME;
            }
            gd_cells_walk(&cells, table->find_near, of_images ? take_image : take_candidate,
                          &nearest);
            /* What is nearer than the cutoff was met. */
            if (nearest.distance <= cutoff || cells.cutoff < cutoff)
                break;
            if (of_images && cutoff >= cells.lattice.shortest)
                break;
        }
        if (of_images && sets->n_first > 0 && !(nearest.distance < cells.lattice.shortest)) {
            nearest.distance = cells.lattice.shortest;
            nearest.i = nearest.j = sets->first[0];
        }
        pairs[2 * frame] = nearest.i;
        pairs[2 * frame + 1] = nearest.j;
        distances[frame] = nearest.distance;
    }
    return status;
}

int gd_minimum_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                         const double *boxes, const struct gd_neighbor_sets *sets, double *work,
                         int64_t *pairs, double *distances, struct gd_where *where) {
    return search(positions, type, n_frames, n_atoms, boxes, sets, 0, work, pairs, distances,
                  where);
}

int gd_image_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                       const double *boxes, const struct gd_neighbor_sets *sets, double *work,
                       int64_t *pairs, double *distances, struct gd_where *where) {
    return search(positions, type, n_frames, n_atoms, boxes, sets, 1, work, pairs, distances,
                  where);
}
