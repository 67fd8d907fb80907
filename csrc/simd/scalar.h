#include <stdint.h>

#define GD_LANES 1
typedef double vd;

static inline vd vd_zero(void) { return 0.0; }
static inline vd vd_set1(double x) { return x; }
static inline vd vd_load(const double *p) { return *p; }
static inline vd vd_load_f32(const float *p) { return (double)*p; }
static inline void vd_store(double *p, vd a) { *p = a; }
static inline vd vd_add(vd a, vd b) { return a + b; }
static inline vd vd_sub(vd a, vd b) { return a - b; }
static inline vd vd_mul(vd a, vd b) { return a * b; }
static inline vd vd_keep(vd a) { return a; }
