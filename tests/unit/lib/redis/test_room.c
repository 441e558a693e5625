/* Answers in an arena: what comes in in pieces of any size is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lib/redis/reply.h"
#include "lib/redis/room.h"

struct connection {
	struct redisContext link;
	struct wp_reply_room *room;
};

static void begin(struct connection *c)
{
	*c = (struct connection){ .link.reader = redisReaderCreate(),
				  .room = wp_reply_room_new() };
	assert_non_null(c->link.reader);
	assert_non_null(c->room);
	wp_reply_room_use(c->room, &c->link);
}

static void end(struct connection *c)
{
	redisReaderFree(c->link.reader);
	wp_reply_room_free(&c->room);
	assert_null(c->room);
}

/* The answer, once the last piece of it has come. */
static const struct wp_reply *
read_in_pieces(struct connection *c, const char *text, size_t len, size_t piece)
{
	void *reply = NULL;

	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		assert_null(reply);
		assert_int_equal(redisReaderFeed(c->link.reader, text + at, n),
				 REDIS_OK);
		assert_int_equal(redisReaderGetReply(c->link.reader, &reply),
				 REDIS_OK);
	}
	assert_non_null(reply);
	return reply;
}

static const char answer[] = "*6\r\n$2\r\nok\r\n:-42\r\n*2\r\n$-1\r\n$0\r\n\r\n"
			     "-OOM much\r\n+PONG\r\n*0\r\n";

static void answer_is_the_same_in_pieces_of_any_size(void **state)
{
	struct connection c;

	(void)state;
	begin(&c);
	for (size_t piece = 1; piece < sizeof(answer); piece++) {
		const struct wp_reply *reply =
			read_in_pieces(&c, answer, sizeof(answer) - 1, piece);
		const struct wp_reply *inner = wp_reply_at(reply, 2);

		assert_int_equal(wp_reply_count(reply), 6);
		assert_true(wp_reply_is(wp_reply_at(reply, 0), "ok"));
		assert_int_equal(wp_reply_int(wp_reply_at(reply, 1)), -42);
		assert_int_equal(wp_reply_count(inner), 2);
		assert_int_equal(wp_reply_type(wp_reply_at(inner, 0)),
				 WP_REPLY_NIL);
		assert_true(wp_reply_is(wp_reply_at(inner, 1), ""));
		assert_true(wp_reply_is_error(wp_reply_at(reply, 3), "OOM"));
		assert_true(wp_reply_is(wp_reply_at(reply, 4), "PONG"));
		assert_int_equal(wp_reply_type(wp_reply_at(reply, 5)),
				 WP_REPLY_ARRAY);
		assert_int_equal(wp_reply_count(wp_reply_at(reply, 5)), 0);
		wp_reply_room_clear(c.room);
	}
	end(&c);
}

static void long_answer_finds_room_too(void **state)
{
	enum { LONG = 300000 };
	static char text[LONG + 32];
	struct connection c;
	int head = snprintf(text, 32, "$%d\r\n", LONG);

	(void)state;
	begin(&c);
	memset(text + head, 'x', LONG);
	memcpy(text + head + LONG, "\r\n", 2);
	for (int i = 0; i < 3; i++) {
		const struct wp_reply *reply = read_in_pieces(
			&c, text, (size_t)head + LONG + 2, LONG / 2);

		assert_int_equal(wp_reply_len(reply), LONG);
		assert_int_equal(strlen(wp_reply_str(reply)), LONG);
		wp_reply_room_clear(c.room);
	}
	end(&c);
}

/* The connection is lost before the rest has come. */
static void half_an_answer_ends_with_its_reader(void **state)
{
	struct connection c;
	void *reply = NULL;

	(void)state;
	begin(&c);
	assert_int_equal(redisReaderFeed(c.link.reader, answer, 30), REDIS_OK);
	assert_int_equal(redisReaderGetReply(c.link.reader, &reply), REDIS_OK);
	assert_null(reply);
	end(&c);
}

static struct redisReply *read_seven(struct connection *c)
{
	void *reply = NULL;

	assert_int_equal(redisReaderFeed(c->link.reader, ":7\r\n", 4),
			 REDIS_OK);
	assert_int_equal(redisReaderGetReply(c->link.reader, &reply), REDIS_OK);
	return reply;
}

static void answers_of_a_group_become_one(void **state)
{
	struct redisReply *group = NULL;
	struct connection c;

	(void)state;
	begin(&c);
	for (size_t n = 1; n < 5; n++) {
		for (size_t i = 0; i < n; i++) {
			struct redisReply *reply = read_seven(&c);

			assert_null(group);
			assert_int_equal(wp_reply_room_is_gathering(c.room),
					 i > 0);
			assert_true(
				wp_reply_room_gather(c.room, reply, n, &group));
		}
		assert_false(wp_reply_room_is_gathering(c.room));
		assert_int_equal(wp_reply_count((const struct wp_reply *)group),
				 n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(
				wp_reply_int(wp_reply_at(
					(const struct wp_reply *)group, i)),
				7);
		group = NULL;
		wp_reply_room_clear(c.room);
	}
	/* Half of one is forgotten with the rest. */
	assert_true(wp_reply_room_gather(c.room, read_seven(&c), 2, &group));
	wp_reply_room_clear(c.room);
	assert_false(wp_reply_room_is_gathering(c.room));
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(long_answer_finds_room_too),
		cmocka_unit_test(half_an_answer_ends_with_its_reader),
		cmocka_unit_test(answers_of_a_group_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
