/* told.c - the text, and what a push makes of it. */
#include "notifier/plan/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "notifier/plan/ladder.h"

enum { NUMBERS = 4 };

void wp_told_format(const struct wp_told *told, char out[WP_TOLD_TEXT_MAX])
{
	(void)snprintf(out, WP_TOLD_TEXT_MAX,
		       "%" PRIu64 "-%" PRIu64 " %" PRId64 " %" PRIu32
		       " %" PRIu32 " %" PRId64,
		       told->id.ms, told->id.seq, told->at_ms, told->step,
		       told->tries, told->next_ms);
}

/* A space, digits, and where they end; NULL when there are none. */
static const char *read_number(const char *text, int64_t *out)
{
	size_t n;

	if (*text != ' ')
		return NULL;
	text++;
	n = strspn(text, "0123456789");
	/* 17 digits are beyond any time. */
	if (n == 0 || n > 17)
		return NULL;
	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = *out * 10 + (text[i] - '0');
	return text + n;
}

bool wp_told_parse(struct wp_told *out, const char *text)
{
	int64_t numbers[NUMBERS];
	size_t len = strcspn(text, " ");
	const char *p = text + len;
	struct wp_entry_id id;

	*out = (struct wp_told){ .at_ms = 0 };
	if (!wp_entry_id_parse(&id, text, len))
		return false;
	for (size_t i = 0; i < NUMBERS; i++) {
		p = read_number(p, &numbers[i]);
		if (p == NULL)
			return false;
	}
	if (*p != '\0' || numbers[1] > UINT32_MAX ||
	    numbers[2] >= WP_LADDER_TRIES_MAX)
		return false;
	*out = (struct wp_told){
		.id = id,
		.at_ms = numbers[0],
		.step = (uint32_t)numbers[1],
		.tries = (uint32_t)numbers[2],
		.next_ms = numbers[3],
	};
	return true;
}

void wp_told_accepted(struct wp_told *told, const struct wp_entry_id *want,
		      bool is_alive, int64_t now_ms)
{
	wp_told_settled(told, want);
	if (is_alive)
		told->step = 0;
	/* As far as the ladder goes, and further: it never runs over. */
	if (told->step < UINT16_MAX)
		told->step++;
	told->at_ms = now_ms;
}

void wp_told_settled(struct wp_told *told, const struct wp_entry_id *want)
{
	told->id = *want;
	told->tries = 0;
	told->next_ms = 0;
}

void wp_told_held(struct wp_told *told, int64_t due_ms)
{
	told->tries = 0;
	told->next_ms = due_ms;
}

bool wp_told_failed(struct wp_told *told, const struct wp_entry_id *want,
		    int64_t least_s, int64_t now_ms, uint32_t seed)
{
	/* What is newer has tries of its own. */
	if (wp_entry_id_cmp(want, &told->id) > 0)
		told->tries = 0;
	if (told->tries + 1 >= WP_LADDER_TRIES_MAX) {
		wp_told_settled(told, want);
		return false;
	}
	told->id = *want;
	told->tries++;
	told->next_ms = now_ms + wp_ladder_retry_ms(told->tries, least_s, seed);
	return true;
}
