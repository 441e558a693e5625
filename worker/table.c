/*
 * table.c - leases under one lock, a condition for the cold thread and an
 * eventfd for the hot one.
 */
#include "worker/table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"

struct lease {
	char owner[WP_OWNER_MAX + 1]; /* "" = not ours */
	uint64_t until_ms;
	bool is_closed;
	bool is_ailing;  /* closed, and could not be reconciled */
	bool is_stopped; /* its migration */
	bool is_fresh;
	uint32_t n_busy; /* what migration does with it just now */
	bool may_be_due; /* somebody in there, to be migrated */
};

struct wp_table {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int event_fd;
	uint32_t partitions;
	uint32_t owned;
	uint32_t closed; /* and not ailing */
	bool is_stopping;
	bool has_inbox;
	bool has_due;  /* some lease was told so since the last wait */
	bool has_rows; /* for the cold thread */
	uint64_t step_ms[WP_TABLE_THREADS]; /* begins; 0: none does */
	struct lease leases[];
};

static void init_wake(pthread_cond_t *wake)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(wake, &attr);
	pthread_condattr_destroy(&attr);
}

enum wp_err wp_table_new(struct wp_table **out, uint32_t partitions,
			 struct wp_error *err)
{
	struct wp_table *table;

	table = calloc(1,
		       sizeof(*table) + partitions * sizeof(table->leases[0]));
	if (table == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	table->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (table->event_fd == -1) {
		free(table);
		return wp_error_sys(err, "eventfd");
	}
	pthread_mutex_init(&table->lock, NULL);
	init_wake(&table->wake);
	table->partitions = partitions;
	*out = table;
	return WP_OK;
}

void wp_table_free(struct wp_table **table)
{
	if (*table == NULL)
		return;
	close((*table)->event_fd);
	pthread_cond_destroy(&(*table)->wake);
	pthread_mutex_destroy(&(*table)->lock);
	free(*table);
	*table = NULL;
}

static bool is_owned(const struct lease *lease)
{
	return lease->owner[0] != '\0';
}

static bool is_urgent(const struct lease *lease)
{
	return lease->is_closed && !lease->is_ailing;
}

void wp_table_ring(struct wp_table *table)
{
	uint64_t one = 1;

	/* It can only fail by being readable already. */
	(void)!write(table->event_fd, &one, sizeof(one));
}

static void freshen(struct wp_table *table, struct lease *lease)
{
	lease->is_fresh = true;
	lease->may_be_due = true;
	table->has_due = true;
	pthread_cond_broadcast(&table->wake);
	wp_table_ring(table);
}

static void forget(struct wp_table *table, struct lease *lease)
{
	table->owned--;
	table->closed -= is_urgent(lease);
	/* What is being done ends whoever owns it then. */
	*lease = (struct lease){ .n_busy = lease->n_busy };
}

void wp_table_take(struct wp_table *table, uint32_t partition,
		   const char *owner, uint64_t until_ms)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (is_owned(lease))
		forget(table, lease);
	memcpy(lease->owner, owner, strnlen(owner, WP_OWNER_MAX));
	lease->until_ms = until_ms;
	table->owned++;
	freshen(table, lease);
	pthread_mutex_unlock(&table->lock);
}

void wp_table_renew(struct wp_table *table, uint32_t partition,
		    const char *owner, uint64_t until_ms)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (strcmp(lease->owner, owner) == 0 && until_ms > lease->until_ms)
		lease->until_ms = until_ms;
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_drop(struct wp_table *table, uint32_t partition,
		   const char *owner)
{
	struct lease *lease = &table->leases[partition];
	bool is_it;

	pthread_mutex_lock(&table->lock);
	is_it = is_owned(lease) && strcmp(lease->owner, owner) == 0;
	if (is_it)
		forget(table, lease);
	pthread_mutex_unlock(&table->lock);
	return is_it;
}

uint32_t wp_table_expire(struct wp_table *table, uint64_t now_ms)
{
	uint32_t n = 0;

	pthread_mutex_lock(&table->lock);
	for (uint32_t p = 0; p < table->partitions; p++) {
		struct lease *lease = &table->leases[p];

		if (!is_owned(lease) || lease->until_ms > now_ms)
			continue;
		forget(table, lease);
		n++;
	}
	pthread_mutex_unlock(&table->lock);
	return n;
}

uint32_t wp_table_count(struct wp_table *table)
{
	uint32_t n;

	pthread_mutex_lock(&table->lock);
	n = table->owned;
	pthread_mutex_unlock(&table->lock);
	return n;
}

