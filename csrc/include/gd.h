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
    GD_NO_VOLUME = 8,    /* a box whose vectors lie in a plane: where.frame (of the block) */
    GD_SMALL_BOX = 9,    /* a cutoff longer than half the shortest box vector: where.frame */
    GD_SAME_PLACE = 10,  /* two interacting atoms in one place (or so near that numbers overflow):
                            where.frame, where.atom (one of them; -1 when it is not known) */
    GD_NOT_CONVERGED = 11, /* constraints that cannot be met: where.atom and where.found, the two
                              atoms of one of them */
    GD_SYSTEM = 7          /* the operating system refused: where.system_error is errno */
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
 * within -1 and 1, degrees otherwise. With angles a lies along x and b in the xy plane. Edges of
 * length 0 are no cell, whatever the angles: NaN.
 * GD_CORRUPT: none of these is a cell with a volume; where.frame. */
int gd_dcd_boxes(const double *cells, int64_t n_frames, int32_t version, double *boxes,
                 struct gd_where *where);
/* ---- Kernels over blocks of frames -------------------------------------------------------
 *
 * positions: n_frames x n_atoms x 3 numbers of `type`, one after the other, aligned to the size of
 * one number. Sums, products and eigenvalues are double, in an order that depends neither on the
 * instruction set nor on how many frames a call is given: same input, same bits.
 *
 * Every function that reads positions can return GD_NOT_FINITE (where.frame and where.atom, counted
 * from 0 within the block; atom is -1 when the numbers are finite but so large that their squares
 * overflow) and GD_BAD_ARGUMENT (a negative size, or an atom set that is empty). After an error the
 * outputs hold nothing of use. */
enum gd_type { GD_FLOAT32 = 0, GD_FLOAT64 = 1 };

/* The atoms that take part, in order: those of `index`, or, when it is NULL, the ones from `first`
 * on. Indices are trusted: the caller has checked that each is in 0 .. n_atoms - 1. `data` is what
 * gd_set_prepare filled; how many atoms there are stands in it. */
struct gd_atom_set {
    const int64_t *index;
    int64_t first;
    const double *data;
};

/* How many doubles gd_set_prepare writes for n atoms. */
int64_t gd_set_size(int64_t n, int weighted, int with_reference);

/* Lay out weights and reference coordinates of an atom set as the kernels want them.
 *
 * reference: n x 3, or NULL where the set is only for centres, gyration or pairs.
 * weights: n, or NULL for equal ones.
 * center: the point (3) that the reference is laid out around; NULL: its own (weighted) centre.
 *   A set that is measured after a fit on another set takes the centre of that one.
 * data: gd_set_size doubles, best aligned to 64 bytes.
 * Returns GD_OK, GD_BAD_ARGUMENT (n < 1), GD_NO_WEIGHT, or GD_NOT_FINITE (where.atom, an index into
 * the reference as given here; where.frame stays -1). */
int gd_set_prepare(const double *reference, int64_t n, const double *weights, const double *center,
                   double *data, struct gd_where *where);

/* The centre around which a set's reference was laid out. */
void gd_set_center(const double *data, double *center);

/* Root-mean-square deviation of every frame from the reference, best fit or as it stands.
 *
 * fit: superpose on these atoms first; NULL: no superposition.
 * measure: the atoms of the deviation; NULL: those of fit, with its weights. With fit, its
 *   reference was laid out around fit's centre.
 * rmsd: n_frames, or NULL if not wanted.
 * rotations, translations: n_frames x 3 x 3 and n_frames x 3, or NULL if not wanted; need fit.
 *   x' = R x + t puts a frame onto the reference; R is proper (determinant +1).
 * A frame whose atoms equal the reference's gives exactly 0 (and R = 1, t = 0).
 *
 * The largest eigenvalue of the quaternion matrix is found by Newton's method on its characteristic
 * polynomial (Theobald, Acta Cryst. A61 (2005) 478; Liu, Agrafiotis and Theobald, J. Comput. Chem.
 * 31 (2010) 1561) where that is well conditioned, by Jacobi rotations otherwise. A deviation small
 * against the size of the structure is summed over the superposed atoms, so that nothing cancels.
 */
int gd_rmsd(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
            const struct gd_atom_set *fit, const struct gd_atom_set *measure, double *rmsd,
            double *rotations, double *translations, struct gd_where *where);

/* out = R x + t for every atom, computed in double; out has the type and shape of positions and
 * does not overlap them. Numbers that are not finite are passed on. */
int gd_transform(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                 const double *rotations, const double *translations, void *out);

/* Weighted centre (n_frames x 3), radius of gyration (n_frames) and gyration tensor
 * (n_frames x 3 x 3, sum of w (x - c)(x - c)^T over the sum of weights); each NULL if not wanted.
 */
int gd_gyration(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                const struct gd_atom_set *set, double *centers, double *radii, double *tensors,
                struct gd_where *where);

/* How many doubles gd_center_frames writes for one frame of n atoms. */
int64_t gd_centered_size(int64_t n);

/* Lay every frame out for gd_rmsd_pairs: with its (weighted) centre at the origin, or near it.
 * centered: n_frames x gd_centered_size, best aligned to 64 bytes; spreads: n_frames. */
int gd_center_frames(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                     const struct gd_atom_set *set, double *centered, double *spreads,
                     struct gd_where *where);

/* How many doubles of working space gd_rmsd_pairs needs. */
int64_t gd_rmsd_pairs_size(void);

