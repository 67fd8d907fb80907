/* The atoms of one frame sorted into cells of the box, and the walk over those near each other.
 *
 * The box is cut along its lattice vectors, finely along the first, so that a row of cells is a run
 * of atoms in memory. The walk looks at every image of every pair that may be in reach, in single
 * precision; what it reports is decided anew in double. */
#ifndef GD_KERNELS_NEIGHBORS_CELLS_H
#define GD_KERNELS_NEIGHBORS_CELLS_H

#include <stdint.h>

#include "frames/frames.h"
#include "gd/neighbors.h"
#include "lattice.h"

/* A point and a run of atoms: what kernels work on. Arrays are readable 16 places further. */
struct gd_run {
    const float *x, *y, *z;
    const int32_t *labels;
    int64_t from, to;
    float point[3];
    int32_t label;
    float limit; /* of the square of a distance */

    /* For histograms: a distance r stands in bin r per_width - first. What is nearer to an edge
     * than `margin` bins is not counted, but found. */
    float per_width, first, margin, bins;
    float least; /* what the square of a distance is not taken below */
    int64_t *counts;

    int32_t *found; /* places of atoms that are in reach */
    int64_t n_found;
};
typedef void gd_run_kernel(struct gd_run *run);

struct gd_cells {
    const struct gd_frames *frames;
    int64_t frame;
    const struct gd_neighbor_sets *sets;
    struct gd_lattice lattice;
    double cutoff;
    double reach;     /* the cutoff, and how wrong single precision may be */
    double error;     /* how wrong a distance may be */
    double origin[3]; /* that single precision counts from */
    double edges[9];  /* rows: edges of the grid: lattice vectors, or the extent of the atoms */
    double to_units[9];
    double heights[3];
    int64_t n[3];        /* cells along each edge */
    double width[3];     /* of a cell */
    double per_width[3]; /* cells a length */
    int64_t far[3];      /* how many cells further something may be in reach */

    /* Of the second set, or the only one, in the order of its cells. */
    int64_t n_atoms;
    int32_t *start; /* n[0] n[1] n[2] + 1 */
    int32_t *atom;  /* number in the frame */
    double *place;  /* (n_atoms, 6): in the cell of the lattice, from the origin; in cells */
    struct gd_run run;
};

/* Two atoms, the image of the second that was met relative to the first, as far as it is known. */
typedef void gd_at_candidate(void *context, int64_t i, int64_t j, const double *difference);

/* Sort the atoms of a frame into cells, for a search up to `cutoff`. GD_NOT_FINITE, GD_NO_VOLUME.
 */
int gd_cells_open(const struct gd_frames *frames, int64_t frame, const double *boxes,
                  const struct gd_neighbor_sets *sets, double cutoff, double *work,
                  struct gd_cells *cells, struct gd_where *where);

/* Have a kernel look at all runs of atoms near each atom, and report what it found. `context` may
 * make cells->run.limit less on the way. */
void gd_cells_walk(struct gd_cells *cells, gd_run_kernel *kernel, gd_at_candidate *at_candidate,
                   void *context);

/* Bring a candidate into the order in which it is measured, and measure it: the difference of its
 * nearest images. Returns whether these are what was met. */
int gd_nearest_candidate(const struct gd_cells *cells, int64_t *i, int64_t *j, const double *met,
                         double *difference);

/* Called for each pair that is at most the cutoff apart, once: the atoms, of one set the lower
 * first, and the second's position, its nearest image, relative to the first's. */
typedef void gd_at_pair(void *context, int64_t i, int64_t j, const double *difference,
                        double distance);

/* Visit all pairs of a frame that are within the cutoff, in the order of cells. */
int gd_visit_pairs(const struct gd_frames *frames, int64_t frame, const double *boxes,
                   const struct gd_neighbor_sets *sets, double cutoff, double *work,
                   gd_at_pair *at_pair, void *context, struct gd_where *where);

static inline double gd_length(const double *d) {
    return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

#endif