static bool passes(const struct lease *lease, enum wp_table_filter filter,
		   uint64_t now_ms)
{
	if (!is_owned(lease) || lease->until_ms <= now_ms)
		return false;
	switch (filter) {
	case WP_TABLE_ALL:
		return true;
	case WP_TABLE_OPEN:
		return !lease->is_closed;
	case WP_TABLE_CLOSED:
		return is_urgent(lease);
	case WP_TABLE_AILING:
		return lease->is_ailing;
	case WP_TABLE_MIGRATE:
		return !lease->is_closed && !lease->is_stopped;
	}
	return false;
}

bool wp_table_owner(struct wp_table *table, uint32_t partition,
		    enum wp_table_filter filter, uint64_t now_ms,
		    char owner[WP_OWNER_MAX + 1])
{
	const struct lease *lease = &table->leases[partition];
	bool is_ours;

	pthread_mutex_lock(&table->lock);
	is_ours = passes(lease, filter, now_ms);
	if (is_ours)
		memcpy(owner, lease->owner, sizeof(lease->owner));
	pthread_mutex_unlock(&table->lock);
	return is_ours;
}

size_t wp_table_list(struct wp_table *table, enum wp_table_filter filter,
		     uint64_t now_ms, struct wp_owned *out)
{
	size_t n = 0;

	pthread_mutex_lock(&table->lock);
	for (uint32_t p = 0; p < table->partitions; p++) {
		const struct lease *lease = &table->leases[p];

		if (!passes(lease, filter, now_ms))
			continue;
		out[n].partition = p;
		memcpy(out[n].owner, lease->owner, sizeof(lease->owner));
		n++;
	}
	pthread_mutex_unlock(&table->lock);
	return n;
}

void wp_table_set_open(struct wp_table *table, uint32_t partition,
		       const char *owner, bool is_open)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (is_owned(lease) && strcmp(lease->owner, owner) == 0 &&
	    lease->is_closed == is_open) {
		table->closed -= is_urgent(lease);
		lease->is_closed = !is_open;
		lease->is_ailing = false;
		table->closed += is_urgent(lease);
		if (is_open)
			freshen(table, lease);
		else
			pthread_cond_signal(&table->wake);
	}
	pthread_mutex_unlock(&table->lock);
}

void wp_table_set_ailing(struct wp_table *table, uint32_t partition,
			 const char *owner)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (is_owned(lease) && strcmp(lease->owner, owner) == 0 &&
	    is_urgent(lease)) {
		lease->is_ailing = true;
		table->closed--;
	}
	pthread_mutex_unlock(&table->lock);
}

void wp_table_stop_migration(struct wp_table *table, uint32_t partition,
			     const char *owner)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (is_owned(lease) && strcmp(lease->owner, owner) == 0)
		lease->is_stopped = true;
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_has_closed(struct wp_table *table)
{
	bool has;

	pthread_mutex_lock(&table->lock);
	has = table->closed > 0;
	pthread_mutex_unlock(&table->lock);
	return has;
}

void wp_table_refresh(struct wp_table *table)
{
	pthread_mutex_lock(&table->lock);
	for (uint32_t p = 0; p < table->partitions; p++)
		if (is_owned(&table->leases[p]))
			table->leases[p].is_fresh = true;
	wp_table_ring(table);
	pthread_mutex_unlock(&table->lock);
}

/* The next fresh partition from *at on, which is no longer fresh. */
static bool take_fresh(struct wp_table *table, uint32_t *at)
{
	bool found = false;

	pthread_mutex_lock(&table->lock);
	for (; *at < table->partitions && !found; ++*at) {
		found = table->leases[*at].is_fresh;
		table->leases[*at].is_fresh = false;
	}
	pthread_mutex_unlock(&table->lock);
	return found;
}

void wp_table_each_fresh(struct wp_table *table,
			 void (*on_partition)(void *ctx, uint32_t partition),
			 void *ctx)
{
	uint32_t at = 0;

	while (take_fresh(table, &at))
		on_partition(ctx, at - 1);
}

