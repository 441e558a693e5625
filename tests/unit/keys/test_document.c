/* A fetch, from a server in this process: where it may lead, and its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/document.h"

enum { PATIENCE = 3000, HEAD_MAX = 4096 };

/* A server that gives everybody one answer. */
struct server {
	int fd;
	int port;
	const char *head; /* up to the empty line, which is added */
	size_t body_bytes;
	char asked[HEAD_MAX]; /* the last request */
	int n_accepted;
	pthread_t thread;
	int stop[2];
};

static void write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void answer_one(struct server *server, int fd)
{
	static const char body[4096] = "";
	size_t left = server->body_bytes;
	size_t len = 0;

	while (len < HEAD_MAX - 1) {
		ssize_t n =
			recv(fd, server->asked + len, HEAD_MAX - 1 - len, 0);

		if (n <= 0)
			return;
		len += (size_t)n;
		server->asked[len] = '\0';
		if (strstr(server->asked, "\r\n\r\n") != NULL)
			break;
	}
	write_all(fd, server->head, strlen(server->head));
	write_all(fd, "\r\n", 2);
	while (left > 0) {
		size_t n = left < sizeof(body) ? left : sizeof(body);

		write_all(fd, body, n);
		left -= n;
	}
}

static void *serve(void *ctx)
{
	struct server *server = ctx;
	struct pollfd fds[2] = {
		{ .fd = server->fd, .events = POLLIN },
		{ .fd = server->stop[0], .events = POLLIN },
	};

	for (;;) {
		int fd;

		(void)poll(fds, 2, -1);
		if ((fds[1].revents & (POLLIN | POLLHUP)) != 0)
			return NULL;
		fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			continue;
		server->n_accepted++;
		answer_one(server, fd);
		close(fd);
	}
}

static void begin_server(struct server *server, const char *head,
			 size_t body_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	*server = (struct server){ .head = head, .body_bytes = body_bytes };
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	assert_int_equal(
		getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pipe2(server->stop, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server),
			 0);
}

static void end_server(struct server *server)
{
	close(server->stop[1]);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
	close(server->stop[0]);
	close(server->fd);
}

/* What came of a fetch; the body is gone by then, its length is not. */
struct ended {
	bool is_over;
	bool has_reason;
	struct wp_document answer;
};

static void on_end(void *ctx, const struct wp_document *answer)
{
	struct ended *ended = ctx;

	assert_false(ended->is_over);
	ended->is_over = true;
	ended->answer = *answer;
	ended->has_reason = answer->why != NULL && answer->why[0] != '\0';
	ended->answer.why = NULL; /* gone as well */
}

static struct wp_document fetch(const char *url, const char *etag,
				unsigned int reach)
{
	const struct wp_document_ask ask = { .url = url,
					     .etag = etag,
					     .reach = reach };
	struct wp_transfers *transfers = wp_document_transfers("");
	struct wp_error err = { 0 };
	struct ended ended = { 0 };
	struct wp_document_wait wait = { .on_end = on_end, .ctx = &ended };

	assert_non_null(transfers);
	assert_int_equal(wp_document_begin(transfers, &ask, &wait, &err),
			 WP_OK);
	assert_int_equal(wp_transfers_running(transfers), 1);
	for (int i = 0; !ended.is_over && i < PATIENCE; i++) {
		wp_transfers_run(transfers);
		if (!ended.is_over)
			wp_transfers_wait(transfers, NULL, 0, 100);
	}
	assert_true(ended.is_over);
	assert_int_equal(ended.has_reason,
			 ended.answer.end != WP_TRANSFER_ANSWERED);
	assert_int_equal(wp_transfers_running(transfers), 0);
	wp_transfers_free(&transfers);
	return ended.answer;
}

static struct wp_document fetch_from(const struct server *server,
				     const char *host, const char *etag,
				     unsigned int reach)
{
	char url[64];

	(void)snprintf(url, sizeof(url), "http://%s:%d/k", host, server->port);
	return fetch(url, etag, reach);
}

static void an_answer_comes_with_its_headers(void **state)
{
	struct wp_document answer;
	struct server server;

	(void)state;
	begin_server(
		&server,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		"eTag: W/\"a-1\" \r\nCache-Control: public, max-age=600\r\n",
		5);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.end, WP_TRANSFER_ANSWERED);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.len, 5);
	assert_int_equal(answer.max_age_s, 600);
	assert_int_equal(answer.reached, WP_REACH_LOOPBACK);
	assert_string_equal(answer.etag, "W/\"a-1\"");
	assert_null(strstr(server.asked, "If-None-Match"));
	assert_non_null(strstr(server.asked, "Accept: application/json\r\n"));
	assert_null(strstr(server.asked, "Accept-Encoding"));
}

static void a_tag_is_sent_along(void **state)
{
	struct wp_document answer;
	struct server server;

	(void)state;
	begin_server(&server, "HTTP/1.1 304 Not Modified\r\n", 0);
	answer = fetch_from(&server, "127.0.0.1", "\"x\"", WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.status, 304);
	assert_non_null(strstr(server.asked, "If-None-Match: \"x\"\r\n"));
}

