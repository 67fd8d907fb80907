/* Hydrogen bonds of frames. */
#ifndef GD_HYDROGEN_BONDS_H
#define GD_HYDROGEN_BONDS_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* Between which atoms bonds are looked for. A hydrogen and an acceptor are a candidate when their
 * units differ and their sides share a bit. */
struct gd_bond_sites {
    int64_t n_hydrogens;
    int64_t n_acceptors;
    int64_t n_searched;
    const int64_t *hydrogens; /* atoms */
    const int64_t *donors;    /* the atom that each hydrogen is bonded to */
    const int64_t *acceptors; /* rising */
    const int64_t *searched; /* what distances are measured from: hydrogens, or donors, each once */
    const int64_t *first_hydrogen; /* (n_searched + 1): hydrogens first_hydrogen[i] to [i + 1] are
                                      those of the searched atom i */
    const int32_t *hydrogen_units;
    const int32_t *acceptor_units;
    const uint8_t *hydrogen_sides;
    const uint8_t *acceptor_sides;
};

struct gd_bond_criteria {
    double distance;  /* nm, at most: of H and A, or from_donor of D and A */
    double angle;     /* degrees: D-H-A, at least; or at_donor H-D-A, at most */
    double curvature; /* the distance is at most distance - curvature * angle^2 */
    int32_t from_donor;
    int32_t at_donor;
    int32_t distance_included; /* whether the distance itself is within it, and the angle */
    int32_t angle_included;
    int32_t any_angle;     /* candidates within the distance count whatever their angle is */
    int32_t three_centers; /* bonds to two acceptors: the distance is of H and A, the angle at H,
                              for both, and */
    double angle_sum;      /* degrees: of the three angles at H, at least */
    double plane;          /* degrees: between the planes D-A-A' and H-A-A', at most */
};

/* Where bonds go: arrays of `capacity`; what does not fit is counted all the same. Those of a frame
 * follow each other by hydrogen, then acceptor. The second part is of three centers alone. */
struct gd_bond_table {
    int64_t capacity;
    int32_t *hydrogen; /* places among the sites */
    int32_t *acceptor;
    double *distance; /* nm */
    double *angle;    /* degrees */
    int32_t *other_acceptor;
    double *other_distance;
    double *other_angle;
    double *angle_sum;
    double *plane;
};

/* How many doubles of room the search wants, whose memory begins at a multiple of 64 bytes. */
int64_t gd_hydrogen_bonds_work(const struct gd_bond_sites *sites, int64_t n_atoms);

/* Find the hydrogen bonds of frames, between nearest images.
 *   boxes   (n_frames, 3, 3), the rows are the box vectors; NaN or zeros: frames without lattice;
 *           NULL: none has one
 *   counts  (n_frames): how many bonds there are, also of those that do not fit into the table
 * GD_BAD_ARGUMENT, GD_NOT_FINITE (where.frame, where.atom), GD_NO_VOLUME. */
int gd_hydrogen_bonds(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                      const double *boxes, const struct gd_bond_sites *sites,
                      const struct gd_bond_criteria *criteria, struct gd_bond_table *table,
                      int64_t *counts, double *work, struct gd_where *where);

#endif
