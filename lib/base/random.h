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

/*
 * Bytes fetched ahead, so that small pieces need no system call each. Zeroed it
 * is ready. Of one thread, and never on both sides of a fork(): both would give
 * out the same.
 */
struct wp_random_pool {
	unsigned char bytes[512];
	size_t n_left;
};

/* len <= sizeof(pool->bytes) */
void wp_random_take(struct wp_random_pool *pool, void *data, size_t len);

/* Uniform integer in [0, bound), bound > 0: jitter, spreading. */
uint32_t wp_random_below(uint32_t bound);

#endif /* WP_LIB_BASE_RANDOM_H */
