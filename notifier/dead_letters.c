/*
 * dead_letters.c - one command each, and a number by its kind.
 */
#include "notifier/dead_letters.h"

#include <assert.h>

#include "notifier/metrics.h"

/* Services are never given up: they are asked again, however long. */
static const enum wp_notifier_metric counts[WP_PUSH_DEVICE_KINDS] = {
	[WP_PUSH_FCM] = WP_NM_DEAD_FCM,
	[WP_PUSH_APNS] = WP_NM_DEAD_APNS,
	[WP_PUSH_WEB] = WP_NM_DEAD_WEB,
	[WP_PUSH_UNIFIED] = WP_NM_DEAD_UNIFIED,
	[WP_PUSH_WEBHOOK] = WP_NM_DEAD_WEBHOOK,
	[WP_PUSH_EMAIL] = WP_NM_DEAD_EMAIL,
};

void wp_dead_letters_add(const struct wp_dead_letters *letters,
			 const struct wp_push_letter *letter)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	assert(letter->kind < WP_PUSH_DEVICE_KINDS);
	wp_metric_add(letters->metrics, counts[letter->kind], 1);
	wp_cmd_init(&cmd);
	wp_push_letter_build(&cmd, letter);
	rc = wp_judged_do(letters->redis, &cmd, NULL, NULL);
	(void)rc; /* see the head of dead_letters.h */
	wp_cmd_release(&cmd);
}
