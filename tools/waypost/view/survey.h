/*
 * survey.h - how the whole deployment is doing, as Redis alone knows it: for
 * status, once, and for top, again and again.
 */
#ifndef WP_TOOLS_WAYPOST_VIEW_SURVEY_H
#define WP_TOOLS_WAYPOST_VIEW_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/presence.h"
#include "tools/waypost/cli/cli.h"

enum {
	WP_SURVEY_WORD_MAX = 63,
	WP_SURVEY_WORKERS_MAX = 256, /* more are counted, and not listed */
	WP_SURVEY_DAEMONS_MAX = 256,
};

struct wp_survey_worker {
	char id[WP_SURVEY_WORD_MAX + 1];
	int64_t partitions;   /* that it owns */
	int64_t announced_ms; /* when it last said that it is there; 0: not */
};

/* One life of a daemon: an incarnation. */
struct wp_survey_daemon {
	char id[WP_INCARNATION_MAX + 1];
	int64_t partitions;
	int64_t connections;
	int64_t users;   /* -1: it has not said for a while */
	int64_t beat_ms; /* when it said so, with a heartbeat; 0: likewise */
	bool is_doomed;  /* silent for too long, somewhere */
};

struct wp_survey_partition {
	int64_t added; /* entries of ingress that there have ever been */
	int64_t ingress;
	int64_t first_ms; /* of the oldest in ingress; 0: none */
};

/* Times by Redis' clock, since 1970; 0: none. */
struct wp_survey {
	int64_t now_ms;

	/* wp:meta */
	char mode[WP_SURVEY_WORD_MAX + 1]; /* "production", or "local" */
	char store[WP_SURVEY_WORD_MAX + 1];
	char layout[WP_SURVEY_WORD_MAX + 1];

	struct {
		char version[WP_SURVEY_WORD_MAX + 1];
		char role[WP_SURVEY_WORD_MAX + 1];
		char run_id[WP_SURVEY_WORD_MAX + 1];
		int64_t used_bytes;
		int64_t max_bytes; /* 0: no limit */
		int64_t uptime_s;
		int64_t clients;
		int64_t ops_per_s;
		int64_t saved_ms; /* the last snapshot */
		bool has_aof;
		bool writes_aof; /* the last write of it succeeded */
	} redis;

	uint32_t n_partitions;
	struct wp_survey_partition *partitions; /* owned */
	int64_t unowned;
	int64_t closed; /* gates: not reconciled with this life of Redis */

	int64_t ingress;
	int64_t first_ms;
	int64_t added;
	int64_t marks;
	int64_t mark_ms;
	int64_t tries;
	int64_t hot; /* mailboxes */
	int64_t cold;
	/* In the cold store, as it told last; an estimate where many users have
	 * something there. */
	int64_t cold_messages;
	int64_t cold_bytes;
	bool cold_is_about;
	int64_t expiry_ms; /* when the first in memory expires, or did */
	int64_t connections;

	int64_t dead; /* letters: of partitions, of the inbox, of pushes */
	int64_t dead_inbox;
	int64_t dead_pushes;
	int64_t inbox; /* entries that wait there */

	int64_t push_due;
	int64_t push_first_ms;
	int64_t notifiers;

	struct wp_survey_worker workers[WP_SURVEY_WORKERS_MAX];
	size_t n_workers;
	struct wp_survey_daemon daemons[WP_SURVEY_DAEMONS_MAX];
	size_t n_daemons;
};

/*
 * Ask Redis: a handful of commands, two for each daemon, and one short script
 * for each partition, in pipelines of 64.
 *
 * Ownership:  out is the caller's; end with wp_survey_release(), also on error
 * Errors:     WP_ERR_UNAVAIL, WP_ERR_NOMEM
 */
enum wp_err wp_survey_make(struct wp_cli *cli, struct wp_survey *out,
			   struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_survey_release(struct wp_survey *survey);

#endif /* WP_TOOLS_WAYPOST_VIEW_SURVEY_H */
