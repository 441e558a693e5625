/* lanes_json.c - an array of apps; of hosts a number. */
#include "notifier/lane/lanes_json.h"

#include <inttypes.h>
#include <string.h>

enum { MS_PER_S = 1000 };

static const char *const states[] = {
	[WP_BREAKER_CLOSED] = "asked",
	[WP_BREAKER_OPEN] = "left_alone",
	[WP_BREAKER_CONFIG] = "settings",
};

struct listing {
	struct wp_buf *out;
	const char *before; /* what separates it from the one before */
};

static void add_app(void *ctx, const struct wp_lane_view *view)
{
	struct listing *listing = ctx;
	struct wp_buf *out = listing->out;

	wp_buf_printf(out, "%s{\"kind\":\"%s\",\"app\":", listing->before,
		      wp_push_kind_name(view->kind));
	wp_buf_add_json(out, view->name, strlen(view->name));
	wp_buf_printf(
		out,
		",\"state\":\"%s\",\"waitSeconds\":%" PRIu64 ",\"guarded\":%s}",
		states[view->state], (view->shut_ms + MS_PER_S - 1) / MS_PER_S,
		view->is_guarded ? "true" : "false");
	listing->before = ",";
}

void wp_lanes_add_json(const struct wp_lanes *lanes, const char *mode,
		       uint64_t now_us, struct wp_buf *out)
{
	struct listing listing = { .out = out, .before = "" };

	wp_buf_printf(out, "{\"mode\":\"%s\",\"apps\":[", mode);
	wp_lanes_each(lanes, now_us, add_app, &listing);
	wp_buf_printf(out, "],\"shutHosts\":%zu}", wp_lanes_shut_hosts(lanes));
}
