/*
 * pull_merge.c - one band of a page out of two tiers, as a pure function.
 *
 * Both tiers may hold the same message (a migration copies before it deletes),
 * and either may have been read only up to a bound. What lies behind that
 * bound is unknown, so nothing above it may be given out yet.
 */
#include "lib/mailbox/pull.h"

static const struct wp_pull_row *lane_peek(const struct wp_pull_lane *lane,
					   size_t at)
{
	return at < lane->n ? &lane->rows[at] : NULL;
}

/* <0: a comes first; 0: both are one message; >0: b. Not both are NULL. */
static int compare(const struct wp_pull_row *a, const struct wp_pull_row *b)
{
	if (a == NULL)
		return 1;
	if (b == NULL)
		return -1;
	return wp_entry_id_cmp(&a->entry, &b->entry);
}

void wp_pull_merge(const struct wp_pull_lane *hot,
		   const struct wp_pull_lane *cold, size_t limit,
		   bool page_is_empty, size_t *bytes_left,
		   struct wp_pull_row *out, size_t *n_out, bool *more_out)
{
	size_t at_hot = 0;
	size_t at_cold = 0;
	size_t n = 0;

	for (;;) {
		const struct wp_pull_row *a = lane_peek(hot, at_hot);
		const struct wp_pull_row *b = lane_peek(cold, at_cold);
		const struct wp_pull_row *row;
		bool is_first = page_is_empty && n == 0;
		int order;

		/* The unread part of a tier may precede the other's next. */
		*more_out =
			(a == NULL && hot->more) || (b == NULL && cold->more);
		if (*more_out || (a == NULL && b == NULL))
			break;
		order = compare(a, b);
		row = order <= 0 ? a : b;
		*more_out = n == limit ||
			    (!is_first && row->json_len > *bytes_left);
		if (*more_out)
			break;

		out[n++] = *row;
		*bytes_left -= row->json_len < *bytes_left ? row->json_len
							   : *bytes_left;
		at_hot += order <= 0;
		at_cold += order >= 0;
	}
	*n_out = n;
}