/* Best-fit deviation of every frame of a from every frame of b: rmsd is n_a x n_b. Both were
 * centred with the same atom set. Pass b = a (same pointer, n_b = n_a) for one trajectory with
 * itself: half the work, same bits. The value of a pair has the same bits either way round. */
int gd_rmsd_pairs(const double *a, const double *spreads_a, int64_t n_a, const double *b,
                  const double *spreads_b, int64_t n_b, const struct gd_atom_set *set, double *work,
                  double *rmsd);
/* ---- GROMOS text (formats/gromos_text.c) ---- */

/* What a block of a frame holds; bits, so that a frame's blocks are a set. The bit of blocks[i] is
 * 1 << i. */
enum gd_gromos_field {
    GD_GROMOS_POSITIONS = 1,          /* POSITION, POSITIONRED: nm */
    GD_GROMOS_VELOCITIES = 2,         /* VELOCITY, VELOCITYRED: nm ps-1 */
    GD_GROMOS_FORCES = 4,             /* FREEFORCE, FREEFORCERED: kJ mol-1 nm-1 */
    GD_GROMOS_BOX = 8,                /* GENBOX, BOX: nm, degrees */
    GD_GROMOS_CONSTRAINT_FORCES = 16, /* CONSFORCE, CONSFORCERED: kJ mol-1 nm-1 */
    GD_GROMOS_TIMESTEP = 32           /* TIMESTEP: step, ps */
};

/* Why text is not what it should be. */
enum gd_gromos_fault {
    GD_GROMOS_NOT_A_BLOCK = 1,  /* something else where the name of a block should stand */
    GD_GROMOS_NO_END = 2,       /* a block begins before the one around it has ended */
    GD_GROMOS_NO_ATOMS = 3,     /* a block without a single atom */
    GD_GROMOS_ATOM_COUNT = 4,   /* other than in the blocks before: where.expected, where.found */
    GD_GROMOS_BAD_TIMESTEP = 5, /* not an integer and a number */
    GD_GROMOS_OTHER_BLOCKS = 6, /* a frame without a block, or with one more, than the first frame:
                                   where.expected and where.found are sets of gd_gromos_field */
    GD_GROMOS_NO_VECTORS = 7,   /* a frame without positions, velocities or forces */
    GD_GROMOS_CUT_BLOCK = 8,    /* the text ends inside a block */
    GD_GROMOS_CUT_FRAME = 9     /* the text ends before the last frame has all its blocks */
};

/* A block of one frame, as the scan found it. If line_size is not 0, atom a stands at byte + first
 * + a * line_size + (a / 10) * comment_size; otherwise its lines are of several lengths. */
struct gd_gromos_block {
    int64_t byte;         /* of the stream, where the block's name stands */
    int64_t size;         /* in bytes, with the END line */
    int64_t line;         /* of the name, the first line of the stream being 1 */
    int32_t first;        /* bytes from the name to the first atom's line */
    int32_t line_size;    /* of an atom's line, with its line feed */
    int32_t comment_size; /* of the comment after every tenth atom; 0 when there is none */
    int32_t labelled;     /* 1 if each atom's line begins with 24 characters of labels, or, for a
                             box, if it is a BOX, of three lengths */
};

struct gd_gromos_frame {
    int64_t byte; /* of the stream, where its first block begins */
    int64_t line;
    int64_t step; /* without a TIMESTEP block: the number of the frame */
    double time;  /* ps; without a TIMESTEP block: the number of the frame */
    int64_t fields;
    struct gd_gromos_block blocks[5]; /* positions, velocities, forces, box, constraint forces */
};

/* The state of a scan between two calls. Set line to 1, n_atoms to -1, all else to 0 to begin. */
struct gd_gromos_scan {
    int64_t byte;     /* of the stream, how far the scan has come */
    int64_t line;     /* number of the line that begins there */
    int64_t n_frames; /* found so far */
    int64_t n_atoms;  /* of every frame; -1: not known yet */
    int64_t fields;   /* of every frame; 0: not known yet */
    int64_t inside;   /* the block that the scan is in: a field, 64 for any other, 0 for none */
    int64_t count;    /* lines of atoms in it, or numbers in a TIMESTEP */
    int64_t after_comment;
    int64_t regular;
    int64_t fault; /* enum gd_gromos_fault, when the scan has failed */
    struct gd_gromos_frame frame;
};

/* Find the frames in a stretch of a stream of GROMOS text.
 *
 * Reads `size` bytes of `text`, which begin at state->byte of the stream, up to the last whole
 * line, or up to the end when `final` is not 0. Sets `used` to the bytes it is done with: call it
 * again with the rest and what follows. Writes the frames that are complete to `frames`, at most
 * `capacity`, and their number to `found`; when there is no room left it returns before the end.
 * Numbers of atoms are counted, not read.
 *
 * To go on behind a known frame, set byte, line, n_frames, n_atoms and fields to what they were
 * where it begins. After GD_TRUNCATED `found` frames are whole, and state->frame is the one that is
 * cut.
 *
 * GD_CORRUPT, GD_TRUNCATED: state->fault says why; where.line, where.byte (of the stream, the
 * beginning of that line) and where.frame (from 0) say where. */
int gd_gromos_scan(const char *text, int64_t size, int final, struct gd_gromos_scan *state,
                   struct gd_gromos_frame *frames, int64_t capacity, int64_t *found, int64_t *used,
                   struct gd_where *where);

