/*
 * schedule.c - see schedule.h.
 */
#include "keys/schedule.h"

#include <string.h>
#include <strings.h>

#include "lib/base/random.h"

void wp_schedule_init(struct wp_schedule *s, uint32_t refresh_s,
		      uint64_t now_ms)
{
	*s = (struct wp_schedule){
		.due_ms = now_ms,
		.refresh_s = refresh_s,
		.early = WP_SCHEDULE_EARLY_MAX,
		.early_ms = now_ms,
	};
	wp_backoff_init(&s->backoff, WP_SCHEDULE_RETRY_MS,
			WP_SCHEDULE_RETRY_MAX_MS);
}

void wp_schedule_know(struct wp_schedule *s, int64_t age_s, uint64_t now_ms)
{
	/* A clock that has stepped back says nothing. */
	if (age_s >= 0 && age_s < s->refresh_s)
		s->due_ms = now_ms + (s->refresh_s - (uint64_t)age_s) * 1000;
}

bool wp_schedule_is_due(const struct wp_schedule *s, uint64_t now_ms)
{
	return !s->is_running && now_ms >= s->due_ms;
}

void wp_schedule_begin(struct wp_schedule *s, uint64_t now_ms)
{
	s->is_running = true;
	s->has_begun = true;
	s->begun_ms = now_ms;
}

void wp_schedule_succeed(struct wp_schedule *s, int64_t max_age_s,
			 uint64_t now_ms)
{
	uint64_t wait_ms = (uint64_t)s->refresh_s * 1000;

	if (max_age_s >= WP_SCHEDULE_AGE_MIN_S &&
	    max_age_s <= WP_SCHEDULE_AGE_MAX_S)
		wait_ms = (uint64_t)max_age_s * 1000;
	/* So that many deployments do not ask at the same moment. */
	wait_ms =
		wait_ms / 10 * 9 + wp_random_below((uint32_t)(wait_ms / 5) + 1);
	s->is_running = false;
	s->due_ms = now_ms + wait_ms;
	wp_backoff_reset(&s->backoff);
}

void wp_schedule_fail(struct wp_schedule *s, uint64_t now_ms)
{
	s->is_running = false;
	s->due_ms = now_ms + wp_backoff_next_ms(&s->backoff);
}

static void refill(struct wp_schedule *s, uint64_t now_ms)
{
	uint64_t more = (now_ms - s->early_ms) / WP_SCHEDULE_EARLY_MS;

	if (s->early + more >= WP_SCHEDULE_EARLY_MAX) {
		s->early = WP_SCHEDULE_EARLY_MAX;
		s->early_ms = now_ms;
		return;
	}
	s->early += (uint32_t)more;
	s->early_ms += more * WP_SCHEDULE_EARLY_MS;
}

bool wp_schedule_want(struct wp_schedule *s, uint64_t now_ms)
{
	if (s->is_running || wp_schedule_is_due(s, now_ms))
		return false;
	if (s->has_begun && now_ms - s->begun_ms < WP_SCHEDULE_GAP_MS)
		return false;
	refill(s, now_ms);
	if (s->early == 0)
		return false;
	s->early--;
	s->due_ms = now_ms;
	return true;
}

/* ---- Cache-Control ---- */

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* Digits, perhaps quoted; too many are as many as there may be. */
static int64_t read_seconds(const char *text, size_t len)
{
	static const int64_t most = INT64_C(1) << 31;
	int64_t value = 0;

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		if (value < most)
			value = value * 10 + (text[i] - '0');
	}
	return value < most ? value : most;
}

/* Behind the directive at text: where its comma is, quotes counted. */
static size_t directive_len(const char *text, size_t len)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < len && (is_quoted || text[i] != ','); i++) {
		if (is_quoted && text[i] == '\\' && i + 1 < len)
			i++;
		else if (text[i] == '"')
			is_quoted = !is_quoted;
	}
	return i;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int64_t wp_schedule_max_age(const char *text, size_t len)
{
	int64_t found = -1;
	size_t at = 0;

	while (at < len) {
		size_t end = at + directive_len(text + at, len - at);
		size_t next = end + 1;
		const char *equals;
		int64_t value;

		while (at < end && is_blank(text[at]))
			at++;
		while (end > at && is_blank(text[end - 1]))
			end--;
		equals = memchr(text + at, '=', end - at);
		if (is_word(text + at, end - at, "no-store") ||
		    is_word(text + at, end - at, "no-cache"))
			return -1;
		if (equals != NULL &&
		    is_word(text + at, (size_t)(equals - text) - at,
			    "max-age")) {
			value = read_seconds(equals + 1,
					     end - (size_t)(equals - text) - 1);
			if (value >= 0 && (found < 0 || value < found))
				found = value;
		}
		at = next;
	}
	return found;
}
