/* TRR: GROMACS' positions, velocities and forces. */
#ifndef GD_TRR_H
#define GD_TRR_H

#include <stdint.h>

#include "gd/numbers.h"
#include "gd/status.h"

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

#endif
