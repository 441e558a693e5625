/*
 * hash_loop.c - what hashing a password costs here: the product's function,
 * called again and again, by one thread and by two. What logins could reach at
 * best.
 *
 * usage: hash_loop [HASHES]
 *
 * Prints a table of several costs: median and range of HASHES (20) each.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/accounts/password.h"
#include "lib/base/clock.h"

enum { HASHES_DEFAULT = 20, HASHES_MAX = 1000, THREADS = 2 };

static const struct wp_password_cost costs[] = {
	{ 7168, 5 }, { 19456, 2 }, { 19456, 3 }, { 47104, 1 }, { 65536, 3 },
};

struct run {
	struct wp_password_cost cost;
	int n;
	uint64_t took_us[HASHES_MAX];
};

static void *hash_all(void *ctx)
{
	struct run *run = ctx;
	const struct wp_password_way way = { .cost = run->cost };
	static const char text[] = "correct horse battery staple";

	for (int i = 0; i < run->n; i++) {
		uint64_t begin_us = wp_mono_us();
		struct wp_password password;

		if (wp_password_make(&password, &way, text, sizeof(text) - 1,
				     NULL) != WP_OK)
			abort();
		run->took_us[i] = wp_mono_us() - begin_us;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void tell(struct run *run)
{
	uint64_t median;

	qsort(run->took_us, (size_t)run->n, sizeof(run->took_us[0]), compare);
	median = run->took_us[run->n / 2];
	printf(" %.1f (%.1f–%.1f) |", (double)median / 1000,
	       (double)run->took_us[0] / 1000,
	       (double)run->took_us[run->n - 1] / 1000);
}

static void measure(struct wp_password_cost cost, int n)
{
	static struct run runs[THREADS];
	pthread_t threads[THREADS];

	printf("| %" PRIu32 " | %" PRIu32 " |", cost.memory_kib, cost.passes);
	for (int t = 0; t < THREADS; t++)
		runs[t] = (struct run){ .cost = cost, .n = n };
	(void)hash_all(&runs[0]);
	tell(&runs[0]);
	for (int t = 0; t < THREADS; t++)
		if (pthread_create(&threads[t], NULL, hash_all, &runs[t]) != 0)
			abort();
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	tell(&runs[0]);
	printf("\n");
}

int main(int argc, char **argv)
{
	long n = HASHES_DEFAULT;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		printf("usage: hash_loop [HASHES]\n");
		return EXIT_SUCCESS;
	}
	if (argc > 1)
		n = strtol(argv[1], NULL, 10);
	if (n < 1 || n > HASHES_MAX)
		return 2;
	printf("| KiB | passes | ms, one thread | ms, two at once |\n"
	       "| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		measure(costs[i], (int)n);
	return EXIT_SUCCESS;
}
