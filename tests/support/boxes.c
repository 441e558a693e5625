/*
 * boxes.c - mailboxes and short store calls for tests.
 */
#include "tests/support/boxes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct wp_box wp_test_box(uint32_t partition, const char *user)
{
	struct wp_urn urn;
	struct wp_box box;

	assert_int_equal(wp_urn_parse(&urn, user, strlen(user), NULL), WP_OK);
	wp_box_of(&box, &urn, 1);
	box.partition = partition;
	return box;
}

enum wp_err wp_test_append(struct wp_store *store, const struct wp_box *box,
			   int64_t version, const struct wp_store_row *rows,
			   size_t n)
{
	struct wp_store_append one = {
		.box = box,
		.version = version,
		.rows = rows,
		.n = n,
	};
	enum wp_err rc = wp_store_append(store, &one, 1, NULL);

	return rc == WP_OK ? one.err.code : rc;
}

struct wp_store_rest wp_test_ack(struct wp_store *store,
				 const struct wp_box *box,
				 const struct wp_msgid *ids, size_t n)
{
	struct wp_store_ack ack = { .box = box, .ids = ids, .n = n };
	struct wp_error err = { 0 };

	if (wp_store_ack(store, &ack, &err) != WP_OK)
		fail_msg("ack: %s", err.msg);
	return ack.rest;
}
