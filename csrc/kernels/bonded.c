/* Bonded terms of the GROMOS force field: W. F. van Gunsteren et al., Biomolecular Simulation: The
 * GROMOS96 Manual and User Guide, vdf Hochschulverlag (1996), chapter 2.5; forces of dihedrals by
 * H. Bekker et al., J. Comput. Chem. 16 (1995) 527. */
#include <math.h>
#include <string.h>

#include "frames/frames.h"
#include "gd/bonded.h"
#include "lattice.h"

/* An atom nearer (nm) to the axis of a dihedral than this has no defined dihedral: it gets no
 * force from it. */
#define ON_THE_AXIS 1e-5

static const double PI = 3.14159265358979323846;

struct frame {
    const void *positions; /* of this frame */
    int type;
    struct gd_lattice lattice;
    double *forces;   /* NULL if not wanted */
    double virial[9]; /* of the whole frame */
    int32_t at;       /* the atom that stands where another one does */
};

static void position(const struct frame *frame, int32_t atom, double *xyz) {
    const int64_t at = 3 * (int64_t)atom;
    if (frame->type == GD_FLOAT32) {
        const float *x = (const float *)frame->positions + at;
        for (int c = 0; c < 3; c++)
            xyz[c] = x[c];
    } else {
        memcpy(xyz, (const double *)frame->positions + at, 3 * sizeof(double));
    }
}

static double dot(const double *a, const double *b) {
    return (a[0] * b[0] + a[1] * b[1]) + a[2] * b[2];
}

static void cross(const double *a, const double *b, double *out) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* The nearest image of r_i - r_j; returns its square. */
static double between(const struct frame *frame, int32_t i, int32_t j, double *d) {
    double from[3];
    position(frame, i, d);
    position(frame, j, from);
    for (int c = 0; c < 3; c++)
        d[c] -= from[c];
    gd_nearest_image(&frame->lattice, d);
    return dot(d, d);
}

static int same_place(struct frame *frame, int32_t atom) {
    frame->at = atom;
    return GD_SAME_PLACE;
}

static void add_force(struct frame *frame, int32_t atom, const double *f) {
    if (frame->forces)
        for (int c = 0; c < 3; c++)
            frame->forces[3 * (int64_t)atom + c] += f[c];
}

static void add_virial(struct frame *frame, const double *r, const double *f) {
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            frame->virial[3 * a + b] += r[a] * f[b];
}

/* Along r = r_i - r_j. */
static void pull(struct frame *frame, const int32_t *atoms, const double *r, double factor) {
    double f[3], back[3];
    for (int c = 0; c < 3; c++) {
        f[c] = factor * r[c];
        back[c] = -f[c];
    }
    add_force(frame, atoms[0], f);
    add_force(frame, atoms[1], back);
    add_virial(frame, r, f);
}

/* Forces on i and k of an angle; what is left acts on j. */
static void bend(struct frame *frame, const int32_t *atoms, const double *ij, const double *fi,
                 const double *kj, const double *fk) {
    double fj[3];
    for (int c = 0; c < 3; c++)
        fj[c] = -(fi[c] + fk[c]);
    add_force(frame, atoms[0], fi);
    add_force(frame, atoms[1], fj);
    add_force(frame, atoms[2], fk);
    add_virial(frame, ij, fi);
    add_virial(frame, kj, fk);
}

/* Every term: atoms and parameters as gd/bonded.h says; adds forces and virial, gives the energy.
 */
typedef int term(struct frame *frame, const int32_t *atoms, const double *p, double *energy);

static int bond_quartic(struct frame *frame, const int32_t *atoms, const double *p,
                        double *energy) {
    double r[3];
    const double beyond = between(frame, atoms[0], atoms[1], r) - p[1] * p[1];
    *energy = 0.25 * p[0] * beyond * beyond;
    pull(frame, atoms, r, -p[0] * beyond);
    return GD_OK;
}

static int bond_harmonic(struct frame *frame, const int32_t *atoms, const double *p,
                         double *energy) {
    double r[3];
    const double length = sqrt(between(frame, atoms[0], atoms[1], r));
    const double beyond = length - p[1];
    if (length == 0.0)
        return same_place(frame, atoms[0]);
    *energy = 0.5 * p[0] * beyond * beyond;
    pull(frame, atoms, r, -p[0] * beyond / length);
    return GD_OK;
}

