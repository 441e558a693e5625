/*
 * hist.h - how often what was measured, in log-linear buckets: each is at most
 * 1/64 wider than its value, from nanoseconds to hours.
 */
#ifndef WP_BENCH_LOAD_HIST_H
#define WP_BENCH_LOAD_HIST_H

#include <stdint.h>
#include <stdio.h>

enum {
	HIST_SUB_BITS = 6,
	HIST_BUCKETS = (64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS
};

struct hist {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t buckets[HIST_BUCKETS];
};

void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
/* The value that this share (0 to 1) of all do not exceed; 0 when empty. */
uint64_t hist_share(const struct hist *hist, double share);
/* As JSON, of nanoseconds in microseconds: {"p50":…,"p99":…,…} */
void hist_print_us(const struct hist *hist, FILE *out);

#endif /* WP_BENCH_LOAD_HIST_H */