/* Read the vectors of `n_blocks` blocks of positions, velocities, forces or constraint forces.
 *
 * `text` holds `size` bytes of the stream from its byte `origin`, with all that is to be read.
 * Numbers come out as strtod in the C locale gives them, rounded to float unless `is_double`.
 * `wanted` holds `n_wanted` atoms, never falling, and `rows` the row of the result for each; when
 * `wanted` is null all `n_atoms` are read, and `n_wanted` is n_atoms. `out` is (n_blocks, n_wanted,
 * 3). A regular block is read from nothing but the wanted lines; of any other the text must be
 * whole.
 *
 * GD_BAD_ARGUMENT: an atom beyond n_atoms, or a row beyond n_wanted. GD_TRUNCATED: the text is too
 * short. GD_NOT_FINITE: nan or inf stands there. GD_CORRUPT: anything else that is not three
 * numbers, or, with where.expected and where.found, more or fewer atoms than n_atoms. where.frame
 * counts the blocks given, where.line and where.byte are those of the stream (the line is -1 if the
 * text does not begin with the block). */
int gd_gromos_vectors(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                      const struct gd_gromos_block *blocks, int64_t n_atoms, int64_t n_wanted,
                      const int64_t *wanted, const int64_t *rows, int is_double, void *out,
                      struct gd_where *where);

/* Read `n_blocks` GENBOX or BOX blocks; `text`, `size`, `origin` as above.
 *
 * `kinds` gets each box's type: 0 vacuum, 1 rectangular, 2 triclinic, -1 truncated octahedron.
 * `out` is (n_blocks, 3, 3), nm, the box vectors in rows: for a triclinic box a along x and b in
 * the x-y plane, then turned by the Euler angles psi about x, theta about y, phi about z; for a
 * truncated octahedron the edges of the cube that it is cut from; in vacuum NaN.
 *
 * GD_TRUNCATED: the text is too short. GD_CORRUPT, GD_NOT_FINITE: not the numbers of such a box;
 * GD_UNSUPPORTED: an unknown type. where.found: which number is wrong, from 0; -1: their count. */
int gd_gromos_boxes(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                    const struct gd_gromos_block *blocks, int32_t *kinds, double *out,
                    struct gd_where *where);

/* Undo the breaking of molecules at the box: move atoms, in place, by lattice vectors so that each
 * lies next to the one that it is linked to.
 *   boxes  (n_frames, 3, 3), the rows are the box vectors; NaN or zeros: frames without lattice,
 *          which stay as they are
 *   links  (n_links, 2): an atom and one bonded to it that is in place already, in this order
 * The image is right while the two are closer than half the shortest lattice vector.
 * GD_NO_VOLUME, GD_BAD_ARGUMENT. Numbers that are not finite stay so. */
int gd_make_whole(void *positions, int type, int64_t n_frames, int64_t n_atoms, const double *boxes,
                  const int64_t *links, int64_t n_links, struct gd_where *where);
/* ---- XTC: GROMACS' compressed positions (formats/xtc.c) ---- */

/* Why a frame is not what it should be. */
enum gd_xtc_fault {
    GD_XTC_MAGIC = 1,     /* the frame begins with neither 1995 nor 2023 */
    GD_XTC_ATOMS = 2,     /* no atoms, another number than expected, or two that differ */
    GD_XTC_PRECISION = 3, /* zero, negative, not finite, or numbers beyond float32 */
    GD_XTC_BOUNDS = 4,    /* the lowest coordinate lies above the highest */
    GD_XTC_SMALL = 5,     /* the range of small differences is none of the format's */
    GD_XTC_SIZE = 6,      /* more or fewer compressed bytes than so many atoms can take */
    GD_XTC_DATA = 7,      /* the compressed coordinates contradict themselves or their bounds */
    GD_XTC_CHANGED = 8    /* another step (at 8) or size (at 0) than expected */
};

/* What stands before a frame's coordinates. */
struct gd_xtc_frame {
    int64_t size; /* bytes of the whole frame */
    int64_t n_atoms;
    int64_t step;
    double time;       /* ps */
    double box[9];     /* nm, the vectors in rows; NaN where the file has zeros: no box */
    double precision;  /* in 1/nm: coordinates are integers divided by it; 0: not compressed (at
                          most 9 atoms) */
    int64_t data;      /* where the coordinates begin, from the frame's beginning */
    int64_t data_size; /* bytes of coordinates, without what fills the last word */
    int32_t low[3];    /* bounds of the integer coordinates */
    int32_t high[3];
    int32_t small; /* index of the first range of small differences */
    int32_t fault; /* enum gd_xtc_fault, when the status is GD_CORRUPT */
};

/* Read the header of the frame that `data` begins with; 96 bytes are enough. Nothing that it says
 * is trusted: frame->size is bounded by what the atoms can take, and the atoms by the size.
 * GD_TRUNCATED: `size` bytes hold no whole header; where.expected bytes do.
 * GD_CORRUPT: frame->fault says why; where.byte (from the frame's beginning), expected, found. */
int gd_xtc_header(const unsigned char *data, int64_t size, struct gd_xtc_frame *frame,
                  struct gd_where *where);

/* Decode the first `n` atoms of a frame, of which the first `size` bytes are at `data`.
 *   f32, f64   (n, 3) in nm, either or neither NULL. With i the file's integer, f32 is
 *              (float)i * (1.0f / precision), which is what GROMACS' own readers give, f64 is
 *              i / precision, rounded once. Without compression f64 is the file's float32
 * Every coordinate is compared with the frame's bounds, and after the last one the bytes with the
 * frame's size. GD_TRUNCATED: more than `size` bytes are needed. GD_CORRUPT: frame->fault.
 * GD_BAD_ARGUMENT: n is not within the frame's atoms. */
