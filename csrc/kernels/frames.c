#include "frames.h"

#include <math.h>
#include <string.h>

/* Atoms of a tile: with its permuted reference, about half of the smallest first-level cache. */
enum { TILE_GROUPS = 24, TILE = TILE_GROUPS * GD_GROUP_ATOMS };
/* Bytes of frames to fetch ahead in the second-level cache, and pieces ahead where they are more.
 */
enum { SECOND_LEVEL = 384 * 1024, AHEAD = 4 };

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

/* Copy atoms i .. i + n - 1 of the set; n may go beyond the set, where its last atom is repeated.
 */
static void gather(const struct gd_frames *frames, int64_t frame, const struct gd_set *set,
                   int64_t i, int64_t n, char *buffer) {
    const char *base = place(frames, frame, 0);
    const int64_t there = i + n > set->n ? set->n - i : n;
    if (!set->index) {
        const size_t atom = 3 * (size_t)frames->number;
        memcpy(buffer, base + atom * (size_t)(set->first + i), atom * (size_t)there);
    } else if (frames->type == GD_FLOAT32) {
        for (int64_t k = 0; k < there; k++)
            memcpy(buffer + 12 * k, base + 12 * set->index[i + k], 12);
    } else {
        for (int64_t k = 0; k < there; k++)
            memcpy(buffer + 24 * k, base + 24 * set->index[i + k], 24);
    }
    const size_t atom = 3 * (size_t)frames->number;
    for (int64_t k = there; k < n; k++)
        memcpy(buffer + atom * (size_t)k, buffer + atom * (size_t)(there - 1), atom);
}

/* Ask for the memory of a piece before it is needed. The processor's own prefetching follows one
 * frame, but not the walk from one to the next, which halved the speed. */
static void prefetch(const struct gd_frames *frames, int64_t frame, const struct gd_set *set,
                     int64_t group, int64_t groups) {
    const int64_t atom = 3 * frames->number, n = GD_GROUP_ATOMS * groups;
    int64_t first = set->first + GD_GROUP_ATOMS * group, atoms = n;
    if (set->index) {
        first = set->index[GD_GROUP_ATOMS * group];
        atoms = set->index[GD_GROUP_ATOMS * group + n - 1] + 1 - first;
        if (atoms < 1 || atoms > 4 * n)
            return;
    }
    const char *from = place(frames, frame, first);
    for (int64_t i = 0; i < atom * atoms; i += 64)
        __builtin_prefetch(from + i);
}

struct walker {
    const struct gd_frames *frames;
    int64_t frame;
    int n;
    const struct gd_set *set;
    gd_piece *piece;
    void *context;
};

/* Walk groups from .. to - 1, tile by tile, in each tile frame by frame. */
static void walk_groups(const struct walker *walk, int64_t from, int64_t to, char *buffer) {
    const struct gd_set *set = walk->set;
    const struct gd_frames *frames = walk->frames;
    const int64_t tiles = (to - from + TILE_GROUPS - 1) / TILE_GROUPS;
    /* What the second-level cache can hold besides is fetched in the order of memory, the next
     * frames while these are worked on; longer frames only a few pieces ahead. */
    const int64_t bytes = 3 * frames->number * GD_GROUP_ATOMS * (to - from) * walk->n;
    const int by_frames = bytes <= SECOND_LEVEL;
    int64_t k = 0;
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t group = from + TILE_GROUPS * tile;
        const int64_t groups = to - group < TILE_GROUPS ? to - group : TILE_GROUPS;
        for (int i = 0; i < walk->n; i++, k++) {
            const int64_t ahead = by_frames ? walk->n + k / tiles : (i + AHEAD) % walk->n;
            const int64_t tile_ahead = by_frames ? k % tiles : tile + (i + AHEAD) / walk->n;
            const int64_t there = from + TILE_GROUPS * tile_ahead;
            if (walk->frame + ahead < frames->n_frames && there < to)
                prefetch(frames, walk->frame + ahead, set, there,
                         to - there < TILE_GROUPS ? to - there : TILE_GROUPS);
            const char *x = buffer;
            if (set->index)
                gather(frames, walk->frame + i, set, GD_GROUP_ATOMS * group,
                       GD_GROUP_ATOMS * groups, buffer);
            else
                x = place(frames, walk->frame + i, set->first + GD_GROUP_ATOMS * group);
            walk->piece(walk->context, i, x, group, groups,
                        set->weights ? set->weights + GD_GROUP * group : 0);
        }
    }
}

void gd_walk(const struct gd_frames *frames, int64_t frame, int n, const struct gd_set *set,
             gd_piece *piece, void *context) {
    static const double ones[2 * GD_GROUP] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const struct walker walk = {frames, frame, n, set, piece, context};
    /* Room for a tile and the two numbers after it. */
    _Alignas(64) char buffer[(3 * TILE + 8) * sizeof(double)];
    memset(buffer + 3 * TILE * (size_t)frames->number, 0, 8 * (size_t)frames->number);
    const int64_t whole = set->n / GD_GROUP_ATOMS;
    const int64_t left = set->n - GD_GROUP_ATOMS * whole;
    /* The last group goes through the buffer: it needs padding, or has nothing readable after it.
     */
    const int64_t last = set->groups - 1;
    walk_groups(&walk, 0, last, buffer);
    const double *weights = set->weights ? set->weights + GD_GROUP * last
                            : left       ? ones + GD_GROUP - 3 * left
                                         : 0;
    for (int i = 0; i < n; i++) {
        gather(frames, frame + i, set, GD_GROUP_ATOMS * last, GD_GROUP_ATOMS, buffer);
        piece(context, i, buffer, last, 1, weights);
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
