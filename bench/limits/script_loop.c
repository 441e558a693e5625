/*
 * script_loop.c - a bare loop that calls our send and route scripts: hiredis,
 * one connection, a window of calls on their way, nothing else. What a pipeline
 * to Redis could reach at best.
 *
 * usage: script_loop send|route CONFIG SOCKET COUNT WINDOW EACH POPULATION
 *
 * send:   COUNT envelopes of 1 KiB to POPULATION users, EACH in a call, all of
 *         one partition
 * route:  in turns over all partitions, in the name of whoever owns them (stop
 *         that worker), until COUNT have been routed
 * CONFIG is the stack's waypost.yaml, so that arguments are the product's.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/net.h"
#include "lib/mailbox/route.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/submit.h"
#include "lib/redis/client.h"
#include "lib/sys/sections/sections.h"

enum {
	DATA_BYTES = 680, /* before base64 */
	ENVELOPE_MAX = 2048,
	EACH_MAX = 100,
	RUN_ID_LEN = 40,
	TURNS_MAX = 1 << 20, /* calls of route without anything to do */
};

/* A call that is made again and again, as it goes over the wire. */
struct call {
	char *wire;
	size_t len;
};

static struct bench {
	struct wp_conf conf;
	redisContext *redis;
	char run_id[RUN_ID_LEN + 1];
	long long count, window, each, population;
	long long done, calls;
	struct call *list; /* one for each user, or partition */
} bench;

static const struct wp_conf_section *const sections[] = {
	&wp_conf_redis, &wp_conf_mailbox, &wp_conf_worker, &wp_conf_push, NULL
};

static const struct wp_conf_program about = {
	.name = "script_loop",
	.summary = "Calls scripts.",
	.known = wp_conf_sections,
	.sections = sections,
};

/* Settings of the stack; and our own client leaves all scripts loaded. */
static void load(char *config)
{
	char name[] = "script_loop", option[] = "--config";
	char *argv[] = { name, option, config, NULL };
	const struct wp_conf_source source = { .program = &about,
					       .argc = 3,
					       .argv = argv };
	enum wp_conf_action action;
	struct wp_redis *redis;
	struct wp_error err;

	if (wp_conf_load(&bench.conf, &source, &action, &err) != WP_OK ||
	    wp_redis_new(&redis, &bench.conf, &wp_scripts, &err) != WP_OK ||
	    wp_redis_connect(redis, &err) != WP_OK)
		net_die("%s: %s", config, err.msg);
	memcpy(bench.run_id, wp_redis_run_id(redis), RUN_ID_LEN + 1);
	wp_redis_free(&redis);
}

static struct call to_call(const struct wp_cmd *cmd)
{
	char head[WP_CMD_HEAD_MAX];
	size_t head_len = wp_cmd_head(cmd, head);
	struct call call = { malloc(head_len + cmd->words.len), 0 };

	if (call.wire == NULL || cmd->words.failed)
		net_die("out of memory");
	memcpy(call.wire, head, head_len);
	memcpy(call.wire + head_len, cmd->words.data, cmd->words.len);
	call.len = head_len + cmd->words.len;
	return call;
}

static void append(const struct call *call)
{
	if (redisAppendFormattedCommand(bench.redis, call->wire, call->len) !=
	    REDIS_OK)
		net_die("redis: %s", bench.redis->errstr);
	bench.calls++;
}

/* The answer of a script, of this type; ends the program if it is not. */
static redisReply *take(int type)
{
	redisReply *reply = NULL;

	if (redisGetReply(bench.redis, (void **)&reply) != REDIS_OK)
		net_die("redis: %s", bench.redis->errstr);
	if (reply->type != type)
		net_die("script: %s",
			reply->str != NULL ? reply->str : "another answer");
	return reply;
}

/* ---- send ---- */

static struct call send_to(long long user)
{
	char text[ENVELOPE_MAX], data[DATA_BYTES * 4 / 3 + 1];
	const struct wp_submission *list[EACH_MAX];
	const struct wp_submit_options options = {
		.sender = "urn:sm:user:sender"
	};
	const struct wp_send_target target = { .conf = &bench.conf,
					       .run_id = bench.run_id };
	struct wp_buf json = { .max_bytes = ENVELOPE_MAX };
	struct wp_envelope_text input = { .data = text };
	struct wp_submission submission;
	struct wp_cmd cmd;
	struct call call;

