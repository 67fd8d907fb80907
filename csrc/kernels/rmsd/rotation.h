/* From moments m[c][d] = sum of w x_c r_d (row-major) to the rotation that puts x onto r. */
#ifndef GD_KERNELS_RMSD_ROTATION_H
#define GD_KERNELS_RMSD_ROTATION_H

/* The quaternion for a root that is known and well conditioned. */
void gd_quaternion_of_root(const double *moments, double root, double *quaternion);

/* The largest root and its quaternion, by Jacobi rotations; right in every degenerate case. */
double gd_largest_root_jacobi(const double *moments, double *quaternion);

/* The proper rotation matrix (row-major) of a unit quaternion. */
void gd_rotation_of_quaternion(const double *quaternion, double *rotation);

#endif
