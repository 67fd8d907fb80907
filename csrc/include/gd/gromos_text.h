/* GROMOS text: vectors and boxes of frames, and the blocks of energy trajectories. */
#ifndef GD_GROMOS_TEXT_H
#define GD_GROMOS_TEXT_H

#include <stdint.h>

#include "gd/status.h"

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

#endif