static int angle_cosine(struct frame *frame, const int32_t *atoms, const double *p,
                        double *energy) {
    double ij[3], kj[3], fi[3], fk[3];
    const double a = sqrt(between(frame, atoms[0], atoms[1], ij));
    const double b = sqrt(between(frame, atoms[2], atoms[1], kj));
    if (a == 0.0 || b == 0.0)
        return same_place(frame, atoms[a == 0.0 ? 0 : 2]);
    const double cosine = dot(ij, kj) / (a * b);
    const double beyond = cosine - p[1], pull_back = -p[0] * beyond;
    *energy = 0.5 * p[0] * beyond * beyond;
    for (int c = 0; c < 3; c++) {
        const double along_i = ij[c] / a, along_k = kj[c] / b;
        fi[c] = pull_back * (along_k - cosine * along_i) / a;
        fk[c] = pull_back * (along_i - cosine * along_k) / b;
    }
    bend(frame, atoms, ij, fi, kj, fk);
    return GD_OK;
}

static int angle_harmonic(struct frame *frame, const int32_t *atoms, const double *p,
                          double *energy) {
    double ij[3], kj[3], normal[3], fi[3], fk[3];
    const double a2 = between(frame, atoms[0], atoms[1], ij);
    const double b2 = between(frame, atoms[2], atoms[1], kj);
    if (a2 == 0.0 || b2 == 0.0)
        return same_place(frame, atoms[a2 == 0.0 ? 0 : 2]);
    cross(ij, kj, normal);
    const double sine = sqrt(dot(normal, normal));
    const double beyond = atan2(sine, dot(ij, kj)) - p[1];
    *energy = 0.5 * p[0] * beyond * beyond;
    /* Three atoms in a line: no direction is better than another. */
    const double pull_back = sine > 0.0 ? p[0] * beyond / sine : 0.0;
    cross(normal, ij, fi);
    cross(kj, normal, fk);
    for (int c = 0; c < 3; c++) {
        fi[c] *= pull_back / a2;
        fk[c] *= pull_back / b2;
    }
    bend(frame, atoms, ij, fi, kj, fk);
    return GD_OK;
}

/* Four atoms i, j, k, l about the axis from j to k. */
struct torsion {
    const int32_t *atoms;
    double ij[3], kj[3], kl[3], m[3], n[3];
    double axis2, m2, n2; /* squares of kj, m and n */
    double angle;         /* from -pi to pi; IUPAC: 0 is cis, positive is clockwise */
};

static int torsion(struct frame *frame, const int32_t *atoms, struct torsion *t) {
    t->atoms = atoms;
    between(frame, atoms[0], atoms[1], t->ij);
    t->axis2 = between(frame, atoms[2], atoms[1], t->kj);
    between(frame, atoms[2], atoms[3], t->kl);
    if (t->axis2 == 0.0)
        return same_place(frame, atoms[2]);
    cross(t->ij, t->kj, t->m);
    cross(t->kj, t->kl, t->n);
    t->m2 = dot(t->m, t->m);
    t->n2 = dot(t->n, t->n);
    t->angle = atan2(sqrt(t->axis2) * dot(t->ij, t->n), dot(t->m, t->n));
    return GD_OK;
}

/* Forces of dV/dangle. */
static void twist(struct frame *frame, const struct torsion *t, double slope) {
    const double limit = ON_THE_AXIS * ON_THE_AXIS * t->axis2, axis = sqrt(t->axis2);
    const double on_i = t->m2 < limit ? 0.0 : -slope * axis / t->m2;
    const double on_l = t->n2 < limit ? 0.0 : slope * axis / t->n2;
    const double i_along = dot(t->ij, t->kj) / t->axis2 - 1.0;
    const double l_along = dot(t->kl, t->kj) / t->axis2;
    double fi[3], fj[3], fk[3], fl[3], lj[3];
    for (int c = 0; c < 3; c++) {
        fi[c] = on_i * t->m[c];
        fl[c] = on_l * t->n[c];
        fj[c] = i_along * fi[c] - l_along * fl[c];
        fk[c] = -(fi[c] + fj[c] + fl[c]);
        lj[c] = t->kj[c] - t->kl[c];
    }
    add_force(frame, t->atoms[0], fi);
    add_force(frame, t->atoms[1], fj);
    add_force(frame, t->atoms[2], fk);
    add_force(frame, t->atoms[3], fl);
    add_virial(frame, t->ij, fi);
    add_virial(frame, t->kj, fk);
    add_virial(frame, lj, fl);
}

static int improper(struct frame *frame, const int32_t *atoms, const double *p, double *energy) {
    struct torsion t;
    const int status = torsion(frame, atoms, &t);
    if (status != GD_OK)
        return status;
    double beyond = t.angle - p[1];
    if (fabs(beyond) > PI)
        beyond -= 2.0 * PI * rint(beyond / (2.0 * PI));
    *energy = 0.5 * p[0] * beyond * beyond;
    twist(frame, &t, p[0] * beyond);
    return GD_OK;
}

