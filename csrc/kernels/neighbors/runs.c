/* Distances of a point to a run of atoms: which are in reach, and in which bins they are. */
#include "neighbors/cells.h"
#include "prototypes.h"

static inline __attribute__((always_inline)) void look(struct gd_run *run, int with_bins) {
    const float *x = run->x, *y = run->y, *z = run->z;
    const int64_t to = run->to;
    const vf px = vf_set1(run->point[0]), py = vf_set1(run->point[1]), pz = vf_set1(run->point[2]);
    const vf limit = vf_set1(run->limit), zero = vf_zero();
    const vi label = vi_set1(run->label);
    int32_t *found = run->found;
    int64_t n_found = run->n_found;
    for (int64_t j = run->from; j < to; j += VF_LANES) {
        const vf dx = vf_sub(vf_load(x + j), px), dy = vf_sub(vf_load(y + j), py),
                 dz = vf_sub(vf_load(z + j), pz);
        vf square = vf_fma(dx, dx, vf_fma(dy, dy, vf_mul(dz, dz)));
        uint32_t hits = vf_bits(vf_at_most(square, limit));
        if (to - j < VF_LANES)
            hits &= (1u << (to - j)) - 1;
        if (!hits)
            continue;
        /* A whole number is nothing as a float only if it is nothing. */
        const vf other = vi_difference(vi_load(run->labels + j), label);
        hits &= ~vf_bits(vf_at_most(vf_abs(other), zero));
        if (with_bins) {
            square = vf_max(square, vf_set1(run->least));
            const vf bin = vf_sub(vf_mul(vf_mul(square, vf_inverse_sqrt(square)),
                                         vf_set1(run->per_width / (float)vf_scale)),
                                  vf_set1(run->first));
            const vf from_edge = vf_abs(vf_sub(bin, vf_round(bin)));
            const uint32_t near = hits & vf_bits(vf_at_most(from_edge, vf_set1(run->margin)));
            uint32_t sure = hits & ~near & vf_bits(vf_at_most(zero, bin)) &
                            vf_bits(vf_at_most(bin, vf_set1(run->bins)));
            float bins[VF_LANES];
            vf_store(bins, bin);
            for (; sure; sure &= sure - 1)
                run->counts[(int32_t)bins[__builtin_ctz(sure)]]++;
            hits = near;
        }
        for (; hits; hits &= hits - 1)
            found[n_found++] = (int32_t)j + __builtin_ctz(hits);
    }
    run->n_found = n_found;
}

void GD_NAME(find_near)(struct gd_run *run) { look(run, 0); }

void GD_NAME(count_near)(struct gd_run *run) { look(run, 1); }
