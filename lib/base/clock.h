/*
 * clock.h - the clocks. Durations and deadlines use the monotonic one;
 * wall time is only for what leaves the process (tokens, logs, expiry).
 */
#ifndef WP_LIB_BASE_CLOCK_H
#define WP_LIB_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that only ever rise, since an arbitrary start. */
uint64_t wp_mono_ms(void);

/* Microseconds on the same clock as wp_mono_ms(). */
uint64_t wp_mono_us(void);

/*
 * Milliseconds since the host was started, also those that it slept: the same
 * for all processes of a host.
 */
int64_t wp_boot_ms(void);

/*
 * What tells this life of this host from others: the kernel's boot id or, where
 * it may not be read, the name of the host.
 */
enum { WP_BOOT_ID_LEN = 37 };
void wp_boot_id(char id[WP_BOOT_ID_LEN]);

/* Milliseconds since 1970-01-01T00:00:00Z; may step in both directions. */
int64_t wp_wall_ms(void);

/* "2026-11-21T01:39:00.123Z" and its NUL. */
enum { WP_RFC3339_LEN = 25 };

/* Write wall_ms (years 1970 to 9999) into text as RFC 3339 in UTC. */
void wp_rfc3339(int64_t wall_ms, char text[WP_RFC3339_LEN]);

#endif /* WP_LIB_BASE_CLOCK_H */
