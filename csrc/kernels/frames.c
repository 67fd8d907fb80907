#include "frames.h"

#include <math.h>
#include <string.h>

/* Atoms of a tile: with its permuted reference, about half of the smallest first-level cache. */
enum { TILE_GROUPS = 24, TILE = TILE_GROUPS * GD_GROUP_ATOMS };

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

void gd_walk(const struct gd_frames *frames, int64_t frame, int n, const struct gd_set *set,
             gd_piece *piece, void *context) {
    static const double ones[2 * GD_GROUP] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    /* Room for a tile and the two numbers after it. */
    _Alignas(64) char buffer[(3 * TILE + 8) * sizeof(double)];
    memset(buffer + 3 * TILE * (size_t)frames->number, 0, 8 * (size_t)frames->number);
    const int64_t atom = 3 * frames->number;
    const int64_t whole = set->n / GD_GROUP_ATOMS;
    /* The last group of the last frame may have nothing readable after it. */
    const int64_t direct = set->index ? 0 : whole - (whole == set->groups);

    for (int64_t group = 0; group < direct; group += TILE_GROUPS) {
        const int64_t groups = direct - group < TILE_GROUPS ? direct - group : TILE_GROUPS;
        for (int i = 0; i < n; i++)
            piece(context, i, place(frames, frame + i, set->first) + atom * GD_GROUP_ATOMS * group,
                  group, groups, set->weights ? set->weights + GD_GROUP * group : 0);
    }
    for (int64_t group = direct; group < whole; group += TILE_GROUPS) {
        const int64_t groups = whole - group < TILE_GROUPS ? whole - group : TILE_GROUPS;
        for (int i = 0; i < n; i++) {
            gather(frames, frame + i, set, GD_GROUP_ATOMS * group, GD_GROUP_ATOMS * groups, buffer);
            piece(context, i, buffer, group, groups,
                  set->weights ? set->weights + GD_GROUP * group : 0);
        }
    }
    if (whole < set->groups) {
        const int64_t left = set->n - GD_GROUP_ATOMS * whole;
        const double *weights =
            set->weights ? set->weights + GD_GROUP * whole : ones + GD_GROUP - 3 * left;
        for (int i = 0; i < n; i++) {
            gather(frames, frame + i, set, GD_GROUP_ATOMS * whole, GD_GROUP_ATOMS, buffer);
            piece(context, i, buffer, whole, 1, weights);
        }
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
