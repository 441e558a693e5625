/*
 * self.h - what every program tells of itself, by the names that Prometheus'
 * client libraries give it.
 */
#ifndef WP_LIB_METRICS_SELF_H
#define WP_LIB_METRICS_SELF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_self {
	const char *program; /* borrowed for good */
	int64_t start_ms;    /* wall clock */
};

/*
 * From now on lines of the log are counted, here and in processes forked later.
 *
 * program:  "waypost-worker"; borrowed for good
 * Errors:   WP_ERR_SYS
 */
enum wp_err wp_self_init(struct wp_self *self, const char *program,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Append all of it. Time, memory and descriptors are ours and those of n living
 * children together; those that ended and were waited for are in the time.
 *
 * Source:   proc(5), /proc/pid/stat and statm; getrusage(2);
 *           prometheus.io "Writing client libraries", process metrics
 */
void wp_self_write(const struct wp_self *self, const pid_t *children, size_t n,
		   struct wp_buf *out);

#endif /* WP_LIB_METRICS_SELF_H */
