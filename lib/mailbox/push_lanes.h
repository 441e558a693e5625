/*
 * push_lanes.h - what operators and notifiers tell each other about providers:
 * an operator, that all is well with an app again; a notifier, how it stands
 * with each (docs/operations.md "Pushes").
 */
#ifndef WP_LIB_MAILBOX_PUSH_LANES_H
#define WP_LIB_MAILBOX_PUSH_LANES_H

#include <stddef.h>

#include "lib/redis/cmd.h"

/* A hash: app → a text that is another one with each order. */
#define WP_PUSH_RESUME_KEY "wp:push:resume"

enum {
	WP_PUSH_RESUME_S = 3600, /* from the last order until all are gone */
	WP_PUSH_RESUME_TEXT_LEN = 16,
	WP_PUSH_LANES_S = 15, /* how long what a notifier says is true */
};

/* As a group. text: WP_PUSH_RESUME_TEXT_LEN characters, never used before */
void wp_push_resume_build(struct wp_cmd *group, const char *app,
			  const char *text);

/*
 * What a notifier says, as JSON: {"mode","apps":[{"kind","app","state",
 * "waitSeconds","guarded"}],"shutHosts":n}. mode: "live", or "log" when it asks
 * nobody. state: "asked", "left_alone", or
 * "settings" when it is left alone because ours are wrong, for waitSeconds;
 * guarded: no token of the app is dropped. Of hosts only how many are left
 * alone: which they are is their users' business.
 */
void wp_push_lanes_build(struct wp_cmd *cmd, const char *notifier,
			 const char *json, size_t len);
/* What a notifier has said; nil: it is not there, or has said nothing yet. */
void wp_push_lanes_ask(struct wp_cmd *cmd, const char *notifier);

#endif /* WP_LIB_MAILBOX_PUSH_LANES_H */
