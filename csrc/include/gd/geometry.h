/* Distances, angles and torsions between atoms. */
#ifndef GD_GEOMETRY_H
#define GD_GEOMETRY_H

#include <stdint.h>

#include "gd/frames.h"

/* What is measured between the atoms of a tuple. */
enum gd_measure {
    GD_MEASURE_DISTANCE = 0,     /* of two atoms */
    GD_MEASURE_DISPLACEMENT = 1, /* x, y and z, from the first to the second */
    GD_MEASURE_ANGLE = 2,        /* at the second of three atoms: degrees, 0 to 180 */
    GD_MEASURE_TORSION = 3 /* about the line from the second to the third of four atoms: degrees in
                       (-180, 180], clockwise, seen along that line, is positive (IUPAC) */
};

/* How many doubles the work of gd_geometry has, for so many atoms. */
int64_t gd_geometry_size(int64_t n_used);

/* Measure tuples of atoms in every frame, between nearest images.
 *   boxes   (n_frames, 3, 3), the rows are the box vectors; NaN or zeros: frames without lattice;
 *           NULL: none has one
 *   used    (n_used) the atoms that tuples are of; NULL: the first n_used
 *   tuples  (n_tuples, 2 to 4), places in `used`, trusted; a tuple whose first is negative gives
 * NaN work    gd_geometry_size doubles, best aligned to 64 bytes out     (n_frames, n_tuples), or
 * (n_frames, n_tuples, 3) of displacements An angle or torsion of atoms in one place, or a torsion
 * of atoms in one line, is NaN. GD_NOT_FINITE (an atom that is used), GD_NO_VOLUME,
 * GD_BAD_ARGUMENT. */
int gd_geometry(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const double *boxes, const int64_t *used, int64_t n_used, const int64_t *tuples,
                int64_t n_tuples, int measure, double *work, double *out, struct gd_where *where);

#endif