int gd_xtc_decode(const unsigned char *data, int64_t size, struct gd_xtc_frame *frame, int64_t n,
                  float *f32, double *f64, struct gd_where *where);

/* The state of a scan between two calls. Set n_atoms to -1, all else to 0 to begin. */
struct gd_xtc_scan {
    int64_t byte;              /* where the next frame begins */
    int64_t n_frames;          /* found so far */
    int64_t n_atoms;           /* of every frame; -1: not known yet */
    double precision;          /* of the first frame */
    struct gd_xtc_frame frame; /* the last one whose header was read */
};

/* Find frames in a file from state->byte on, by their headers alone. Writes where they begin, their
 * steps and times, at most `capacity` of them, and their number to `found`; 0 at the end of the
 * file.
 *   scratch    scratch_size bytes, at least 96: small frames are read many at once
 * GD_TRUNCATED: the file ends inside the frame at state->byte; all before it were found;
 * where.frame, byte, expected (bytes of the frame, or of its header), found.
 * GD_CORRUPT: state->frame.fault; where.frame, byte, expected, found. GD_SYSTEM. */
int gd_xtc_scan(int fd, int64_t file_size, struct gd_xtc_scan *state, int64_t *bytes,
                int64_t *steps, double *times, int64_t capacity, int64_t *found,
                unsigned char *scratch, int64_t scratch_size, struct gd_where *where);

/* Read `n_frames` frames, frame i being the bytes begins[i] .. ends[i] - 1 of the file.
 *   steps      the frames' steps, to be sure that they are the ones meant; may be NULL
 *   atoms      the n_wanted atoms wanted, from 0, in any order; NULL: all, n_wanted = n_atoms.
 *              No atom behind the last one wanted is decoded
 *   f32, f64   (n_frames, n_wanted, 3) positions, see gd_xtc_decode; one or both NULL
 *   boxes      (n_frames, 9), nm; may be NULL
 *   scratch    scratch_size bytes: at least those of the largest frame and, unless atoms is NULL
 *              or 0, 1, 2, ..., another 12 (f32) or 24 (f64) for every atom up to the last wanted
 *   frame      the last header read
 * GD_TRUNCATED: the file became shorter. GD_CORRUPT: frame->fault. where.frame (0 is the first
 * one given), byte (of the file), expected, found. GD_SYSTEM. GD_BAD_ARGUMENT: atoms or scratch out
 * of range. */
int gd_xtc_read(int fd, const int64_t *begins, const int64_t *ends, const int64_t *steps,
                int64_t n_frames, int64_t n_atoms, const int64_t *atoms, int64_t n_wanted,
                float *f32, double *f64, double *boxes, unsigned char *scratch,
                int64_t scratch_size, struct gd_xtc_frame *frame, struct gd_where *where);
/* ---- Numbers in columns of fixed width (formats/columns.c) ---- */

/* Where the numbers of a frame stand in its text: rows of `n` columns, one behind the other. Row r
 * begins at first + r * row_size + (r / 10) * gap, from the frame's beginning. */
struct gd_columns {
    int64_t first;
    int64_t row_size;
    int64_t gap;      /* bytes between the tenth row and the next, as of a comment */
    int32_t n;        /* numbers in a row */
    int32_t width;    /* characters of a number, at most 24 */
    int32_t decimals; /* digits behind the point, at most 9 */
    int32_t power;    /* written are the digits of value * 10^power, at most 10: to be `decimals`
                         for the number itself, one more for ten times it (nm in Å) */
};

/* Write (n_frames, n_rows, columns->n) numbers of `type` (enum gd_type) into text that is there.
 * Each is what printf gives for %*.*f: rounded once, from its exact value, halves to even.
 *   starts   n_frames: where in `text`, of `size` bytes, each frame begins
 * GD_NOT_FINITE, GD_UNSUPPORTED (a number that needs more than the width): where.frame, and
 * where.atom is the row. GD_BAD_ARGUMENT. */
int gd_columns_format(const void *values, int type, int64_t n_frames, int64_t n_rows,
                      const struct gd_columns *columns, const int64_t *starts, char *text,
                      int64_t size, struct gd_where *where);

/* Read such numbers: the rows `wanted` (n_wanted of them; NULL: the first n_wanted) of each frame.
 * Digits behind the point are as many as there are; `power` is what the number is divided by, as a
 * power of ten (1: Å to nm). Rounded once.
 * GD_CORRUPT (no number, or one of more than 15 digits), GD_NOT_FINITE, GD_TRUNCATED (beyond
 * `size`): where.frame, where.atom is the row. GD_BAD_ARGUMENT. */
int gd_columns_parse(const char *text, int64_t size, const struct gd_columns *columns,
                     int64_t n_frames, const int64_t *starts, int64_t n_wanted,
                     const int64_t *wanted, int type, void *values, struct gd_where *where);

/* Bytes of a frame of so many atoms, at most, and of the work space to encode it. */
int64_t gd_xtc_room(int64_t n_atoms);
int64_t gd_xtc_work(int64_t n_atoms);

