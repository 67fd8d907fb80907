/* A block of frames checked, atoms read from it, and the walk over the atoms of a set, tile by
 * tile. */
#include "frames/frames.h"

#include <math.h>
#include <string.h>

/* A tile's permuted reference (9 kB) and the sums of all frames walked (15 kB) stay in a
 * first-level cache of 32 kB. */
enum { TILE_GROUPS = 16, TILE = TILE_GROUPS * GD_GROUP_ATOMS };
/* How many pieces ahead memory is asked for. */
enum { NEAR = 1, FAR = 8 };

int gd_frames_open(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
                   struct gd_frames *frames, struct gd_where *where) {
    const int64_t bad = n_frames < 0                                          ? n_frames
                        : n_atoms < 1                                         ? n_atoms
                        : type != GD_FLOAT32 && type != GD_FLOAT64            ? type
                        : n_frames > 0 && n_atoms > INT64_MAX / 24 / n_frames ? n_atoms
                                                                              : -1;
    if (n_frames < 0 || n_atoms < 1 || bad != -1) {
        where->found = bad;
        return GD_BAD_ARGUMENT;
    }
    frames->positions = positions;
    frames->type = type;
    frames->number = type == GD_FLOAT32 ? 4 : 8;
    frames->n_frames = n_frames;
    frames->n_atoms = n_atoms;
    return GD_OK;
}

static const char *place(const struct gd_frames *frames, int64_t frame, int64_t atom) {
    return frames->positions + 3 * frames->number * (frame * frames->n_atoms + atom);
}

void gd_frame_atom(const struct gd_frames *frames, int64_t frame, int64_t atom, double *xyz) {
    const char *from = place(frames, frame, atom);
    if (frames->type == GD_FLOAT32) {
        float number[3];
        memcpy(number, from, sizeof number);
        for (int c = 0; c < 3; c++)
            xyz[c] = number[c];
    } else {
        memcpy(xyz, from, 3 * sizeof(double));
    }
}

int gd_frame_positions(const struct gd_frames *frames, int64_t frame, double *positions,
                       struct gd_where *where) {
    const int64_t n = 3 * frames->n_atoms;
    const char *from = frames->positions + frames->number * n * frame;
    if (frames->type == GD_FLOAT32) {
        const float *numbers = (const float *)from;
        for (int64_t i = 0; i < n; i++)
            positions[i] = (double)numbers[i];
    } else {
        memcpy(positions, from, sizeof(double) * (size_t)n);
    }
    /* x - x is 0 for every finite number, NaN for all others. */
    double wrong = 0.0;
    for (int64_t i = 0; i < n; i++)
        wrong += positions[i] - positions[i];
    if (wrong == 0.0)
        return GD_OK;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(positions[i])) {
            where->frame = frame;
            where->atom = i / 3;
            break;
        }
    return GD_NOT_FINITE;
}

static inline void gather_listed(const char *base, const int64_t *restrict index, int64_t n,
                                 int64_t atom, char *restrict buffer) {
    for (int64_t k = 0; k < n; k++) {
        const char *from = base + atom * index[k];
        memcpy(buffer + atom * k, from, (size_t)atom);
    }
}

/* Copy atoms i .. i + n - 1 of the set; n may go beyond the set, where zeros are written.
 * Of listed atoms, those `near` and `far` bytes on are asked for. */
static void gather(const struct gd_frames *frames, int64_t frame, const struct gd_set *set,
                   int64_t i, int64_t n, char *buffer) {
    const char *base = place(frames, frame, 0);
    const size_t atom = 3 * (size_t)frames->number;
    const int64_t there = i + n > set->n ? set->n - i : n;
    if (!set->index)
        memcpy(buffer, base + atom * (size_t)(set->first + i), atom * (size_t)there);
    else if (frames->type == GD_FLOAT32)
        gather_listed(base, set->index + i, there, 12, buffer);
    else
        gather_listed(base, set->index + i, there, 24, buffer);
    memset(buffer + atom * (size_t)there, 0, atom * (size_t)(n - there));
}

struct walker {
    const struct gd_frames *frames;
    int64_t frame;
    int n;
    const struct gd_set *set;
    gd_at_piece *at_piece;
    void *context;
};

/* Which piece comes `ahead` pieces after frame i's in this tile. Returns 0 behind the last frame.
 */
static int coming(const struct walker *walk, int64_t tiles, int64_t tile, int i, int ahead,
                  int64_t *its_frame, int64_t *its_tile) {
    int64_t first = walk->frame, number = i + ahead; /* no division: this is done for each piece */
    for (; number >= walk->n; number -= walk->n)
        tile++;
    for (; tile >= tiles; tile -= tiles)
        first += walk->n; /* already in the next frames */
    *its_frame = first + number;
    *its_tile = tile;
    return *its_frame < walk->frames->n_frames;
}

