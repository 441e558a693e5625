/*
 * Write what the programs can tell, as Prometheus reads it, behind a line with
 * the name of each: for docs/metrics.md, and for who looks at the names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/metrics/self.h"

#include "handlers/request/metrics.h"
#include "keys/metrics.h"
#include "notifier/metrics.h"
#include "worker/metrics.h"
#include "ws-daemon/metrics.h"

static const struct {
	const char *program;
	enum wp_err (*make)(struct wp_metrics **out, struct wp_error *err);
	size_t sparse; /* so many, the first ones, are told once counted */
} programs[] = {
	{ "waypost-handlers", wp_handlers_metrics_new, WP_REQUESTS_COUNT },
	{ "waypost-worker", wp_worker_metrics_new, 0 },
	{ "waypost-ws", wp_ws_metrics_new, 0 },
	{ "waypost-notifier", wp_notifier_metrics_new, 0 },
	{ "waypost-keys", wp_keys_metrics_new, 0 },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct wp_metrics *metrics = NULL;
		struct wp_error err = { 0 };
		struct wp_self self;
		struct wp_buf out;

		if (programs[i].make(&metrics, &err) != WP_OK ||
		    wp_self_init(&self, programs[i].program, &err) != WP_OK) {
			fprintf(stderr, "%s\n", err.msg);
			return EXIT_FAILURE;
		}
		for (size_t k = 0; k < programs[i].sparse; k++)
			wp_metric_add(metrics, k, 1);
		wp_buf_init(&out, 0);
		wp_metrics_write(metrics, &out);
		wp_self_write(&self, NULL, 0, &out);
		printf("# PROGRAM %s\n%s", programs[i].program, out.data);
		wp_buf_release(&out);
		wp_metrics_free(&metrics);
	}
	return EXIT_SUCCESS;
}
