/*
 * extra.c - see extra.h.
 */
#include "ws-daemon/extra.h"

#include <stdlib.h>

#include "lib/live/consumer.h"

struct wp_extra *wp_extra_need(struct wp_extra **extra)
{
	if (*extra == NULL)
		*extra = calloc(1, sizeof(**extra));
	return *extra;
}

void wp_extra_tidy(struct wp_extra **extra)
{
	const struct wp_extra *e = *extra;

	if (e != NULL && e->admission == NULL && e->consumer == NULL &&
	    e->filter == NULL && e->chat == NULL && e->frames_full_at == 0 &&
	    e->refill_at == 0 && e->n_queued == 0)
		wp_extra_free(extra);
}

void wp_extra_free(struct wp_extra **extra)
{
	if (*extra == NULL)
		return;
	wp_consumer_free(&(*extra)->consumer);
	free((*extra)->filter);
	free((*extra)->chat);
	free(*extra);
	*extra = NULL;
}
