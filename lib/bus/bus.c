/* bus.c - what holds for every sink. */
#include "lib/bus/bus.h"

#include "lib/base/clock.h"

enum wp_err wp_bus_publish(struct wp_bus_sink *sink,
			   struct wp_bus_message *message)
{
	return sink->type->publish(sink, message);
}

void wp_bus_sink_free(struct wp_bus_sink **sink)
{
	if (*sink != NULL)
		(*sink)->type->free(*sink);
	*sink = NULL;
}

void wp_bus_wrap(struct wp_buf *out, const char *id, const void *payload,
		 size_t len, int64_t wall_ms)
{
	char time[WP_RFC3339_LEN];

	wp_rfc3339(wall_ms, time);
	wp_buf_printf(out, "{\"id\":\"%s\",\"payload\":\"", id);
	wp_buf_add_base64(out, payload, len);
	wp_buf_printf(out, "\",\"publishTime\":\"%s\"}", time);
}
