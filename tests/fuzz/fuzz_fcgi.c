/* What is on the handlers' socket: bounded, and cut anywhere the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/wire/fcgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_and_send(struct wp_fcgi *fcgi, struct wp_buf *out)
{
	const struct wp_buf none = { 0 };
	const char *unsent;
	size_t len;

	while (fcgi->state == WP_FCGI_ASKED) {
		for (size_t i = 0; fcgi->params[i] != NULL; i++)
			if (strchr(fcgi->params[i], '=') == NULL)
				abort();
		wp_fcgi_answer(fcgi, &fcgi->body, &none);
	}
	unsent = wp_fcgi_unsent(fcgi, &len);
	wp_buf_add(out, unsent, len);
	wp_fcgi_sent(fcgi, len);
}

static void run(struct wp_buf *out, const uint8_t *data, size_t size,
		size_t step)
{
	struct wp_fcgi_room room = { .max_body = 300, .max = 4096 };
	struct wp_fcgi fcgi;

	wp_fcgi_init(&fcgi, &room);
	for (size_t at = 0; at < size && fcgi.state != WP_FCGI_OVER;) {
		size_t n = size - at < step ? size - at : step;

		wp_fcgi_feed(&fcgi, data + at, n);
		at += n;
		do
			answer_and_send(&fcgi, out);
		while (fcgi.state == WP_FCGI_ASKED);
	}
	wp_fcgi_release(&fcgi);
	if (room.held != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_buf whole, cut;

	wp_buf_init(&whole, 0);
	wp_buf_init(&cut, 0);
	run(&whole, data, size, size);
	run(&cut, data, size, size > 0 ? 1 + data[0] % 7 : 1);
	if (whole.len != cut.len ||
	    (whole.len > 0 && memcmp(whole.data, cut.data, whole.len) != 0))
		abort();
	wp_buf_release(&whole);
	wp_buf_release(&cut);
	return 0;
}
