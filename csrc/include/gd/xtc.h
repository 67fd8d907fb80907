/* XTC: GROMACS' compressed positions. */
#ifndef GD_XTC_H
#define GD_XTC_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

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

#endif
