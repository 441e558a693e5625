/*
 * reply.c - redisReply behind accessors that cannot be used wrongly.
 *
 * Every accessor takes any reply, NULL too, and answers with something empty
 * when the type does not fit, so that parsers of script answers check values
 * and never types. Knows nothing about connections.
 */
#include "lib/redis/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/alloc.h>
#include <hiredis/hiredis.h>

static const struct redisReply *raw(const struct wp_reply *reply)
{
	return (const struct redisReply *)reply;
}

static bool has_bytes(const struct redisReply *r)
{
	return r != NULL && r->str != NULL &&
	       (r->type == REDIS_REPLY_STRING ||
		r->type == REDIS_REPLY_STATUS || r->type == REDIS_REPLY_ERROR);
}

enum wp_reply_type wp_reply_type(const struct wp_reply *reply)
{
	const struct redisReply *r = raw(reply);

	if (r == NULL)
		return WP_REPLY_NIL;
	switch (r->type) {
	case REDIS_REPLY_INTEGER:
		return WP_REPLY_INT;
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
		return WP_REPLY_STR;
	case REDIS_REPLY_ARRAY:
		return WP_REPLY_ARRAY;
	case REDIS_REPLY_ERROR:
		return WP_REPLY_ERROR;
	default:
		return WP_REPLY_NIL;
	}
}

int64_t wp_reply_int(const struct wp_reply *reply)
{
	const struct redisReply *r = raw(reply);
	int saved = errno;
	long long value;
	char *end;

	if (r == NULL)
		return 0;
	if (r->type == REDIS_REPLY_INTEGER)
		return r->integer;
	if (wp_reply_type(reply) != WP_REPLY_STR || !has_bytes(r))
		return 0;
	/* strtoll() would take blanks and '+', which are no decimal here. */
	if (r->str[0] != '-' && (r->str[0] < '0' || r->str[0] > '9'))
		return 0;
	errno = 0;
	value = strtoll(r->str, &end, 10);
	if (errno != 0 || end == r->str || end != r->str + r->len)
		value = 0;
	errno = saved;
	return value;
}

const char *wp_reply_str(const struct wp_reply *reply)
{
	const struct redisReply *r = raw(reply);

	return has_bytes(r) ? r->str : "";
}

size_t wp_reply_len(const struct wp_reply *reply)
{
	const struct redisReply *r = raw(reply);

	return has_bytes(r) ? r->len : 0;
}

size_t wp_reply_count(const struct wp_reply *reply)
{
	const struct redisReply *r = raw(reply);

	return r != NULL && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

const struct wp_reply *wp_reply_at(const struct wp_reply *reply, size_t i)
{
	if (i >= wp_reply_count(reply))
		return NULL;
	return (const struct wp_reply *)raw(reply)->element[i];
}

bool wp_reply_is(const struct wp_reply *reply, const char *text)
{
	size_t len = strlen(text);

	return wp_reply_type(reply) == WP_REPLY_STR &&
	       wp_reply_len(reply) == len &&
	       memcmp(wp_reply_str(reply), text, len) == 0;
}

bool wp_reply_is_error(const struct wp_reply *reply, const char *word)
{
	size_t len = strlen(word);
	const char *text = wp_reply_str(reply);

	return wp_reply_type(reply) == WP_REPLY_ERROR &&
	       strncmp(text, word, len) == 0 &&
	       (text[len] == '\0' || text[len] == ' ');
}

/*
 * The words that a refusal begins with, and which of them mean that we talk to
 * the wrong server, or to the right one in the wrong way.
 *
 * Source: redis.io "Redis serialization protocol", "Eval scripts" (script
 * flags) and the shared error replies of Redis 7.
 */
static const struct {
	const char *word;
	bool is_loss;
} refusals
	[] = {
		{ "OOM", false },
		{ "MISCONF", false },    /* its disk fails */
		{ "NOREPLICAS", false }, /* fewer than it is to have */
		{ "BUSY", false },       /* with a script */
		{ "NOPERM", false }, /* a new connection has the same rights */
		{ "CLUSTERDOWN", false },
		{ "MOVED", false },
		{ "ASK", false },
		{ "TRYAGAIN", false },
		{ "NOSCRIPT", true },
		{ "NOAUTH", true },
		{ "LOADING", true },
		{ "READONLY", true }, /* a replica, once the master perhaps */
		{ "MASTERDOWN", true },
	};

/* Its place in the list; the length of the list when it is not there. */
static size_t find_refusal(const struct wp_reply *reply)
{
	size_t i = 0;

	while (i < sizeof(refusals) / sizeof(refusals[0]) &&
	       !wp_reply_is_error(reply, refusals[i].word))
		i++;
	return i;
}

bool wp_reply_is_refusal(const struct wp_reply *reply)
{
	return find_refusal(reply) < sizeof(refusals) / sizeof(refusals[0]);
}

bool wp_reply_is_loss(const struct wp_reply *reply)
{
	size_t i = find_refusal(reply);

	return i < sizeof(refusals) / sizeof(refusals[0]) &&
	       refusals[i].is_loss;
}

bool wp_reply_is_push(const struct wp_reply *reply)
{
	const struct wp_reply *kind = wp_reply_at(reply, 0);

	return wp_reply_is(kind, "message") || wp_reply_is(kind, "pmessage");
}

enum wp_err wp_reply_accept(struct wp_reply **reply, struct wp_error *err)
{
	enum wp_err rc;

	if (wp_reply_type(*reply) != WP_REPLY_ERROR)
		return WP_OK;
	rc = wp_error_set(err, WP_ERR_UNAVAIL, "Redis refuses: %.160s",
			  wp_reply_str(*reply));
	wp_reply_free(reply);
	return rc;
}

struct wp_reply *wp_reply_group(size_t n)
{
	/* hiredis frees it, as it would have made it. */
	struct redisReply *r = hi_calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->type = REDIS_REPLY_ARRAY;
	r->elements = n;
	r->element = hi_calloc(n, sizeof(struct redisReply *));
	if (r->element != NULL)
		return (struct wp_reply *)r;
	freeReplyObject(r);
	return NULL;
}

void wp_reply_group_put(struct wp_reply *group, size_t i,
			struct wp_reply *reply)
{
	((struct redisReply *)group)->element[i] = (struct redisReply *)reply;
}

void wp_reply_free(struct wp_reply **reply)
{
	if (reply == NULL || *reply == NULL)
		return;
	freeReplyObject(*reply);
	*reply = NULL;
}
