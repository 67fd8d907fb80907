#include "atom_set.h"

#include <math.h>
#include <string.h>

#include "frame_sums.h"

enum { N, WEIGHT, SPREAD, CENTER, PIVOT = CENTER + 3, WEIGHTED, REFERENCE, MARK, HEADER = 16 };
/* Stands in every prepared set, so that other memory is not taken for one. */
static const double mark = 20241.0625;

static int64_t groups_of(int64_t n) { return (n + GD_GROUP_ATOMS - 1) / GD_GROUP_ATOMS; }

int64_t gd_set_size(int64_t n, int weighted, int with_reference) {
    const int64_t a_group =
        (weighted ? GD_GROUP : 0) + (with_reference ? GD_PERMUTED + GD_GROUP : 0);
    return HEADER + a_group * groups_of(n);
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
    double spread = 0;
    for (int64_t i = 0; i < n; i++) {
        double r[3];
        for (int c = 0; c < 3; c++)
            r[c] = (reference[3 * i + c] - origin[c]) - shift[c];
        spread += (weights ? weights[i] : 1) * (r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
        double *permuted = place + GD_PERMUTED * (i / GD_GROUP_ATOMS) + 3 * (i % GD_GROUP_ATOMS);
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                permuted[GD_GROUP * k + c] = r[(c + k) % 3];
    }
    data[SPREAD] = spread;
    for (int c = 0; c < 3; c++)
        data[CENTER + c] = origin[c] + shift[c];
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
    memcpy(set->center, data + CENTER, sizeof set->center);
    const double *place = data + HEADER;
    set->weights = data[WEIGHTED] != 0 ? place : 0;
    if (set->weights)
        place += GD_GROUP * set->groups;
    set->permuted = data[REFERENCE] != 0 ? place : 0;
    set->reference = set->permuted ? place + GD_PERMUTED * set->groups : 0;
    return 1;
}