/* Encode a frame (formats/xtc_encode.c).
 *   positions  (n_atoms, 3) of `type` (enum gd_type), nm; each becomes the integer nearest to
 *              precision (as float32) times it, halves away from 0
 *   box        9, nm; NULL or NaN for none
 *   is_long    the form of 2023, which needs not be read by old programs
 *   work       gd_xtc_work(n_atoms) bytes, aligned to 4
 *   out, size  the frame; out has gd_xtc_room(n_atoms) bytes
 * GD_NOT_FINITE: where.atom. GD_UNSUPPORTED: a coordinate (where.atom) or the distance of two
 * (where.atom is -1) is too large for this precision. GD_BAD_ARGUMENT: the step does not fit
 * 32 bits, or the precision is not above 0 and finite. */
int gd_xtc_encode(const void *positions, int type, int64_t n_atoms, const double *box, int64_t step,
                  double time, double precision, int is_long, void *work, unsigned char *out,
                  int64_t *size, struct gd_where *where);

/* ---- TRR: GROMACS' positions, velocities and forces (formats/trr.c) ---- */

/* Why a frame is not what it should be. */
enum gd_trr_fault {
    GD_TRR_MAGIC = 1,  /* the frame does not begin with 1993 and "GMX_trn_file" */
    GD_TRR_ATOMS = 2,  /* no atoms, or another number than expected */
    GD_TRR_SIZE = 3,   /* a block of another size than its numbers take; or no block at all */
    GD_TRR_CHANGED = 4 /* another step (at 80) or size (at 0) than expected */
};

/* What the header of a frame says. */
struct gd_trr_frame {
    int64_t size; /* bytes of the whole frame */
    int64_t n_atoms;
    int64_t step;
    double time;        /* ps */
    double lambda;      /* coupling parameter of a free-energy simulation */
    int64_t box;        /* where the box begins, from the frame's beginning; -1: there is none */
    int64_t vectors[3]; /* the same for positions, velocities and forces */
    int32_t real_size;  /* bytes of a number: 4 or 8 */
    int32_t fault;      /* enum gd_trr_fault, when the status is GD_CORRUPT */
};

/* Read the header of the frame that `data` begins with; 92 bytes are enough.
 * GD_TRUNCATED: `size` bytes hold no whole header; where.expected bytes do.
 * GD_CORRUPT: frame->fault says why; where.byte (from the frame's beginning), expected, found. */
int gd_trr_header(const unsigned char *data, int64_t size, struct gd_trr_frame *frame,
                  struct gd_where *where);

/* The state of a scan between two calls. Set n_atoms to -1, all else to 0 to begin. */
struct gd_trr_scan {
    int64_t byte;              /* where the next frame begins */
    int64_t n_frames;          /* found so far */
    int64_t n_atoms;           /* of every frame; -1: not known yet */
    int32_t has[3];            /* whether any frame has positions, velocities, forces */
    struct gd_trr_frame frame; /* the last one whose header was read */
};

/* Find frames in a file from state->byte on, by their headers alone; arguments and result as those
 * of gd_xtc_scan. */
int gd_trr_scan(int fd, int64_t file_size, struct gd_trr_scan *state, int64_t *bytes,
                int64_t *steps, double *times, double *lambdas, int64_t capacity, int64_t *found,
                unsigned char *scratch, int64_t scratch_size, struct gd_where *where);

/* Read `n_frames` frames; begins, ends, steps, atoms and the result as those of gd_xtc_read.
 *   out, types  positions (nm), velocities (nm ps-1) and forces (kJ mol-1 nm-1), each
 *               (n_frames, n_wanted, 3) of its enum gd_type, or NULL. NaN in frames without them.
 *               float becomes double exactly, double becomes float rounded
 *   boxes       (n_frames, 9), nm; NaN where the file has none or zeros; may be NULL
 *   scratch     scratch_size bytes, at least 4096; for atoms that are not one rising run best
 *               those of all from the lowest to the highest, 24 each
 * Only the bytes between the lowest and the highest wanted atom are read. */
int gd_trr_read(int fd, const int64_t *begins, const int64_t *ends, const int64_t *steps,
                int64_t n_frames, int64_t n_atoms, const int64_t *atoms, int64_t n_wanted,
                void *const out[3], const int types[3], double *boxes, unsigned char *scratch,
                int64_t scratch_size, struct gd_trr_frame *frame, struct gd_where *where);

/* Bytes of a frame with so many of positions, velocities and forces. */
int64_t gd_trr_room(int64_t n_atoms, int n_vectors, int real_size);

/* Encode a frame.
 *   vectors, types  positions, velocities and forces, each (n_atoms, 3) of its enum gd_type, or
 *                   NULL: not in this frame
 *   box             9, nm; NULL or NaN for none, which is written as zeros
 *   real_size       bytes of a number: 4 or 8
 *   out, size       the frame; out has gd_trr_room bytes
 * GD_BAD_ARGUMENT: the step or the size of a block does not fit 32 bits. */
int gd_trr_encode(const void *const vectors[3], const int types[3], int64_t n_atoms,
                  const double *box, int64_t step, double time, double lambda, int real_size,
                  unsigned char *out, int64_t *size, struct gd_where *where);
/* ---- GROMOS text: blocks of numbers (formats/gromos_text.c) ---- */

/* The blocks of energy trajectories, .tre and .trg. */
enum gd_gromos_table_kind {
    GD_GROMOS_OTHER_BLOCK = 0,
    GD_GROMOS_TIME_BLOCK = 1,            /* TIMESTEP */
    GD_GROMOS_ENERGY_BLOCK = 2,          /* ENERGY03 */
    GD_GROMOS_VOLUME_PRESSURE_BLOCK = 3, /* VOLUMEPRESSURE03 */
    GD_GROMOS_DERIVATIVE_BLOCK = 4,      /* FREEENERDERIVS03, FREEENERGYDERIVS03 */
    GD_GROMOS_VERSION_BLOCK = 5          /* ENEVERSION */
};

