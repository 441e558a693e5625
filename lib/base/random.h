/*
 * random.h - unpredictable bytes from the kernel (getrandom(2)).
 */
#ifndef WP_LIB_BASE_RANDOM_H
#define WP_LIB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fill data; cannot fail once the kernel's pool is ready (aborts if it does).
 */
void wp_random_bytes(void *data, size_t len);

/* Write 2*bytes lower-case hex digits and a NUL. */
void wp_random_hex(char *text, size_t bytes);

/* Uniform integer in [0, bound), bound > 0: jitter, spreading. */
uint32_t wp_random_below(uint32_t bound);

#endif /* WP_LIB_BASE_RANDOM_H */
