/*
 * reap_watch.c - a small list per partition: daemons are few.
 */
#include "worker/reap_watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/presence.h"

enum { COUNTER_MAX = 23 };

struct wp_reap_seen {
	char incarnation[WP_INCARNATION_MAX + 1];
	char counter[COUNTER_MAX + 1];
	uint64_t still_ms;
	bool is_in_sample;
};

void wp_reap_watch_reset(struct wp_reap_watch *watch)
{
	free(watch->seen);
	*watch = (struct wp_reap_watch){ 0 };
}

void wp_reap_watch_begin(struct wp_reap_watch *watch, uint64_t now_ms,
			 uint64_t max_gap_ms)
{
	watch->passed_ms = 0;
	if (watch->sampled_ms != 0 && now_ms > watch->sampled_ms)
		watch->passed_ms = now_ms - watch->sampled_ms;
	if (watch->passed_ms > max_gap_ms)
		watch->passed_ms = max_gap_ms;
	watch->sampled_ms = now_ms == 0 ? 1 : now_ms; /* 0 means never */
	for (size_t i = 0; i < watch->n; i++)
		watch->seen[i].is_in_sample = false;
}

static struct wp_reap_seen *find(const struct wp_reap_watch *watch,
				 const char *incarnation)
{
	for (size_t i = 0; i < watch->n; i++)
		if (strcmp(watch->seen[i].incarnation, incarnation) == 0)
			return &watch->seen[i];
	return NULL;
}

static struct wp_reap_seen *add(struct wp_reap_watch *watch)
{
	if (watch->n == watch->cap) {
		size_t cap = watch->cap == 0 ? 8 : 2 * watch->cap;
		struct wp_reap_seen *seen =
			reallocarray(watch->seen, cap, sizeof(*seen));

		if (seen == NULL)
			return NULL;
		watch->seen = seen;
		watch->cap = cap;
	}
	watch->seen[watch->n] = (struct wp_reap_seen){ 0 };
	return &watch->seen[watch->n++];
}

uint64_t wp_reap_watch_see(struct wp_reap_watch *watch, const char *incarnation,
			   const char *counter)
{
	size_t name_len = strlen(incarnation);
	size_t counter_len = strlen(counter);
	struct wp_reap_seen *seen;

	if (name_len == 0 || name_len > WP_INCARNATION_MAX ||
	    counter_len == 0 || counter_len > COUNTER_MAX)
		return 0;
	seen = find(watch, incarnation);
	if (seen == NULL) {
		seen = add(watch);
		if (seen == NULL)
			return 0;
		memcpy(seen->incarnation, incarnation, name_len + 1);
	}
	seen->is_in_sample = true;
	if (strcmp(seen->counter, counter) == 0) {
		seen->still_ms += watch->passed_ms;
	} else {
		memcpy(seen->counter, counter, counter_len + 1);
		seen->still_ms = 0;
	}
	return seen->still_ms;
}

void wp_reap_watch_end(struct wp_reap_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->n; i++)
		if (watch->seen[i].is_in_sample)
			watch->seen[kept++] = watch->seen[i];
	watch->n = kept;
}