void wp_table_set_busy(struct wp_table *table, uint32_t partition, bool is_busy)
{
	struct lease *lease = &table->leases[partition];

	pthread_mutex_lock(&table->lock);
	if (is_busy)
		lease->n_busy++;
	else if (lease->n_busy > 0)
		lease->n_busy--;
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_is_busy(struct wp_table *table, uint32_t partition)
{
	bool is_busy;

	pthread_mutex_lock(&table->lock);
	is_busy = table->leases[partition].n_busy > 0;
	pthread_mutex_unlock(&table->lock);
	return is_busy;
}

void wp_table_tell_due(struct wp_table *table, uint32_t partition)
{
	pthread_mutex_lock(&table->lock);
	table->leases[partition].may_be_due = true;
	if (!table->has_due)
		pthread_cond_broadcast(&table->wake);
	table->has_due = true;
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_take_due(struct wp_table *table, uint32_t partition)
{
	struct lease *lease = &table->leases[partition];
	bool may_be_due;

	pthread_mutex_lock(&table->lock);
	may_be_due = lease->may_be_due;
	lease->may_be_due = false;
	pthread_mutex_unlock(&table->lock);
	return may_be_due;
}

static struct timespec in_ms(uint32_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000L;
	if (end.tv_nsec >= 1000000000L) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000L;
	}
	return end;
}

/* Until what these say, or the end; with the lock. False: it was the end. */
static bool wait_until(struct wp_table *table, const struct timespec *end,
		       bool is_deaf, bool hears_due)
{
	while (!table->is_stopping &&
	       (is_deaf || (table->closed == 0 && !table->has_rows)) &&
	       !(hears_due && table->has_due))
		if (pthread_cond_timedwait(&table->wake, &table->lock, end) ==
		    ETIMEDOUT)
			return false;
	return true;
}

void wp_table_wait(struct wp_table *table, uint32_t timeout_ms, bool is_deaf)
{
	const struct timespec end = in_ms(timeout_ms);

	pthread_mutex_lock(&table->lock);
	(void)wait_until(table, &end, is_deaf, false);
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_wait_due(struct wp_table *table, uint32_t least_ms,
		       uint32_t timeout_ms)
{
	const struct timespec end = in_ms(timeout_ms);
	const struct timespec least =
		in_ms(least_ms < timeout_ms ? least_ms : timeout_ms);
	bool is_due, is_rows;

	pthread_mutex_lock(&table->lock);
	is_due = least_ms == 0 || !wait_until(table, &least, false, false);
	if (is_due && timeout_ms > 0 && wait_until(table, &end, false, true))
		is_due = table->has_due;
	is_rows = table->has_rows && !is_due && table->closed == 0 &&
		  !table->is_stopping;
	if (!is_rows)
		table->has_due = false;
	pthread_mutex_unlock(&table->lock);
	return is_rows;
}

void wp_table_set_rows(struct wp_table *table, bool has_rows)
{
	pthread_mutex_lock(&table->lock);
	if (has_rows && !table->has_rows)
		pthread_cond_broadcast(&table->wake);
	table->has_rows = has_rows;
	pthread_mutex_unlock(&table->lock);
}

void wp_table_stop(struct wp_table *table)
{
	pthread_mutex_lock(&table->lock);
	table->is_stopping = true;
	pthread_cond_broadcast(&table->wake);
	wp_table_ring(table);
	pthread_mutex_unlock(&table->lock);
}

bool wp_table_is_stopping(struct wp_table *table)
{
	bool is_stopping;

	pthread_mutex_lock(&table->lock);
	is_stopping = table->is_stopping;
	pthread_mutex_unlock(&table->lock);
	return is_stopping;
}

int wp_table_event_fd(const struct wp_table *table)
{
	return table->event_fd;
}

void wp_table_clear_event(struct wp_table *table)
{
	uint64_t count;

	(void)!read(table->event_fd, &count, sizeof(count));
}

void wp_table_set_inbox(struct wp_table *table, bool has_inbox)
{
	(void)pthread_mutex_lock(&table->lock);
	table->has_inbox = has_inbox;
	(void)pthread_mutex_unlock(&table->lock);
}

bool wp_table_has_inbox(struct wp_table *table)
{
	bool has_inbox;

	(void)pthread_mutex_lock(&table->lock);
	has_inbox = table->has_inbox;
	(void)pthread_mutex_unlock(&table->lock);
	return has_inbox;
}

static void set_step(struct wp_table *table, enum wp_table_thread thread,
		     uint64_t at_ms)
{
	pthread_mutex_lock(&table->lock);
	table->step_ms[thread] = at_ms;
	pthread_mutex_unlock(&table->lock);
}

void wp_table_step(struct wp_table *table, enum wp_table_thread thread,
		   uint32_t wait_ms)
{
	set_step(table, thread, wp_mono_ms() + wait_ms);
}

void wp_table_leave(struct wp_table *table, enum wp_table_thread thread)
{
	set_step(table, thread, 0);
}

bool wp_table_is_stuck(struct wp_table *table, uint64_t limit_ms)
{
	bool is_stuck = false;
	uint64_t now_ms;

	pthread_mutex_lock(&table->lock);
	now_ms = wp_mono_ms();
	for (size_t i = 0; i < WP_TABLE_THREADS; i++)
		is_stuck |= table->step_ms[i] != 0 &&
			    now_ms >= table->step_ms[i] + limit_ms;
	pthread_mutex_unlock(&table->lock);
	return is_stuck;
}
