/* The reader of GROMOS text without Python: made for AddressSanitizer and UBSan. Exits with the
 * number of checks that failed. */
#include "gd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
        }                                                                                          \
    } while (0)

enum { N_ATOMS = 23, N_FRAMES = 4, MOST_FRAMES = 64, MOST_ATOMS = 64 };

static double coordinate(int frame, int atom, int k) {
    return (frame * 1000 + atom * 10 + k - 37) / 7.0 * (k == 1 ? -1 : 1);
}

static char *append(char *to, const char *text) {
    strcpy(to, text);
    return to + strlen(text);
}

/* What a kind of file writes for an atom. */
enum style { REDUCED, WIDE, LABELLED, FREE, N_STYLES };

static char *write_block(char *to, enum style style, int frame) {
    static const char *names[] = {"POSITIONRED\n", "FREEFORCERED\n", "VELOCITY\n", "POSITIONRED\n"};
    to = append(to, names[style]);
    if (style == LABELLED)
        to = append(to, "# first 24 chars ignored\n");
    for (int atom = 0; atom < N_ATOMS; atom++) {
        double x[3];
        for (int k = 0; k < 3; k++)
            x[k] = coordinate(frame, atom, k);
        switch (style) {
        case REDUCED:
            to += sprintf(to, "%15.9f%15.9f%15.9f\n", x[0], x[1], x[2]);
            break;
        case WIDE:
            to += sprintf(to, "%18.9f%18.9f%18.9f\n", x[0], x[1], x[2]);
            break;
        case LABELLED:
            to += sprintf(to, "%5d SOL   OW    %6d%15.9f%15.9f%15.9f\n", atom, atom, x[0], x[1],
                          x[2]);
            break;
        default:
            to += sprintf(to, " %.17g\t%.3e %.25f # x\n\n", x[0], x[1], x[2]);
        }
        if (atom % 10 == 9 && style != FREE)
            to += sprintf(to, "#%10d\n", atom + 1);
    }
    return append(to, "END\n");
}

/* The number that the text of a style holds. */
static double written(enum style style, double x, int k) {
    char text[64];
    if (style == FREE)
        sprintf(text, k == 0 ? "%.17g" : k == 1 ? "%.3e" : "%.25f", x);
    else
        sprintf(text, "%.9f", x);
    return strtod(text, NULL);
}

static int64_t write_file(char *text, enum style style) {
    char *to = append(text, "TITLE\n\ta test\nEND\n");
    for (int frame = 0; frame < N_FRAMES; frame++) {
        to += sprintf(to, "TIMESTEP\n%15d%15.9f\nEND\n", frame * 5, frame * 0.25);
        to = write_block(to, style, frame);
        to = append(to, "GENBOX\n1\n3 4 5\n90 90 90\n0 0 0\n0 0 0\nEND\n");
    }
    return to - text;
}

/* Exactly as large as asked, so that a sanitizer sees a byte read beyond it. */
static char *exact_copy(const char *text, int64_t size) {
    char *copy = malloc(size > 0 ? (size_t)size : 1);
    memcpy(copy, text, (size_t)size);
    return copy;
}

/* Scan in stretches of `stretch` bytes or less. */
static int scan(const char *text, int64_t size, int64_t stretch, struct gd_gromos_scan *state,
                struct gd_gromos_frame *frames, int64_t *n_frames, struct gd_where *where) {
    int64_t begin = 0, end = 0;
    memset(state, 0, sizeof *state);
    state->line = 1;
    state->n_atoms = -1;
    *n_frames = 0;
    for (;;) {
        int final = end == size;
        int64_t found, used, room = MOST_FRAMES - *n_frames;
        if (room < 1)
            return GD_OK;
        char *copy = exact_copy(text + begin, end - begin);
        int status = gd_gromos_scan(copy, end - begin, final, state, frames + *n_frames,
                                    room < 2 ? room : 2, &found, &used, where);
        free(copy);
        CHECK(used >= 0 && used <= end - begin && found >= 0 && found <= 2);
        begin += used;
        *n_frames += found;
        CHECK(state->byte == begin && state->n_frames == *n_frames);
        if (status != GD_OK)
            return status;
        if (found == 2)
            continue;
        if (final)
            return GD_OK;
        end = end + stretch < size ? end + stretch : size;
    }
}

