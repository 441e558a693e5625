/* See ws_client.h. */
#include "tests/support/ws/ws_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { READ_MAX = 1 << 20 };

void ws_add_send(struct wp_buf *out, int ref)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"type\":\"send\",\"ref\":%d,\"envelope\":{\"recipientId\":"
		 "\"bob\",\"encryptedData\":\"eA==\"}}",
		 ref);
	ws_text_add(out, text);
}

void ws_write_all(int peer, const char *data, size_t len)
{
	assert_int_equal(send(peer, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

const char *ws_read_all(int peer, size_t *len_out)
{
	static char text[READ_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(peer, text + len, READ_MAX - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (len_out != NULL)
		*len_out = len;
	return text;
}

const char *ws_read_in_turns(struct ws_world *w, int peer, size_t *len_out)
{
	static char all[READ_MAX + 1];
	size_t len = 0;
	size_t n;

	do {
		const char *piece;

		ws_world_settle(w);
		piece = ws_read_all(peer, &n);
		memcpy(all + len, piece, n);
		len += n;
	} while (n > 0);
	all[len] = '\0';
	*len_out = len;
	return all;
}

size_t ws_count(const char *text, size_t len, const char *what)
{
	size_t n = 0;
	const char *at = text;

	while ((at = memmem(at, len - (size_t)(at - text), what,
			    strlen(what))) != NULL) {
		at++;
		n++;
	}
	return n;
}

void ws_assert_order(const char *text, size_t len, int first, int n)
{
	const char *at = text;

	for (int i = first; i < first + n; i++) {
		char what[32];

		snprintf(what, sizeof(what), "\"ref\":%d,", i);
		at = memmem(at, len - (size_t)(at - text), what, strlen(what));
		assert_non_null(at);
	}
	assert_int_equal(ws_count(text, len, "\"ref\":"), n);
}

bool ws_is_at_end(int peer)
{
	char byte;

	return recv(peer, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

void ws_answer_all(struct ws_world *w)
{
	do {
		ws_world_settle(w);
	} while (ws_world_answer());
}

struct wp_conn *ws_open_quiet(struct ws_world *w, int *peer)
{
	struct wp_conn *conn = ws_world_open(w, "urn:sm:user:ann", peer);

	assert_non_null(strstr(ws_read_all(*peer, NULL), "connected"));
	return conn;
}
