/* The least distances between groups of atoms, such as residues: all of them, or those in reach. */
#ifndef GD_LEAST_DISTANCES_H
#define GD_LEAST_DISTANCES_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

/* So many places for atoms every group begins with, unless all groups are single atoms. */
enum { GD_GROUP_STEP = 8 };

/* Groups of atoms. The atoms of group g stand at atoms[first[g]] .. atoms[first[g + 1] - 1]: `size`
 * of them, and then its first one again, so that `first` holds multiples of GD_GROUP_STEP. Where
 * all groups are single atoms, nothing is repeated. Indices are trusted. */
struct gd_atom_groups {
    int64_t n;
    const int64_t *first;    /* n + 1 */
    const int64_t *size;     /* n; at least 1 */
    const int64_t *atoms;    /* first[n] */
    const int64_t *identity; /* n: a group is no partner of one that is the same */
    const int64_t *sequence; /* n: places in the sequence, far apart in different chains */
    const uint8_t *chosen;   /* n_frames x n_atoms: which atoms count in each frame; NULL: all */
};

/* How many doubles of work the functions below need; `others` is NULL for pairs of one set. */
int64_t gd_least_distances_size(const struct gd_atom_groups *groups,
                                const struct gd_atom_groups *others);

/* The least distance of every pair of groups in every frame.
 *   boxes      (n_frames, 3, 3), rows are the box vectors, or NULL; NaN or zeros: no box
 *   others     the second set; NULL: pairs of the first, with zero for a group and itself
 *   work       gd_least_distances_size doubles, best aligned to 64 bytes
 *   distances  (n_frames, groups, others); NaN where a group has no atom in the frame
 * Nearest images are exact in any box. GD_BAD_ARGUMENT, GD_NOT_FINITE, GD_NO_VOLUME. */
int gd_least_distances(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                       const double *boxes, const struct gd_atom_groups *groups,
                       const struct gd_atom_groups *others, double *work, double *distances,
                       struct gd_where *where);

/* Which pairs of groups are nearer than a cutoff, and by which atoms. Each an array of as many
 * numbers as there is room for. */
struct gd_contacts {
    int64_t room;
    int64_t found;  /* how many there are; written */
    int64_t frames; /* of how many frames; less than all when there was no more room */
    int64_t *frame;
    int64_t *group;
    int64_t *other_group;
    int64_t *atom;       /* the closest atoms: the first of those, in the order of the groups; */
    int64_t *other_atom; /* NULL, both: not asked for */
    double *distance;
};

/* The pairs of groups whose least distance is less than the cutoff (positive), in the order of
 * frames, groups, other groups; of one set, each pair once. Pairs nearer in the sequence than
 * `separation` do not count. Parameters and returns as above. */
int gd_contacts(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const double *boxes, const struct gd_atom_groups *groups,
                const struct gd_atom_groups *others, double cutoff, int64_t separation,
                double *work, struct gd_contacts *contacts, struct gd_where *where);

#endif
