/* Weights and reference of an atom set, laid out as the sums want them. */
#include "frames/atom_set.h"

#include <math.h>
#include <string.h>

#include "frames/sums.h"

enum {
    N,
    WEIGHT,
    SPREAD,
    CENTER,
    OFFSET = CENTER + 3,
    PIVOT = OFFSET + 3,
    EXACT,
    WEIGHTED,
    REFERENCE,
    MARK,
    HEADER = 16
};
/* Stands in every prepared set, so that other memory is not taken for one. */
static const double mark = 20241.0625;

static int64_t groups_of(int64_t n) { return (n + GD_GROUP_ATOMS - 1) / GD_GROUP_ATOMS; }

int64_t gd_set_size(int64_t n, int weighted, int with_reference) {
    const int64_t a_group =
        (weighted ? GD_GROUP : 0) + (with_reference ? GD_PERMUTED + GD_GROUP : 0);
    return HEADER + a_group * groups_of(n);
}

/* Whether a reference is float32 numbers, and by how much each of its components can be moved
 * without leaving them: by that of `pivot`, or where this would round any, by nothing. It then
 * comes close to zero or reaches around it: numbers between half the pivot and twice it need no
 * rounding. */
static int exact_shift(const double *reference, int64_t n, int64_t pivot, double *shift) {
    for (int64_t i = 0; i < 3 * n; i++)
        if (!gd_is_float32(reference[i]))
            return 0;
    for (int c = 0; c < 3; c++) {
        shift[c] = reference[3 * pivot + c];
        for (int64_t i = 0; i < n && shift[c] != 0; i++)
            if (!gd_is_float32(reference[3 * i + c] - shift[c]))
                shift[c] = 0;
    }
    return 1;
}

int gd_set_prepare(const double *reference, int64_t n, const double *weights, const double *center,
                   double *data, struct gd_where *where) {
    if (n < 1) {
        where->expected = 1;
        where->found = n;
        return GD_BAD_ARGUMENT;
    }
    memset(data, 0, sizeof(double) * (size_t)gd_set_size(n, weights != 0, reference != 0));
    double total = 0;
    int64_t pivot = -1;
    for (int64_t i = 0; i < n; i++) {
        const double w = weights ? weights[i] : 1;
        if (!isfinite(w) || w < 0) {
            where->atom = i;
            return GD_NO_WEIGHT;
        }
        if (w > 0 && pivot < 0)
            pivot = i;
        total += w;
    }
    if (!(total > 0) || !isfinite(total))
        return GD_NO_WEIGHT;
    data[N] = (double)n;
    data[WEIGHT] = total;
    data[PIVOT] = (double)pivot;
    data[WEIGHTED] = weights != 0;
    data[REFERENCE] = reference != 0;
    data[MARK] = mark;
    double *place = data + HEADER;
    if (weights) {
        for (int64_t i = 0; i < n; i++)
            for (int c = 0; c < 3; c++)
                place[3 * i + c] = weights[i];
        place += GD_GROUP * groups_of(n);
    }
    if (!reference)
        return GD_OK;

    for (int64_t i = 0; i < 3 * n; i++) {
        if (!isfinite(reference[i])) {
            where->atom = i / 3;
            return GD_NOT_FINITE;
        }
    }
    const double *origin = center ? center : reference + 3 * pivot;
    double shift[3] = {0, 0, 0};
    /* Relative to an atom first, then twice to the mean: the second time takes what rounding of
     * the first left. */
    for (int pass = 0; pass < 2 && !center; pass++) {
        double sum[3] = {0, 0, 0};
        for (int64_t i = 0; i < n; i++)
            for (int c = 0; c < 3; c++)
                sum[c] +=
                    (weights ? weights[i] : 1) * ((reference[3 * i + c] - origin[c]) - shift[c]);
        for (int c = 0; c < 3; c++)
            shift[c] += sum[c] / total;
    }
    double spread = 0, from[3];
    const int exact = !weights && !center && exact_shift(reference, n, pivot, from);
    for (int64_t i = 0; i < n; i++) {
        double r[3];
        for (int c = 0; c < 3; c++)
            r[c] = (reference[3 * i + c] - origin[c]) - shift[c];
        spread += (weights ? weights[i] : 1) * (r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
        double *permuted = place + GD_PERMUTED * (i / GD_GROUP_ATOMS) + 3 * (i % GD_GROUP_ATOMS);
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                permuted[GD_GROUP * k + c] =
                    exact ? reference[3 * i + (c + k) % 3] - from[(c + k) % 3] : r[(c + k) % 3];
    }
    data[EXACT] = exact;
    data[SPREAD] = spread;
    for (int c = 0; c < 3; c++) {
        data[CENTER + c] = origin[c] + shift[c];
        data[OFFSET + c] = exact ? (origin[c] - from[c]) + shift[c] : 0;
    }
    if (!isfinite(spread))
        return GD_NOT_FINITE;
    memcpy(place + GD_PERMUTED * groups_of(n), reference, sizeof(double) * 3 * (size_t)n);
    return GD_OK;
}

void gd_set_center(const double *data, double *center) {
    memcpy(center, data + CENTER, 3 * sizeof(double));
}

int gd_set_open(const struct gd_atom_set *atoms, struct gd_set *set) {
    const double *data = atoms->data;
    if (!data || data[MARK] != mark)
        return 0;
    set->n = (int64_t)data[N];
    set->groups = groups_of(set->n);
    set->index = atoms->index;
    set->first = atoms->first;
    set->pivot = (int64_t)data[PIVOT];
    set->weight = data[WEIGHT];
    set->spread = data[SPREAD];
    set->exact = data[EXACT] != 0;
    memcpy(set->center, data + CENTER, sizeof set->center);
    memcpy(set->offset, data + OFFSET, sizeof set->offset);
    const double *place = data + HEADER;
    set->weights = data[WEIGHTED] != 0 ? place : 0;
    if (set->weights)
        place += GD_GROUP * set->groups;
    set->permuted = data[REFERENCE] != 0 ? place : 0;
    set->reference = set->permuted ? place + GD_PERMUTED * set->groups : 0;
    return 1;
}
