/* threads.c - starting, stopping and joining, in the right order. */
#include "worker/threads.h"

enum wp_err wp_threads_start(struct wp_threads *threads,
			     const struct wp_conf *conf,
			     struct wp_metrics *metrics,
			     void (*on_end)(void *ctx), void *ctx,
			     struct wp_error *err)
{
	uint32_t partitions = (uint32_t)conf->mailbox.partitions;
	enum wp_err rc = wp_table_new(&threads->table, partitions, err);

	if (rc == WP_OK)
		rc = wp_migrator_start(&threads->migrator, conf, metrics,
				       threads->table, on_end, ctx, err);
	if (rc == WP_OK)
		rc = wp_loop_start(&threads->loop, conf, metrics,
				   threads->table, on_end, ctx, err);
	return rc;
}

void wp_threads_stop(struct wp_threads *threads)
{
	if (threads->table != NULL)
		wp_table_stop(threads->table);
}

bool wp_threads_have_ended(struct wp_threads *threads)
{
	if (!wp_loop_has_ended(threads->loop))
		return false;
	wp_threads_stop(threads);
	return wp_migrator_has_ended(threads->migrator);
}

enum wp_err wp_threads_join(struct wp_threads *threads, struct wp_error *err)
{
	enum wp_err rc;

	wp_threads_stop(threads);
	rc = wp_loop_join(&threads->loop, err);
	wp_migrator_join(&threads->migrator);
	wp_table_free(&threads->table);
	return rc;
}