static void test_scan_and_read(enum style style) {
    static char text[1 << 16];
    int64_t size = write_file(text, style), n_frames;
    int slot = style == WIDE ? 2 : style == LABELLED ? 1 : 0;
    struct gd_gromos_scan state;
    struct gd_gromos_frame frames[MOST_FRAMES], again[MOST_FRAMES];
    struct gd_gromos_block blocks[N_FRAMES], boxes[N_FRAMES];
    struct gd_where where;
    CHECK(scan(text, size, size, &state, frames, &n_frames, &where) == GD_OK);
    CHECK(n_frames == N_FRAMES && state.n_atoms == N_ATOMS);
    CHECK(state.fields == ((1 << slot) | GD_GROMOS_BOX | GD_GROMOS_TIMESTEP));
    for (int64_t stretch = 1; stretch < 200; stretch += 1 + stretch / 10) {
        CHECK(scan(text, size, stretch, &state, again, &n_frames, &where) == GD_OK);
        CHECK(n_frames == N_FRAMES);
        CHECK(memcmp(frames, again, sizeof *frames * N_FRAMES) == 0);
    }
    for (int frame = 0; frame < N_FRAMES; frame++) {
        CHECK(frames[frame].step == frame * 5 && frames[frame].time == frame * 0.25);
        CHECK(memcmp(text + frames[frame].byte, "TIMESTEP\n", 9) == 0);
        blocks[frame] = frames[frame].blocks[slot];
        boxes[frame] = frames[frame].blocks[3];
        CHECK((blocks[frame].line_size > 0) == (style != FREE));
    }

    char *exact = exact_copy(text, size);
    static double all[N_FRAMES][N_ATOMS][3], some[N_FRAMES][5][3];
    static float single[N_FRAMES][N_ATOMS][3];
    const int64_t wanted[5] = {0, 9, 10, 10, 22}, rows[5] = {4, 0, 1, 3, 2};
    CHECK(gd_gromos_vectors(exact, size, 0, N_FRAMES, blocks, N_ATOMS, N_ATOMS, NULL, NULL, 1, all,
                            &where) == GD_OK);
    CHECK(gd_gromos_vectors(exact, size, 0, N_FRAMES, blocks, N_ATOMS, N_ATOMS, NULL, NULL, 0,
                            single, &where) == GD_OK);
    CHECK(gd_gromos_vectors(exact, size, 0, N_FRAMES, blocks, N_ATOMS, 5, wanted, rows, 1, some,
                            &where) == GD_OK);
    for (int frame = 0; frame < N_FRAMES; frame++) {
        for (int atom = 0; atom < N_ATOMS; atom++)
            for (int k = 0; k < 3; k++) {
                double x = written(style, coordinate(frame, atom, k), k);
                CHECK(memcmp(&x, &all[frame][atom][k], sizeof x) == 0);
                CHECK(single[frame][atom][k] == (float)x);
            }
        for (int k = 0; k < 5; k++)
            CHECK(memcmp(some[frame][rows[k]], all[frame][wanted[k]], 3 * sizeof(double)) == 0);
    }
    int32_t kinds[N_FRAMES];
    double vectors[N_FRAMES][9];
    CHECK(gd_gromos_boxes(exact, size, 0, N_FRAMES, boxes, kinds, vectors[0], &where) == GD_OK);
    for (int frame = 0; frame < N_FRAMES; frame++)
        CHECK(kinds[frame] == 1 && vectors[frame][0] == 3 && vectors[frame][4] == 4 &&
              vectors[frame][8] == 5 && vectors[frame][1] == 0);
    free(exact);
}