/* A block of a stream. */
struct gd_gromos_table {
    int64_t byte; /* of the stream, where its name stands */
    int64_t size; /* in bytes, with the END line */
    int64_t line; /* of the name, the first line of the stream being 1 */
    int64_t kind; /* enum gd_gromos_table_kind */
};

/* Find the whole blocks in a stretch of a stream of GROMOS text.
 *
 * `text` holds `size` bytes of the stream from its byte `origin`, where line `*line` begins. Writes
 * at most `capacity` blocks to `tables` and their number to `found`; sets `used` to the bytes it is
 * done with and `line` to the line that begins there. What stays is a block that goes on behind the
 * text: call it again with more. `final`: there is no more.
 *
 * GD_CORRUPT, GD_TRUNCATED: `fault` says why (enum gd_gromos_fault); where.line and where.byte, of
 * the stream, say where. The blocks found before that are written. */
int gd_gromos_tables(const char *text, int64_t size, int final, int64_t origin, int64_t *line,
                     struct gd_gromos_table *tables, int64_t capacity, int64_t *found,
                     int64_t *used, int64_t *fault, struct gd_where *where);

/* Read the numbers of `n_blocks` blocks, `n_values` in each, however they are spread over lines;
 * what follows a # on a line is passed over. `out` is (n_blocks, n_values), `text`, `size` and
 * `origin` as above. Numbers come out as strtod in the C locale gives them.
 *
 * GD_TRUNCATED: the text is too short. GD_NOT_FINITE: nan or inf stands there. GD_CORRUPT:
 * something that is no number, or, with where.expected and where.found, more or fewer than
 * n_values. where.frame counts the blocks given; where.line and where.byte are those of the stream.
 */
int gd_gromos_numbers(const char *text, int64_t size, int64_t origin, int64_t n_blocks,
                      const struct gd_gromos_table *tables, int64_t n_values, double *out,
                      struct gd_where *where);

/* ---- Non-bonded interactions: Lennard-Jones, Coulomb with reaction field or Ewald ----------
 *
 * Between two atoms (kJ/mol, nm, e):
 *   c12/r^12 - c6/r^6 + coulomb q q' (1/r - force_term r^2 / 2 - energy_term)
 * where (GROMOS manual, volume 2) force_term = C/R^3, energy_term = (1 - C/2)/R, R being the radius
 * of the reaction field and C its strength; or, with an Ewald splitting,
 *   c12/r^12 - c6/r^6 + coulomb q q' erfc(ewald r)/r
 * and -coulomb q q' erf(ewald r)/r between excluded atoms, which takes out what the sum over the
 * reciprocal lattice has of them: the real-space half of an Ewald sum.
 *
 * A pair interacts when the reference points of its charge groups are within the cutoff (distance
 * <= cutoff, nearest image); its own nearest image is taken atom by atom. */

/* Units whose atoms follow each other: whole charge groups of one kind (also where the cutoff holds
 * between atoms), or single atoms. */
struct gd_units {
    int64_t n;
    int64_t n_sites;           /* atoms of a unit, at most GD_MAX_SITES */
    const int64_t *first_atom; /* n */
    int32_t uniform;           /* 1: all have the charges and types of the first one */
    int32_t energy_group;      /* of all their atoms */
};

enum { GD_MAX_SITES = 8 };

struct gd_nonbonded {
    int64_t n_atoms;
    const double *charge;   /* n_atoms, e */
    const int32_t *lj_type; /* n_atoms, 0 .. n_lj_types - 1 */
    int64_t n_lj_types;
    const double *c6; /* n_lj_types x n_lj_types, symmetric, kJ nm^6 / mol */
    const double *c12;
    const int32_t *energy_group; /* n_atoms, 0 .. n_energy_groups - 1 */
    int64_t n_energy_groups;
    const uint8_t *interacting; /* n_energy_groups x n_energy_groups, symmetric: which groups
                                   interact with which; NULL: all with all */
    int64_t n_charge_groups;
    const int64_t *charge_group; /* n_charge_groups + 1: their first atoms, then n_atoms */
    int64_t n_centered; /* the first ones, whose reference point is the centre of geometry; that of
                           the others is their first atom, and their own atoms never interact */
    const int64_t *unlisted_begin; /* n_atoms + 1: where an atom's partners begin */
    const int32_t *unlisted;       /* partners, both ways, that the pair list leaves out */
    int64_t n_excluded;            /* pairs of which only the field's terms act */
    const int32_t *excluded;       /* n_excluded x 2 */
    int64_t n_excluded_forces;     /* the first of them act with forces too */
    int32_t self_terms;     /* whether every atom with itself has the reaction field's energy */
    int64_t n_special;      /* pairs with own parameters, whatever their distance */
    const int32_t *special; /* n_special x 2 */
    const double *special_c6;
    const double *special_c12;
    int64_t n_unit_sets; /* every atom is in one set; used by gd_nonbonded_forces only */
    const struct gd_units *unit_sets;
    double coulomb;     /* 1/(4 pi eps0 eps1), kJ nm / (mol e^2) */
    double cutoff;      /* nm */
    double force_term;  /* nm^-3 */
    double energy_term; /* nm^-1 */
    double ewald;       /* nm^-1; 0: reaction field; otherwise its two terms are 0 */
};

