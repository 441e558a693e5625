/*
 * fake_fcgi.h - a request as a web server that keeps its connections writes it.
 *
 * Include it after the includes of cmocka.
 */
#ifndef WP_TESTS_UNIT_HANDLERS_FAKE_FCGI_H
#define WP_TESTS_UNIT_HANDLERS_FAKE_FCGI_H

#include <stdint.h>
#include <string.h>

#include "tests/unit/handlers/fake.h"

static inline void fake_add_record(struct wp_buf *out, int type,
				   const struct wp_buf *data)
{
	const uint8_t header[] = { 1,
				   (uint8_t)type,
				   0,
				   1,
				   (uint8_t)(data->len >> 8),
				   (uint8_t)data->len,
				   0,
				   0 };
	const struct wp_buf nothing = { 0 };

	wp_buf_add(out, header, sizeof(header));
	wp_buf_add(out, data->data, data->len);
	if (data->len > 0 && type != 1)
		fake_add_record(out, type, &nothing);
}

static inline void fake_add_param(struct wp_buf *out, const char *text)
{
	const char *value = strchr(text, '=') + 1;
	size_t name_len = (size_t)(value - 1 - text), len = strlen(value);
	const uint8_t lengths[] = { (uint8_t)name_len, 0x80, 0,
				    (uint8_t)(len >> 8), (uint8_t)len };

	wp_buf_add(out, lengths, sizeof(lengths));
	wp_buf_add(out, text, name_len);
	wp_buf_add(out, value, len);
}

/* All bytes of this request, on a connection that is kept. */
static inline void fake_add(struct wp_buf *out, const struct fake *fake)
{
	static const char begin[8] = { 0, 1, 1 };
	struct wp_buf data;

	wp_buf_init(&data, 0);
	wp_buf_add(&data, begin, sizeof(begin));
	fake_add_record(out, 1, &data);
	wp_buf_clear(&data);
	for (size_t i = 0; i < fake->n; i++)
		fake_add_param(&data, fake->texts[i]);
	fake_add_record(out, 4, &data);
	wp_buf_clear(&data);
	wp_buf_add(&data, fake->body, fake->body_len);
	fake_add_record(out, 5, &data);
	wp_buf_release(&data);
}

/* The same of a request of alice. */
static inline void fake_add_request(struct wp_buf *out, const char *method,
				    const char *uri, const char *body)
{
	struct fake fake;

	fake_request(&fake, method, uri);
	fake_login(&fake);
	fake_param(&fake, "CONTENT_TYPE=application/json");
	fake_body(&fake, body, strlen(body));
	fake_add(out, &fake);
	fake_release(&fake);
}

#endif /* WP_TESTS_UNIT_HANDLERS_FAKE_FCGI_H */
