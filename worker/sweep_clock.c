/*
 * sweep_clock.c - the least that a clock said, carried on by real time.
 */
#include "worker/sweep_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond any sum of times, and far from the ends of the type. */
#define NO_BOUND (INT64_C(1) << 60)

enum { WRITE_REAL_MS = 60000 };

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void wp_sweep_clock_begin(struct wp_sweep_clock *clock, bool is_new)
{
	*clock = (struct wp_sweep_clock){
		.skew_ms = NO_BOUND,
		.skew_before_ms = is_new ? NO_BOUND : -NO_BOUND,
	};
}

/* Real time goes on, as far as it is known to have. */
static void count(struct wp_sweep_clock *clock,
		  const struct wp_sweep_look *look)
{
	if (strcmp(look->boot, clock->boot) == 0)
		clock->real_ms += most(0, look->boot_ms - clock->boot_ms);
	(void)snprintf(clock->boot, sizeof(clock->boot), "%s", look->boot);
	clock->boot_ms = look->boot_ms;
}

/*
 * "<time> <anything>": an operator has seen the clock say this time, and that
 * it was right. True for ever, so it does not matter who hears it when; but
 * heard again it would undo what was seen of the clock since.
 */
static void hear(struct wp_sweep_clock *clock, const struct wp_sweep_look *look)
{
	int64_t seen_ms;
	char *end;

	if (look->word[0] == '\0' || strcmp(look->word, clock->word) == 0)
		return;
	(void)snprintf(clock->word, sizeof(clock->word), "%s", look->word);
	seen_ms = strtoll(look->word, &end, 10);
	if (end == look->word || *end != ' ' || seen_ms <= 0)
		return;
	seen_ms = least(seen_ms, look->wall_ms) - clock->real_ms;
	clock->skew_ms = most(clock->skew_ms, seen_ms);
	clock->skew_before_ms = most(clock->skew_before_ms, seen_ms);
}

int64_t wp_sweep_clock_look(struct wp_sweep_clock *clock,
			    const struct wp_sweep_look *look)
{
	int64_t skew_ms;

	count(clock, look);
	clock->longest_ms = most(clock->longest_ms, look->longest_ms);

	skew_ms = look->wall_ms - clock->real_ms;
	clock->skew_ms = least(clock->skew_ms, skew_ms);
	if (clock->real_ms - clock->since_ms >= clock->longest_ms) {
		clock->skew_before_ms = clock->skew_ms;
		clock->skew_ms = skew_ms;
		clock->since_ms = clock->real_ms;
	}
	hear(clock, look);
	if (clock->skew_before_ms == -NO_BOUND)
		return WP_SWEEP_UNKNOWN;
	return clock->real_ms + least(clock->skew_ms, clock->skew_before_ms);
}

bool wp_sweep_clock_is_news(const struct wp_sweep_clock *before,
			    const struct wp_sweep_clock *after)
{
	return after->skew_ms != before->skew_ms ||
	       after->skew_before_ms != before->skew_before_ms ||
	       after->since_ms != before->since_ms ||
	       after->longest_ms != before->longest_ms ||
	       strcmp(after->boot, before->boot) != 0 ||
	       strcmp(after->word, before->word) != 0 ||
	       after->real_ms - before->real_ms >= WRITE_REAL_MS;
}

/* ---- as text ---- */

#define NUMBER "%" PRId64 " "
#define VERSION "1 "

void wp_sweep_clock_print(const struct wp_sweep_clock *clock,
			  char text[WP_SWEEP_CLOCK_TEXT])
{
	/* The word comes last: it may have blanks, or be empty. */
	(void)snprintf(text, WP_SWEEP_CLOCK_TEXT,
		       VERSION NUMBER NUMBER NUMBER NUMBER NUMBER NUMBER
		       "%s %s",
		       clock->real_ms, clock->skew_ms, clock->skew_before_ms,
		       clock->since_ms, clock->longest_ms, clock->boot_ms,
		       clock->boot[0] != '\0' ? clock->boot : "-", clock->word);
}

static bool take_number(const char **text, int64_t min, int64_t *out)
{
	char *end;

	*out = strtoll(*text, &end, 10);
	if (end == *text || *end != ' ' || *out < min || *out > NO_BOUND)
		return false;
	*text = end + 1;
	return true;
}

bool wp_sweep_clock_parse(struct wp_sweep_clock *clock, const char *text)
{
	const char *blank;
	size_t len;

	*clock = (struct wp_sweep_clock){ 0 };
	if (strncmp(text, VERSION, strlen(VERSION)) != 0)
		return false;
	text += strlen(VERSION);
	if (!take_number(&text, 0, &clock->real_ms) ||
	    !take_number(&text, -NO_BOUND, &clock->skew_ms) ||
	    !take_number(&text, -NO_BOUND, &clock->skew_before_ms) ||
	    !take_number(&text, 0, &clock->since_ms) ||
	    !take_number(&text, 0, &clock->longest_ms) ||
	    !take_number(&text, 0, &clock->boot_ms))
		return false;
	blank = strchr(text, ' ');
	if (blank == NULL)
		return false;
	len = (size_t)(blank - text);
	if (len >= sizeof(clock->boot) ||
	    strlen(blank + 1) >= sizeof(clock->word))
		return false;
	if (strncmp(text, "-", len) != 0)
		memcpy(clock->boot, text, len);
	memcpy(clock->word, blank + 1, strlen(blank + 1) + 1);
	return true;
}