static void tags_that_are_none_are_not_kept(void **state)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: x\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"a b\"\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"a\"b\"\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETagX: \"a\"\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct wp_document answer;
		struct server server;

		begin_server(&server, heads[i], 0);
		answer = fetch_from(&server, "127.0.0.1", NULL,
				    WP_REACH_LOOPBACK);
		end_server(&server);
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.etag, "");
	}
}

/* Names are resolved here, by us: what they lead to is what counts. */
static void nobody_is_connected_to_where_it_may_not_lead(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost",
					     "0.0.0.0", "127.1",
					     "[::ffff:127.0.0.1]" };
	struct server server;

	(void)state;
	begin_server(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", 0);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct wp_document answer = fetch_from(
			&server, hosts[i], NULL,
			WP_REACH_ANYWHERE & ~(unsigned int)WP_REACH_LOOPBACK);

		if (answer.end != WP_TRANSFER_FORBIDDEN)
			fail_msg("%s: %d", hosts[i], (int)answer.end);
	}
	end_server(&server);
	assert_int_equal(server.n_accepted, 0);
}

static void a_redirect_is_an_answer(void **state)
{
	struct wp_document answer;
	struct server server;

	(void)state;
	begin_server(&server,
		     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
		     "Content-Length: 0\r\n",
		     0);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.end, WP_TRANSFER_ANSWERED);
	assert_int_equal(answer.status, 302);
	assert_int_equal(server.n_accepted, 1);
}

static void nobody_makes_us_keep_more_than_a_little(void **state)
{
	struct wp_document answer;
	struct server server;
	char head[200];
	char *long_head;

	(void)state;
	/* As it says, or as it comes. */
	(void)snprintf(head, sizeof(head),
		       "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n",
		       WP_DOCUMENT_BYTES_MAX + 1);
	begin_server(&server, head, WP_DOCUMENT_BYTES_MAX + 1);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.end, WP_TRANSFER_TOO_LONG);

	begin_server(&server, "HTTP/1.1 200 OK\r\n", WP_DOCUMENT_BYTES_MAX + 1);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.end, WP_TRANSFER_TOO_LONG);

	begin_server(&server, "HTTP/1.1 200 OK\r\n", WP_DOCUMENT_BYTES_MAX);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	assert_int_equal(answer.end, WP_TRANSFER_ANSWERED);
	assert_int_equal(answer.len, WP_DOCUMENT_BYTES_MAX);

	long_head = malloc(WP_TRANSFER_HEAD_MAX + 64);
	assert_non_null(long_head);
	memcpy(long_head, "HTTP/1.1 200 OK\r\nX: ", 20);
	memset(long_head + 20, 'x', WP_TRANSFER_HEAD_MAX);
	memcpy(long_head + 20 + WP_TRANSFER_HEAD_MAX, "\r\n", 3);
	begin_server(&server, long_head, 0);
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	end_server(&server);
	free(long_head);
	assert_int_equal(answer.end, WP_TRANSFER_TOO_LONG);
}

static void who_does_not_listen_is_unreachable(void **state)
{
	struct server server;
	struct wp_document answer;

	(void)state;
	begin_server(&server, "", 0);
	end_server(&server); /* its port is free now */
	answer = fetch_from(&server, "127.0.0.1", NULL, WP_REACH_LOOPBACK);
	assert_int_equal(answer.end, WP_TRANSFER_UNREACHABLE);
	answer = fetch("file:///etc/passwd", NULL, WP_REACH_ANYWHERE);
	assert_int_equal(answer.end, WP_TRANSFER_UNREACHABLE);
}

static void a_fetch_can_be_left_behind(void **state)
{
	struct wp_transfers *transfers = wp_document_transfers("");
	struct wp_error err = { 0 };
	struct ended ended = { 0 };
	struct wp_document_wait waits[3];
	struct server server;
	char url[64];
	const struct wp_document_ask ask = { .url = url,
					     .reach = WP_REACH_LOOPBACK };

	(void)state;
	begin_server(&server, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
	assert_non_null(transfers);
	for (int i = 0; i < 3; i++) {
		waits[i] = (struct wp_document_wait){ .on_end = on_end,
						      .ctx = &ended };
		assert_int_equal(
			wp_document_begin(transfers, &ask, &waits[i], &err),
			WP_OK);
	}
	wp_transfers_run(transfers);
	wp_transfers_free(&transfers);
	assert_null(transfers);
	assert_false(ended.is_over);
	end_server(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_with_its_headers),
		cmocka_unit_test(a_tag_is_sent_along),
		cmocka_unit_test(tags_that_are_none_are_not_kept),
		cmocka_unit_test(nobody_is_connected_to_where_it_may_not_lead),
		cmocka_unit_test(a_redirect_is_an_answer),
		cmocka_unit_test(nobody_makes_us_keep_more_than_a_little),
		cmocka_unit_test(who_does_not_listen_is_unreachable),
		cmocka_unit_test(a_fetch_can_be_left_behind),
	};

	return cmocka_run_group_tests_name("keys/document", tests, NULL, NULL);
}
