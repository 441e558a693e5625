/*
 * ws_client.h - the client's end of a connection in a ws_world. What does not
 * go as it should fails the test.
 */
#ifndef WP_TESTS_SUPPORT_WS_CLIENT_H
#define WP_TESTS_SUPPORT_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/support/ws/ws_world.h"

/* A connection of ann's, whose greeting has been read. */
struct wp_conn *ws_open_quiet(struct ws_world *w, int *peer);

/* Append a send frame with this ref. */
void ws_add_send(struct wp_buf *out, int ref);

void ws_write_all(int peer, const char *data, size_t len);
/* All that has come, as a string that the next call overwrites. len_out may be
 * NULL. */
const char *ws_read_all(int peer, size_t *len_out);
/* The same, for a socket that takes little at a time. */
const char *ws_read_in_turns(struct ws_world *w, int peer, size_t *len_out);
bool ws_is_at_end(int peer);

/* Answer one command after the other until none is left. */
void ws_answer_all(struct ws_world *w);

/* How often is what in text? */
size_t ws_count(const char *text, size_t len, const char *what);
/* Every send was answered, and in the order of their refs from first on. */
void ws_assert_order(const char *text, size_t len, int first, int n);

#endif /* WP_TESTS_SUPPORT_WS_CLIENT_H */