static const char *at(const struct walker *walk, int64_t frame, int64_t tile) {
    return place(walk->frames, frame, walk->set->first + TILE * tile);
}

/* Walk groups 0 .. groups - 1 in place. The processor's own prefetching follows a frame, but not
 * the walk from one frame to the next. Told what comes, first into the second-level cache and then
 * into the first, the walk is three times as fast. */
static void walk_in_place(const struct walker *walk, int64_t groups) {
    const struct gd_set *set = walk->set;
    const int64_t tiles = (groups + TILE_GROUPS - 1) / TILE_GROUPS;
    for (int64_t tile = 0; tile < tiles; tile++) {
        struct gd_piece piece = {.group = TILE_GROUPS * tile};
        piece.groups = groups - piece.group < TILE_GROUPS ? groups - piece.group : TILE_GROUPS;
        piece.weights = set->weights ? set->weights + GD_GROUP * piece.group : 0;
        for (int i = 0; i < walk->n; i++) {
            int64_t frame, its_tile;
            piece.x = at(walk, walk->frame + i, tile);
            const int near = coming(walk, tiles, tile, i, NEAR, &frame, &its_tile);
            piece.near = near ? at(walk, frame, its_tile) : piece.x;
            const int far = coming(walk, tiles, tile, i, FAR, &frame, &its_tile);
            piece.far = far ? at(walk, frame, its_tile) : piece.x;
            walk->at_piece(walk->context, i, &piece);
        }
    }
}

/* Walk groups 0 .. groups - 1 of a list of atoms, frame by frame: copying them takes longer than
 * what the reference's tiles would gain. */
static void walk_gathered(const struct walker *walk, int64_t groups, char *buffer) {
    const struct gd_set *set = walk->set;
    for (int i = 0; i < walk->n; i++) {
        for (int64_t group = 0; group < groups; group += TILE_GROUPS) {
            struct gd_piece piece = {.x = buffer, .group = group, .near = buffer, .far = buffer};
            piece.groups = groups - group < TILE_GROUPS ? groups - group : TILE_GROUPS;
            piece.weights = set->weights ? set->weights + GD_GROUP * group : 0;
            gather(walk->frames, walk->frame + i, set, GD_GROUP_ATOMS * group,
                   GD_GROUP_ATOMS * piece.groups, buffer);
            walk->at_piece(walk->context, i, &piece);
        }
    }
}

void gd_walk(const struct gd_frames *frames, int64_t frame, int n, const struct gd_set *set,
             gd_at_piece *at_piece, void *context) {
    static const double ones[2 * GD_GROUP] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const struct walker walk = {frames, frame, n, set, at_piece, context};
    /* Room for a tile and the two numbers after it. */
    _Alignas(64) char buffer[(3 * TILE + 8) * sizeof(double)];
    memset(buffer + 3 * TILE * (size_t)frames->number, 0, 8 * (size_t)frames->number);
    /* The last group goes through the buffer: it needs padding, or has nothing readable after it.
     */
    const int64_t last = set->groups - 1;
    if (set->index)
        walk_gathered(&walk, last, buffer);
    else
        walk_in_place(&walk, last);
    const int64_t left = set->n - GD_GROUP_ATOMS * last;
    struct gd_piece piece = {
        .x = buffer, .group = last, .groups = 1, .near = buffer, .far = buffer};
    if (set->weights)
        piece.weights = set->weights + GD_GROUP * last;
    else if (left < GD_GROUP_ATOMS)
        piece.weights = ones + GD_GROUP - 3 * left;
    for (int i = 0; i < n; i++) {
        gather(frames, frame + i, set, GD_GROUP_ATOMS * last, GD_GROUP_ATOMS, buffer);
        at_piece(context, i, &piece);
    }
}

int gd_not_finite(const struct gd_frames *frames, int64_t frame, const struct gd_set *set,
                  struct gd_where *where) {
    where->frame = frame;
    where->atom = -1;
    for (int64_t i = 0; i < set->n; i++) {
        double xyz[3];
        gd_frame_atom(frames, frame, gd_set_atom(set, i), xyz);
        if (!isfinite(xyz[0]) || !isfinite(xyz[1]) || !isfinite(xyz[2])) {
            where->atom = gd_set_atom(set, i);
            break;
        }
    }
    return GD_NOT_FINITE;
}

int gd_frame_is_reference(const struct gd_frames *frames, int64_t frame, const struct gd_set *set) {
    for (int64_t i = 0; i < set->n; i++) {
        double xyz[3];
        const double *r = set->reference + 3 * i;
        gd_frame_atom(frames, frame, gd_set_atom(set, i), xyz);
        if (xyz[0] != r[0] || xyz[1] != r[1] || xyz[2] != r[2])
            return 0;
    }
    return 1;
}
