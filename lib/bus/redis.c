/* redis.c - one command for a message, and what its answer means. */
#include "lib/bus/redis.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 40 };

/* A sink, and the name of its stream or channel behind it. */
struct redis_sink {
	struct wp_bus_sink sink; /* first: it is known by that */
	struct wp_bus_redis redis;
	int64_t max; /* of a stream */
	char name[];
};

/* An error begins with a word: "OOM", "WRONGTYPE", … */
static void refuse(struct wp_bus_message *message, const struct wp_reply *reply)
{
	const char *text = wp_reply_str(reply);
	size_t len = strcspn(text, " ");
	char word[WORD_MAX + 1];

	if (len > WORD_MAX)
		len = WORD_MAX;
	memcpy(word, text, len);
	word[len] = '\0';
	message->on_end(message,
			wp_reply_is_refusal(reply) ? WP_BUS_LATER
						   : WP_BUS_REFUSED,
			word);
}

/* The sink may be gone by now. */
static void on_answer(void *ctx, const struct wp_reply *reply)
{
	struct wp_bus_message *message = ctx;

	if (reply == NULL)
		message->on_end(message, WP_BUS_UNKNOWN, "");
	else if (wp_reply_type(reply) == WP_REPLY_ERROR)
		refuse(message, reply);
	else
		message->on_end(message, WP_BUS_TAKEN, "");
}

static enum wp_err ask(const struct redis_sink *sink, struct wp_cmd *cmd,
		       struct wp_bus_message *message)
{
	enum wp_err rc;

	wp_cmd_add(cmd, message->data, message->len);
	rc = sink->redis.ask(sink->redis.ctx, cmd, on_answer, message);
	wp_cmd_release(cmd);
	return rc;
}

static enum wp_err add_to_stream(struct wp_bus_sink *base,
				 struct wp_bus_message *message)
{
	const struct redis_sink *sink = (const struct redis_sink *)base;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "XADD");
	wp_cmd_str(&cmd, sink->name);
	wp_cmd_str(&cmd, "MAXLEN");
	wp_cmd_str(&cmd, "~");
	wp_cmd_int(&cmd, sink->max);
	wp_cmd_str(&cmd, "*");
	wp_cmd_str(&cmd, "payload");
	return ask(sink, &cmd, message);
}

static enum wp_err say_on_channel(struct wp_bus_sink *base,
				  struct wp_bus_message *message)
{
	const struct redis_sink *sink = (const struct redis_sink *)base;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "PUBLISH");
	wp_cmd_str(&cmd, sink->name);
	return ask(sink, &cmd, message);
}

static void free_sink(struct wp_bus_sink *sink)
{
	free(sink);
}

static enum wp_err make(struct wp_bus_sink **out,
			const struct wp_bus_sink_type *type,
			const struct wp_bus_redis *redis, const char *name,
			int64_t max, struct wp_error *err)
{
	size_t size = strlen(name) + 1;
	struct redis_sink *sink = calloc(1, sizeof(*sink) + size);

	if (sink == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	sink->sink.type = type;
	sink->redis = *redis;
	sink->max = max;
	memcpy(sink->name, name, size);
	*out = &sink->sink;
	return WP_OK;
}

enum wp_err wp_bus_stream_new(struct wp_bus_sink **out,
			      const struct wp_bus_redis *redis, const char *key,
			      int64_t max, struct wp_error *err)
{
	static const struct wp_bus_sink_type stream = {
		.publish = add_to_stream,
		.free = free_sink,
	};

	return make(out, &stream, redis, key, max, err);
}

enum wp_err wp_bus_channel_new(struct wp_bus_sink **out,
			       const struct wp_bus_redis *redis,
			       const char *channel, struct wp_error *err)
{
	static const struct wp_bus_sink_type channel_type = {
		.publish = say_on_channel,
		.free = free_sink,
	};

	return make(out, &channel_type, redis, channel, 0, err);
}
