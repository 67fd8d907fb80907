/* The 4 x 4 quaternion matrix of superposition (Horn, J. Opt. Soc. Am. A4 (1987) 629). Its largest
 * eigenvalue is the largest sum of w (R x) . r over all proper rotations R, its eigenvector R's
 * quaternion. */
#include "rmsd/rotation.h"

#include <math.h>
#include <string.h>

static void quaternion_matrix(const double *m, double scale, double k[4][4]) {
    const double xx = m[0] * scale, xy = m[1] * scale, xz = m[2] * scale;
    const double yx = m[3] * scale, yy = m[4] * scale, yz = m[5] * scale;
    const double zx = m[6] * scale, zy = m[7] * scale, zz = m[8] * scale;
    k[0][0] = xx + yy + zz;
    k[1][1] = xx - yy - zz;
    k[2][2] = yy - xx - zz;
    k[3][3] = zz - xx - yy;
    k[0][1] = k[1][0] = yz - zy;
    k[0][2] = k[2][0] = zx - xz;
    k[0][3] = k[3][0] = xy - yx;
    k[1][2] = k[2][1] = xy + yx;
    k[1][3] = k[3][1] = xz + zx;
    k[2][3] = k[3][2] = yz + zy;
}

static void normalize(double *q) {
    const double length = sqrt((q[0] * q[0] + q[1] * q[1]) + (q[2] * q[2] + q[3] * q[3]));
    for (int i = 0; i < 4; i++)
        q[i] /= length;
}

/* The cofactor of k[row][column]. */
static double cofactor(double k[4][4], int row, int column) {
    int r[3], c[3];
    for (int i = 0; i < 3; i++) {
        r[i] = i < row ? i : i + 1;
        c[i] = i < column ? i : i + 1;
    }
    const double minor =
        k[r[0]][c[0]] * (k[r[1]][c[1]] * k[r[2]][c[2]] - k[r[1]][c[2]] * k[r[2]][c[1]]) -
        k[r[0]][c[1]] * (k[r[1]][c[0]] * k[r[2]][c[2]] - k[r[1]][c[2]] * k[r[2]][c[0]]) +
        k[r[0]][c[2]] * (k[r[1]][c[0]] * k[r[2]][c[1]] - k[r[1]][c[1]] * k[r[2]][c[0]]);
    return (row + column) % 2 ? -minor : minor;
}

/* The adjugate of K - l is the eigenvector times itself, up to a factor: any of its columns will
 * do, and the one with the largest diagonal element is the most precise. */
void gd_quaternion_of_root(const double *moments, double root, double *quaternion) {
    double k[4][4];
    quaternion_matrix(moments, 1 / root, k);
    for (int i = 0; i < 4; i++)
        k[i][i] -= 1;
    int best = 0;
    double largest = -1;
    for (int i = 0; i < 4; i++) {
        const double size = fabs(cofactor(k, i, i));
        if (size > largest) {
            largest = size;
            best = i;
        }
    }
    for (int i = 0; i < 4; i++)
        quaternion[i] = cofactor(k, i, best);
    normalize(quaternion);
}

double gd_largest_root_jacobi(const double *moments, double *quaternion) {
    double k[4][4], vectors[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    double size = 0;
    for (int i = 0; i < 9; i++)
        size = fmax(size, fabs(moments[i]));
    if (!(size > 0)) {
        memcpy(quaternion, vectors[0], sizeof vectors[0]);
        return 0;
    }
    quaternion_matrix(moments, 1 / size, k);
    for (int sweep = 0; sweep < 60; sweep++) {
        int turned = 0;
        for (int p = 0; p < 3; p++) {
            for (int q = p + 1; q < 4; q++) {
                const double off = k[p][q];
                if (fabs(off) <= 1e-18 * (fabs(k[p][p]) + fabs(k[q][q])) || fabs(off) < 1e-300)
                    continue;
                turned = 1;
                const double theta = (k[q][q] - k[p][p]) / (2 * off);
                const double t = copysign(1 / (fabs(theta) + sqrt(theta * theta + 1)), theta);
                const double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int i = 0; i < 4; i++) {
                    const double a = k[i][p], b = k[i][q];
                    k[i][p] = c * a - s * b;
                    k[i][q] = s * a + c * b;
                }
                for (int i = 0; i < 4; i++) {
                    const double a = k[p][i], b = k[q][i];
                    k[p][i] = c * a - s * b;
                    k[q][i] = s * a + c * b;
                }
                k[p][q] = k[q][p] = 0;
                for (int i = 0; i < 4; i++) {
                    const double a = vectors[i][p], b = vectors[i][q];
                    vectors[i][p] = c * a - s * b;
                    vectors[i][q] = s * a + c * b;
                }
            }
        }
        if (!turned)
            break;
    }
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (k[i][i] > k[best][best])
            best = i;
    for (int i = 0; i < 4; i++)
        quaternion[i] = vectors[i][best];
    normalize(quaternion);
    return k[best][best] * size;
}

void gd_rotation_of_quaternion(const double *quaternion, double *rotation) {
    const double w = quaternion[0], x = quaternion[1], y = quaternion[2], z = quaternion[3];
    const double ww = w * w, xx = x * x, yy = y * y, zz = z * z;
    rotation[0] = (ww + xx) - (yy + zz);
    rotation[4] = (ww + yy) - (xx + zz);
    rotation[8] = (ww + zz) - (xx + yy);
    rotation[1] = 2 * (x * y - w * z);
    rotation[3] = 2 * (x * y + w * z);
    rotation[2] = 2 * (x * z + w * y);
    rotation[6] = 2 * (x * z - w * y);
    rotation[5] = 2 * (y * z - w * x);
    rotation[7] = 2 * (y * z + w * x);
}
