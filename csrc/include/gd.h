/* gromos_dist: the C core.
 *
 * Pure functions over plain arrays. Nothing here knows Python, starts a thread,
 * or keeps memory: the caller owns every buffer. Every function that can fail
 * returns a gd_status and, where it can tell, says in a gd_where what it met.
 *
 * cffi reads this very file, so it stays declarations only: enums, structs of
 * plain members, functions.
 */
#ifndef GD_H
#define GD_H

#include <stdint.h>

enum gd_status {
    GD_OK = 0,
    GD_BAD_ARGUMENT = 1, /* sizes that make no sense; where.found is the value */
    GD_NOT_FINITE = 2,   /* NaN or infinity in the data: where.frame (of the block), where.atom */
    GD_NO_WEIGHT = 3,    /* the weights sum to zero or less, or one is negative or not finite */
    GD_TRUNCATED = 4,    /* the data end inside a frame: where.byte, expected and found in bytes */
    GD_CORRUPT = 5,      /* the data contradict themselves: where.byte or line, expected, found */
    GD_UNSUPPORTED = 6,  /* well formed, but not something this reader handles: where.found */
    GD_SYSTEM = 7        /* the operating system refused: where.system_error is errno */
};

/* Where something went wrong; a member that does not apply is -1. */
struct gd_where {
    int64_t frame;
    int64_t atom;
    int64_t line;
    int64_t byte;
    int64_t expected;
    int64_t found;
    int32_t system_error;
};

/* Instruction sets, in rising order. */
enum gd_isa { GD_ISA_SCALAR = 0, GD_ISA_AVX2 = 1, GD_ISA_AVX512 = 2 };

/* The highest set that this processor, its operating system and the compiler that built this
 * library have in common. */
int gd_isa_best(void);

/* The set in use. */
int gd_isa_active(void);

/* Use this set (at most gd_isa_best; GD_BAD_ARGUMENT otherwise, and nothing changes). Called when
 * the module loads, and by tests; not while another thread runs a kernel. */
int gd_isa_select(int isa);

/* ---- DCD: trajectories of CHARMM, NAMD and X-PLOR ---- */

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
 * within -1 and 1, degrees otherwise. With angles a lies along x and b in the xy plane. A cell of
 * six zeros is no cell: NaN.
 * GD_CORRUPT: none of these is a cell with a volume; where.frame. */
int gd_dcd_boxes(const double *cells, int64_t n_frames, int32_t version, double *boxes,
                 struct gd_where *where);

#endif