static int dihedral(struct frame *frame, const int32_t *atoms, const double *p, double *energy) {
    struct torsion t;
    const int status = torsion(frame, atoms, &t);
    if (status != GD_OK)
        return status;
    const double phase = p[2] * t.angle - p[1];
    *energy = p[0] * (1.0 + cos(phase));
    twist(frame, &t, -p[0] * p[2] * sin(phase));
    return GD_OK;
}

static int cross_dihedral(struct frame *frame, const int32_t *atoms, const double *p,
                          double *energy) {
    struct torsion one, other;
    int status = torsion(frame, atoms, &one);
    if (status == GD_OK)
        status = torsion(frame, atoms + 4, &other);
    if (status != GD_OK)
        return status;
    const double phase = p[2] * (one.angle + other.angle) - p[1];
    const double slope = -p[0] * p[2] * sin(phase);
    *energy = p[0] * (1.0 + cos(phase));
    twist(frame, &one, slope);
    twist(frame, &other, slope);
    return GD_OK;
}

static const struct form {
    term *evaluate;
    int n_atoms;
    int n_parameters;
} forms[] = {
    [GD_BOND_QUARTIC] = {bond_quartic, 2, 2},
    [GD_BOND_HARMONIC] = {bond_harmonic, 2, 2},
    [GD_ANGLE_COSINE] = {angle_cosine, 3, 2},
    [GD_ANGLE_HARMONIC] = {angle_harmonic, 3, 2},
    [GD_IMPROPER] = {improper, 4, 2},
    [GD_DIHEDRAL] = {dihedral, 4, 3},
    [GD_CROSS_DIHEDRAL] = {cross_dihedral, 8, 3},
};

enum { N_FORMS = sizeof forms / sizeof *forms };

/* All terms of one list in one frame. */
static int evaluate(struct frame *frame, const struct gd_bonded_terms *terms,
                    const int32_t *energy_groups, double *energies, struct gd_where *where) {
    const struct form *form = &forms[terms->form];
    for (int64_t i = 0; i < terms->n; i++) {
        const int32_t *atoms = terms->atoms + i * form->n_atoms;
        double energy;
        const int status = form->evaluate(
            frame, atoms, terms->parameters + (int64_t)terms->kinds[i] * form->n_parameters,
            &energy);
        if (status != GD_OK) {
            where->atom = frame->at;
            return status;
        }
        if (!isfinite(energy)) {
            for (int a = 0; a < form->n_atoms; a++) {
                double xyz[3];
                position(frame, atoms[a], xyz);
                where->atom = atoms[a];
                if (!isfinite(xyz[0]) || !isfinite(xyz[1]) || !isfinite(xyz[2]))
                    return GD_NOT_FINITE;
            }
            where->atom = -1;
            return GD_NOT_FINITE;
        }
        energies[energy_groups ? energy_groups[atoms[0]] : 0] += energy;
    }
    return GD_OK;
}

int gd_bonded(const void *positions, int type, int64_t n_frames, int64_t n_atoms,
              const double *boxes, const struct gd_bonded_terms *terms, int64_t n_lists,
              const int32_t *energy_groups, int64_t n_energy_groups, double *forces,
              double *energies, double *virials, struct gd_where *where) {
    struct gd_frames frames;
    int status = gd_frames_open(positions, type, n_frames, n_atoms, &frames, where);
    if (status != GD_OK)
        return status;
    if (n_lists < 0 || n_energy_groups < 1)
        return GD_BAD_ARGUMENT;
    for (int64_t l = 0; l < n_lists; l++)
        if (terms[l].form < 0 || terms[l].form >= N_FORMS || terms[l].n < 0)
            return GD_BAD_ARGUMENT;
    for (int64_t f = 0; f < n_frames; f++) {
        struct frame frame = {.positions = frames.positions + 3 * f * n_atoms * frames.number,
                              .type = type,
                              .forces = forces ? forces + 3 * f * n_atoms : 0};
        where->frame = f;
        if (gd_lattice_open(boxes ? boxes + 9 * f : 0, &frame.lattice) < 0)
            return GD_NO_VOLUME;
        double *energy = energies + f * n_lists * n_energy_groups;
        memset(energy, 0, (size_t)(n_lists * n_energy_groups) * sizeof *energy);
        for (int64_t l = 0; l < n_lists && status == GD_OK; l++)
            status =
                evaluate(&frame, &terms[l], energy_groups, energy + l * n_energy_groups, where);
        if (status != GD_OK)
            return status;
        for (int i = 0; i < 9 && virials; i++)
            virials[9 * f + i] = -0.5 * frame.virial[i];
    }
    where->frame = -1;
    return GD_OK;
}
