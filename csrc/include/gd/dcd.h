/* DCD: trajectories of CHARMM, NAMD and X-PLOR. */
#ifndef GD_DCD_H
#define GD_DCD_H

#include <stdint.h>

#include "gd/status.h"

/* How a DCD file is laid out. Frame 0 has all atoms; with fixed atoms the later frames have only
 * the free ones. Byte offsets count from the beginning of the file. */
struct gd_dcd {
    int64_t n_atoms;
    int64_t n_free;           /* atoms stored in frames after the first; n_atoms if none is fixed */
    int64_t n_frames;         /* whole frames, from the size of the file */
    int64_t n_frames_header;  /* frames the header speaks of: 0 or wrong when a run was killed */
    int64_t leftover;         /* bytes after the last whole frame */
    int64_t free_atoms;       /* where the record of free atoms begins; -1 if none is fixed */
    int64_t first_frame;      /* where frame 0 begins */
    int64_t first_frame_size; /* bytes of frame 0, with its record markers */
    int64_t frame_size;       /* bytes of every later frame */
    int64_t first_step;       /* integration step of frame 0 */
    int64_t step_interval;    /* steps between two frames */
    double time_step;         /* of the integrator, in AKMA units (0.04888821 ps) */
    int32_t version;          /* of CHARMM; 24 is also written by NAMD and others; 0: X-PLOR */
    int32_t marker_size;      /* bytes of a Fortran record marker: 4 or 8 */
    int32_t big_endian;
    int32_t has_cell;
    int32_t has_fourth_dimension;
};

/* Read a DCD header from the first `size` bytes of a file of `file_size` bytes (64 kB do for all
 * but absurd titles). A pure function of its arguments: no size in the file is trusted.
 * GD_OK; also when the file ends inside a frame, see dcd->leftover.
 * GD_TRUNCATED: the header goes on after `size` bytes; where.expected is how many are needed.
 * GD_CORRUPT: where.byte is the record or number that is wrong (0: not a DCD file at all).
 * GD_UNSUPPORTED: velocities ("VELD") instead of coordinates. */
int gd_dcd_open(const unsigned char *data, int64_t size, int64_t file_size, struct gd_dcd *dcd,
                struct gd_where *where);

/* From the record of free atoms (the bytes from dcd->free_atoms, 4 n_free + 2 marker_size of
 * them): for each of the n_atoms where it stands among the free atoms, -1 if it is fixed.
 * GD_CORRUPT: an atom outside 1..n_atoms, or twice; where.atom is its place in the record. */
int gd_dcd_free_places(const unsigned char *record, int64_t size, const struct gd_dcd *dcd,
                       int64_t *places, struct gd_where *where);

/* Read frames first, first + step, ... (n_frames of them) of an open file with pread(2).
 *   atoms      the n_wanted atoms wanted, from 0, in any order; NULL: all, n_wanted = n_atoms
 *   places     from gd_dcd_free_places; NULL if no atom is fixed
 *   f32, f64   (n_frames, n_wanted, 3) positions in nm, either or neither NULL. The file has Å in
 *              float32: f32 is the float32 nearest to a tenth of it, f64 is 0.1 times it, rounded
 *              once; the same on every instruction set
 *   cells      (n_frames, 6) the cell as it stands in the file (see gd_dcd_boxes); may be NULL
 *   scratch    scratch_size bytes, at least 4096; best 12 n_atoms + 100 when that fits the L2
 *              cache, and as much in any case for atoms that are not one rising run
 * Every record marker of what is read is checked. Only the bytes between the lowest and the
 * highest wanted atom are read when that saves much.
 * GD_TRUNCATED: the file became shorter: where.frame (of the file), byte (of the frame's
 * beginning), expected and found (bytes of that frame).
 * GD_CORRUPT: a record marker is wrong: where.frame, byte, expected, found.
 * GD_SYSTEM: where.system_error. GD_BAD_ARGUMENT: frames, atoms or scratch out of range. */
int gd_dcd_read(int fd, const struct gd_dcd *dcd, int64_t first, int64_t step, int64_t n_frames,
                const int64_t *atoms, int64_t n_wanted, const int64_t *places, float *f32,
                double *f64, double *cells, unsigned char *scratch, int64_t scratch_size,
                struct gd_where *where);

/* The same from a file of `size` bytes that is in memory. */
int gd_dcd_decode(const unsigned char *data, int64_t size, const struct gd_dcd *dcd, int64_t first,
                  int64_t step, int64_t n_frames, const int64_t *atoms, int64_t n_wanted,
                  const int64_t *places, float *f32, double *f64, double *cells,
                  unsigned char *scratch, int64_t scratch_size, struct gd_where *where);

/* Cells as they stand in a DCD file of this version (Å) to box vectors (nm, the rows).
 * A cell is six numbers: A, gamma, B, beta, alpha, C with angles as cosines (NAMD, OpenMM, VMD) or
 * in degrees (old programs), or the symmetric matrix of the box vectors, xx, xy, yy, xz, yz, zz
 * (CHARMM): that if version >= 25 or if the others are impossible, cosines if all three are
 * within -1 and 1, degrees otherwise. With angles a lies along x and b in the xy plane. Edges of
 * length 0 are no cell, whatever the angles: NaN.
 * GD_CORRUPT: none of these is a cell with a volume; where.frame. */
int gd_dcd_boxes(const double *cells, int64_t n_frames, int32_t version, double *boxes,
                 struct gd_where *where);

#endif
