/*
 * table.h - which partitions this worker owns: the one thing that its threads
 * share.
 *
 * The hot thread writes down leases; the cold thread reads them and reports
 * what it finds out. Whoever acts for a partition asks for its owner value
 * first and gets none when the lease may have lapsed by our own clock.
 *
 * Threads: every function takes the lock; any thread.
 */
#ifndef WP_WORKER_TABLE_H
#define WP_WORKER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"

struct wp_table;

struct wp_owned {
	uint32_t partition;
	char owner[WP_OWNER_MAX + 1];
};

enum wp_err wp_table_new(struct wp_table **out, uint32_t partitions,
			 struct wp_error *err) WP_MUST_USE;
void wp_table_free(struct wp_table **table);

/* ---- leases ---- */

/* A lease that holds until until_ms (monotonic). It is fresh, and thought open
 * until Redis says otherwise. */
void wp_table_take(struct wp_table *table, uint32_t partition,
		   const char *owner, uint64_t until_ms);
/* The lease with this owner value was renewed. */
void wp_table_renew(struct wp_table *table, uint32_t partition,
		    const char *owner, uint64_t until_ms);
/* Forget the lease with this owner value; false when it is another by now. */
bool wp_table_drop(struct wp_table *table, uint32_t partition,
		   const char *owner);
/* Forget what has lapsed; returns how many. */
uint32_t wp_table_expire(struct wp_table *table, uint64_t now_ms);
uint32_t wp_table_count(struct wp_table *table);

enum wp_table_filter {
	WP_TABLE_ALL,
	WP_TABLE_OPEN,    /* may be routed */
	WP_TABLE_CLOSED,  /* must be reconciled first */
	WP_TABLE_AILING,  /* so, but the last try failed */
	WP_TABLE_MIGRATE, /* open, and migration was not stopped */
};

/* Owner value of a partition that is ours now and passes; false if not. */
bool wp_table_owner(struct wp_table *table, uint32_t partition,
		    enum wp_table_filter filter, uint64_t now_ms,
		    char owner[WP_OWNER_MAX + 1]);
/* All that pass, by number; out has room for every partition. */
size_t wp_table_list(struct wp_table *table, enum wp_table_filter filter,
		     uint64_t now_ms, struct wp_owned *out);

/* ---- what is known of a partition ---- */

void wp_table_set_open(struct wp_table *table, uint32_t partition,
		       const char *owner, bool is_open);
/* Migration found damage: none until another lease is taken. */
void wp_table_stop_migration(struct wp_table *table, uint32_t partition,
			     const char *owner);
/* It could not be reconciled: it stays closed, and nobody waits for it. */
void wp_table_set_ailing(struct wp_table *table, uint32_t partition,
			 const char *owner);
/* Is there a closed partition that is not ailing? */
bool wp_table_has_closed(struct wp_table *table);

/* Ask for all owned partitions to be fresh again (after a reconnect). */
void wp_table_refresh(struct wp_table *table);
/*
 * Call on_partition, without the lock, for each partition that was taken or
 * opened since the last call: nobody may have looked into its ingress.
 */
void wp_table_each_fresh(struct wp_table *table,
			 void (*on_partition)(void *ctx, uint32_t partition),
			 void *ctx);

/* Do we read the inbox? One worker does, and so it has the one-off chores. */
void wp_table_set_inbox(struct wp_table *table, bool has_inbox);
bool wp_table_has_inbox(struct wp_table *table);

/* Is migration working on it just now? Then it is not given back, if others
 * can be. Several things may be done with it at a time: pair true and false. */
void wp_table_set_busy(struct wp_table *table, uint32_t partition,
		       bool is_busy);
bool wp_table_is_busy(struct wp_table *table, uint32_t partition);

/* Somebody may be due to be migrated there sooner than the cold thread would
 * look. */
void wp_table_tell_due(struct wp_table *table, uint32_t partition);
/* Was it told so since the last call? It is by a new lease as well. */
bool wp_table_take_due(struct wp_table *table, uint32_t partition);

/* ---- between the threads ---- */

/*
 * Wait until there is a closed partition (unless is_deaf), the table is
 * stopping, or timeout_ms have passed.
 */
void wp_table_wait(struct wp_table *table, uint32_t timeout_ms, bool is_deaf);
/*
 * The same, not deaf, but it ends as well when wp_table_tell_due() was called
 * since the last such wait; only after least_ms, so that many calls are one.
 * And it ends at once while there are rows: true when that is all, and nobody
 * is to stop.
 */
bool wp_table_wait_due(struct wp_table *table, uint32_t least_ms,
		       uint32_t timeout_ms);
/* Something waits to be written to disk, or nothing does. */
void wp_table_set_rows(struct wp_table *table, bool has_rows);
/* Make the descriptor of wp_table_event_fd() readable. */
void wp_table_ring(struct wp_table *table);
/* Everybody should end. */
void wp_table_stop(struct wp_table *table);
bool wp_table_is_stopping(struct wp_table *table);
/* Readable when something is fresh, somebody rang, or the table is stopping;
 * for poll(2). */
int wp_table_event_fd(const struct wp_table *table);
/* Make it unreadable again. */
void wp_table_clear_event(struct wp_table *table);

/* ---- do they go on? ---- */

enum wp_table_thread { WP_TABLE_HOT, WP_TABLE_COLD, WP_TABLE_THREADS };

/* This thread has come one step further. It is here again within wait_ms, for
 * which it waits, and however long the next step takes. */
void wp_table_step(struct wp_table *table, enum wp_table_thread thread,
		   uint32_t wait_ms);
/* It has ended. */
void wp_table_leave(struct wp_table *table, enum wp_table_thread thread);
/* Does the next step of one of them take limit_ms or more? */
bool wp_table_is_stuck(struct wp_table *table, uint64_t limit_ms);

#endif /* WP_WORKER_TABLE_H */
