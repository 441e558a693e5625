/*
 * topic.h - channels about something of a user, by a pattern such as
 * "project:{projectId}:{user}": the first pair of braces names what it is
 * about, and the parameter of a client's query that chooses one.
 */
#ifndef WP_LIB_NAME_TOPIC_H
#define WP_LIB_NAME_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum {
	WP_TOPICS_MAX = 8, /* patterns of a deployment */
	WP_TOPIC_ID_MAX = 50,
	WP_TOPIC_PATTERN_MAX = 128, /* bytes; a glob is shorter */
};

/* A pattern, taken apart: "<before>{<name>}<between>{user}". */
struct wp_topic {
	char before[WP_TOPIC_PATTERN_MAX + 1];
	char name[WP_TOPIC_PATTERN_MAX + 1];
	char between[WP_TOPIC_PATTERN_MAX + 1];
};

/*
 * Take a pattern apart. Literal parts are of letters, digits, "_", "-", "." and
 * ":", so that Redis reads none of it as a glob, and end with a colon.
 *
 * Errors:  WP_ERR_INVAL  err->msg is a sentence that quotes nothing
 */
enum wp_err wp_topic_read(struct wp_topic *out, const char *pattern,
			  struct wp_error *err) WP_MUST_USE;

/* What PSUBSCRIBE wants: every channel of the topic, and perhaps others. */
void wp_topic_glob(const struct wp_topic *topic,
		   char out[WP_TOPIC_PATTERN_MAX + 1]);

/* Is it 1 to WP_TOPIC_ID_MAX of letters, digits, "_" and "-"? */
bool wp_topic_is_id(const char *text, size_t len);

/* Parts of a channel's name, borrowed from it. */
struct wp_topic_channel {
	const char *id;
	size_t id_len;
	const char *who; /* of any kind: what is behind the rest */
	size_t who_len;
};

/* Is channel one of the topic's, with a sound id? Else *out is left alone. */
bool wp_topic_match(const struct wp_topic *topic, const char *channel,
		    size_t len, struct wp_topic_channel *out);

#endif /* WP_LIB_NAME_TOPIC_H */
