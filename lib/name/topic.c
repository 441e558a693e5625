/*
 * topic.c - patterns of channels, and the channels that they are of.
 *
 * The user stands last, whose name may have colons; what it is about has none,
 * so a channel is read in one way only.
 */
#include "lib/name/topic.h"

#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define ID_CHARS LETTERS "0123456789_-"
#define LITERAL_CHARS ID_CHARS ".:"

static const char user_part[] = "{user}";

/* Channels of our own: nothing else may be heard there as a topic. */
static const char *const taken[] = { "wp:", "user_noti:" };

static enum wp_err invalid(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", sentence);
}

/* Move the characters of *at that are in set to out; false when none is. */
static bool take(const char **at, const char *set, char *out)
{
	size_t len = strspn(*at, set);

	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return len > 0;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool ends_with_colon(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[len - 1] == ':';
}

enum wp_err wp_topic_read(struct wp_topic *out, const char *pattern,
			  struct wp_error *err)
{
	const char *at = pattern;

	if (strlen(pattern) > WP_TOPIC_PATTERN_MAX)
		return invalid(err, "a pattern has at most 128 bytes");
	if (!take(&at, LITERAL_CHARS, out->before) || !take_char(&at, '{') ||
	    !take(&at, ID_CHARS, out->name) || !take_char(&at, '}') ||
	    !take(&at, LITERAL_CHARS, out->between) ||
	    strcmp(at, user_part) != 0 || !ends_with_colon(out->before) ||
	    out->between[0] != ':' || !ends_with_colon(out->between))
		return invalid(err, "each must be such as "
				    "project:{projectId}:{user}");
	if (strcmp(out->name, "user") == 0)
		return invalid(err, "{user} stands at the end only");
	if (strcmp(out->name, "token") == 0 || strcmp(out->name, "ticket") == 0)
		return invalid(err, "that parameter is for what lets in");
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strncmp(out->before, taken[i], strlen(taken[i])) == 0)
			return invalid(err, "wp: and user_noti: are taken");
	return WP_OK;
}

void wp_topic_glob(const struct wp_topic *topic,
		   char out[WP_TOPIC_PATTERN_MAX + 1])
{
	/* Stars are shorter than what they stand for, so it always fits. */
	out = stpcpy(out, topic->before);
	out = stpcpy(out, "*");
	out = stpcpy(out, topic->between);
	(void)stpcpy(out, "*");
}

bool wp_topic_is_id(const char *text, size_t len)
{
	if (len == 0 || len > WP_TOPIC_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || strchr(ID_CHARS, text[i]) == NULL)
			return false;
	return true;
}

/* The length of literal where text begins with it, else 0. */
static size_t begins_with(const char *text, size_t len, const char *literal)
{
	size_t n = strlen(literal);

	return n <= len && memcmp(text, literal, n) == 0 ? n : 0;
}

bool wp_topic_match(const struct wp_topic *topic, const char *channel,
		    size_t len, struct wp_topic_channel *out)
{
	size_t at = begins_with(channel, len, topic->before);
	const char *id = channel + at;
	const char *end;
	size_t id_len, n;

	if (at == 0)
		return false;
	end = memchr(id, ':', len - at);
	if (end == NULL)
		return false;
	id_len = (size_t)(end - id);
	n = begins_with(end, len - at - id_len, topic->between);
	if (n == 0 || !wp_topic_is_id(id, id_len))
		return false;
	*out = (struct wp_topic_channel){
		.id = id,
		.id_len = id_len,
		.who = end + n,
		.who_len = len - at - id_len - n,
	};
	return true;
}