	memset(data, 'A', sizeof(data) - 1);
	data[sizeof(data) - 1 - (sizeof(data) - 1) % 4] = '\0';
	input.len = (size_t)snprintf(
		text, sizeof(text),
		"{\"recipientId\":\"urn:sm:user:u%04lld\",\"encryptedData\":"
		"\"%s\",\"priority\":0}",
		user, data);
	if (wp_submit_read(&submission, &options, &input, &bench.conf, &json) !=
		    WP_OK ||
	    submission.refusal.code != NULL)
		net_die("refused: %s", submission.refusal.sentence);
	for (long long i = 0; i < bench.each; i++)
		list[i] = &submission;
	wp_cmd_init(&cmd);
	wp_send_build(&cmd, &target, list, (size_t)bench.each);
	call = to_call(&cmd);
	wp_cmd_release(&cmd);
	free(json.data);
	return call;
}

/* A word for each; an id when it was accepted. */
static void take_sent(void)
{
	redisReply *reply = take(REDIS_REPLY_STRING);

	for (const char *word = reply->str; word != NULL;
	     word = strchr(word, ' ')) {
		word += *word == ' ';
		if (*word < '0' || *word > '9')
			net_die("send: %s", reply->str);
		bench.done++;
	}
	freeReplyObject(reply);
}

static void run_send(void)
{
	long long next = 0, open = 0;

	while (bench.done < bench.count) {
		while (open < bench.window && next * bench.each < bench.count) {
			append(&bench.list[next++ % bench.population]);
			open++;
		}
		take_sent();
		open--;
	}
}

/* ---- route ---- */

static struct call route_of(uint32_t partition)
{
	const struct wp_route_call told = { &bench.conf, bench.run_id,
					    "0123456789abcdef" };
	struct wp_route_ask ask = { .lease.partition = partition, .from = "" };
	redisReply *owner = redisCommand(
		bench.redis, "GET wp:{%" PRIu32 "}:owner", partition);
	struct wp_cmd cmd;
	struct call call;

	if (owner == NULL || owner->type != REDIS_REPLY_STRING)
		net_die("nobody owns partition %" PRIu32, partition);
	ask.lease.owner = owner->str;
	wp_cmd_init(&cmd);
	wp_route_build(&cmd, &told, &ask, 1);
	call = to_call(&cmd);
	wp_cmd_release(&cmd);
	freeReplyObject(owner);
	return call;
}

static void run_route(void)
{
	long long next = 0, open = 0, idle = 0;

	while (bench.done < bench.count || open > 0) {
		redisReply *reply;
		const redisReply *part;
		long long routed;

		while (open < bench.window && bench.done < bench.count) {
			append(&bench.list[next++ % bench.population]);
			open++;
		}
		reply = take(REDIS_REPLY_ARRAY);
		open--;
		part = reply->element[0];
		if (part->type != REDIS_REPLY_ARRAY || part->elements < 2)
			net_die("route: %s", part->type == REDIS_REPLY_ARRAY
						     ? part->element[0]->str
						     : part->str);
		routed = part->element[1]->integer;
		idle = routed > 0 ? 0 : idle + 1;
		if (idle > TURNS_MAX)
			net_die("route: %lld of %lld are not there",
				bench.count - bench.done, bench.count);
		bench.done += routed;
		freeReplyObject(reply);
	}
}

static long long number(const char *text)
{
	unsigned int value = net_number(text);

	if (value < 1)
		net_die("%s: a number above 0 is wanted", text);
	return value;
}

static const char usage_text[] =
	"usage: script_loop send|route CONFIG SOCKET COUNT WINDOW EACH "
	"POPULATION";

int main(int argc, char **argv)
{
	bool is_send;
	uint64_t start;
	double seconds;

	net_help(argc, argv, usage_text);
	if (argc != 8)
		net_die("%s", usage_text);
	is_send = strcmp(argv[1], "send") == 0;
	load(argv[2]);
	bench.count = number(argv[4]);
	bench.window = number(argv[5]);
	bench.each = number(argv[6]);
	bench.population =
		is_send ? number(argv[7]) : bench.conf.mailbox.partitions;
	bench.redis = redisConnectUnix(argv[3]);
	bench.list = calloc((size_t)bench.population, sizeof(struct call));
	if (bench.redis == NULL || bench.redis->err != 0 ||
	    bench.list == NULL || bench.each > EACH_MAX)
		net_die("cannot begin");
	for (long long i = 0; i < bench.population; i++)
		bench.list[i] = is_send ? send_to(i) : route_of((uint32_t)i);
	start = net_now_ns();
	if (is_send)
		run_send();
	else
		run_route();
	seconds = (double)(net_now_ns() - start) / 1e9;
	printf("{\"seconds\":%.4f,\"messages\":%lld,\"calls\":%lld,"
	       "\"cpu_s\":%.4f}\n",
	       seconds, bench.done, bench.calls, net_cpu_s());
	return 0;
}
