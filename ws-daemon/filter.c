/*
 * filter.c - ids of topics, kept with the few connections that ask for one.
 */
#include "ws-daemon/filter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/http/query.h"
#include "ws-daemon/conn.h"

typedef char id_text[WP_TOPIC_ID_MAX + 1];

struct wp_filter {
	id_text ids[WP_TOPICS_MAX]; /* "": any */
};

/* NULL without memory. */
static struct wp_filter *filter_of(struct wp_conn *conn)
{
	struct wp_extra *extra = wp_extra_need(&conn->extra);

	if (extra == NULL)
		return NULL;
	if (extra->filter == NULL)
		extra->filter = calloc(1, sizeof(*extra->filter));
	return extra->filter;
}

bool wp_filter_read(struct wp_conn *conn, const struct wp_head *head)
{
	const struct wp_parts *parts = conn->parts;
	/* Each character may be escaped. */
	char id[3 * WP_TOPIC_ID_MAX + 1];
	struct wp_filter *filter;

	for (size_t i = 0; i < parts->n_topics; i++) {
		int len = wp_query_copy(&head->query, parts->topics[i].name, id,
					sizeof(id));

		if (len == -1)
			continue;
		if (len < 0 || !wp_topic_is_id(id, (size_t)len)) {
			wp_conn_refuse(conn, 400, "bad_request",
				       "a topic's parameter is 1 to 50 of "
				       "letters, digits, _ and -, once",
				       WP_M_REJECT_BAD_REQUEST);
			return false;
		}
		filter = filter_of(conn);
		if (filter == NULL) {
			wp_conn_refuse(conn, 503, "unavailable",
				       "the server is out of memory",
				       WP_M_REJECT_UNAVAILABLE);
			return false;
		}
		memcpy(filter->ids[i], id, (size_t)len);
	}
	return true;
}

bool wp_filter_passes(const struct wp_conn *conn, size_t topic, const char *id,
		      size_t len)
{
	const struct wp_filter *filter =
		conn->extra == NULL ? NULL : conn->extra->filter;
	const char *wanted = filter == NULL ? "" : filter->ids[topic];

	return wanted[0] == '\0' ||
	       (strlen(wanted) == len && memcmp(wanted, id, len) == 0);
}