/* How many doubles of working space gd_nonbonded_plain needs. */
int64_t gd_nonbonded_plain_size(const struct gd_nonbonded *field);

/* Non-bonded forces, energies and virial of every frame, in double, by going over all pairs of
 * charge groups: the yardstick for gd_nonbonded_forces, and what takes its place where a skewed box
 * is small against the cutoff.
 *
 * listed: n_frames x n_atoms x 3, where the atoms were when the list of pairs was made: distances
 *   there are compared with the cutoff; NULL: those of `positions` are.
 * boxes: n_frames x 3 x 3, rows are the box vectors; a frame whose box is zero or not finite, and
 *   every frame when it is NULL, is not periodic.
 * forces: n_frames x n_atoms x 3; energies: n_frames x 2 x n_energy_groups x n_energy_groups,
 *   Lennard-Jones and Coulomb with reaction field between two groups, the same either way round;
 *   virial: n_frames x 3 x 3, -1/2 sum over pairs of r f; group_forces: n_frames x n_energy_groups
 * x n_energy_groups x 3, the sum of forces on one group from another. Each NULL if not wanted;
 *   group_forces only together with forces.
 * Returns also GD_NO_VOLUME, GD_SMALL_BOX, GD_SAME_PLACE. */
int gd_nonbonded_plain(const struct gd_nonbonded *field, const void *positions,
                       const double *listed, int type, int64_t n_frames, const double *boxes,
                       double *forces, double *energies, double *virial, double *group_forces,
                       double *work, struct gd_where *where);

/* GD_MIXED: pair interactions in float, of positions that are counted in 2^-32 of the box and,
 * where the box is wide enough, from the middle of a cluster nearby; sums in double. The same pairs
 * are within the cutoff as in GD_DOUBLE. */
enum gd_precision { GD_MIXED = 0, GD_DOUBLE = 1 };

/* How many bytes of working space gd_nonbonded_forces needs. */
int64_t gd_nonbonded_size(const struct gd_nonbonded *field, int precision);

/* As gd_nonbonded_plain, with clusters of units and neighbours found by a tree of their bounding
 * boxes. Results differ between instruction sets by rounding; they do not depend on how many
 * frames a call is given. work: gd_nonbonded_size bytes, best aligned to 64. With `listed` no unit
 * may have several atoms that are charge groups each (GD_BAD_ARGUMENT). */
int gd_nonbonded_forces(const struct gd_nonbonded *field, int precision, const void *positions,
                        const double *listed, int type, int64_t n_frames, const double *boxes,
                        double *forces, double *energies, double *virial, double *group_forces,
                        void *work, struct gd_where *where);

/* Turn atomic virials into molecular ones, in place: add 1/2 sum of (x - R) f, R being the centre
 * of mass of an atom's molecule and f the force on it.
 * molecules: n_molecules + 1, their first atoms and n_atoms. Successive atoms of a molecule are
 *   brought next to each other, so that it is whole. */
int gd_molecular_virial(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                        const double *boxes, const double *forces, const int64_t *molecules,
                        int64_t n_molecules, const double *masses, double *virial,
                        struct gd_where *where);

/* ---- Constraints (kernels/shake.c) ---- */

/* Distances that are kept, of molecules that are alike and follow one another. */
struct gd_constraints {
    int64_t first;         /* atom that the first molecule begins with */
    int64_t n_copies;      /* how many molecules */
    int64_t n_atoms;       /* atoms of each */
    int64_t n;             /* constraints of each */
    const int32_t *pairs;  /* n x 2, atoms of the molecule from 0; trusted */
    const double *lengths; /* n, nm */
    double tolerance;      /* relative error of a length */
    int64_t max_rounds;    /* over the constraints of a molecule */
};

/* SHAKE: move atoms, in place, along the old directions of their constraints until all of these
 * hold within the tolerance. Constraints are corrected one after the other, in their order;
 * a molecule's rounds end when none of its had to be.
 *   positions       n_atoms x 3, nm, after a step without constraints
 *   before          n_atoms x 3, before the step, where they held
 *   box             3 x 3, the rows are the box vectors; NULL, NaN or zeros: none
 *   inverse_masses  n_atoms
 * GD_NOT_CONVERGED: after max_rounds, when a constraint has turned by nearly a right angle, or when
 * numbers are not finite; positions then hold nothing of use. GD_NO_VOLUME. GD_BAD_ARGUMENT. */
int gd_shake(double *positions, const double *before, int64_t n_atoms, const double *box,
             const double *inverse_masses, const struct gd_constraints *constraints,
             struct gd_where *where);

/* ---- Forces: bonded terms (kernels/bonded.c) ---- */

/* Energy of a term, its atoms and its parameters. Angles in radians; of a dihedral i, j, k, l the
 * angle is 0 for cis and positive for a clockwise turn (IUPAC). */
enum gd_bonded_form {
    GD_BOND_QUARTIC = 0,   /* 1/4 K (b^2 - b0^2)^2; i, j; K, b0 */
    GD_BOND_HARMONIC = 1,  /* 1/2 K (b - b0)^2; i, j; K, b0 */
    GD_ANGLE_COSINE = 2,   /* 1/2 K (cos t - cos t0)^2; i, j, k about j; K, cos t0 */
    GD_ANGLE_HARMONIC = 3, /* 1/2 K (t - t0)^2; i, j, k about j; K, t0 */
    GD_IMPROPER = 4,       /* 1/2 K (q - q0)^2, the way round that is shorter; i, j, k, l; K, q0 */
    GD_DIHEDRAL = 5,       /* K (1 + cos(m q - d)); i, j, k, l; K, d, m */
    GD_CROSS_DIHEDRAL = 6  /* K (1 + cos(m (q + r) - d)); i, j, k, l, then four of r; K, d, m */
};

