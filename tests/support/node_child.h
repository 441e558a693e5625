/*
 * node_child.h - a program of Node as a child of a test: a line of JSON for a
 * line of JSON.
 */
#ifndef WP_TESTS_SUPPORT_NODE_CHILD_H
#define WP_TESTS_SUPPORT_NODE_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { NODE_LINE_MAX = 1 << 16 };

struct node_child {
	pid_t pid;
	FILE *in;
	FILE *out;
	char line[NODE_LINE_MAX]; /* what it said last */
};

/* Is there a node that is new enough? Else it says so, for a skip to follow. */
bool node_child_can_be(void);

/* Begin it, and hear its first line. argument: "" is none */
void node_child_begin(struct node_child *child, const char *script,
		      const char *argument);
/* It has ended well when its standard input has. */
void node_child_end(struct node_child *child);

/* Say a line, printed so, and hear one. */
void node_child_ask(struct node_child *child, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* WP_TESTS_SUPPORT_NODE_CHILD_H */