/* Lying indices and short texts: a status, never a read outside. */
static void test_bounds(enum style style) {
    static char text[1 << 16];
    static double out[N_ATOMS][3];
    int64_t size = write_file(text, style), n_frames;
    int slot = style == WIDE ? 2 : style == LABELLED ? 1 : 0;
    struct gd_gromos_scan state;
    struct gd_gromos_frame frames[MOST_FRAMES];
    struct gd_where where;
    const int64_t wanted[1] = {22}, rows[1] = {0}, beyond[1] = {23}, falling[2] = {3, 2};
    CHECK(scan(text, size, size, &state, frames, &n_frames, &where) == GD_OK);
    struct gd_gromos_block block = frames[1].blocks[slot];
    for (int64_t cut = 0; cut < block.size; cut++) {
        char *exact = exact_copy(text + block.byte, cut);
        CHECK(gd_gromos_vectors(exact, cut, block.byte, 1, &block, N_ATOMS, N_ATOMS, NULL, NULL, 1,
                                out, &where) == GD_TRUNCATED);
        int status = gd_gromos_vectors(exact, cut, block.byte, 1, &block, N_ATOMS, 1, wanted, rows,
                                       1, out, &where);
        CHECK(status == GD_TRUNCATED || (status == GD_OK && style != FREE));
        free(exact);
    }
    char *exact = exact_copy(text + block.byte, block.size);
    for (int64_t shift = -200; shift < 200; shift++) {
        struct gd_gromos_block lie = block;
        lie.byte += shift;
        int status = gd_gromos_vectors(exact, block.size, block.byte, 1, &lie, N_ATOMS, N_ATOMS,
                                       NULL, NULL, 1, out, &where);
        CHECK((status == GD_OK) == (shift == 0));
        lie = block;
        lie.line_size += (int32_t)shift;
        gd_gromos_vectors(exact, block.size, block.byte, 1, &lie, N_ATOMS, 1, wanted, rows, 1, out,
                          &where);
    }
    CHECK(gd_gromos_vectors(exact, block.size, block.byte, 1, &block, N_ATOMS, 1, beyond, rows, 1,
                            out, &where) == GD_BAD_ARGUMENT);
    CHECK(where.found == 23);
    CHECK(gd_gromos_vectors(exact, block.size, block.byte, 1, &block, N_ATOMS, 2, falling, rows, 1,
                            out, &where) == GD_BAD_ARGUMENT);
    CHECK(gd_gromos_vectors(exact, block.size, block.byte, 1, &block, N_ATOMS + 1, N_ATOMS + 1,
                            NULL, NULL, 0, out, &where) == GD_CORRUPT);
    CHECK(where.expected == N_ATOMS + 1 && where.found == N_ATOMS);
    CHECK(gd_gromos_vectors(exact, block.size, block.byte, 1, &block, N_ATOMS - 1, N_ATOMS - 1,
                            NULL, NULL, 0, out, &where) == GD_CORRUPT);
    CHECK(where.expected == N_ATOMS - 1 && where.found == N_ATOMS);
    free(exact);
}

static uint64_t seed = 1;

static int64_t random_below(int64_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((seed >> 33) % (uint64_t)n);
}

/* Damaged text: whatever the scan accepts is then read within bounds. */
static void test_damage(void) {
    static char text[1 << 16];
    static double out[MOST_ATOMS][3];
    int accepted = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        int64_t size = write_file(text, (enum style)(round % N_STYLES)), n_frames;
        for (int64_t n = random_below(4); n >= 0; n--) {
            int64_t at = random_below(size);
            switch (random_below(4)) {
            case 0:
                text[at] = (char)random_below(256);
                break;
            case 1:
                text[at] = "\n #END0-.*nai"[random_below(13)];
                break;
            case 2:
                size = at + 1;
                break;
            default:
                memmove(text + at, text + at + 1, (size_t)(size - at - 1));
                size--;
            }
            if (size < 1)
                size = 1;
        }
        struct gd_gromos_scan state;
        struct gd_gromos_frame frames[MOST_FRAMES];
        struct gd_where where;
        if (scan(text, size, 1 + random_below(500), &state, frames, &n_frames, &where) != GD_OK) {
            refused++;
            continue;
        }
        char *exact = exact_copy(text, size);
        for (int64_t i = 0; i < n_frames && state.n_atoms <= MOST_ATOMS; i++) {
            const int64_t last[1] = {state.n_atoms - 1}, rows[1] = {0};
            for (int slot = 0; slot < 3; slot++) {
                if (!(frames[i].fields & (1 << slot)))
                    continue;
                const struct gd_gromos_block *block = frames[i].blocks + slot;
                int status = gd_gromos_vectors(exact, size, 0, 1, block, state.n_atoms,
                                               state.n_atoms, NULL, NULL, 1, out, &where);
                accepted += status == GD_OK;
                double x = out[last[0]][0];
                if (status == GD_OK) {
                    CHECK(gd_gromos_vectors(exact, size, 0, 1, block, state.n_atoms, 1, last, rows,
                                            1, out, &where) == GD_OK);
                    CHECK(out[0][0] == x && isfinite(x));
                }
            }
            if (frames[i].fields & GD_GROMOS_BOX) {
                int32_t kind;
                double box[9];
                gd_gromos_boxes(exact, size, 0, 1, frames[i].blocks + 3, &kind, box, &where);
            }
        }
        free(exact);
    }
    CHECK(accepted > 1000);
    CHECK(refused > 1000);
}

int main(void) {
    for (enum style style = REDUCED; style < N_STYLES; style++) {
        test_scan_and_read(style);
        test_bounds(style);
    }
    test_damage();
    return failures > 255 ? 255 : failures;
}
