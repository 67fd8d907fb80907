/* CHECK: report a condition that does not hold and go on; checks_failed() is main's return value.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int failed_checks = 0;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failed_checks++;                                                                       \
            fprintf(stderr, "%s:%d: %s does not hold: ", __FILE__, __LINE__, #condition);          \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

static inline int checks_failed(void) {
    if (failed_checks)
        fprintf(stderr, "%d checks failed\n", failed_checks);
    return failed_checks != 0;
}

#endif
