/* Blocks of numbers: the scan, whole and in pieces; every number against strtod. */
#include "fuzz.h"

enum { MOST_BLOCKS = 64, MOST_NUMBERS = 1024 };

static int scan(const uint8_t *data, int64_t size, uint64_t seed, struct gd_gromos_table *tables,
                int64_t *n, int64_t *line, int64_t *fault) {
    int64_t begin = 0, end = 0;
    *n = 0;
    *line = 1;
    for (;;) {
        struct gd_where where = nowhere;
        int64_t more = size - end, found, used;
        end += seed && more ? 1 + choose(&seed, more) : more;
        char *text = copy_of(data + begin, (size_t)(end - begin));
        int final = end == size && more == 0;
        int status = gd_gromos_tables(text, end - begin, final, begin, line, tables + *n,
                                      MOST_BLOCKS - *n, &found, &used, fault, &where);
        free(text);
        REQUIRE(found >= 0 && used >= 0 && used <= end - begin);
        for (int64_t i = *n; i < *n + found; i++)
            REQUIRE(tables[i].byte >= begin && tables[i].size > 0 &&
                    tables[i].byte + tables[i].size <= begin + used);
        *n += found;
        begin += used;
        if (status != GD_OK || final || *n == MOST_BLOCKS)
            return status;
    }
}

/* How many numbers a block has by the simplest of readers; -1: something else stands there; -2:
 * that reader cannot tell. */
static int64_t plain_numbers(const uint8_t *data, const struct gd_gromos_table *table,
                             double *numbers) {
    char *text = buffer_of(table->size + 1, 1);
    memcpy(text, data + table->byte, (size_t)table->size);
    int64_t n = -2;
    if (memchr(text, 0, (size_t)table->size))
        goto out;
    n = -1;
    char *line = strchr(text, '\n');
    if (!line)
        goto out;
    line++;
    for (n = 0; *line;) {
        char *next = strchr(line, '\n'), *comment;
        if (next)
            *next = 0;
        if (!strncmp(line, "END", 3) && strspn(line + 3, " \t\r\v\f") == strlen(line + 3))
            goto out;
        if ((comment = strchr(line, '#')))
            *comment = 0;
        for (char *rest = line; *(rest += strspn(rest, " \t\r\v\f"));) {
            size_t length = strcspn(rest, " \t\r\v\f");
            char *end;
            if (n == MOST_NUMBERS || strspn(rest, "+-.0123456789eE") < length) {
                n = n == MOST_NUMBERS ? -2 : -1;
                goto out;
            }
            numbers[n++] = strtod(rest, &end);
            if (end != rest + length) {
                n = -1;
                goto out;
            }
            rest = end;
        }
        if (!next)
            break;
        line = next + 1;
    }
    n = -1;
out:
    free(text);
    return n;
}

/* Whether a step and a time may touch, where the simplest of readers sees one number. */
static int may_touch(const uint8_t *data, const struct gd_gromos_table *table) {
    int64_t column = 0;
    for (int64_t i = 0; i < table->size; i++, column++) {
        const uint8_t *p = data + table->byte + i;
        if (*p == '\n')
            column = -1;
        if (table->kind == GD_GROMOS_TIME_BLOCK && column == 15 && *p > ' ' && p[-1] > ' ')
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_size) {
    uint64_t seed = seed_of(data, data_size);
    int64_t size = (int64_t)data_size, n, n_others, line, other_line, fault, other_fault;
    struct gd_gromos_table tables[MOST_BLOCKS], others[MOST_BLOCKS];
    memset(tables, 0, sizeof tables);
    memset(others, 0, sizeof others);
    int status = scan(data, size, 0, tables, &n, &line, &fault);
    int again = scan(data, size, seed, others, &n_others, &other_line, &other_fault);
    REQUIRE(n == n_others && !memcmp(tables, others, sizeof tables));
    if (n < MOST_BLOCKS)
        REQUIRE(status == again && fault == other_fault && line == other_line);
    char *text = copy_of(data, data_size);
    static double plain[MOST_NUMBERS];
    for (int64_t i = 0; i < n; i++) {
        struct gd_where where = nowhere;
        int64_t count = may_touch(data, tables + i) ? -2 : plain_numbers(data, tables + i, plain);
        int64_t n_values = count > 0 ? count : 1 + choose(&seed, 8);
        double *out = buffer_of(n_values, sizeof *out);
        int read = gd_gromos_numbers(text, size, 0, 1, tables + i, n_values, out, &where);
        int finite = 1;
        for (int64_t k = 0; k < count; k++)
            finite &= isfinite(plain[k]);
        if (count > 0 && finite) {
            REQUIRE(read == GD_OK);
            REQUIRE(!memcmp(out, plain, (size_t)count * sizeof *out));
        } else {
            REQUIRE(read != GD_OK || count == -2);
            REQUIRE(read == GD_OK || (where.frame == 0 && where.line >= tables[i].line));
        }
        free(out);
        int64_t shorter = choose(&seed, size);
        char *cut = copy_of(data, (size_t)shorter);
        out = buffer_of(n_values, sizeof *out);
        gd_gromos_numbers(cut, shorter, 0, 1, tables + i, n_values, out, &where);
        free(out);
        free(cut);
    }
    free(text);
    return 0;
}
