/*
 * procs.h - the processes of a program that should run, and those that do.
 *
 * A slot is one of the N processes that should run. During a replacement it
 * has two: the new one, and the old one that is told to drain only when the
 * new one says that it is ready.
 */
#ifndef WP_LIB_PROCS_PROCS_H
#define WP_LIB_PROCS_PROCS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/backoff.h"
#include "lib/base/err.h"
#include "lib/metrics/exporter.h"
#include "lib/metrics/metrics.h"
#include "lib/procs/share.h"

enum { WP_PROCS_MAX = 64 }; /* the bound of settings that say how many */

/* No status of a process that dies by itself: it did not drain in time. */
enum { WP_PROCS_CUT = 3 };

/* What a process is given by its parent. */
struct wp_place {
	struct wp_seat
		seat;     /* left when it ends, by the parent at the latest */
	int news_fd;      /* gets what it has to say */
	uint32_t beat_ms; /* how often to beat there; 0: nobody listens */
};

enum wp_news_kind {
	WP_NEWS_READY, /* it serves */
	WP_NEWS_FIT,   /* what it depends on is as it has to be */
	WP_NEWS_UNFIT, /* it cannot serve here, and ends */
};

/* What a process says to its parent, in one write. */
struct wp_news {
	pid_t pid;
	enum wp_news_kind what;
	struct wp_error why; /* of UNFIT */
};

/* The processes that are to be started from now on. */
struct wp_procs_plan {
	size_t wanted;    /* 1 … WP_PROCS_MAX */
	int64_t drain_ms; /* a process that was told to ends within that */
	/* All that it does, in a process of its own: returns its exit status.
	 * SIGTERM is blocked there, until it unblocks it; it means to drain. */
	int (*run)(void *ctx, const struct wp_place *place);
	void *ctx;
};

struct wp_process {
	pid_t pid;           /* 0 = none */
	size_t row;          /* of share */
	int64_t drain_ms;    /* what it was started with */
	uint32_t beats;      /* that were heard of it */
	uint32_t n_missed;   /* looks since then */
	bool is_told;        /* to drain */
	uint64_t kill_at_ms; /* once it was told */
};

struct wp_process_slot {
	struct wp_process current;
	struct wp_process old; /* being replaced */
	bool is_ready;         /* the current one */
	unsigned int generation;
	uint64_t started_ms;
	uint64_t start_at_ms; /* not before */
	struct wp_backoff backoff;
};

struct wp_procs {
	struct wp_procs_plan plan;
	int news_fd;            /* borrowed; processes write theirs here */
	const int *parent_fds;  /* they close these; ends with -1 */
	struct wp_share *share; /* borrowed */
	uint32_t beat_ms;       /* how often processes beat; 0: never */
	struct wp_exporter *exporter; /* borrowed; of the parent, or NULL */
	struct wp_metrics *metrics;   /* borrowed */
	size_t ready_metric;          /* gauge: how many are ready */
	size_t restarts_metric;       /* deaths that nobody had told to */
	struct wp_process_slot slots[WP_PROCS_MAX];
	unsigned int generation;
	bool is_stopping;
	bool has_failed; /* somebody died by himself since the stop began */
	bool is_fit;     /* somebody has said so, at any time */
	struct wp_error unfit; /* why nobody can serve; code WP_OK: they can */
};

/* In such a process: as struct wp_news. */
void wp_procs_tell_ready(const struct wp_place *place);
void wp_procs_tell_fit(const struct wp_place *place);
void wp_procs_tell_unfit(const struct wp_place *place,
			 const struct wp_error *why);

/* Set the borrowed members of procs, then call this. Starts nothing. */
void wp_procs_init(struct wp_procs *procs);

/* Bring what runs nearer to what should run. */
void wp_procs_tend(struct wp_procs *procs);

/* When wp_procs_tend() has something to do without any event; -1 = never. */
int wp_procs_timeout_ms(const struct wp_procs *procs);

/* Take note of processes that ended (after SIGCHLD). */
void wp_procs_reap(struct wp_procs *procs);

/*
 * A process has said this. When one is unfit, and none ever was fit, others
 * would be no better: procs->unfit is why, and all are to be stopped. Later
 * than that the others serve, and it is tried again.
 *
 * Returns:  whether all are ready
 */
bool wp_procs_hear(struct wp_procs *procs, const struct wp_news *news);

/*
 * Listen for beats, as often as there should be some. A process that was silent
 * for max_missed calls, and was not told to end, is killed: nobody else would
 * find out, and connections go on coming to it.
 */
void wp_procs_listen(struct wp_procs *procs, uint32_t max_missed);

/* How many are ready. */
size_t wp_procs_ready(const struct wp_procs *procs);

/*
 * Send all that go on a signal. A reload of their own may have changed how long
 * they take to drain.
 */
void wp_procs_tell(struct wp_procs *procs, int signo, int64_t drain_ms);

/* Replace all processes, one by one, by such of this plan. */
void wp_procs_replace(struct wp_procs *procs, const struct wp_procs_plan *plan);

/* Begin to drain all; called again, do not wait any longer. */
void wp_procs_stop(struct wp_procs *procs);

/* How many should run. */
size_t wp_procs_wanted(const struct wp_procs *procs);

/* Which run: how many of max. */
size_t wp_procs_list(const struct wp_procs *procs, pid_t *pids, size_t max);

/* None runs. */
bool wp_procs_is_empty(const struct wp_procs *procs);

#endif /* WP_LIB_PROCS_PROCS_H */
