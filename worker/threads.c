/* threads.c - starting, stopping and joining, in the right order. */
#include "worker/threads.h"

enum wp_err wp_threads_start(struct wp_threads *threads,
			     const struct wp_worker_setup *setup,
			     struct wp_error *err)
{
	uint32_t partitions = (uint32_t)setup->conf->mailbox.partitions;
	struct wp_worker_setup both = *setup;
	enum wp_err rc = wp_table_new(&threads->table, partitions, err);

	both.table = threads->table;
	if (rc == WP_OK)
		rc = wp_cold_thread_start(&threads->cold, &both, err);
	if (rc == WP_OK)
		rc = wp_hot_thread_start(&threads->hot, &both, err);
	return rc;
}

void wp_threads_stop(struct wp_threads *threads)
{
	if (threads->table != NULL)
		wp_table_stop(threads->table);
}

bool wp_threads_have_ended(struct wp_threads *threads)
{
	if (!wp_hot_thread_has_ended(threads->hot))
		return false;
	wp_threads_stop(threads);
	return wp_cold_thread_has_ended(threads->cold);
}

enum wp_err wp_threads_join(struct wp_threads *threads, struct wp_error *err)
{
	enum wp_err rc;

	wp_threads_stop(threads);
	rc = wp_hot_thread_join(&threads->hot, err);
	wp_cold_thread_join(&threads->cold);
	wp_table_free(&threads->table);
	return rc;
}
