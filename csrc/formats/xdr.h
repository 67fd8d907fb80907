/* XDR: big-endian numbers of 4 and 8 bytes at any alignment; and reading a file at an offset. */
#ifndef GD_XDR_H
#define GD_XDR_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "gd/status.h"

static inline uint32_t xdr_word(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline int32_t xdr_int(const unsigned char *p) { return (int32_t)xdr_word(p); }

static inline uint64_t xdr_long(const unsigned char *p) {
    return (uint64_t)xdr_word(p) << 32 | xdr_word(p + 4);
}

static inline float xdr_float(const unsigned char *p) {
    uint32_t bits = xdr_word(p);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double xdr_double(const unsigned char *p) {
    uint64_t bits = xdr_long(p);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void xdr_put_word(unsigned char *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static inline void xdr_put_long(unsigned char *p, uint64_t value) {
    xdr_put_word(p, (uint32_t)(value >> 32));
    xdr_put_word(p + 4, (uint32_t)value);
}

static inline void xdr_put_float(unsigned char *p, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    xdr_put_word(p, bits);
}

static inline void xdr_put_double(unsigned char *p, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    xdr_put_long(p, bits);
}

static inline int xdr_fail(struct gd_where *where, int status, int64_t byte, int64_t expected,
                           int64_t found) {
    where->byte = byte;
    where->expected = expected;
    where->found = found;
    return status;
}

/* Put n bytes of the file, from `offset`, into `into`. GD_TRUNCATED, where.byte being `offset`: the
 * file ends before. */
static inline int xdr_fetch(int fd, int64_t offset, int64_t n, unsigned char *into,
                            struct gd_where *where) {
    for (int64_t done = 0; done < n;) {
        ssize_t got = pread(fd, into + done, (size_t)(n - done), (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            where->system_error = errno;
            return GD_SYSTEM;
        }
        if (got == 0)
            return xdr_fail(where, GD_TRUNCATED, offset, n, done);
        done += got;
    }
    return GD_OK;
}

/* What of a file is in a scratch buffer while the headers of its frames are read one by one. */
struct xdr_window {
    int64_t begin;
    int64_t size;
    unsigned char *scratch;
    int64_t scratch_size;
};

/* Have the `wanted` bytes at `byte` in the scratch, at the offset byte - begin. Where `frame_size`,
 * that of the frame before (0: none), is small, it is filled: frames are fetched many at once. */
static inline int xdr_show(struct xdr_window *window, int fd, int64_t file_size, int64_t byte,
                           int64_t wanted, int64_t frame_size, struct gd_where *where) {
    const int64_t left = file_size - byte;
    if (byte >= window->begin && byte + wanted <= window->begin + window->size)
        return GD_OK;
    const int is_small = frame_size > 0 && frame_size < window->scratch_size / 4;
    const int64_t size = is_small ? window->scratch_size : wanted;
    window->begin = byte;
    window->size = size < left ? size : left;
    return xdr_fetch(fd, byte, window->size, window->scratch, where);
}

#endif