/* A list of terms of one form. Atoms and kinds are trusted: the caller has checked them. */
struct gd_bonded_terms {
    int form; /* enum gd_bonded_form */
    int64_t n;
    const int32_t *atoms;     /* n times as many as the form has */
    const int32_t *kinds;     /* n rows of parameters */
    const double *parameters; /* a row a kind: as many as the form has */
};

/* Forces, energies and virial of bonded terms; double throughout, one after the other: the same
 * bits on every instruction set. Between two atoms the nearest image is taken.
 *   boxes          n_frames x 9, rows are the box vectors, nm; a frame whose box is zero or not
 *                  finite, and every frame when it is NULL, is not periodic
 *   terms          n_lists lists
 *   energy_groups  of each atom, 0 .. n_energy_groups - 1; NULL: all 0
 *   forces         n_frames x n_atoms x 3, which the terms' forces are added to; may be NULL
 *   energies       n_frames x n_lists x n_energy_groups; a term counts for the group of its first
 *                  atom
 *   virials        n_frames x 9, -1/2 of the sum of r_a f_b over the atoms of every term; may be
 *                  NULL
 * Three atoms in a line (GD_ANGLE_HARMONIC), or an atom within 1e-5 nm of the axis of a dihedral,
 * give the energy but no force, since it has no direction.
 * GD_SAME_PLACE: a term is not defined. GD_NOT_FINITE, GD_NO_VOLUME, GD_BAD_ARGUMENT. */
int gd_bonded(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const double *boxes, const struct gd_bonded_terms *terms, int64_t n_lists,
              const int32_t *energy_groups, int64_t n_energy_groups, double *forces,
              double *energies, double *virials, struct gd_where *where);

/* ---- Particle-mesh Ewald: the sum over the reciprocal lattice (kernels/ewald/mesh.c) ----
 *
 * The smooth method (U. Essmann et al., J. Chem. Phys. 103 (1995) 8577). Charges are spread over a
 * mesh along the box vectors by cardinal B-splines; in its Fourier transform the sum is taken, and
 * multiplied with the influence function it becomes the potential, from which forces are gathered.
 * The caller does the transforms, real to complex and back, without any factor:
 *   gd_mesh_spread, forward, gd_mesh_convolve, backward, gd_mesh_gather
 * one frame at a time. GD_MIXED has meshes of float, GD_DOUBLE of double; energy and virial are
 * double. The same bits on every instruction set.
 *
 * The mesh has the points shape[0] x shape[1] x shape[2] along the box vectors, or, of a skewed
 * box, along shorter vectors of the same lattice. `work` is gd_mesh_work doubles, best aligned to
 * 64 bytes, and the same for the three functions.
 *
 * GD_NO_VOLUME: no box, or a flat one. GD_BAD_ARGUMENT: an order or a size out of range. */
struct gd_ewald_mesh {
    int64_t n_atoms;
    int64_t n_charges;      /* atoms that have a charge */
    const int32_t *charged; /* which; trusted */
    const double *charge;   /* theirs, e */
    int32_t order;          /* of the splines, 4, 6, ... 12: points they reach along each axis */
    double splitting;       /* alpha, nm^-1 */
    double coulomb;         /* 1/(4 pi eps0), kJ nm / (mol e^2) */
};

/* The smallest mesh whose points are at most `spacing` (nm) apart. */
int gd_mesh_shape(const double *box, double spacing, int64_t *shape, struct gd_where *where);

/* How many doubles of working space the functions below share; shape[i] is at least the order. */
int64_t gd_mesh_work(const struct gd_ewald_mesh *mesh, const int64_t *shape);

/* How many numbers a row of `values` below has: the last ones are room for what goes on behind the
 * end of the mesh. */
int64_t gd_mesh_row_length(const struct gd_ewald_mesh *mesh, const int64_t *shape);

/* Spread the charges of one frame: values is shape[0] x shape[1] x gd_mesh_row_length, of which the
 * first shape[2] of each row are the mesh. Also GD_NOT_FINITE. */
int gd_mesh_spread(const struct gd_ewald_mesh *mesh, int precision, const void *positions, int type,
                   const double *box, const int64_t *shape, void *values, double *work,
                   struct gd_where *where);

/* Sum energy and virial (9, -1/2 of the sum of r f) over the transformed mesh, shape[0] x shape[1]
 * x (shape[2] / 2 + 1) complex numbers, and make it that of the potential, in place.
 * moduli: for each axis |b|^2 of Essmann's eq. 4.4 for every frequency, shape[axis] of them. */
int gd_mesh_convolve(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                     const int64_t *shape, const double *const moduli[3], void *spectrum,
                     double *energy, double *virial, double *work, struct gd_where *where);

/* Add the forces (n_atoms x 3) of the potential, shape[0] x shape[1] x shape[2], on the charges
 * that gd_mesh_spread left in `work`. values: as there, overwritten. */
int gd_mesh_gather(const struct gd_ewald_mesh *mesh, int precision, const double *box,
                   const int64_t *shape, const void *potential, void *values, double *forces,
                   double *work, struct gd_where *where);

#endif
