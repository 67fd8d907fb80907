/* Columns: every number against strtod, in the whole text and a part; written and read again.
 * The first bytes of the input are the layout, the rest is text. */
#include "fuzz.h"

enum { LAYOUT = 6, MOST_FRAMES = 3, MOST_ROWS = 64 };

/* What a field says, by strtod: 0 if it is no finite number of the kind that columns have. */
static int plain_number(const char *field, int width, int power, double *value) {
    char word[64];
    int begin = 0, end = width, n_digits = 0;
    while (begin < end && field[begin] == ' ')
        begin++;
    while (end > begin && (field[end - 1] == ' ' || field[end - 1] == '\r'))
        end--;
    for (int i = begin; i < end; i++) {
        if (!strchr("+-.0123456789", field[i]) || !field[i])
            return 0;
        n_digits += field[i] >= '0' && field[i] <= '9';
    }
    if (n_digits == 0)
        return 0;
    snprintf(word, sizeof word, "%.*se-%d", end - begin, field + begin, power);
    char *rest;
    *value = strtod(word, &rest);
    return *rest == 0;
}

/* Whether digits and power of ten are exact doubles: other numbers may be refused. */
static int is_exact(const char *field, int width, int power) {
    int n_digits = 0, n_decimals = 0, behind_point = 0;
    for (int i = 0; i < width; i++) {
        int is_digit = field[i] >= '0' && field[i] <= '9';
        n_digits += is_digit;
        n_decimals += is_digit && behind_point;
        behind_point |= field[i] == '.';
    }
    return n_digits <= 15 && n_decimals + power <= 22;
}

/* Numbers that were read can be written, and are then what printf writes. */
static void write_again(const double *values, int64_t n_rows, const struct gd_columns *layout) {
    struct gd_columns columns = *layout;
    columns.power = columns.decimals;
    int64_t rows = n_rows - 1;
    int64_t size = columns.first + rows * columns.row_size + rows / 10 * columns.gap +
                   (int64_t)columns.n * columns.width;
    int64_t start = 0;
    struct gd_where where = nowhere;
    char *text = buffer_of(size, 1), word[512];
    int status =
        gd_columns_format(values, GD_FLOAT64, 1, n_rows, &columns, &start, text, size, &where);
    REQUIRE(status == GD_OK || status == GD_UNSUPPORTED);
    REQUIRE(status == GD_OK || (where.atom >= 0 && where.atom < n_rows));
    for (int64_t row = 0; status == GD_OK && row < n_rows; row++) {
        const char *at = text + columns.first + row * columns.row_size + row / 10 * columns.gap;
        for (int i = 0; i < columns.n; i++, at += columns.width) {
            snprintf(word, sizeof word, "%*.*f", columns.width, columns.decimals,
                     values[row * columns.n + i]);
            REQUIRE(!memcmp(at, word, (size_t)columns.width) && !word[columns.width]);
        }
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    if (data_size < LAYOUT)
        return 0;
    uint64_t seed = seed_of(data, data_size);
    struct gd_columns columns = {.n = 1 + data[0] % 4,
                                 .width = 1 + data[1] % 24,
                                 .decimals = data[2] % 10,
                                 .power = data[3] % 11,
                                 .gap = data[5] % 32};
    columns.row_size = columns.n * columns.width + data[4] % 32;
    columns.first = choose(&seed, 8) ? 0 : choose(&seed, 32);
    int64_t size = (int64_t)data_size - LAYOUT, length = (int64_t)columns.n * columns.width;
    char *text = copy_of(data + LAYOUT, (size_t)size);

    int64_t n_frames = 1 + choose(&seed, MOST_FRAMES), n_rows = 1 + choose(&seed, MOST_ROWS);
    int64_t starts[MOST_FRAMES], rows[MOST_ROWS];
    for (int64_t i = 0; i < n_frames; i++)
        starts[i] = i == 0 ? 0 : choose(&seed, size + 2);
    int is_listed = (int)choose(&seed, 2);
    for (int64_t k = 0; k < n_rows; k++)
        rows[k] = is_listed ? choose(&seed, n_rows) : k;
    int64_t n = n_frames * n_rows * columns.n;
    double *f64 = buffer_of(n, sizeof *f64);
    float *f32 = buffer_of(n, sizeof *f32);
    const int64_t *wanted = is_listed ? rows : NULL;
    struct gd_where where = nowhere, other = nowhere;
    int status = gd_columns_parse(text, size, &columns, n_frames, starts, n_rows, wanted,
                                  GD_FLOAT64, f64, &where);
    int single = gd_columns_parse(text, size, &columns, n_frames, starts, n_rows, wanted,
                                  GD_FLOAT32, f32, &other);
    REQUIRE(status == single && !memcmp(&where, &other, sizeof where));

    /* All up to the row that is wrong. */
    int is_wrong = 0;
    for (int64_t k = 0; k < n_frames * n_rows && !is_wrong; k++) {
        int64_t frame = k / n_rows, row = rows[k % n_rows];
        int64_t from =
            starts[frame] + columns.first + row * columns.row_size + row / 10 * columns.gap;
        is_wrong = status != GD_OK && where.frame == frame && where.atom == row;
        if (from > size - length) {
            REQUIRE(is_wrong && status == GD_TRUNCATED);
            break;
        }
        int all_plain = 1;
        for (int i = 0; i < columns.n; i++) {
            const char *field = text + from + (int64_t)i * columns.width;
            double expected, found = f64[k * columns.n + i];
            int is_plain = plain_number(field, columns.width, columns.power, &expected);
            all_plain &= is_plain && is_exact(field, columns.width, columns.power);
            if (is_wrong)
                continue;
            REQUIRE(is_plain && !memcmp(&expected, &found, sizeof found));
            REQUIRE(f32[k * columns.n + i] == (float)found);
        }
        REQUIRE(!is_wrong || !all_plain);
    }
    REQUIRE(status == GD_OK || is_wrong);
    if (status == GD_OK)
        write_again(f64, n_rows, &columns);

    int64_t shorter = choose(&seed, size + 1);
    char *cut = copy_of(data + LAYOUT, (size_t)shorter);
    gd_columns_parse(cut, shorter, &columns, n_frames, starts, n_rows, wanted, GD_FLOAT64, f64,
                     &where);
    free(cut);
    free(text);
    free(f64);
    free(f32);
    return 0;
}
